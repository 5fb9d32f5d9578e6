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

/// Enough to solve and to differentiate a stochastic program: second derivatives of the smooth part, kinks declared.
pub trait CostCurvature: CostGrad {
    /// `h += w` $\nabla^2_{zz} f$, row-major `[z, z]`.
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]);
    /// `out += w` $(\partial^2 f/\partial z \partial y)^\top v$, `[y]`.
    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]);
    /// `out += w` $\nabla_y f$, `[y]`; only a risk other than the mean reads it.
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]);
    /// The kinks $\phi_k(a_k^\top z - b_k^\top y - b_{0k})$ that the smooth part leaves out.
    fn kinks(&self) -> &[Kink] {
        &[]
    }
}

/// One convex piecewise-linear term $\phi(t)$ of $t = a^\top z - b^\top y - b_0$, with its slopes on both sides of $t = 0$.
#[derive(Clone, Debug, PartialEq)]
pub struct Kink {
    /// $a$, `[z]`.
    pub a: Vec<f64>,
    /// $b$, `[y]`.
    pub b: Vec<f64>,
    /// $b_0$.
    pub offset: f64,
    /// Slope for $t < 0$.
    pub below: f64,
    /// Slope for $t > 0$; at least `below`.
    pub above: f64,
}
