use super::{CostCurvature, CostGrad};

/// A cost with its derivative in the uncertain quantity; every [`CostCurvature`] is one.
pub trait OutcomeGrad: CostGrad {
    /// `out += w` $\nabla_y f(y, z)$, `[y]`; at a kink one element of the subdifferential.
    fn add_outcome_grad(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]);
}

/// A kink $\phi(a^\top z - b^\top y - b_0)$ has $\nabla_y = -\phi'(t)\, b$.
impl<C: CostCurvature + ?Sized> OutcomeGrad for C {
    fn add_outcome_grad(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        self.add_grad_y(y, z, w, out);
        for kink in self.kinks() {
            let slope = w * kink.slope(kink.argument(y, z));
            out.iter_mut().zip(&kink.b).for_each(|(out, b)| *out -= slope * b);
        }
    }
}
