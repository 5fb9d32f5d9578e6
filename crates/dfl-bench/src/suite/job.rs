use std::collections::BTreeMap;
use std::sync::Arc;

use dfl_core::{Decider, Error, Instances, Request, Result, Splits, label};

use super::learn::{Learned, Learner};
use super::{Candidate, Choose, Experiment, Profile, RunSpec, Select, Training};
use crate::registry::{Method, MethodOptions, Setup};
use crate::tasks::{Benchmark, Figure, TaskOptions, make_task};

/// One run at one seed: what is measured together and resumed as a whole.
#[derive(Clone, Copy)]
pub(super) struct Job<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) run: &'a RunSpec,
    pub(super) seed: u64,
}

/// What a job measured.
pub(super) struct Record {
    /// Figures on the test rows, the leading one first, then costs of training.
    pub(super) figures: Vec<Figure>,
    /// Names of the test rows, and what each cost.
    pub(super) rows: (Vec<u64>, Vec<f64>),
    /// Leading figure on the validation rows, by epoch; empty for a baseline.
    pub(super) curve: Vec<[f64; 2]>,
    /// What was chosen on the validation rows.
    pub(super) settings: Settings,
}

/// One of the combinations that are tried.
struct Try<'a> {
    options: &'a MethodOptions,
    rate: f64,
    /// Those of them for which there was a choice.
    settings: Settings,
}

/// Settings by name.
type Settings = BTreeMap<String, f64>;

/// What surrounds a job.
pub(super) struct Around<'a> {
    pub(super) profile: Profile,
    pub(super) device: &'a str,
    pub(super) methods: fn(&str, &Setup<'_>) -> Result<Method>,
    pub(super) interrupted: &'a dyn Fn() -> bool,
}

impl<'a> Job<'a> {
    /// A job of no predictor is a baseline.
    pub(super) fn is_baseline(&self) -> bool {
        self.run.predictor == "none"
    }

