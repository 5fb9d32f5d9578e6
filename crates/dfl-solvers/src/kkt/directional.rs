use std::sync::Arc;

use dfl_core::{Entry, Error, ParamMap, Program, Result, Side, Solution, SolveInfo, Solver, Status, check_len};

use super::active::{Linearised, Matrices, zero_dual};
use super::entries::{Entries, Parts};
use crate::instance::without_answer;
use crate::{ActiveSet, ActiveSetOptions};

/// A constraint with a zero dual is at its side if it is this close, relative to `1 +` its value.
const AT_SIDE: f64 = 1e-8;

/// Writes to `out` the one-sided derivative of the optimum along `dtheta`,
/// $x'(\theta; d) = \lim_{t \downarrow 0} (x(\theta + t d) - x(\theta)) / t$, also where strict complementarity fails and a linear
/// derivative does not exist: `out.x` is the derivative of the decision, `out.row_dual` and `out.bound_dual` those of the duals.
/// `solution.x + out.x` then estimates the optimum at $\theta + d$, exactly while the set of tight constraints stays.
///
/// The derivative solves the quadratic program over the critical cone
///
/// $$\min_v \tfrac12 v^\top \nabla^2_{xx} L\, v + (\nabla^2_{x\theta} L\, d)^\top v \quad\text{s.t. } a_i^\top v = \dot b_i - \dot a_i^\top x$$
///
/// for constraints with a dual, and $\le$ (at a lower side $\ge$) for those at a side without one. Without such constraints it is the
/// jvp of [`Kkt`](crate::Kkt).
///
/// It is the derivative if $P$ is positive definite on the null space of the constraints with a dual, and either the tight constraints
/// are independent or $\theta$ moves nothing but costs. With dependent ones the multipliers are not unique and another choice among
/// them can give another program; where the one at hand cannot follow `dtheta`, the status is not optimal.
///
/// The program is solved by [`ActiveSet`], which is dense: up to a few hundred variables. A status other than [`Status::Optimal`] means
/// that there is no such derivative: the constraints contradict each other along `dtheta`, or the optimum jumps.
///
/// # Errors
/// As [`ActiveSet::new`] for a program that is not convex, and for wrong lengths.
///
/// # References
/// Jittorntrum (1984), Math. Prog. Study 21, Theorem 3; Robinson (1980), Math. Oper. Res. 5; Fiacco (1983), Section 2.4.
pub fn directional(program: &Program, params: &ParamMap, solution: &Solution, dtheta: &[f64], out: &mut Solution) -> Result<SolveInfo> {
    check_len("dtheta", params.theta(), dtheta.len())?;
    let at = Linearised::of(program, solution, Arc::new(Matrices::of(program)))?;
    let critical = critical_program(program, &at, solution, rates(program, params, solution, dtheta));
    let solver = match ActiveSet::new(critical, ParamMap::new(0), ActiveSetOptions::default()) {
        // An equality of which one side moves past the other.
        Err(Error::CrossedBounds { .. }) => return Ok(without_answer(Status::Infeasible, 0)),
        other => other?,
    };
    let mut found = Solution::default();
    let info = solver.solve(&[], None, &mut solver.workspace()?, &mut found)?;
    if info.status == Status::Optimal {
        found.row_dual.truncate(program.m());
        found.row_side.truncate(program.m());
        *out = found;
    }
    Ok(info)
}

/// How fast the stationarity condition and each constraint's sides move.
struct Rates {
    x: Vec<f64>,
    row_lo: Vec<f64>,
    row_up: Vec<f64>,
    lo: Vec<f64>,
    up: Vec<f64>,
}

