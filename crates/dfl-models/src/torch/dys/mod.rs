//! Three-operator splitting on tensors.

mod decider;
mod derivative;
mod matrices;
mod steps;

use dfl_core::{Dims, DysDerivative, Error, Result, Splitting, check_len};
use tch::{Kind, Tensor};

use super::bridge::{Place, Torch, backend, from_tensor};
use super::{Device, Precision};
pub use decider::DysDecider;
use derivative::Moves;
use matrices::Matrices;
use steps::Steps;

/// Steps between two looks at which rows have arrived.
const LOOK: usize = 10;

/// DYS-Net as a layer from tensors to tensors on any device: linear programs smoothed by $\tfrac\mu2 \|v\|^2$, by Davis-Yin three-operator
/// splitting; minimises. [`DysDecider`] is the same between `f64` batches.
///
/// Made from a [`Splitting`], which `dfl_solvers::Dys::operator` gives. All rows of a batch take the same step at once, as a few products of
/// matrices: with $x = P_2 z$, a clamp to the bounds, and one cost $c = c_0 + C^\top \theta$ a row,
///
/// $$z \leftarrow z - x + A^+ b + \Pi\bigl((2 - \alpha\mu) x - z - \alpha c\bigr), \qquad z_0 = A^+ b$$
///
/// A row whose KKT residual is at most `tolerance` stays where it is, which is looked at after every 10 steps; when all rows stay, or
/// after `iterations`, the decision is $P_2 z$. So a row depends on nothing but its own $\theta$, but for the last bits: how libtorch sums a
/// product may depend on the number of rows. Steps are plain ones of one length for a row, without acceleration: $\alpha$ as given, or
/// $\min(\|A^+ b\| / \|\Pi c\|, 1/\mu)$.
///
/// # Derivatives
/// By torch's own backward pass, so that gradients flow into whatever `theta` was made by; $\alpha$ counts as constant. With $D$ the
/// variables off their bounds at the last iterate:
/// * [`DysDerivative::Implicit`]: $-\tfrac1\mu (D - D A^\top (A D A^\top)^+ A D)$, the solution of the transposed system
///   $(I - \partial T / \partial z)^\top w = D g$, $J^\top g = -\alpha \Pi w$, with $z$ eliminated. $A D A^\top$ is factorised row by row of
///   the batch with a ridge of $\sqrt\varepsilon$ of its largest diagonal entry, so that equations may depend on each other, and the projection is applied
///   four times, which takes the ridge out again. Memory $b\,m\,n$ numbers.
/// * [`DysDerivative::JacobianFree`]: $-\alpha \Pi D g$.
/// * [`DysDerivative::Unrolled`]: through all steps that the row has taken. Memory in proportion to their number.
///
/// # Shapes
/// `theta` `[b, p]` to decisions `[b, visible]`.
///
/// # Differences
/// As those of `dfl_solvers::Dys` from the published layer. Infeasible rows are not told from others that have not arrived: see the residual.
///
/// # References
/// Davis & Yin (2017), Set-Valued Var. Anal. 25, Alg. 1; McKenzie, Heaton & Wu Fung (2024), TMLR.
#[derive(Debug)]
pub struct Dys {
    matrices: Matrices,
    /// The same in double precision: what answers are judged with.
    exact: Matrices,
    visible: i64,
    step: Option<f64>,
    iterations: usize,
    tolerance: f64,
    derivative: DysDerivative,
}

/// What [`Dys`] decides for a batch of `b` rows.
#[derive(Debug)]
pub struct DysDecisions {
    /// Decisions, `[b, visible]`, with their graph if `theta` has one.
    pub x: Tensor,
    /// KKT residual, as `dfl_core::Residuals` has it, computed in double precision, `[b]`.
    pub residual: Tensor,
    /// Optimal value of the smoothed problem, if the row has arrived, in double precision, `[b]`.
    pub objective: Tensor,
    /// Steps taken, `[b]`, integers.
    pub iterations: Tensor,
    /// Whether the derivative is one of several: a bound is tight without a multiplier, or tight constraints depend on each other (which is
    /// looked at where the implicit derivative is wanted). `[b]`, booleans.
    pub degenerate: Tensor,
}

impl Dys {
    /// A layer with tensors of this precision on this device, which shows all variables.
    ///
    /// # Errors
    /// What [`Splitting::check`] finds; [`Error::Domain`] without variables, and for the implicit derivative without a quadratic term;
    /// [`Device::resolve`]'s errors; [`Error::Backend`].
    pub fn new(splitting: &Splitting, device: Device, precision: Precision) -> Result<Self> {
        splitting.check()?;
        if splitting.cost.is_empty() {
            return Err(Error::Domain { what: "number of variables", value: 0.0, need: "at least 1" });
        }
        let (mu, derivative) = (splitting.mu, splitting.derivative);
        if derivative == DysDerivative::Implicit && !(mu > 0.0 && mu.is_finite()) {
            return Err(Error::Domain { what: "Splitting::mu", value: mu, need: "positive and finite for the implicit derivative" });
        }
        let device = device.resolve()?;
        let matrices = |kind| Matrices::new(splitting, (kind, device)).map_err(backend);
        Ok(Self {
            matrices: matrices(precision.kind())?,
            exact: matrices(Kind::Double)?,
            visible: splitting.cost.len() as i64,
            step: splitting.step,
            iterations: splitting.iterations,
            tolerance: splitting.tolerance,
            derivative,
        })
    }

