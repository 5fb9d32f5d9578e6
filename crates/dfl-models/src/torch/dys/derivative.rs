use tch::{Kind, Tensor};

use super::super::bridge::Torch;
use super::matrices::Matrices;

/// How often the projection is applied: each time takes all but $\delta / (\delta + \lambda)$ of what it is to remove, where $\lambda$ is an
/// eigenvalue of $A D A^\top$.
const PASSES: usize = 4;

/// The linear map from a move of the costs to the move of the decision, at given free variables `[b, n]`, ones and zeros. What torch makes of
/// it backwards is its transpose.
pub(super) struct Moves<'a> {
    matrices: &'a Matrices,
    free: Tensor,
    kind: Moved,
}

enum Moved {
    /// The optimum: the factor of $A D A^\top + \delta I$, `[b, m, m]`, and $\delta$, `[b, 1]`; `None` without equations.
    Optimum(Option<(Tensor, Tensor)>),
    /// The last step, of length $\alpha$, `[b, 1]`.
    Step(Tensor),
}

impl<'a> Moves<'a> {
    /// Of the last step alone.
    pub(super) fn last_step(matrices: &'a Matrices, free: Tensor, alpha: Tensor) -> Self {
        Self { matrices, free, kind: Moved::Step(alpha) }
    }

    /// Of the optimum with these free variables.
    pub(super) fn implicit(matrices: &'a Matrices, free: Tensor) -> Torch<Self> {
        let rows = &matrices.rows;
        if matrices.sides.numel() == 0 {
            return Ok(Self { matrices, free, kind: Moved::Optimum(None) });
        }
        let gram = rows.f_mul(&free.f_unsqueeze(1)?)?.f_matmul(&rows.f_tr()?)?;
        let epsilon = if matrices.place.0 == Kind::Double { f64::EPSILON } else { f64::from(f32::EPSILON) };
        let largest = gram.f_diagonal(0, 1, 2)?.f_amax(1, true)?;
        // Without free variables any ridge will do.
        let ridge = largest.f_where_scalarother(&largest.f_gt(0.0)?, 1.0)?.f_mul_scalar(epsilon.sqrt())?;
        let identity = Tensor::f_eye(rows.size()[0], matrices.place)?;
        let factor = gram.f_add(&identity.f_mul(&ridge.f_unsqueeze(2)?)?)?.f_linalg_cholesky(false)?;
        Ok(Self { matrices, free, kind: Moved::Optimum(Some((factor, ridge))) })
    }

    /// Whether the constraints that are tight depend on each other, as far as the ridge tells, `[b]`: $\delta \operatorname{tr}
    /// (A D A^\top + \delta I)^{-1} = \sum \delta / (\lambda + \delta)$ counts the eigenvalues that are zero.
    pub(super) fn dependent(&self) -> Torch<Tensor> {
        match &self.kind {
            Moved::Optimum(Some((factor, ridge))) => {
                let identity = Tensor::f_eye(factor.size()[1], self.matrices.place)?;
                let inverse = factor.f_linalg_solve_triangular(&identity, false, true, false)?;
                let trace = inverse.f_square()?.f_sum_dim_intlist([1, 2].as_slice(), false, None)?;
                trace.f_mul(&ridge.f_squeeze_dim(1)?)?.f_gt(0.5)
            }
            _ => Tensor::f_zeros([self.free.size()[0]], (Kind::Bool, self.matrices.place.1)),
        }
    }

    /// Of a move `[b, n]` of the costs.
    pub(super) fn apply(&self, moved: &Tensor) -> Torch<Tensor> {
        match &self.kind {
            Moved::Step(alpha) => moved.f_matmul(&self.matrices.projection)?.f_mul(alpha)?.f_mul(&self.free)?.f_neg(),
            Moved::Optimum(factor) => {
                let mut v = moved.f_mul(&self.free)?;
                if let Some((factor, _)) = factor {
                    for _ in 0..PASSES {
                        v = self.project(&v, factor)?;
                    }
                }
                v.f_mul_scalar(-1.0 / self.matrices.mu)
            }
        }
    }

    /// $v - D A^\top (A D A^\top + \delta I)^{-1} A v$.
    fn project(&self, v: &Tensor, factor: &Tensor) -> Torch<Tensor> {
        let rows = &self.matrices.rows;
        let t = v.f_matmul(&rows.f_tr()?)?.f_unsqueeze(2)?.f_cholesky_solve(factor, false)?.f_squeeze_dim(2)?;
        v.f_sub(&t.f_matmul(rows)?.f_mul(&self.free)?)
    }
}
