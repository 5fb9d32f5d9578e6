//! All memory of a solve, and the steps that load and finish it.

use dfl_core::{Program, Side, Solution};

use super::gram::Gram;
use super::kernels::{add_scaled, dot, padded, subtract_columns};
use super::model::Model;
use super::tight::Tight;
use crate::ActiveSetOptions;
use crate::instance::ZERO_DUAL;
use crate::limits::Deadline;

/// Memory of one solve after another, vectors padded; nothing in it outlives a solve but the Gram matrix, which depends on the model alone.
#[derive(Clone, Debug)]
pub(super) struct Work {
    pub(super) tight: Tight,
    pub(super) gram: Gram,
    /// Bounds of each constraint, in the order of [`Model`].
    pub(super) lo: Vec<f64>,
    pub(super) up: Vec<f64>,
    /// The bounds with this round's slack.
    pub(super) lowest: Vec<f64>,
    pub(super) highest: Vec<f64>,
    /// `1 +` the finite bounds of each constraint.
    pub(super) reach: Vec<f64>,
    /// Weight of a violation when the next constraint is chosen; 0 for tight and ignored ones.
    pub(super) weight: Vec<f64>,
    /// Value of each constraint at the multipliers that the round began with, and at the present ones.
    pub(super) base: Vec<f64>,
    pub(super) value: Vec<f64>,
    pub(super) score: Vec<f64>,
    /// Dependent constraints that are left out until the round ends.
    pub(super) ignored: Vec<usize>,
    /// Whether one of them is violated, without a proof that it must be.
    pub(super) stuck: bool,
    /// Constraints that left the set in this round, with the multiplier the round began with.
    pub(super) gone: Vec<(usize, f64)>,
    pub(super) steps: Vec<f64>,
    /// The costs, scaled if `P` is zero.
    pub(super) c: Vec<f64>,
    pub(super) cost_scale: f64,
    pub(super) x: Vec<f64>,
    /// Where the round would end with the multipliers it began with.
    pub(super) anchor: Vec<f64>,
    pub(super) gradient: Vec<f64>,
    pub(super) stationarity: Vec<f64>,
    pub(super) direction: Vec<f64>,
    /// A vector after `H^-1`.
    pub(super) moved: Vec<f64>,
    pub(super) iterations: usize,
    limit: usize,
    deadline: Deadline,
    /// Constraints with equal bounds.
    pub(super) equal: Vec<usize>,
    /// Equalities that others imply.
    pub(super) implied: Vec<usize>,
    /// Whether bounds were loaded since the memory was made.
    loaded: bool,
}

impl Work {
    pub(super) fn new(model: &Model) -> Self {
        let (n, size) = (model.n(), model.len());
        let (x, z) = (vec![0.0; padded(n)], vec![0.0; padded(size)]);
        // What pads the constraints is never violated.
        let (below, above) = (vec![f64::NEG_INFINITY; z.len()], vec![f64::INFINITY; z.len()]);
        Self {
            tight: Tight::new(n.min(size)),
            gram: Gram::new(n, size),
            lo: below.clone(),
            up: above.clone(),
            lowest: below,
            highest: above,
            reach: z.clone(),
            weight: z.clone(),
            base: z.clone(),
            value: z.clone(),
            score: z,
            ignored: Vec::with_capacity(size),
            stuck: false,
            gone: Vec::with_capacity(n.min(size)),
            steps: vec![0.0; n.min(size)],
            c: x.clone(),
            cost_scale: 1.0,
            x: x.clone(),
            anchor: x.clone(),
            gradient: x.clone(),
            stationarity: x.clone(),
            direction: x.clone(),
            moved: x,
            iterations: 0,
            limit: 0,
            deadline: Deadline::default(),
            equal: Vec::with_capacity(size),
            implied: Vec::with_capacity(size),
            loaded: false,
        }
    }

    /// Takes over costs and, unless they are those of the last solve, bounds; begins at zero without tight constraints.
    #[inline(always)]
    pub(super) fn load(&mut self, model: &Model, program: &Program, options: &ActiveSetOptions, bounds_move: bool) {
        (self.iterations, self.limit, self.deadline) = (0, options.iterations, Deadline::after(options.seconds));
        self.tight.clear();
        self.ignored.clear();
        self.implied.clear();
        self.gone.clear();
        self.weight.copy_from_slice(&model.weight);
        if bounds_move || !self.loaded {
            self.load_bounds(model, program);
            self.loaded = true;
        }
        self.load_costs(model, program);
    }

    fn load_bounds(&mut self, model: &Model, program: &Program) {
        let rows = model.rows.len();
        for (k, &i) in model.rows.kept.iter().enumerate() {
            let scale = model.units.row[i];
            (self.lo[k], self.up[k]) = (scale * program.row_lo[i], scale * program.row_up[i]);
        }
        for (k, &j) in model.vars.iter().enumerate() {
            let unit = model.units.column[j];
            (self.lo[rows + k], self.up[rows + k]) = (program.lo[j] / unit, program.up[j] / unit);
        }
        for ((reach, lo), up) in self.reach.iter_mut().zip(&self.lo).zip(&self.up) {
            *reach = 1.0 + finite_or_zero(*lo) + finite_or_zero(*up);
        }
        self.equal.clear();
        self.equal.extend((0..model.len()).filter(|&i| self.lo[i] == self.up[i]));
    }

