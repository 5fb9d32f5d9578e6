use dfl_core::Splitting;
use tch::{Kind, Tensor};

use super::super::bridge::{Place, Torch, upload};

/// Distance from a kink, relative to `1 +` the point, below which a bound counts as tight.
const WEAK: (f64, f64) = (1e-9, 1e-5);

/// A [`Splitting`] as tensors of one kind.
#[derive(Debug)]
pub(super) struct Matrices {
    pub(super) place: Place,
    pub(super) mu: f64,
    pub(super) constant: f64,
    /// `[n]`.
    pub(super) cost: Tensor,
    /// `[p, n]`.
    pub(super) cost_map: Tensor,
    lower: Tensor,
    upper: Tensor,
    /// `[n, n]`.
    pub(super) projection: Tensor,
    /// `[n]`.
    pub(super) point: Tensor,
    /// `[m, n]`.
    pub(super) rows: Tensor,
    /// `[m]`.
    pub(super) sides: Tensor,
    /// `[m, n]`.
    pub(super) multipliers: Tensor,
}

impl Matrices {
    pub(super) fn new(s: &Splitting, place: Place) -> Torch<Self> {
        let vector = |values: &[f64]| upload(values, &[values.len() as i64], place);
        let matrix = |values: &dfl_core::Batch| upload(values.as_slice(), &[values.rows() as i64, values.cols() as i64], place);
        Ok(Self {
            place,
            mu: s.mu,
            constant: s.constant,
            cost: vector(&s.cost)?,
            cost_map: matrix(&s.cost_map)?,
            lower: vector(&s.lower)?,
            upper: vector(&s.upper)?,
            projection: matrix(&s.projection)?,
            point: vector(&s.point)?,
            rows: matrix(&s.rows)?,
            sides: vector(&s.sides)?,
            multipliers: matrix(&s.multipliers)?,
        })
    }

    /// $P_2 z$. Its gradient is that of variables strictly inside their bounds, as the solver on the host has it; torch's own clamp would add
    /// those at a bound.
    pub(super) fn clamp(&self, z: &Tensor) -> Torch<Tensor> {
        let clamped = z.f_detach()?.f_clamp_tensor(Some(&self.lower), Some(&self.upper))?;
        if z.requires_grad() { z.f_where_self(&self.free(z)?, &clamped) } else { Ok(clamped) }
    }

    /// Which variables are off their bounds.
    pub(super) fn free(&self, z: &Tensor) -> Torch<Tensor> {
        z.f_gt_tensor(&self.lower)?.f_logical_and(&z.f_lt_tensor(&self.upper)?)
    }

    /// Whether a row has a bound that is tight without a multiplier, `[b]`.
    pub(super) fn is_weak(&self, z: &Tensor) -> Torch<Tensor> {
        let weak = if self.place.0 == Kind::Double { WEAK.0 } else { WEAK.1 };
        let distance = z.f_sub(&self.lower)?.f_abs()?.f_minimum(&self.upper.f_sub(z)?.f_abs()?)?;
        let near = distance.f_le_tensor(&z.f_abs()?.f_add_scalar(1.0)?.f_mul_scalar(weak)?)?;
        near.f_logical_and(&self.lower.f_lt_tensor(&self.upper)?)?.f_any_dim(1, false)
    }

    /// The length of each row's steps, `[b, 1]`: as given, else $\|A^+ b\| / \|\Pi c\|$ (with 1 for 0), at most $1 / \mu$.
    pub(super) fn alpha(&self, cost: &Tensor, step: Option<f64>) -> Torch<Tensor> {
        let rows = cost.size()[0];
        if let Some(step) = step {
            return Tensor::f_full([rows, 1], step, self.place);
        }
        let (most, otherwise) = if self.mu > 0.0 { (1.0 / self.mu, 1.0 / self.mu) } else { (f64::MAX, 1.0) };
        let size = self.point.f_norm()?.f_double_value(&[])?;
        let size = if size > 0.0 { size } else { 1.0 };
        let length = cost.f_matmul(&self.projection)?.f_norm_scalaropt_dim(2.0, 1, true)?;
        let alpha = length.f_reciprocal()?.f_mul_scalar(size)?;
        let accepted = alpha.f_gt(0.0)?.f_logical_and(&alpha.f_lt(most)?)?;
        alpha.f_where_scalarother(&accepted, otherwise)
    }
}
