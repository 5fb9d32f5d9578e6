use tch::Tensor;

use super::super::bridge::Torch;
use super::matrices::Matrices;

/// The steps of one batch: what of them does not change from one to the next.
pub(super) struct Steps<'a> {
    matrices: &'a Matrices,
    /// `[b, n]`.
    cost: Tensor,
    /// $\alpha$, `[b, 1]`.
    alpha: Tensor,
    /// $2 - \alpha\mu$, `[b, 1]`.
    keep: Tensor,
    /// $A^+ b - \alpha \Pi c$, `[b, n]`.
    shift: Tensor,
}

impl<'a> Steps<'a> {
    /// Records a graph if `cost` has one.
    pub(super) fn new(matrices: &'a Matrices, cost: &Tensor, alpha: &Tensor) -> Torch<Self> {
        let keep = alpha.f_mul_scalar(-matrices.mu)?.f_add_scalar(2.0)?;
        let shift = matrices.point.f_sub(&cost.f_mul(alpha)?.f_matmul(&matrices.projection)?)?;
        Ok(Self { matrices, cost: cost.shallow_clone(), alpha: alpha.shallow_clone(), keep, shift })
    }

    pub(super) fn rows(&self) -> i64 {
        self.cost.size()[0]
    }

    /// The next iterate.
    pub(super) fn step(&self, z: &Tensor) -> Torch<Tensor> {
        let x = self.matrices.clamp(z)?;
        let rest = self.shift.f_add(z)?.f_sub(&x)?;
        rest.f_addmm(&x.f_mul(&self.keep)?.f_sub(z)?, &self.matrices.projection)
    }

    /// The KKT residual, `[b, 1]`, as [`Residuals::of`](dfl_core::Residuals::of) has it, of the answer that `z` stands for:
    ///
    /// $$x = P_2 z, \quad \nu = (z - x)/\alpha, \quad \lambda = M (q - A^+ b)/\alpha, \qquad c + \mu x + A^\top \lambda + \nu = (x - y)/\alpha$$
    ///
    /// where $y$ is the projection of $q = (2 - \alpha\mu) x - z - \alpha c$. Signs and complementarity of the bounds hold as they are.
    pub(super) fn residual(&self, z: &Tensor) -> Torch<Tensor> {
        let (m, alpha) = (self.matrices, &self.alpha);
        let x = m.clamp(z)?;
        let inner = x.f_mul(&self.keep)?.f_sub(z)?;
        let y = self.shift.f_addmm(&inner, &m.projection)?;
        let gradient = x.f_mul_scalar(m.mu)?.f_add(&self.cost)?;
        let scale = largest(&self.cost)?.f_maximum(&largest(&gradient)?)?.f_add_scalar(1.0)?;
        let stationarity = largest(&x.f_sub(&y)?.f_div(alpha)?)?.f_div(&scale)?;
        if m.sides.numel() == 0 {
            return Ok(stationarity);
        }
        let value = x.f_matmul(&m.rows.f_tr()?)?;
        let violation = value.f_sub(&m.sides)?.f_abs()?.f_div(&value.f_abs()?.f_add_scalar(1.0)?)?;
        let q = inner.f_sub(&self.cost.f_mul(alpha)?)?.f_sub(&m.point)?;
        let multipliers = q.f_matmul(&m.multipliers.f_tr()?)?.f_div(alpha)?.f_div(&scale)?;
        let slackness = multipliers.f_mul(&violation.f_clamp_max(1.0)?)?;
        stationarity.f_maximum(&largest(&violation)?)?.f_maximum(&largest(&slackness)?)
    }

    /// $c^\top x + \tfrac\mu2 \|x\|^2 + r$, `[b]`.
    pub(super) fn objective(&self, z: &Tensor) -> Torch<Tensor> {
        let x = self.matrices.clamp(z)?;
        let terms = x.f_mul_scalar(0.5 * self.matrices.mu)?.f_add(&self.cost)?.f_mul(&x)?;
        terms.f_sum_dim_intlist(1, false, None)?.f_add_scalar(self.matrices.constant)
    }
}

/// The largest entry of each row in absolute value, `[b, 1]`; a NaN stays one.
fn largest(values: &Tensor) -> Torch<Tensor> {
    values.f_abs()?.f_amax(1, true)
}
