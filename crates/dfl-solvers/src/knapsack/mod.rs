//! The 0/1 knapsack with one or several capacities: the problem, and an exact solver of its own.

mod dual;
mod lattice;
mod problem;
mod rounds;
mod search;

use dfl_core::{Dims, Result, Solution, SolveInfo, Solver, Status, check_len};

use crate::instance::{finite, reset, without_answer};
pub use problem::KnapsackProblem;
use rounds::Rounds;

/// Nodes to find the largest number of items that fit; a bound on it serves as well.
const COUNT_NODES: usize = 100_000;

/// How the search is run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KnapsackOptions {
    /// Most nodes of branch and bound for one instance; without a limit it goes on until the optimum is proven.
    pub nodes: Option<usize>,
}

/// Exact 0/1 knapsack with any number of capacities, by branch and bound on Lagrangian penalties. Minimises.
///
/// $$\min_x\ \theta^\top x \quad\text{s.t. } Wx \le b,\ x \in \{0, 1\}^n$$
///
/// with $\theta$ minus the values: an item with $\theta_j \ge 0$ is never taken. The dual simplex method finds the multipliers of the
/// capacities; a set of items is then as far from the bound as it decides otherwise than their reduced values, which settles most
/// items, and the rest is enumerated. Where that takes long, the largest number of items that fit, found once at construction, is tried
/// as one more row: without it, items of almost the same value would have to be enumerated. Values near multiples of some step, such as
/// whole numbers and a perturbation, get a row of their own: the largest sum of the multiples that fits.
///
/// An answer is [`Status::Optimal`] if no set is better by more than 1e-11 of the bound; at the limit of nodes it is
/// [`Status::Feasible`] with the gap to the proven bound, relative to $\max(1, |\theta^\top x|)$. A set fits up to 1e-9 of each capacity, since
/// sums of decimals are rounded. Of several optima the answer is one, which depends on `theta` alone. `iterations` counts nodes: decisions on
/// one item. The worst case is exponential; a few hundred nodes are common for up to a hundred items and three capacities.
///
/// # Shapes
/// `theta`: costs `[items]`; `x`: 1 for what is taken, else 0, `[items]`. It offers no duals.
///
/// # Errors
/// [`Error::Dimension`](dfl_core::Error::Dimension) for a wrong length, [`Error::NotFinite`](dfl_core::Error::NotFinite) for a cost that is no
/// number. Costs that overflow in their sum are [`Status::Failed`].
///
/// # References
/// Balas & Zemel (1980), Oper. Res. 28, the core and penalties of deviations; Martello & Toth (1990), Knapsack Problems, chapters 2
/// and 3.
#[derive(Clone, Debug)]
pub struct Knapsack {
    options: KnapsackOptions,
    /// Whether each item fits alone.
    fits: Vec<bool>,
    /// Capacities that may be exceeded, and the number of items behind them.
    rows: usize,
    /// Parts of each capacity, `[items, rows]`.
    weights: Vec<f64>,
}

impl Knapsack {
    /// A solver of one problem.
    pub fn new(problem: KnapsackProblem, options: KnapsackOptions) -> Self {
        let n = problem.items();
        let fits: Vec<bool> = (0..n).map(|j| problem.fits(j)).collect();
        let part = |i: usize, j: usize| if fits[j] { problem.part(i, j) } else { 0.0 };
        let binding: Vec<usize> = (0..problem.dim()).filter(|&i| (0..n).map(|j| part(i, j)).sum::<f64>() > 1.0).collect();
        let rows = binding.len() + 1;
        let of_item = |j: usize| binding.iter().map(move |&i| part(i, j)).chain([0.0]);
        let weights: Vec<f64> = (0..n).flat_map(of_item).collect();
        let mut solver = Self { options, fits, rows, weights };
        solver.limit_number();
        solver
    }