    /// Shows only the first `visible` variables as the decision: the program's own, without slacks.
    ///
    /// # Errors
    /// [`Error::Dimension`] if there are fewer.
    pub fn visible(self, visible: usize) -> Result<Self> {
        let n = self.matrices.point.numel();
        if visible > n {
            return Err(Error::Dimension { what: "visible variables", expected: n, got: visible });
        }
        Ok(Self { visible: visible as i64, ..self })
    }

    /// Kind and device of its tensors.
    pub fn place(&self) -> Place {
        self.matrices.place
    }

    /// Sizes of the layer.
    pub fn dims(&self) -> Dims {
        let theta = self.matrices.cost_map.size()[0] as usize;
        Dims { theta, x: self.visible as usize, rows: self.matrices.sides.numel() }
    }

    /// Decides every row. A row that overflows has a residual that is not finite.
    ///
    /// # Errors
    /// [`Error::Dimension`] or [`Error::NotFinite`] naming `theta`; [`Error::Unsupported`] for a tensor of another kind or device;
    /// [`Error::Backend`].
    pub fn forward(&self, theta: &Tensor) -> Result<DysDecisions> {
        let (_, cols) = theta.size2().map_err(backend)?;
        check_len("theta", self.dims().theta, cols as usize)?;
        if super::bridge::place(theta) != self.place() {
            return Err(Error::Unsupported {
                who: "dys_torch",
                what: "a theta of another kind or on another device; move it to `place()`",
            });
        }
        let finite = || theta.f_isfinite()?.f_all()?.f_int64_value(&[]);
        if finite().map_err(backend)? == 0 {
            // Names the entry.
            from_tensor("theta", theta)?;
        }
        self.decide(theta).map_err(backend)
    }

    fn decide(&self, theta: &Tensor) -> Torch<DysDecisions> {
        let cost = self.matrices.cost.f_addmm(theta, &self.matrices.cost_map)?;
        let fixed = cost.f_detach()?;
        let alpha = self.matrices.alpha(&fixed, self.step)?;
        let exact = Steps::new(&self.exact, &fixed.f_to_kind(Kind::Double)?, &alpha.f_to_kind(Kind::Double)?)?;
        // Without a gradient in what it begins from, nothing is recorded.
        let moved = if self.derivative == DysDerivative::Unrolled { &cost } else { &fixed };
        let (z, iterations) = self.walk(&Steps::new(&self.matrices, moved, &alpha)?, &exact)?;
        let (mut x, ended) = (self.matrices.clamp(&z)?, z.f_detach()?);
        let mut degenerate = self.matrices.is_weak(&ended)?;
        if cost.requires_grad() && self.derivative != DysDerivative::Unrolled {
            let free = self.matrices.free(&ended)?.f_to_kind(self.place().0)?;
            let moves = match self.derivative {
                DysDerivative::Implicit => Moves::implicit(&self.matrices, free)?,
                _ => Moves::last_step(&self.matrices, free, alpha),
            };
            degenerate = degenerate.f_logical_or(&moves.dependent()?)?;
            // Zero in value; its gradient is that of the decision.
            x = x.f_add(&moves.apply(&cost.f_sub(&fixed)?)?)?;
        }
        let ended = ended.f_to_kind(Kind::Double)?;
        Ok(DysDecisions {
            x: x.f_narrow(1, 0, self.visible)?,
            residual: exact.residual(&ended)?.f_squeeze_dim(1)?,
            objective: exact.objective(&ended)?,
            iterations,
            degenerate,
        })
    }

    /// The last iterate of each row, and how many steps led there.
    fn walk(&self, steps: &Steps<'_>, exact: &Steps<'_>) -> Torch<(Tensor, Tensor)> {
        let (rows, device) = (steps.rows(), self.place().1);
        let mut z = self.matrices.point.f_expand([rows, -1], false)?;
        let mut moving = Tensor::f_ones([rows, 1], (Kind::Bool, device))?;
        let mut taken = Tensor::f_zeros([rows, 1], (Kind::Int64, device))?;
        let (mut left, mut all) = (self.iterations, true);
        while left > 0 {
            let block = if self.tolerance > 0.0 { LOOK.min(left) } else { left };
            for _ in 0..block {
                let next = steps.step(&z)?;
                z = if all { next } else { next.f_where_self(&moving, &z)? };
            }
            taken = taken.f_add(&moving.f_to_kind(Kind::Int64)?.f_mul_scalar(block as i64)?)?;
            left -= block;
            if left > 0 {
                let residual = exact.residual(&z.f_detach()?.f_to_kind(Kind::Double)?)?;
                moving = moving.f_logical_and(&residual.f_gt(self.tolerance)?)?;
                let count = moving.f_sum(Kind::Int64)?.f_int64_value(&[])?;
                all = count == rows;
                left = if count == 0 { 0 } else { left };
            }
        }
        Ok((z, taken.f_squeeze_dim(1)?))
    }
}
