use std::sync::Arc;

/// A smooth convex constraint $h(z) \le 0$ on the decision of a stochastic program.
pub trait Constraint: Send + Sync {
    /// $h(z)$.
    fn value(&self, z: &[f64]) -> f64;
    /// Writes $\nabla h(z)$, `[z]`.
    fn grad(&self, z: &[f64], out: &mut [f64]);
    /// `out += w` $\nabla^2 h(z)$, row-major `[z, z]`.
    fn add_hess(&self, z: &[f64], w: f64, out: &mut [f64]);
}

impl<K: Constraint + ?Sized> Constraint for Arc<K> {
    fn value(&self, z: &[f64]) -> f64 {
        (**self).value(z)
    }
    fn grad(&self, z: &[f64], out: &mut [f64]) {
        (**self).grad(z, out);
    }
    fn add_hess(&self, z: &[f64], w: f64, out: &mut [f64]) {
        (**self).add_hess(z, w, out);
    }
}