fn rates(program: &Program, params: &ParamMap, solution: &Solution, dtheta: &[f64]) -> Rates {
    let (n, m) = (program.n(), program.m());
    let mut out = Rates { x: vec![0.0; n], row_lo: vec![0.0; m], row_up: vec![0.0; m], lo: vec![0.0; n], up: vec![0.0; n] };
    let (entries, mut rows, mut bounds) = (Entries::of(program, params), vec![0.0; m], vec![0.0; n]);
    params.tangent(dtheta, |entry, d| match entry {
        Entry::RowLo(i) => out.row_lo[i] += d,
        Entry::RowUp(i) => out.row_up[i] += d,
        Entry::Lo(j) => out.lo[j] += d,
        Entry::Up(j) => out.up[j] += d,
        other => entries.add_tangent(solution, other, d, &mut Parts { x: &mut out.x, rows: &mut rows, bounds: &mut bounds }),
    });
    // The values of rows move with the entries of `A`.
    for i in 0..m {
        (out.row_lo[i], out.row_up[i]) = (out.row_lo[i] + rows[i], out.row_up[i] + rows[i]);
    }
    out
}

fn critical_program(program: &Program, at: &Linearised, s: &Solution, rates: Rates) -> Program {
    let zero = zero_dual(program, s);
    let mut ax = vec![0.0; program.m()];
    program.a.mul_add(1.0, &s.x, &mut ax);
    let row = |i: usize| {
        let place = place(ax[i], (program.row_lo[i], program.row_up[i]), s.row_side[i], s.row_dual[i], &zero);
        place.sides(rates.row_lo[i], rates.row_up[i])
    };
    let bound =
        |j: usize| place(s.x[j], (program.lo[j], program.up[j]), s.bound_side[j], s.bound_dual[j], &zero).sides(rates.lo[j], rates.up[j]);
    let (mut row_lo, mut row_up): (Vec<f64>, Vec<f64>) = (0..program.m()).map(row).unzip();
    let (lo, up) = (0..program.n()).map(bound).unzip();
    // Rows of cones: one with a multiplier is held, one without only bounded, and those at an apex are all held.
    let mut tight = vec![false; at.matrices.a.rows()];
    at.rows.iter().for_each(|&i| tight[i] = true);
    for i in program.m()..tight.len() {
        let weak = zero(s.cone_dual[i - program.m()]) && super::cones::places(program).any(|k| k == i - program.m());
        row_lo.push(if tight[i] && !weak { 0.0 } else { f64::NEG_INFINITY });
        row_up.push(if tight[i] { 0.0 } else { f64::INFINITY });
    }
    let c = rates.x.iter().map(|r| -r).collect();
    Program::linear(c).with_quadratic(at.matrices.p.clone()).with_rows(at.matrices.a.clone(), row_lo, row_up).with_bounds(lo, up)
}

/// Where a constraint is, for a small step.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    Inside,
    /// Held at a side by its dual.
    Held(Side),
    /// At both sides, which are equal, without a dual.
    Equality,
    /// At a side without a dual: it may leave it.
    Resting(Side),
}

/// Where a constraint of this value is.
pub(crate) fn place(value: f64, (lo, up): (f64, f64), side: Side, dual: f64, zero: &impl Fn(f64) -> bool) -> Place {
    let near = |bound: f64| (value - bound).abs() <= AT_SIDE * (1.0 + value.abs());
    if !zero(dual) {
        Place::Held(if dual > 0.0 { Side::Upper } else { Side::Lower })
    } else if lo == up {
        Place::Equality
    } else if side == Side::Upper || near(up) {
        Place::Resting(Side::Upper)
    } else if side == Side::Lower || near(lo) {
        Place::Resting(Side::Lower)
    } else {
        Place::Inside
    }
}

impl Place {
    /// Bounds on the constraint's rate, given those of its sides.
    fn sides(self, lo: f64, up: f64) -> (f64, f64) {
        match self {
            Self::Inside => (f64::NEG_INFINITY, f64::INFINITY),
            Self::Equality => (lo, up),
            Self::Held(Side::Lower) => (lo, lo),
            Self::Held(_) => (up, up),
            Self::Resting(Side::Lower) => (lo, f64::INFINITY),
            Self::Resting(_) => (f64::NEG_INFINITY, up),
        }
    }
}
