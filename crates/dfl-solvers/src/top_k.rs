use dfl_core::{Csc, Dims, Error, Program, Result, Solution, SolveInfo, Solver, Status, check_len};

use crate::instance::{finite, reset};

/// The cheapest `k` of `n` items; costs may be negative. Minimises.
///
/// $$\min_x\ \theta^\top x \quad\text{s.t. } \mathbf 1^\top x = k,\ x \in \{0, 1\}^n$$
///
/// Exact, by selection: cost $O(n)$, no allocation. Of items that cost the same, those with the lower index are taken first. Where the
/// most valuable items are wanted, $\theta$ is minus their value.
///
/// # Shapes
/// `theta`: costs `[n]`; `x`: 1 for what is taken, else 0, `[n]`. It offers no duals.
///
/// # Errors
/// [`Error::Dimension`] for a wrong length, [`Error::NotFinite`] for a cost that is no number. Costs that overflow in their sum are
/// [`Status::Failed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopK {
    items: usize,
    k: usize,
}

impl TopK {
    /// A solver that takes `k` of `items`.
    ///
    /// # Errors
    /// [`Error::Domain`] unless $1 \le k \le n$.
    pub fn new(items: usize, k: usize) -> Result<Self> {
        if k == 0 || k > items {
            return Err(Error::Domain { what: "k of the top k", value: k as f64, need: "at least 1 and at most the number of items" });
        }
        Ok(Self { items, k })
    }

    /// The linear program: the `x` sum to `k` and lie between 0 and 1; costs are zero, to be predicted. Its matrix is an interval
    /// matrix, so its vertices are integral: it is its own relaxation, with the optimum of the binary problem.
    pub fn program(self) -> Program {
        let row: Vec<_> = (0..self.items).map(|j| (0, j, 1.0)).collect();
        let (a, sum) = (Csc::from_triplets(1, self.items, &row).expect("one entry in each column"), vec![self.k as f64]);
        Program::linear(vec![0.0; self.items]).with_rows(a, sum.clone(), sum).with_bounds(vec![0.0; self.items], vec![1.0; self.items])
    }
}

impl Solver for TopK {
    /// The items, those taken in front.
    type Workspace = Vec<usize>;

    fn name(&self) -> &'static str {
        "exact"
    }

    fn dims(&self) -> Dims {
        Dims { theta: self.items, x: self.items, rows: 0 }
    }

    fn workspace(&self) -> Result<Vec<usize>> {
        Ok(Vec::with_capacity(self.items))
    }

    fn solve(&self, theta: &[f64], _from: Option<&Solution>, order: &mut Vec<usize>, out: &mut Solution) -> Result<SolveInfo> {
        check_len("theta", self.items, theta.len())?;
        finite("theta", theta)?;
        reset(out, (self.items, 0), (0, 0));
        order.clear();
        order.extend(0..self.items);
        // Plus zero: the two zeros are equal, and their items go by index.
        let cost = |j: usize| theta[j] + 0.0;
        order.select_nth_unstable_by(self.k - 1, |&a, &b| cost(a).total_cmp(&cost(b)).then(a.cmp(&b)));
        order[..self.k].iter().for_each(|&j| out.x[j] = 1.0);
        out.objective = theta.iter().zip(&out.x).filter(|(_, x)| **x == 1.0).map(|(c, _)| c).sum();
        let status = if out.objective.is_finite() { Status::Optimal } else { Status::Failed };
        Ok(SolveInfo { status, iterations: 1, degenerate: false })
    }
}