    /// With `P = 0` the proximal term has the weight 1, and costs are scaled so that one proximal step crosses the feasible set.
    #[inline(always)]
    fn load_costs(&mut self, model: &Model, program: &Program) {
        self.cost_scale = 1.0;
        if model.metric.linear {
            let reach = self.reach.iter().fold(1.0, |top, b| b.max(top));
            let top = program.c.iter().zip(&model.units.column).fold(0.0_f64, |top, (c, d)| top.max((c * d).abs()));
            // A power of two keeps the costs' digits.
            self.cost_scale = if top > 0.0 { (STRIDE * reach / top).log2().round().exp2() } else { 1.0 };
        }
        let scale = self.cost_scale;
        self.c.iter_mut().zip(&program.c).zip(&model.units.column).for_each(|((to, c), d)| *to = scale * d * c);
    }

    /// Whether a limit is reached; asking the clock each time would cost as much as a small iteration.
    #[inline(always)]
    pub(super) fn spent(&self) -> bool {
        self.iterations >= self.limit || (self.iterations.is_multiple_of(LOOK_AT_CLOCK) && self.deadline.passed())
    }

    /// Bound of constraint `i` on its `side`.
    #[inline(always)]
    pub(super) fn bound(&self, i: usize, side: f64) -> f64 {
        if side < 0.0 { self.lo[i] } else { self.up[i] }
    }

    /// Brings `value` up to date with the multipliers.
    #[inline(always)]
    pub(super) fn evaluate(&mut self) {
        let k = self.tight.len();
        self.value.copy_from_slice(&self.base);
        subtract_columns(&self.tight.delta[..k], &self.tight.index, self.gram.columns(), self.base.len(), &mut self.value);
    }

    /// Takes member `r` out of the tight set. If the round began with a multiplier on it, the base moves to where that is zero.
    #[inline(always)]
    pub(super) fn leave(&mut self, model: &Model, r: usize) {
        let (i, start) = self.tight.remove(r);
        self.weight[i] = model.weight[i];
        if start != 0.0 {
            self.gone.push((i, start));
            add_scaled(start, self.gram.column(i), &mut self.base);
            self.tight.aim(0, &self.base, &self.lo, &self.up);
        }
    }

    /// Writes the answer.
    #[inline(always)]
    pub(super) fn store(&self, model: &Model, r: f64, out: &mut Solution) {
        let rows = model.rows.len();
        out.x.iter_mut().zip(&self.x).zip(&model.units.column).for_each(|((to, x), d)| *to = d * x);
        for (k, &i) in self.tight.index.iter().enumerate() {
            let dual = self.tight.dual(k) / (self.cost_scale * model.unit[i]);
            let side = if self.tight.side[k] < 0.0 { Side::Lower } else { Side::Upper };
            match i.checked_sub(rows) {
                None => (out.row_dual[model.rows.kept[i]], out.row_side[model.rows.kept[i]]) = (dual, side),
                Some(b) => (out.bound_dual[model.vars[b]], out.bound_side[model.vars[b]]) = (dual, side),
            }
        }
        self.store_implied_equalities(model, out);
        out.objective = 0.5 * (dot(&self.gradient, &self.x) + dot(&self.c, &self.x)) / self.cost_scale + r;
    }

    /// An equality that others imply is tight without a multiplier.
    #[inline(always)]
    fn store_implied_equalities(&self, model: &Model, out: &mut Solution) {
        for &i in &self.implied {
            match i.checked_sub(model.rows.len()) {
                None => out.row_side[model.rows.kept[i]] = Side::Upper,
                Some(b) => out.bound_side[model.vars[b]] = Side::Upper,
            }
        }
    }

    /// Whether some inequality is at its bound without a multiplier: more are there than have one.
    #[inline(always)]
    pub(super) fn degenerate(&self, model: &Model) -> bool {
        let least = |i: usize| ZERO_DUAL * self.cost_scale * model.unit[i];
        let members = self.tight.side.iter().zip(&self.tight.index).enumerate();
        let strong = members.filter(|&(k, (&side, &i))| side != 0.0 && self.tight.dual(k).abs() > least(i)).count();
        let size = self.value.len();
        let (value, lo, up, unit) = (&self.value[..size], &self.lo[..size], &self.up[..size], &model.unit[..size]);
        let mut at_bound = 0;
        for i in 0..size {
            let distance = unit[i] * (value[i] - lo[i]).min(up[i] - value[i]);
            at_bound += usize::from((lo[i] < up[i]) & (distance <= ZERO_DUAL * (1.0 + (unit[i] * value[i]).abs())));
        }
        at_bound > strong
    }
}

/// Iterations between two looks at the clock.
const LOOK_AT_CLOCK: usize = 64;
/// Length of the first proximal step of a linear program, in units of its largest bound.
const STRIDE: f64 = 16.0;

#[inline(always)]
fn finite_or_zero(bound: f64) -> f64 {
    if bound.is_finite() { bound.abs() } else { 0.0 }
}
