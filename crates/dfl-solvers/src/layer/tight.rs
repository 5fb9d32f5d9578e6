//! Which constraints are tight at an answer, which of them hold it there, and which depend on others.

use dfl_core::dense::dot;
use dfl_core::{Entry, ParamMap, Program, Side, Solution};

use super::span::Span;
use crate::active_set::kernels::axpy;
use crate::kkt::{Place, place, zero_dual};

/// A rate up to this share of its terms is rounding.
pub(super) const CONSISTENT: f64 = 1e-8;
/// A factor in a combination of constraints up to this is rounding.
const ROUNDING: f64 = 1e-9;

/// A row of the program or a bound of a variable, and the side at which it is tight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Row(usize, Side),
    Bound(usize, Side),
}

/// The tight constraints of an answer. *Strong* ones are equalities and those with a multiplier; the others are *weak*.
#[derive(Clone, Debug)]
pub(super) struct Tight {
    /// Variables that no strong bound holds.
    pub(super) free: Vec<usize>,
    /// Of the strong rows, over the free variables.
    pub(super) strong: Span,
    /// Weak constraints that the strong ones do not imply.
    pub(super) weak: Vec<Item>,
    /// Combinations of the gradients of tight constraints that vanish.
    pub(super) dependent: Vec<Combination>,
}

/// Constraints, and factors of their gradients.
type Combination = Vec<(Item, f64)>;

impl Tight {
    pub(super) fn of(program: &Program, solution: &Solution) -> Self {
        let ([strong_rows, weak_rows], [strong_bounds, weak_bounds]) = sorted(program, solution);
        let mut held = vec![None; program.n()];
        for &item in &strong_bounds {
            if let Item::Bound(j, side) = item {
                held[j] = Some(side);
            }
        }
        let gradients = Gradients::new(program, held);
        let (mut strong, mut given, mut dependent) = (Span::default(), Vec::new(), Vec::new());
        for item in strong_rows {
            if let Some(factors) = strong.push(&gradients.free(item)) {
                dependent.push(gradients.vanishing(&given, &factors, item));
            }
            given.push(item);
        }
        let (mut all, mut weak) = (strong.clone(), Vec::new());
        for item in weak_rows.into_iter().chain(weak_bounds) {
            let gradient = gradients.free(item);
            match strong.combination(&gradient) {
                Some(factors) => dependent.push(gradients.vanishing(&given, &factors, item)),
                None => weak.push(item),
            }
        }
        for (k, &item) in weak.iter().enumerate() {
            if let Some(factors) = all.push(&gradients.free(item)) {
                dependent.push(gradients.vanishing(&[&given, &weak[..k]].concat(), &factors, item));
            }
        }
        let free = (0..program.n()).filter(|&j| gradients.held[j].is_none()).collect();
        Self { free, strong, weak, dependent }
    }

    /// An orthonormal basis of the directions that the strong constraints leave.
    pub(super) fn null_space(&self, n: usize) -> Vec<Vec<f64>> {
        self.strong.complement(n, &self.free)
    }

    /// Whether the constraints of one vanishing combination move apart along a component of `theta`, or their gradients do.
    pub(super) fn breaks(&self, combination: &[(Item, f64)], along: &Along<'_>) -> bool {
        let (rate, size, gradient) = along.rate(combination);
        let mut free = vec![0.0; gradient.len()];
        self.free.iter().for_each(|&j| free[j] = gradient[j]);
        rate.abs() > CONSISTENT * size || self.strong.combination(&free).is_none()
    }

    /// The weak constraints that the optimum leaves or presses on as it moves by `dx` along a component of `theta`.
    pub(super) fn kinks(&self, program: &Program, dx: &[f64], along: &Along<'_>) -> Vec<Item> {
        let mut moved = vec![0.0; program.m()];
        program.a.mul_add(1.0, dx, &mut moved);
        let length = dot(dx, dx).sqrt();
        let mut squares = vec![0.0; program.m()];
        program.a.triplets().for_each(|(i, _, v)| squares[i] += v * v);
        let leaves = |&item: &Item| {
            let (rate, size, _) = along.rate(&[(item, 1.0)]);
            let (own, norm) = match item {
                Item::Row(i, _) => (moved[i], squares[i].sqrt()),
                Item::Bound(j, _) => (dx[j], 1.0),
            };
            (own - rate).abs() > CONSISTENT * (size + norm * length)
        };
        self.weak.iter().copied().filter(leaves).collect()
    }
}

/// A component of `theta` at an answer.
pub(super) struct Along<'a> {
    pub(super) params: &'a ParamMap,
    /// Of the entries of `A`.
    pub(super) places: &'a [(usize, usize)],
    pub(super) x: &'a [f64],
    pub(super) component: usize,
}

