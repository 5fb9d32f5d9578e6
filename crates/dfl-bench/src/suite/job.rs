use std::collections::BTreeMap;

use dfl_core::{Error, Generative, Instances, Request, Result, Splits, label};

use super::checkpoint::Checkpoint;
use super::examples::examples;
use super::labels::LabelCache;
use super::learn::{Learned, Learner};
use super::pupil::{School, WarmStarts, Work};
use super::run_spec::Kind;
use super::share::part;
use super::{Candidate, Choose, Experiment, Profile, RunSpec, Select, Training};
use crate::page::Example;
use crate::registry::{Method, MethodOptions, Setup, learns_from_decisions};
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
    /// Some decisions on test rows, of the first seed alone.
    pub(super) examples: Vec<Example>,
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

/// The best of them.
struct Best<'l> {
    learned: Learned<'l>,
    settings: Settings,
    work: Work,
}

/// Settings by name.
type Settings = BTreeMap<String, f64>;

/// What surrounds a job.
pub(super) struct Around<'a> {
    pub(super) profile: Profile,
    pub(super) device: &'a str,
    pub(super) methods: fn(&str, &Setup<'_>) -> Result<Method>,
    pub(super) interrupted: &'a dyn Fn() -> bool,
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) labels: &'a LabelCache<'a>,
    pub(super) warm: &'a WarmStarts,
}

/// A distribution that was trained, with its task and rows.
pub(super) struct Fitted {
    pub(super) task: Box<dyn Benchmark>,
    pub(super) data: Splits,
    pub(super) model: Box<dyn Generative>,
}

impl<'a> Job<'a> {
    fn is_baseline(&self) -> bool {
        self.run.kind() == Kind::Baseline
    }

