use crate::{Batch, Result, Rng};

/// Whether a loss uses the decider's derivative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Through {
    /// Not even if there is one.
    #[default]
    Never,
    /// If there is one; the formula holds either way.
    IfAny,
    /// It has no gradient without one.
    Always,
}

/// What a loss reads; checked when it meets a decider (`through`, `linear`) and the targets (the rest).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The realised parameters `y`.
    pub truth: bool,
    /// The exact optimal decision under the truth.
    pub solution: bool,
    /// Normals of the constraints that are tight at the solution.
    pub normals: bool,
    /// The truth has the length of the prediction, entry by entry; implied by `linear`.
    pub paired: bool,
    /// `theta` must be the linear cost of `x`: equal lengths.
    pub linear: bool,
    /// Use of the decider's derivative.
    pub through: Through,
}

/// Truth of a batch of `b` rows; each part is optional, since some data hold only observed decisions.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// `y`, `[b, y]`; for a `linear` loss the cost of x.
    pub truth: Option<Batch>,
    /// The exact stored optimum under `y`, `[b, x]`; never a smoothed one.
    pub solution: Option<Batch>,
    /// Per row the normals of the tight constraints, `[tight, x]`.
    pub normals: Option<Vec<Batch>>,
}

impl Targets {
    /// The rows named by `index`, in that order.
    pub fn select(&self, index: &[usize]) -> Self {
        Self {
            truth: self.truth.as_ref().map(|b| b.select(index)),
            solution: self.solution.as_ref().map(|b| b.select(index)),
            normals: self.normals.as_ref().map(|n| index.iter().map(|&i| n[i].clone()).collect()),
        }
    }
}

/// One row; a part that `needs` declared is there, others are empty.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "named like the fields of `Targets`")]
pub struct Row<'a> {
    /// Name of the row for the whole run: what parameters that a loss keeps for each row are found by.
    pub id: u64,
    pub pred: &'a [f64],
    pub truth: &'a [f64],
    pub solution: &'a [f64],
    pub normals: Option<&'a Batch>,
}

/// What the probes of one row found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// Decisions, `[probes, x]`.
    pub x: &'a [f64],
    /// Optimal values of the decider's own problem, `[probes]`.
    pub objective: &'a [f64],
}

/// A decision loss, row by row, in `f64`; names no solver. Minimised.
///
/// A loss has two halves: `probe` says where to solve, `finish` turns what was found into a value, a direct gradient and a
/// cotangent on each decision; the driver ([`DecisionLoss`](crate::DecisionLoss)) adds `J' cotangent` where the decider has a derivative.
pub trait Loss: Send + Sync {
    /// Id of benchmark rows.
    fn name(&self) -> &'static str;
    /// What it reads.
    fn needs(&self) -> Needs;
    /// Solves per row: 0, 1 or several.
    fn probes(&self) -> usize {
        1
    }
    /// Refuses predictions `[b, theta]` or rows that do not fit what the loss itself keeps, such as a pool or parameters of each row.
    ///
    /// # Errors
    /// [`Error::Dimension`](crate::Error::Dimension) or [`Error::Missing`](crate::Error::Missing).
    fn check(&self, _preds: &Batch, _ids: &[u64]) -> Result<()> {
        Ok(())
    }
    /// Writes where to solve, `[probes, theta]`.
    fn probe(&self, row: &Row<'_>, _rng: &mut Rng, at: &mut [f64]) {
        at.copy_from_slice(row.pred);
    }
    /// Returns the value; adds to `grad` `[theta]` (direct part) and `cotangent` `[probes, x]` (derivative of the probe included),
    /// both zero before; `rng` restarts as in `probe`.
    fn finish(&self, row: &Row<'_>, rng: &mut Rng, found: Found<'_>, grad: &mut [f64], cotangent: &mut [f64]) -> f64;
}

impl<L: Loss + ?Sized> Loss for Box<L> {
    fn name(&self) -> &'static str {
        (**self).name()
    }
    fn needs(&self) -> Needs {
        (**self).needs()
    }
    fn probes(&self) -> usize {
        (**self).probes()
    }
    fn check(&self, preds: &Batch, ids: &[u64]) -> Result<()> {
        (**self).check(preds, ids)
    }
    fn probe(&self, row: &Row<'_>, rng: &mut Rng, at: &mut [f64]) {
        (**self).probe(row, rng, at);
    }
    fn finish(&self, row: &Row<'_>, rng: &mut Rng, found: Found<'_>, grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        (**self).finish(row, rng, found, grad, cotangent)
    }
}
