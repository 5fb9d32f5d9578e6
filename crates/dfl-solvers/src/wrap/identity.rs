use dfl_core::{Batch, Call, Decider, Decisions, Dims, Pullback, Result};

use crate::checks::{check_batch, check_cotangent, check_linear};

/// Which part of a cost the decision does not depend on, and so no gradient should move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CostProjection {
    /// The whole cost counts.
    #[default]
    None,
    /// $\theta - \bar\theta 1$: right where all decisions have the same sum of entries, as top-k, assignments and paths on a grid.
    Mean,
    /// $\theta / \|\theta\|$: right for every linear objective.
    Norm,
    /// Both, the mean first.
    Standard,
}

/// Gives a black box the negative identity for a backward (NID); minimises.
///
/// $$x = x^\star(\theta), \qquad J^\top g := -P'(\theta)^\top g$$
///
/// A higher cost of an entry makes the entry smaller: this and no more is what it knows of the problem. No solve is needed, and the
/// gradient is zero only where $g$ is. Without a projection a gradient may keep growing $\theta$, or shifting it, to no effect on the
/// decision; the derivative of the projection $P$ takes those directions out. A decision is the same at $\theta$ and at $P(\theta)$, or
/// else the projection is the wrong one, so it is made at $\theta$. A cost that $P$ cannot scale, being zero (or constant, for
/// [`CostProjection::Standard`]), has a zero gradient.
///
/// # Shapes
/// `theta`, `x`: `[n]`; keys are passed on as they are.
///
/// # References
/// Sahoo et al. (2023), Backpropagation through combinatorial algorithms: identity with projection works, ICLR, section 3.
#[derive(Clone, Debug)]
pub struct NegativeIdentity<D> {
    inner: D,
    projection: CostProjection,
}

impl<D: Decider> NegativeIdentity<D> {
    /// Wraps a decider whose `theta` is the linear cost of its decision; no projection.
    ///
    /// # Errors
    /// [`Error::Dimension`](dfl_core::Error::Dimension) unless `theta` and `x` have one length.
    pub fn new(inner: D) -> Result<Self> {
        check_linear(&inner)?;
        Ok(Self { inner, projection: CostProjection::None })
    }

    /// With a projection.
    pub fn projection(self, projection: CostProjection) -> Self {
        Self { projection, ..self }
    }
}

impl<D: Decider> Decider for NegativeIdentity<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        true
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        check_batch(self.dims(), thetas, call)?;
        let found = self.inner.forward(thetas, &Call { backward: false, ..*call })?;
        let usable = || found.info.iter().map(|i| i.status.usable()).collect();
        let back = call.backward.then(|| {
            Box::new(IdentityPullback { projection: self.projection, thetas: thetas.clone(), usable: usable() }) as Box<dyn Pullback>
        });
        Ok(Decisions { back, ..found })
    }
}

struct IdentityPullback {
    projection: CostProjection,
    thetas: Batch,
    usable: Vec<bool>,
}

impl Pullback for IdentityPullback {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        check_cotangent(cotangent, (self.thetas.rows(), self.thetas.cols()))?;
        let mut out = Batch::zeros(cotangent.rows(), cotangent.cols());
        for i in (0..out.rows()).filter(|&i| self.usable[i]) {
            out.row_mut(i).iter_mut().zip(cotangent.row(i)).for_each(|(to, g)| *to = -g);
            self.projection.pull(self.thetas.row(i), out.row_mut(i));
        }
        Ok(out)
    }
}

impl CostProjection {
    /// Replaces a gradient in $P(\theta)$ by that in $\theta$.
    fn pull(self, theta: &[f64], gradient: &mut [f64]) {
        match self {
            Self::None => {}
            Self::Mean => subtract_mean(gradient),
            Self::Norm => normalised(theta, gradient),
            Self::Standard => {
                normalised(&centred(theta), gradient);
                subtract_mean(gradient);
            }
        }
    }
}

fn subtract_mean(values: &mut [f64]) {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter_mut().for_each(|v| *v -= mean);
}

/// $\theta - \bar\theta 1$, exactly zero where a constant leaves nothing but the rounding of its mean, which no norm must scale.
fn centred(theta: &[f64]) -> Vec<f64> {
    let mut out = theta.to_vec();
    subtract_mean(&mut out);
    let largest = |values: &[f64]| values.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
    if largest(&out) <= theta.len() as f64 * f64::EPSILON * largest(theta) {
        out.fill(0.0);
    }
    out
}

/// $(I - r r^\top) g / \|\theta\|$ with $r = \theta / \|\theta\|$.
fn normalised(theta: &[f64], gradient: &mut [f64]) {
    let norm = theta.iter().map(|t| t * t).sum::<f64>().sqrt();
    if norm == 0.0 {
        gradient.fill(0.0);
        return;
    }
    let along = gradient.iter().zip(theta).map(|(g, t)| g * t / norm).sum::<f64>();
    gradient.iter_mut().zip(theta).for_each(|(g, t)| *g = (*g - along * t / norm) / norm);
}
