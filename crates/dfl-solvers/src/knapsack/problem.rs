use dfl_core::{Batch, Csc, Error, Program, Result, check_len};

use super::dual::FULL;
use crate::instance::finite;

/// Items of which some are taken, within one or several capacities.
///
/// $$\min_x\ \theta^\top x \quad\text{s.t. } Wx \le b,\ x \in \{0, 1\}^n$$
///
/// with $W, b \ge 0$ and $\theta$ minus the values. An item that is heavier than a capacity is legal, but can never be taken: its upper
/// bound is 0 in both programs below.
///
/// # Shapes
/// `weights` $W$: `[dim, items]`; `capacity` $b$: `[dim]`, in the unit of its row of weights.
#[derive(Clone, Debug, PartialEq)]
pub struct KnapsackProblem {
    weights: Batch,
    capacity: Vec<f64>,
}

impl KnapsackProblem {
    /// A problem.
    ///
    /// # Errors
    /// [`Error::Domain`] without items or capacities, and for a negative weight or capacity; [`Error::NotFinite`] for one that is no
    /// number; [`Error::Dimension`] unless there is one capacity for each row of weights.
    pub fn new(weights: Batch, capacity: Vec<f64>) -> Result<Self> {
        for (what, size) in [("number of knapsack items", weights.cols()), ("number of knapsack capacities", weights.rows())] {
            if size == 0 {
                return Err(Error::Domain { what, value: 0.0, need: "at least 1" });
            }
        }
        check_len("capacity", weights.rows(), capacity.len())?;
        weights.check_finite("weights")?;
        finite("capacity", &capacity)?;
        for (what, values) in [("knapsack weight", weights.as_slice()), ("knapsack capacity", &capacity)] {
            if let Some(&value) = values.iter().find(|v| **v < 0.0) {
                return Err(Error::Domain { what, value, need: "at least 0" });
            }
        }
        Ok(Self { weights, capacity })
    }

    /// Number of items.
    pub fn items(&self) -> usize {
        self.weights.cols()
    }

    /// Weight of item `j` as a part of capacity `i`; infinite where the capacity is 0 and the weight is not.
    pub(super) fn part(&self, i: usize, j: usize) -> f64 {
        let weight = self.weights.row(i)[j];
        if weight == 0.0 { 0.0 } else { weight / self.capacity[i] }
    }

    /// Whether item `j` alone is within every capacity.
    pub(super) fn fits(&self, j: usize) -> bool {
        (0..self.capacity.len()).all(|i| self.part(i, j) <= FULL)
    }

    /// Number of capacities.
    pub(super) fn dim(&self) -> usize {
        self.capacity.len()
    }

    /// The mixed-integer program, for any backend that takes integers; costs are zero, to be predicted.
    pub fn program(&self) -> Program {
        self.relaxation().with_integers(vec![true; self.items()])
    }

    /// The linear program with $0 \le x \le 1$ for binary $x$; costs are zero, to be predicted.
    ///
    /// It is not integral: its vertices take up to `dim` items in part, and its optimum is at least as good as the binary one. A
    /// decision of its smoothed version says which part of each item to take. That gives a useful gradient, but is no decision of the
    /// binary problem, and may cost less than the best of those: measure regret with [`Knapsack`](crate::Knapsack).
    pub fn relaxation(&self) -> Program {
        let (dim, n) = (self.dim(), self.items());
        let entries: Vec<_> = (0..dim).flat_map(|i| self.weights.row(i).iter().enumerate().map(move |(j, &w)| (i, j, w))).collect();
        let a = Csc::from_triplets(dim, n, &entries).expect("indices are in range");
        Program::linear(vec![0.0; n])
            .with_rows(a, vec![f64::NEG_INFINITY; dim], self.capacity.clone())
            .with_bounds(vec![0.0; n], (0..n).map(|j| f64::from(u8::from(self.fits(j)))).collect())
    }
}
