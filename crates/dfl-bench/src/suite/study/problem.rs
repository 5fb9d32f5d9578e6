use dfl_core::{Batch, Cone, Csc, Decider, DecisionLoss, Formulation, Key, Loss, NoGradient, ParamMap, Program, Result, Stream, Targets};
use dfl_losses::{Regret, Sce, SpoPlus, Sqde};
use dfl_solvers::{Backend, Batched, Clarabel, ClarabelOptions, Deciding, smooth_quadratic};
use serde::Deserialize;

use crate::tasks::unknown;

/// KKT residual of the cone programs; their answers are polished to about 1e-14.
const ACCURACY: f64 = 1e-9;

/// `min theta'v` over `v >= 0` with `sum v <= 1`, the fractional knapsack of unit weights, or `sum v = 1`, the selection of one item.
///
/// An upper bound of 1 on each variable would follow from the row, and where both are tight the multipliers would not be unique.
pub(super) fn budget(items: usize, exactly: bool) -> Result<Formulation> {
    let row: Vec<_> = (0..items).map(|j| (0, j, 1.0)).collect();
    let program = Program::linear(vec![0.0; items])
        .with_rows(Csc::from_triplets(1, items, &row)?, vec![if exactly { 1.0 } else { f64::NEG_INFINITY }], vec![1.0])
        .with_bounds(vec![0.0; items], vec![f64::INFINITY; items]);
    Ok(Formulation { program, params: ParamMap::costs(items), visible: items })
}

/// The program itself, without smoothing.
pub(super) fn exact(formulation: Formulation) -> Result<Box<dyn Decider>> {
    let Formulation { program, params, visible } = formulation;
    Backend::ActiveSet.decider(program, params, &Deciding { visible: Some(visible), ..Deciding::default() })
}

/// What is added to the cost of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::suite) enum Smoothing {
    /// `mu |v|`, not squared: what the printed figures of Table 2 come from.
    Norm,
    /// `mu/2 |v|^2` (Eq. 13 and 16 of the surrogate-loss paper).
    Quadratic,
    /// `mu |v|^2` (its Eq. 3).
    QuadraticEq3,
}

impl Smoothing {
    /// Word of a result row.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Norm => "norm",
            Self::Quadratic => "quadratic",
            Self::QuadraticEq3 => "quadratic_eq3",
        }
    }

    /// Decides the smoothed program.
    pub(super) fn decider(self, formulation: Formulation, mu: f64) -> Result<Box<dyn Decider>> {
        let Formulation { program, params, visible } = match self {
            Self::Norm => return with_norm(formulation, mu),
            Self::Quadratic => smooth_quadratic(formulation, mu)?,
            Self::QuadraticEq3 => smooth_quadratic(formulation, 2.0 * mu)?,
        };
        Backend::Separable.decider(program, params, &Deciding { visible: Some(visible), ..Deciding::default() })
    }
}

/// `min theta'v + mu t` with `|v| <= t`, a second-order cone program.
fn with_norm(formulation: Formulation, mu: f64) -> Result<Box<dyn Decider>> {
    let Formulation { program, params, visible } = formulation;
    let n = program.n();
    let extend = |values: &[f64], last: f64| [values, &[last]].concat();
    let diagonal: Vec<_> = (0..n).map(|j| (j, j, 1.0)).collect();
    let cone = Cone { f: Csc::from_triplets(n, n + 1, &diagonal)?, g: vec![0.0; n], d: extend(&vec![0.0; n], 1.0), e: 0.0 };
    let rows = Csc::from_triplets(program.m(), n + 1, &program.a.triplets().collect::<Vec<_>>())?;
    let coned = Program { cones: vec![cone], ..Program::linear(extend(&program.c, mu)) }
        .with_rows(rows, program.row_lo, program.row_up)
        .with_bounds(extend(&program.lo, 0.0), extend(&program.up, f64::INFINITY));
    let solver = Clarabel::new(coned, params, ClarabelOptions { tolerance: ACCURACY, ..ClarabelOptions::default() })?;
    Ok(Box::new(Batched::new(NoGradient(solver)).visible(visible)?))
}

/// A loss joined with a decider.
pub(super) fn joined(method: &str, decider: Box<dyn Decider>) -> Result<DecisionLoss<Box<dyn Loss>, Box<dyn Decider>>> {
    let loss: Box<dyn Loss> = match method {
        "regret" => Box::new(Regret),
        "sqde" => Box::new(Sqde),
        "sce" => Box::new(Sce),
        "spo_plus" => Box::new(SpoPlus),
        _ => return Err(unknown("method of a study", method, super::LOSSES)),
    };
    DecisionLoss::new(loss, decider)
}

/// True costs, one row for each instance, with the decision that is best under each: the cheapest item, if it is worth anything.
pub(super) fn targets(truth: Batch, exactly: bool) -> Targets {
    let mut solution = Batch::zeros(truth.rows(), truth.cols());
    for i in 0..truth.rows() {
        let cheapest = (0..truth.cols()).min_by(|&a, &b| truth.row(i)[a].total_cmp(&truth.row(i)[b]));
        if let Some(j) = cheapest.filter(|&j| exactly || truth.row(i)[j] < 0.0) {
            solution.row_mut(i)[j] = 1.0;
        }
    }
    Targets { truth: Some(truth), solution: Some(solution), normals: None }
}

/// Costs of items whose values are a random permutation of 1, ..., `items`, `[simulations, items]`; each purpose has permutations of its
/// own.
pub(super) fn permutations(items: usize, simulations: usize, seed: u64, purpose: &str) -> Batch {
    let mut costs = Batch::zeros(simulations, items);
    for i in 0..simulations {
        let mut values: Vec<usize> = (1..=items).collect();
        Stream { seed, step: 0 }.rng(purpose, Key { id: i as u64, slot: items as u32 }).shuffle(&mut values);
        costs.row_mut(i).iter_mut().zip(values).for_each(|(cost, value)| *cost = -(value as f64));
    }
    costs
}

/// Names of the rows of a batch.
pub(super) fn ids(rows: usize) -> Vec<u64> {
    (0..rows as u64).collect()
}

/// `truth'(decision - solution)` of each row.
pub(super) fn regrets(decisions: &Batch, targets: &Targets) -> Vec<f64> {
    let (Some(truth), Some(solution)) = (&targets.truth, &targets.solution) else { return Vec::new() };
    let one = |i: usize| truth.row(i).iter().zip(decisions.row(i)).zip(solution.row(i)).map(|((y, x), s)| y * (x - s)).sum();
    (0..decisions.rows()).map(one).collect()
}