    /// Fills the last row: no set has more items than fit when all are worth the same.
    fn limit_number(&mut self) {
        let mut ws = self.new_workspace();
        self.load(&vec![-1.0; self.fits.len()], &mut ws);
        let excess = ws.search(COUNT_NODES);
        let most = ws.rounds.search.chosen.iter().filter(|c| **c).count() + (excess + 1e-6).floor() as usize;
        if most < ws.items.len() {
            self.weights.chunks_exact_mut(self.rows).for_each(|w| w[self.rows - 1] = 1.0 / most as f64);
        }
    }

    fn new_workspace(&self) -> KnapsackWorkspace {
        let n = self.fits.len();
        KnapsackWorkspace {
            items: Vec::with_capacity(n),
            values: Vec::with_capacity(n),
            weights: Vec::with_capacity(n * self.rows),
            rounds: Rounds::new(n, self.rows),
        }
    }

    /// Puts the items worth taking in the workspace, their values divided by a power of two that makes them at most 2; returns it.
    fn load(&self, theta: &[f64], ws: &mut KnapsackWorkspace) -> f64 {
        let worth = |j: &usize| theta[*j] < 0.0 && self.fits[*j];
        let largest = (0..theta.len()).filter(worth).fold(0.0_f64, |a, j| a.max(-theta[j]));
        let scale = power_of_two(largest);
        ws.items.clear();
        ws.items.extend((0..theta.len()).filter(worth));
        ws.values.clear();
        ws.values.extend(ws.items.iter().map(|&j| -theta[j] / scale));
        ws.weights.clear();
        for &j in &ws.items {
            ws.weights.extend_from_slice(&self.weights[j * self.rows..][..self.rows]);
        }
        scale
    }
}

/// The largest power of two up to a positive `value`.
fn power_of_two(value: f64) -> f64 {
    const EXPONENT: u64 = 0x7FF0_0000_0000_0000;
    f64::from_bits(value.to_bits() & EXPONENT).max(f64::MIN_POSITIVE)
}

/// The items worth taking, and memory of the search.
#[derive(Clone, Debug)]
pub struct KnapsackWorkspace {
    items: Vec<usize>,
    values: Vec<f64>,
    weights: Vec<f64>,
    rounds: Rounds,
}

impl KnapsackWorkspace {
    /// Finds the best set of the items in about `nodes` nodes; returns by how much another may be better.
    fn search(&mut self, nodes: usize) -> f64 {
        self.rounds.run(&self.values, &self.weights, nodes)
    }
}

impl Solver for Knapsack {
    type Workspace = KnapsackWorkspace;

    fn name(&self) -> &'static str {
        "exact"
    }

    fn dims(&self) -> Dims {
        Dims { theta: self.fits.len(), x: self.fits.len(), rows: 0 }
    }

    fn workspace(&self) -> Result<KnapsackWorkspace> {
        Ok(self.new_workspace())
    }

    fn solve(&self, theta: &[f64], _from: Option<&Solution>, ws: &mut KnapsackWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        check_len("theta", self.fits.len(), theta.len())?;
        finite("theta", theta)?;
        reset(out, (theta.len(), 0), (0, 0));
        let scale = self.load(theta, ws);
        let excess = scale * ws.search(self.options.nodes.unwrap_or(usize::MAX));
        for (&j, _) in ws.items.iter().zip(&ws.rounds.search.chosen).filter(|(_, chosen)| **chosen) {
            out.x[j] = 1.0;
            out.objective += theta[j];
        }
        if !out.objective.is_finite() {
            reset(out, (theta.len(), 0), (0, 0));
            return Ok(without_answer(Status::Failed, ws.rounds.search.nodes));
        }
        let status = if excess > 0.0 { Status::Feasible { gap: excess / out.objective.abs().max(1.0) } } else { Status::Optimal };
        Ok(SolveInfo { status, iterations: ws.rounds.search.nodes, degenerate: false })
    }
}