    pub(super) fn training(&self) -> &'a Training {
        self.run.training.as_ref().unwrap_or(&self.experiment.training)
    }

    /// Runs it. Of several learning rates and options those that are best on this seed's validation rows are reported, so that every seed
    /// is a replicate of the whole protocol, unless the first one chooses for all.
    pub(super) fn execute(&self, around: &Around<'_>) -> Result<Record> {
        let (task, data) = self.load(around)?;
        if self.is_baseline() {
            let decisions = task.baseline(&self.run.method, &data)?;
            let (figures, costs) = (task.figures(&data.test, &decisions)?, task.per_row(&data.test, &decisions)?);
            let examples = if self.seed == 0 { examples(&*task, &data.test, &decisions, &costs, None)? } else { Vec::new() };
            return Ok(Record { figures, rows: (data.test.ids, costs), examples, curve: Vec::new(), settings: Settings::new() });
        }
        self.check_choice(&data)?;
        let (tries, learner) = (self.tries(around)?, self.learner(&*task, &data, around));
        let Best { learned, settings, work } = self.best(&learner, around, &tries)?;
        let judged = (learned.judge)(&data.test)?;
        task.check_learned(&judged.figures)?;
        let drawn = |band| examples(&*task, &data.test, &judged.decisions, &judged.per_row, band);
        let examples = if self.seed == 0 { drawn(learned.band.as_ref())? } else { Vec::new() };
        let mut figures = judged.figures;
        figures.extend(costs(&learned, &work, data.train.len().div_ceil(self.training().batch)));
        Ok(Record { figures, rows: (data.test.ids.clone(), judged.per_row), examples, curve: learned.curve, settings })
    }

    /// The distribution that is reported.
    pub(super) fn distribution(&self, around: &Around<'_>) -> Result<Fitted> {
        let (task, data) = self.load(around)?;
        self.check_choice(&data)?;
        let (tries, learner) = (self.tries(around)?, self.learner(&*task, &data, around));
        let best = self.best(&learner, around, &tries)?;
        let (options, work) = (MethodOptions::default(), Work::default());
        let mut model = School { run: self.run, learner: &learner, around, options: &options, work: &work }.untrained()?;
        model.set_values(&best.learned.weights)?;
        drop(best);
        Ok(Fitted { task, data, model })
    }

    fn learner<'l>(&self, task: &'l dyn Benchmark, data: &'l Splits, around: &Around<'l>) -> Learner<'l>
    where
        'a: 'l,
    {
        let Around { profile, interrupted, checkpoint, warm, .. } = *around;
        Learner { task, data, training: self.training(), seed: self.seed, profile, interrupted, checkpoint, warm }
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
            let (task, data) = first.load(around)?;
            let Best { settings, .. } = first.best(&first.learner(&*task, &data, around), around, &tries)?;
            tries.retain(|tried| tried.settings == settings);
        }
        Ok(tries)
    }

    /// Trains each, with a method of its own so that none starts warm from another's answers. One that diverges loses to any that does not.
    fn best<'l>(&self, learner: &Learner<'l>, around: &Around<'l>, tries: &[Try<'_>]) -> Result<Best<'l>> {
        let mut best: Result<Best<'l>> = Err(Error::Domain { what: "number of learning rates", value: 0.0, need: "at least 1" });
        for attempt in tries {
            let tried = match self.train(attempt, learner, around) {
                Err(error) if !matches!(error, Error::Diverged { .. }) => return Err(error),
                tried => tried,
            };
            let better = match (&best, &tried) {
                (Ok(best), Ok(tried)) => tried.learned.valid < best.learned.valid,
                (Err(_), _) => true,
                (Ok(_), Err(_)) => false,
            };
            if better {
                best = tried;
            }
        }
        best
    }

    fn train<'l>(&self, attempt: &Try<'_>, learner: &Learner<'l>, around: &Around<'l>) -> Result<Best<'l>> {
        let work = Work::default();
        let school = School { run: self.run, learner, around, options: attempt.options, work: &work };
        let learned = match self.run.kind() {
            Kind::Distribution => learner.train(school.distribution()?, attempt.rate),
            Kind::Point | Kind::Baseline => learner.train(school.point()?, attempt.rate),
        }?;
        Ok(Best { learned, settings: attempt.settings.clone(), work })
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

    fn load(&self, around: &Around<'_>) -> Result<(Box<dyn Benchmark>, Splits)> {
        let Experiment { task, size, share, data, .. } = self.experiment;
        let problem = || format!("{size} seed {} {} {data:?}", self.seed, self.run.columns.id());
        let task = make_task(task, &TaskOptions { size, data, columns: self.run.columns, seed: self.seed })?;
        let mut splits = task.source().load(&Request { train: data.train, valid: data.valid, test: data.test, seed: self.seed })?;
        if task.needs_labels() {
            label(&*task, &mut splits)?;
        } else if learns_from_decisions(&self.run.method) {
            around.labels.label(&*task, &problem(), &mut splits.train)?;
        }
        if *share < 1.0 {
            splits.train = part(&splits.train, *share);
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
pub(crate) fn add_normals(task: &dyn Benchmark, part: &mut Instances) -> Result<()> {
    let relaxations = [task.tight_relaxation(), task.relaxation()];
    let without_auxiliaries = relaxations.into_iter().flatten().find(|f| f.visible == f.program.n());
    let missing =
        Error::Unsupported { who: task.name(), what: "a relaxation in the decision's variables alone, whose normals the loss reads" };
    let (program, labels) = (without_auxiliaries.ok_or(missing)?.program, part.labels.as_mut());
    let labels = labels.ok_or(Error::Missing { loss: "cave", what: "labelled instances" })?;
    labels.normals = Some(labels.solution.iter().map(|x| program.tight_normals(x, TIGHT)).collect::<Result<_>>()?);
    Ok(())
}

/// What training took: seconds per epoch without validation, solves and their iterations in all; of stochastic programs the seconds of a
/// step and the solver's share of them; of importance weights the candidates that they rely on.
fn costs(learned: &Learned<'_>, work: &Work, steps: usize) -> Vec<Figure> {
    let seconds: Vec<f64> = learned.epochs.iter().map(|e| e.seconds).collect();
    let iterations: usize = learned.epochs.iter().map(|e| e.iterations).sum();
    let (mean, se) = (dfl_core::metrics::mean(&seconds), dfl_core::metrics::standard_error(&seconds));
    let cost = |metric, value, se| Figure { metric, value, se };
    let calls = work.counters.snapshot().solves as f64;
    let mut costs = vec![cost("epoch_seconds", mean, se), cost("oracle_calls", calls, None), cost("iterations", iterations as f64, None)];
    // Langevin chains have no weights of the model to count.
    let relied = work.meter.get().and_then(|meter| meter.take()).filter(|size| !size.model.is_nan());
    costs.extend(relied.map(|size| cost("effective_samples", size.model, None)));
    let solving = work.watch.seconds();
    if solving > 0.0 {
        costs.push(cost("step_seconds", mean / steps as f64, None));
        costs.push(cost("solve_share", solving / seconds.iter().sum::<f64>(), None));
    }
    costs
}
