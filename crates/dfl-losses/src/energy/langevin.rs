use dfl_core::{Energy, Result, Rng, Support};

use crate::kernels::{count, not_negative, positive};

/// Short chains for contrastive divergence: $a \leftarrow a + \eta \xi$, $a \leftarrow a - s \nabla_a E(\phi, a)$, from the label.
///
/// With $\eta = \sqrt{2s}$ and many steps this is the unadjusted Langevin algorithm for $q \propto e^{-E}$; the published constants are far
/// from that, so that a chain of 32 steps mostly descends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LangevinOptions {
    /// Steps of each chain.
    pub steps: usize,
    /// $s > 0$.
    pub step: f64,
    /// $\eta \ge 0$.
    pub noise: f64,
    /// Whether each state is projected onto the support of the proposal.
    pub project: bool,
}

impl Default for LangevinOptions {
    /// The published ones: 32 steps of 0.1 with noise 0.01, nothing projected.
    fn default() -> Self {
        Self { steps: 32, step: 0.1, noise: 0.01, project: false }
    }
}

impl LangevinOptions {
    pub(super) fn check(&self) -> Result<()> {
        count("steps of a Langevin chain", self.steps)?;
        positive("step of a Langevin chain", self.step)?;
        not_negative("noise of a Langevin chain", self.noise).map(|_| ())
    }

    /// Runs one chain from `a` on.
    pub(super) fn run(&self, energy: &dyn Energy, phi: &[f64], support: &Support, rng: &mut Rng, a: &mut [f64]) -> Result<()> {
        let (mut slope, mut breaks) = (vec![0.0; a.len()], Vec::new());
        for _ in 0..self.steps {
            a.iter_mut().for_each(|a| *a += self.noise * rng.normal());
            energy.grad_decision(phi, a, &mut slope)?;
            a.iter_mut().zip(&slope).for_each(|(a, g)| *a -= self.step * g);
            if self.project {
                support.project(a, &mut breaks);
            }
        }
        Ok(())
    }
}