impl Along<'_> {
    /// How fast the sides of a combination of constraints move against their values at a fixed decision, the size of the terms of that, and
    /// how fast the gradient of the combination moves.
    fn rate(&self, combination: &[(Item, f64)]) -> (f64, f64, Vec<f64>) {
        let factor = |wanted: Item| combination.iter().find(|(item, _)| *item == wanted).map_or(0.0, |f| f.1);
        let on_row = |i: usize| factor(Item::Row(i, Side::Lower)) + factor(Item::Row(i, Side::Upper));
        let mut dtheta = vec![0.0; self.params.theta()];
        dtheta[self.component] = 1.0;
        let (mut rate, mut size, mut gradient) = (0.0, 0.0, vec![0.0; self.x.len()]);
        self.params.tangent(&dtheta, |entry, d| {
            let term = match entry {
                Entry::RowLo(i) => d * factor(Item::Row(i, Side::Lower)),
                Entry::RowUp(i) => d * factor(Item::Row(i, Side::Upper)),
                Entry::Lo(j) => d * factor(Item::Bound(j, Side::Lower)),
                Entry::Up(j) => d * factor(Item::Bound(j, Side::Upper)),
                Entry::A(at) => {
                    let (i, j) = self.places[at];
                    gradient[j] += d * on_row(i);
                    -d * on_row(i) * self.x[j]
                }
                Entry::C(_) | Entry::P(_) => 0.0,
            };
            rate += term;
            size += f64::abs(term);
        });
        (rate, size, gradient)
    }
}

/// Strong and weak rows, and strong and weak bounds.
fn sorted(program: &Program, s: &Solution) -> ([Vec<Item>; 2], [Vec<Item>; 2]) {
    let zero = zero_dual(program, s);
    let mut ax = vec![0.0; program.m()];
    program.a.mul_add(1.0, &s.x, &mut ax);
    let (mut rows, mut bounds) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    let place = |value: f64, (lo, up): (f64, f64), dual: f64, side: Side| match place(value, (lo, up), side, dual, &zero) {
        // As `Solution` has it.
        _ if lo == up => Some((Side::Upper, true)),
        Place::Held(side) => Some((side, true)),
        Place::Resting(side) => Some((side, false)),
        Place::Equality | Place::Inside => None,
    };
    for i in 0..program.m() {
        if let Some((side, strong)) = place(ax[i], (program.row_lo[i], program.row_up[i]), s.row_dual[i], s.row_side[i]) {
            rows[usize::from(!strong)].push(Item::Row(i, side));
        }
    }
    for j in 0..program.n() {
        if let Some((side, strong)) = place(s.x[j], (program.lo[j], program.up[j]), s.bound_dual[j], s.bound_side[j]) {
            bounds[usize::from(!strong)].push(Item::Bound(j, side));
        }
    }
    (rows, bounds)
}

/// Gradients of constraints, and what of them a strong bound takes.
struct Gradients {
    rows: Vec<Vec<(usize, f64)>>,
    held: Vec<Option<Side>>,
}

impl Gradients {
    fn new(program: &Program, held: Vec<Option<Side>>) -> Self {
        let mut rows = vec![Vec::new(); program.m()];
        program.a.triplets().for_each(|(i, j, v)| rows[i].push((j, v)));
        Self { rows, held }
    }

    fn full(&self, item: Item) -> Vec<f64> {
        let mut out = vec![0.0; self.held.len()];
        match item {
            Item::Row(i, _) => self.rows[i].iter().for_each(|&(j, v)| out[j] += v),
            Item::Bound(j, _) => out[j] = 1.0,
        }
        out
    }

    /// Without the variables that are held.
    fn free(&self, item: Item) -> Vec<f64> {
        let mut out = self.full(item);
        out.iter_mut().zip(&self.held).filter(|(_, held)| held.is_some()).for_each(|(v, _)| *v = 0.0);
        out
    }

    /// `item - sum factors given = 0` over the free variables, with the bounds that make it 0 over all.
    fn vanishing(&self, given: &[Item], factors: &[f64], item: Item) -> Combination {
        let mut out: Combination = given.iter().zip(factors).map(|(&item, &f)| (item, -f)).collect();
        out.push((item, 1.0));
        out.retain(|(_, factor)| factor.abs() > ROUNDING);
        let mut sum = vec![0.0; self.held.len()];
        out.iter().for_each(|&(item, factor)| axpy(factor, &self.full(item), &mut sum));
        let bounds = self.held.iter().enumerate().filter_map(|(j, held)| held.map(|side| (Item::Bound(j, side), -sum[j])));
        out.extend(bounds.filter(|(_, factor)| factor.abs() > ROUNDING));
        out
    }
}
