//! What a stochastic program is made of: the cost of one scenario, by capability, and how scenarios are combined.

mod constraint;
mod curvature;
mod kink;
mod outcome;
mod risk;

pub use constraint::Constraint;
pub use curvature::Curvature;
pub use kink::Kink;
pub use outcome::OutcomeGrad;
pub use risk::Risk;

use std::sync::Arc;

/// What a decision costs once the uncertain quantity is known; minimised.
///
/// `y` is the uncertain quantity, `z` the decision.
pub trait Cost: Send + Sync {
    /// $f(y, z)$.
    fn value(&self, y: &[f64], z: &[f64]) -> f64;
}

/// Enough for policies, task losses and score weights.
pub trait CostGrad: Cost {
    /// Writes $\nabla_z f(y, z)$; at a kink one element of the subdifferential.
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]);
}

/// Enough to solve and to differentiate a stochastic program:
///
/// $$f(y, z) = s(y, z) + \sum_k \phi_k(a_k^\top z - b_k^\top y - b_{0k})$$
///
/// with a smooth part $s$, of which this trait gives value and derivatives, and declared kinks. A term like $(t)_+^2$ or $(t)_+^3$, whose
/// slope is continuous, belongs to $s$. A cost without kinks implements the three required methods; one with kinks all of them.
pub trait CostCurvature: CostGrad {
    /// $s(y, z)$.
    fn smooth(&self, y: &[f64], z: &[f64]) -> f64 {
        self.value(y, z)
    }
    /// Writes $\nabla_z s(y, z)$, `[z]`.
    fn smooth_grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        self.grad_z(y, z, out);
    }
    /// `h += w` $\nabla^2_{zz} s$, row-major `[z, z]`.
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]);
    /// `out += w` $(\partial^2 s/\partial z \partial y)^\top v$, `[y]`.
    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]);
    /// `out += w` $\nabla_y s$, `[y]`; only a risk other than the mean reads it.
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]);
    /// The kinks $\phi_k$, of which each reads `[z]` and `[y]` linearly.
    fn kinks(&self) -> &[Kink] {
        &[]
    }
}

impl<C: Cost + ?Sized> Cost for Arc<C> {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        (**self).value(y, z)
    }
}

impl<C: CostGrad + ?Sized> CostGrad for Arc<C> {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        (**self).grad_z(y, z, out);
    }
}

impl<C: CostCurvature + ?Sized> CostCurvature for Arc<C> {
    fn smooth(&self, y: &[f64], z: &[f64]) -> f64 {
        (**self).smooth(y, z)
    }
    fn smooth_grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        (**self).smooth_grad_z(y, z, out);
    }
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        (**self).add_hess(y, z, w, h);
    }
    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        (**self).add_cross(y, z, w, v, out);
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        (**self).add_grad_y(y, z, w, out);
    }
    fn kinks(&self) -> &[Kink] {
        (**self).kinks()
    }
}
