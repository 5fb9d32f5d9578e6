use std::sync::Arc;

use crate::{Batch, Call, CostGrad, Decider, Error, Key, ParamMap, Program, Result, Stream, Targets, check_len};

/// Rows of a data set: what is known before the decision, and what turns out to be true.
#[derive(Clone, Debug, Default)]
pub struct Instances {
    /// Name of each row for the whole run.
    pub ids: Vec<u64>,
    /// Known when deciding, `[b, features]`.
    pub features: Batch,
    /// Known afterwards, `[b, y]`; never reaches a solver that decides.
    pub truth: Batch,
    /// The exact optimum under the truth and its cost, once [`label`] has solved for them.
    pub labels: Option<Labels>,
}

/// The exact optimum of each row under its truth.
#[derive(Clone, Debug)]
pub struct Labels {
    /// `[b, x]`.
    pub solution: Batch,
    /// Cost of that decision, `[b]`.
    pub cost: Vec<f64>,
    /// Per row the outward normals of the constraints that are tight at that decision, `[tight, x]`; only for losses that read them.
    pub normals: Option<Vec<Batch>>,
}

impl Labels {
    /// The rows named by `index`, in that order.
    pub fn select(&self, index: &[usize]) -> Self {
        Self {
            solution: self.solution.select(index),
            cost: index.iter().map(|&i| self.cost[i]).collect(),
            normals: self.normals.as_ref().map(|n| index.iter().map(|&i| n[i].clone()).collect()),
        }
    }
}

impl Instances {
    /// Rows named `0..b`.
    ///
    /// # Errors
    /// [`Error::Dimension`] if the row counts differ, [`Error::NotFinite`] for a bad number.
    pub fn new(features: Batch, truth: Batch) -> Result<Self> {
        check_len("rows of the truth", features.rows(), truth.rows())?;
        features.check_finite("features")?;
        truth.check_finite("truth")?;
        Ok(Self { ids: (0..features.rows() as u64).collect(), features, truth, labels: None })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// The rows named by `index`, in that order.
    pub fn select(&self, index: &[usize]) -> Self {
        Self {
            ids: index.iter().map(|&i| self.ids[i]).collect(),
            features: self.features.select(index),
            truth: self.truth.select(index),
            labels: self.labels.as_ref().map(|l| l.select(index)),
        }
    }

    /// What losses compare with.
    pub fn targets(&self) -> Targets {
        Targets {
            truth: Some(self.truth.clone()),
            solution: self.labels.as_ref().map(|l| l.solution.clone()),
            normals: self.labels.as_ref().and_then(|l| l.normals.clone()),
        }
    }
}

/// A data set cut for learning: fit on `train`, choose on `valid`, report on `test`.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs, reason = "described above")]
pub struct Splits {
    pub train: Instances,
    pub valid: Instances,
    pub test: Instances,
}

/// How much data to load, and with which seed; a source with a published split ignores what it fixes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "numbers of rows and the generator's seed")]
pub struct Request {
    pub train: usize,
    pub valid: usize,
    pub test: usize,
    pub seed: u64,
}

/// Where instances come from: a generator, a data set with its published split, a user's files.
pub trait Source: Send + Sync {
    /// Loads or generates; the result holds no labels.
    ///
    /// # Errors
    /// [`Error::MissingData`], [`Error::File`], [`Error::Content`] or [`Error::Domain`].
    fn load(&self, request: &Request) -> Result<Splits>;
}

/// A task written as a program: any backend that takes its structure can decide it.
#[derive(Clone, Debug)]
pub struct Formulation {
    /// The program at `theta = 0`.
    pub program: Program,
    /// What a prediction moves.
    pub params: ParamMap,
    /// The decision is the first `visible` variables; the rest are auxiliary.
    pub visible: usize,
}

/// A decision problem with data: what to decide, what it costs, where instances come from. Minimises.
pub trait Task: Send + Sync {
    /// Id of benchmark rows, e.g. `"shortest_path"`.
    fn name(&self) -> &'static str;
    /// Cost of a decision once the truth is known.
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64;
    /// Decides exactly for a known truth (theta is the truth); what labels and regrets are measured against.
    ///
    /// # Errors
    /// If the solver cannot be built.
    fn oracle(&self) -> Result<Box<dyn Decider>>;
    /// Where its instances come from.
    fn source(&self) -> &dyn Source;

    /// The task as a program whose `theta` is the prediction, if it is one.
    fn formulation(&self) -> Option<Formulation> {
        None
    }
    /// The task as a convex program whose `theta` is the prediction: what a smoothed solver smooths. For an integer program a relaxation,
    /// of which the task says which; else the task itself.
    fn relaxation(&self) -> Option<Formulation> {
        self.formulation()
    }
    /// The cost with its gradient in the decision, for losses that go through a differentiable decider.
    fn gradient_cost(&self) -> Option<Arc<dyn CostGrad>> {
        None
    }

    /// Costs of decisions `[b, x]` under truths `[b, y]`.
    ///
    /// # Errors
    /// [`Error::Dimension`] if the row counts differ.
    fn costs(&self, truth: &Batch, decisions: &Batch) -> Result<Vec<f64>> {
        check_len("decisions", truth.rows(), decisions.rows())?;
        Ok(truth.iter().zip(decisions.iter()).map(|(y, z)| self.cost(y, z)).collect())
    }
}

/// Decides `thetas`, requiring a usable answer in each row.
///
/// # Errors
/// [`Error::NotSolved`] with the id of the first row without an answer, or the decider's error.
pub fn decide(decider: &dyn Decider, thetas: &Batch, ids: &[u64]) -> Result<(Batch, Vec<f64>)> {
    let keys: Vec<Key> = ids.iter().map(|&id| Key { id, slot: 0 }).collect();
    let found = decider.forward(thetas, &Call { keys: &keys, stream: Stream::default(), backward: false })?;
    match found.info.iter().position(|i| !i.status.usable()) {
        Some(row) => Err(Error::NotSolved { index: ids[row] as usize, solver: decider.name(), status: found.info[row].status }),
        None => Ok((found.x, found.objective)),
    }
}

/// Solves every row for its truth, once, and stores decision and cost.
///
/// # Errors
/// As [`decide`].
pub fn label(task: &dyn Task, data: &mut Splits) -> Result<()> {
    let oracle = task.oracle()?;
    for part in [&mut data.train, &mut data.valid, &mut data.test] {
        let (solution, _) = decide(&*oracle, &part.truth, &part.ids)?;
        let cost = task.costs(&part.truth, &solution)?;
        part.labels = Some(Labels { solution, cost, normals: None });
    }
    Ok(())
}
