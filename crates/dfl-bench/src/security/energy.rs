use std::sync::Arc;

use dfl_core::{CostCurvature, CostGrad, Energy, EnergyCurvature, Error, Result, check_len};

use super::factor::Lane;
use super::lanes::{LANES, Lanes, many};
use super::{Game, SecurityCost};

/// The attacker's mean gain over one or several samples of the attractiveness: [`dfl_core::SampleEnergy`] of [`SecurityCost`], but for many coverages
/// at once. Their matrices share one symbolic factorisation and are factored several at a time; the answers are those of [`SecurityCost`] bit for bit.
///
/// # Shapes
/// $\phi$: `[samples * nodes]`, each sample together; a decision: `[edges]`.
/// # Errors
/// Of all methods: [`Error::Dimension`], [`Error::NotFinite`] for an attractiveness, [`Error::Domain`] for a coverage outside of `[0, 1]`, where there is
/// no chain: candidates must be drawn inside.
#[derive(Clone, Debug)]
pub struct SecurityEnergy {
    cost: SecurityCost,
    samples: usize,
}

impl SecurityEnergy {
    /// For so many samples of the attractiveness.
    ///
    /// # Errors
    /// [`Error::Domain`] for none.
    pub fn new(game: Arc<Game>, samples: usize) -> Result<Self> {
        if samples == 0 {
            return Err(Error::Domain { what: "samples of an energy", value: 0.0, need: "at least 1" });
        }
        Ok(Self { cost: SecurityCost::new(game), samples })
    }

    fn game(&self) -> &Game {
        self.cost.game()
    }

    fn nodes(&self) -> usize {
        self.game().graph().nodes()
    }

    fn share(&self) -> f64 {
        1.0 / self.samples as f64
    }

    /// Refuses what has no energy; returns the samples.
    fn check<'p>(&self, phi: &'p [f64], candidates: &[f64], count: usize) -> Result<std::slice::ChunksExact<'p, f64>> {
        check_len("samples of an energy", self.prediction(), phi.len())?;
        check_len("candidates", count * self.decision(), candidates.len())?;
        let samples = phi.chunks_exact(self.nodes());
        samples.clone().try_for_each(|phi| self.game().check_attractiveness(phi))?;
        candidates.chunks_exact(self.decision()).try_for_each(|c| self.game().check_coverage(c))?;
        Ok(samples)
    }

    /// Evaluates all candidates under one sample, a few at a time: calls with the number of the first, how many there are, and their values. Lanes
    /// without a candidate repeat the last.
    fn each(
        &self,
        phi: &[f64],
        candidates: &[f64],
        lanes: &mut Lanes<LANES>,
        mut call: impl FnMut(&mut Lanes<LANES>, usize, usize, Lane<LANES>),
    ) {
        let (game, edges) = (self.game(), self.decision());
        lanes.attract(game, phi);
        for (block, some) in candidates.chunks(LANES * edges).enumerate() {
            let count = some.len() / edges;
            lanes.cover(game, |e| std::array::from_fn(|l| some[l.min(count - 1) * edges + e]));
            let values = lanes.forward(game);
            call(lanes, block * LANES, count, values);
        }
    }
}

impl Energy for SecurityEnergy {
    fn prediction(&self) -> usize {
        self.samples * self.nodes()
    }

    fn decision(&self) -> usize {
        self.game().graph().edges().len()
    }

    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        let samples = self.check(phi, candidates, out.len())?;
        out.fill(0.0);
        many(self.game(), |lanes| {
            for phi in samples {
                self.each(phi, candidates, lanes, |_, first, count, values| {
                    out[first..first + count].iter_mut().zip(values).for_each(|(out, value)| *out += self.share() * value);
                });
            }
        });
        Ok(())
    }

    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
        let samples = self.check(phi, candidates, weights.len())?;
        check_len("gradient in the attractiveness", phi.len(), out.len())?;
        many(self.game(), |lanes| {
            for (phi, out) in samples.zip(out.chunks_exact_mut(self.nodes())) {
                self.each(phi, candidates, lanes, |lanes, first, count, _| {
                    let of = |l: usize| if l < count { self.share() * weights[first + l] } else { 0.0 };
                    lanes.adjoint(self.game());
                    lanes.add_grad_attractiveness(self.game(), &std::array::from_fn(of), out);
                });
            }
        });
        Ok(())
    }

    fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        let samples = self.check(phi, a, 1)?;
        check_len("gradient in the coverage", a.len(), out.len())?;
        let mut one = vec![0.0; a.len()];
        out.fill(0.0);
        for phi in samples {
            self.cost.grad_z(phi, a, &mut one);
            out.iter_mut().zip(&one).for_each(|(out, g)| *out += self.share() * g);
        }
        Ok(())
    }
}

impl EnergyCurvature for SecurityEnergy {
    fn add_hess(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        let mut samples = self.check(phi, a, 1)?;
        check_len("Hessian in the coverage", a.len() * a.len(), out.len())?;
        samples.try_for_each(|phi| {
            self.cost.add_hess(phi, a, self.share(), out);
            Ok(())
        })
    }

    fn add_cross(&self, phi: &[f64], a: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        let samples = self.check(phi, a, 1)?;
        check_len("direction in the coverage", a.len(), v.len())?;
        check_len("gradient in the attractiveness", phi.len(), out.len())?;
        for (phi, out) in samples.zip(out.chunks_exact_mut(self.nodes())) {
            self.cost.add_cross(phi, a, self.share(), v, out);
        }
        Ok(())
    }
}