    pub(super) fn training(&self) -> &'a Training {
        self.run.training.as_ref().unwrap_or(&self.experiment.training)
    }

    /// Runs it. Of several learning rates and options those that are best on this seed's validation rows are reported, so that every seed
    /// is a replicate of the whole protocol, unless the first one chooses for all.
    pub(super) fn execute(&self, around: &Around<'_>) -> Result<Record> {
        let (task, data) = self.load()?;
        if self.is_baseline() {
            let decisions = task.baseline(&self.run.method, &data)?;
            let (figures, costs) = (task.figures(&data.test, &decisions)?, task.per_row(&data.test, &decisions)?);
            return Ok(Record { figures, rows: (data.test.ids, costs), curve: Vec::new(), settings: Settings::new() });
        }
        self.check_choice(&data)?;
        let (judge, tries) = (task.oracle()?, self.tries(around)?);
        let learner = self.learner(&*task, &data, &*judge, around);
        let (best, settings) = self.best(&learner, around, &tries)?;
        let (mut figures, per_row) = learner.judge(&*best.model, &data.test)?;
        task.check_learned(&figures)?;
        figures.extend(costs(&best));
        Ok(Record { figures, rows: (data.test.ids.clone(), per_row), curve: best.curve, settings })
    }

    fn learner<'l>(&self, task: &'l dyn Benchmark, data: &'l Splits, judge: &'l dyn Decider, around: &Around<'l>) -> Learner<'l>
    where
        'a: 'l,
    {
        let Around { profile, device, interrupted, .. } = *around;
        Learner { task, data, judge, predictor: &self.run.predictor, device, seed: self.seed, profile, interrupted }
    }

    /// Each combination of options at each rate; where the first seed chooses for all, the one that is best on its rows.
    fn tries(&self, around: &Around<'_>) -> Result<Vec<Try<'a>>> {
        let rates = &self.training().learning_rates;
        let named = |rate: f64| (rates.len() > 1).then(|| ("learning_rate".to_owned(), rate));
        let of = |candidate: &'a Candidate, rate: f64| {
            let settings = candidate.chosen.clone().into_iter().chain(named(rate)).collect();
            Try { options: &candidate.options, rate, settings }
        };
        let mut tries: Vec<_> = self.run.options.candidates().iter().flat_map(|c| rates.iter().map(move |&rate| of(c, rate))).collect();
        if self.training().choose == Choose::FirstSeed && self.seed > 0 && tries.len() > 1 {
            let first = Job { seed: 0, ..*self };
            let (task, data) = first.load()?;
            let judge = task.oracle()?;
            let (_, settings) = first.best(&first.learner(&*task, &data, &*judge, around), around, &tries)?;
            tries.retain(|tried| tried.settings == settings);
        }
        Ok(tries)
    }

    /// Trains each, with a method of its own so that none starts warm from another's answers. One that diverges loses to any that does not.
    fn best(&self, learner: &Learner<'_>, around: &Around<'_>, tries: &[Try<'_>]) -> Result<(Learned, Settings)> {
        let mut best: Result<(Learned, Settings)> = Err(Error::Domain { what: "number of learning rates", value: 0.0, need: "at least 1" });
        for attempt in tries {
            let tried = match self.train(attempt.options, attempt.rate, learner, around) {
                Err(error) if !matches!(error, Error::Diverged { .. }) => return Err(error),
                tried => tried.map(|learned| (learned, attempt.settings.clone())),
            };
            let better = match (&best, &tried) {
                (Ok((best, _)), Ok((tried, _))) => tried.valid < best.valid,
                (Err(_), _) => true,
                (Ok(_), Err(_)) => false,
            };
            if better {
                best = tried;
            }
        }
        best
    }

    fn train(&self, options: &MethodOptions, rate: f64, learner: &Learner<'_>, around: &Around<'_>) -> Result<Learned> {
        let counters = Arc::default();
        let (task, device) = (learner.task, learner.device);
        let setup = Setup { task, solver: &self.run.solver, options, device, counters: &counters, train: &learner.data.train };
        let learned = learner.train(&(around.methods)(&self.run.method, &setup)?, self.training(), rate)?;
        Ok(Learned { calls: counters.snapshot().solves, ..learned })
    }

    /// A choice among rates or epochs needs rows to choose on.
    fn check_choice(&self, data: &Splits) -> Result<()> {
        let training = self.training();
        let chooses = training.learning_rates.len() * self.run.options.candidates().len() > 1 || training.select == Select::BestValid;
        if chooses && data.valid.is_empty() {
            let need = "at least 1 where learning rates, options or epochs are chosen";
            return Err(Error::Domain { what: "number of validation rows", value: 0.0, need });
        }
        Ok(())
    }

    fn load(&self) -> Result<(Box<dyn Benchmark>, Splits)> {
        let Experiment { task, size, data, .. } = self.experiment;
        let task = make_task(task, &TaskOptions { size, data, columns: self.run.columns, seed: self.seed })?;
        let mut splits = task.source().load(&Request { train: data.train, valid: data.valid, test: data.test, seed: self.seed })?;
        if task.needs_labels() {
            label(&*task, &mut splits)?;
        }
        if self.run.method.starts_with("cave") {
            add_normals(&*task, &mut splits.train)?;
        }
        if !self.is_baseline() && self.training().whiten {
            crate::data::whiten(&mut splits)?;
        }
        Ok((task, splits))
    }
}

/// A stored decision and a row's sides may disagree by the rounding of an oracle.
const TIGHT: f64 = 1e-6;

/// The normals of the constraints that are tight at the optimal decisions, of the tightest relaxation that has no auxiliary variables.
fn add_normals(task: &dyn Benchmark, part: &mut Instances) -> Result<()> {
    let relaxations = [task.tight_relaxation(), task.relaxation()];
    let without_auxiliaries = relaxations.into_iter().flatten().find(|f| f.visible == f.program.n());
    let missing =
        Error::Unsupported { who: task.name(), what: "a relaxation in the decision's variables alone, whose normals the loss reads" };
    let (program, labels) = (without_auxiliaries.ok_or(missing)?.program, part.labels.as_mut());
    let labels = labels.ok_or(Error::Missing { loss: "cave", what: "labelled instances" })?;
    labels.normals = Some(labels.solution.iter().map(|x| program.tight_normals(x, TIGHT)).collect::<Result<_>>()?);
    Ok(())
}

/// What training took: seconds per epoch without validation, solves and their iterations in all.
fn costs(learned: &Learned) -> [Figure; 3] {
    let seconds: Vec<f64> = learned.epochs.iter().map(|e| e.seconds).collect();
    let iterations: usize = learned.epochs.iter().map(|e| e.iterations).sum();
    let (mean, se) = (dfl_core::metrics::mean(&seconds), dfl_core::metrics::standard_error(&seconds));
    let cost = |metric, value, se| Figure { metric, value, se };
    [cost("epoch_seconds", mean, se), cost("oracle_calls", learned.calls as f64, None), cost("iterations", iterations as f64, None)]
}
