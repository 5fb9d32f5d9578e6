//! Why a model has no optimum, by the names in it.

use dfl_core::{Csc, Error, Program, Result, Solution, Status};

use super::built::Layer;
use super::names::{list, refuse};
use super::parameter::Bound;
use crate::kkt::largest;
use crate::{Backend, Limits};

/// Multipliers and entries of a ray up to this share of the largest one are rounding.
const SHARE: f64 = 1e-7;

/// Why there is no answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Unsolved {
    /// The solve ended like this.
    Ended(Status),
    /// There were integers, but rounded they leave the other variables no point.
    Rounded,
}

impl Unsolved {
    /// In a batch, where there are no words.
    pub(super) fn status(self) -> Status {
        match self {
            Self::Ended(status) => status,
            Self::Rounded => Status::Failed,
        }
    }
}

/// Fails with what can be said about a program without an answer.
pub(super) fn explain<T>(layer: &Layer, program: &Program, unsolved: Unsolved) -> Result<T> {
    let Unsolved::Ended(status) = unsolved else {
        let problem = "the integers that were found leave the other variables no point once they are rounded";
        return refuse(problem, integers(layer, program), "multiply them by smaller numbers, or rescale the model");
    };
    let names = match status {
        Status::Infeasible => conflict(layer, program)?,
        Status::Unbounded => ray(layer, program)?,
        _ => String::new(),
    };
    match status {
        // Nothing is found where a violation is within the tolerance of another solve.
        _ if names.is_empty() => Err(Error::NotSolved { index: 0, solver: "layer", status }),
        Status::Unbounded => refuse("the objective has no bound as these grow", names, "bound them"),
        _ => refuse("no point satisfies these together", names, "relax one of them"),
    }
}

/// Constraints and bounds whose combination is a contradiction: those with a multiplier where the sum of the violations of all
/// constraints is least (Farkas' lemma). Integers are relaxed; if that has a point, they are the reason.
fn conflict(layer: &Layer, program: &Program) -> Result<String> {
    let named = &layer.named;
    if let Some(j) = (0..program.n()).find(|&j| program.lo[j] > program.up[j]) {
        return Ok(format!("{} <= {} <= {}", program.lo[j], named.variables[j], program.up[j]));
    }
    let (n, m) = (program.n(), program.m());
    let mut a: Vec<_> = program.a.triplets().collect();
    a.extend((0..m).flat_map(|i| [(i, n + i, 1.0), (i, n + m + i, -1.0)]));
    let c = [vec![0.0; n], vec![1.0; 2 * m]].concat();
    let lo = [program.lo.clone(), vec![0.0; 2 * m]].concat();
    let up = [program.up.clone(), vec![f64::INFINITY; 2 * m]].concat();
    let rows = Csc::from_triplets(m, n + 2 * m, &a)?;
    let elastic = Program::linear(c).with_rows(rows, program.row_lo.clone(), program.row_up.clone()).with_bounds(lo, up);
    let found = Backend::Auto.solve(&elastic, &Limits::default())?;
    let Solution { row_dual, bound_dual, objective, .. } = &found.solution;
    if found.info.status == Status::Optimal && *objective <= SHARE && program.has_integers() {
        return Ok(format!("the constraints and whole numbers for {}", integers(layer, program)));
    }
    let least = SHARE * largest(row_dual).max(largest(bound_dual));
    let rows = (0..m).filter(|&i| row_dual[i].abs() > least).map(|i| named.row_name(i));
    let bounds = (0..n).filter(|&j| bound_dual[j].abs() > least);
    let bounds = bounds.map(|j| named.bound_name(j, if bound_dual[j] > 0.0 { Bound::Upper } else { Bound::Lower }));
    Ok(list(&rows.chain(bounds).collect::<Vec<_>>()))
}

/// Variables that move along a direction in which the objective falls for ever.
fn ray(layer: &Layer, program: &Program) -> Result<String> {
    let (n, m) = (program.n(), program.m());
    let recession = |lo: &f64, up: &f64| (if lo.is_finite() { 0.0 } else { -1.0 }, if up.is_finite() { 0.0 } else { 1.0 });
    let open = |(lo, up): (f64, f64)| (if lo < 0.0 { f64::NEG_INFINITY } else { 0.0 }, if up > 0.0 { f64::INFINITY } else { 0.0 });
    let (lo, up): (Vec<f64>, Vec<f64>) = program.lo.iter().zip(&program.up).map(|(l, u)| recession(l, u)).unzip();
    let (mut row_lo, mut row_up): (Vec<f64>, Vec<f64>) =
        program.row_lo.iter().zip(&program.row_up).map(|(l, u)| open(recession(l, u))).unzip();
    // Along a ray the quadratic term is flat: P d = 0.
    row_lo.resize(m + n, 0.0);
    row_up.resize(m + n, 0.0);
    let mut a: Vec<_> = program.a.triplets().collect();
    for (i, j, v) in program.p.triplets() {
        a.push((m + i, j, v));
        if i != j {
            a.push((m + j, i, v));
        }
    }
    let cone = Program::linear(program.c.clone()).with_rows(Csc::from_triplets(m + n, n, &a)?, row_lo, row_up).with_bounds(lo, up);
    let found = Backend::Auto.solve(&cone, &Limits::default())?;
    let least = SHARE * largest(&found.solution.x);
    let moving = (0..n).filter(|&j| found.solution.x[j].abs() > least);
    Ok(list(&moving.map(|j| layer.named.variables[j].clone()).collect::<Vec<_>>()))
}

/// Names of the integer variables.
fn integers(layer: &Layer, program: &Program) -> String {
    list(&(0..program.n()).filter(|&j| program.integer[j]).map(|j| layer.named.variables[j].clone()).collect::<Vec<_>>())
}
