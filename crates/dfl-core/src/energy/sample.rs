use super::{Energy, EnergyCurvature};
use crate::{CostCurvature, OutcomeGrad, Result, check_len};

/// The mean cost over samples of what is uncertain, $E(\phi, a) = \tfrac1S \sum_s f(y_s, a)$ with $\phi = (y_1, \dots, y_S)$.
///
/// The gradient in $\phi$ goes on through the samples to the model that drew them (reparameterisation). Its curvature is that of the smooth part
/// of the cost: a cost with kinks belongs into a stochastic program.
///
/// # Shapes
/// $\phi$: `[samples * outcome]`, each sample together.
#[derive(Clone, Debug)]
pub struct SampleEnergy<C> {
    cost: C,
    samples: usize,
    outcome: usize,
    decision: usize,
}

impl<C: OutcomeGrad> SampleEnergy<C> {
    /// For `samples` outcomes of length `outcome`.
    ///
    /// # Errors
    /// [`crate::Error::Domain`] for no samples.
    pub fn new(cost: C, samples: usize, outcome: usize, decision: usize) -> Result<Self> {
        if samples == 0 {
            return Err(crate::Error::Domain { what: "samples of an energy", value: 0.0, need: "at least 1" });
        }
        Ok(Self { cost, samples, outcome, decision })
    }

    fn share(&self) -> f64 {
        1.0 / self.samples as f64
    }

    fn outcomes<'p>(&self, phi: &'p [f64]) -> Result<std::slice::ChunksExact<'p, f64>> {
        check_len("samples of an energy", self.samples * self.outcome, phi.len())?;
        Ok(phi.chunks_exact(self.outcome))
    }
}

impl<C: OutcomeGrad> Energy for SampleEnergy<C> {
    fn prediction(&self) -> usize {
        self.samples * self.outcome
    }
    fn decision(&self) -> usize {
        self.decision
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        check_len("candidates", out.len() * self.decision, candidates.len())?;
        let outcomes = self.outcomes(phi)?;
        for (out, a) in out.iter_mut().zip(candidates.chunks_exact(self.decision)) {
            *out = self.share() * outcomes.clone().map(|y| self.cost.value(y, a)).sum::<f64>();
        }
        Ok(())
    }
    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
        check_len("candidates", weights.len() * self.decision, candidates.len())?;
        check_len("gradient in the samples", phi.len(), out.len())?;
        for (y, out) in self.outcomes(phi)?.zip(out.chunks_exact_mut(self.outcome)) {
            for (w, a) in weights.iter().zip(candidates.chunks_exact(self.decision)).filter(|(w, _)| **w != 0.0) {
                self.cost.add_outcome_grad(y, a, w * self.share(), out);
            }
        }
        Ok(())
    }
    fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        let mut one = vec![0.0; self.decision];
        out.fill(0.0);
        for y in self.outcomes(phi)? {
            self.cost.grad_z(y, a, &mut one);
            out.iter_mut().zip(&one).for_each(|(out, g)| *out += self.share() * g);
        }
        Ok(())
    }
}

impl<C: CostCurvature> EnergyCurvature for SampleEnergy<C> {
    fn add_hess(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        self.outcomes(phi)?.for_each(|y| self.cost.add_hess(y, a, self.share(), out));
        Ok(())
    }
    fn add_cross(&self, phi: &[f64], a: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        for (y, out) in self.outcomes(phi)?.zip(out.chunks_exact_mut(self.outcome)) {
            self.cost.add_cross(y, a, self.share(), v, out);
        }
        Ok(())
    }
}
