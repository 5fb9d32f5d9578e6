use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

use dfl_core::{Error, Result};

use super::checkpoint::Checkpoint;
use super::job::{Around, Job, Record};
use super::labels::LabelCache;
use super::pupil::WarmStarts;
use super::run_spec::Kind;
use super::timing::{Figures, PeerHome, Peers, SEED, Surroundings, TimingJob};
use super::{Definition, Profile, Published};
use crate::data::pjm::Columns;
use crate::registry::{Method, Setup};
use crate::results::{Curve, Examples, Key, Measurement, RowCosts, Store, ids};
use crate::tasks::Figure;

/// How a suite is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much work.
    pub profile: Profile,
    /// Seeds of the learned runs in place of the definition's.
    pub seeds: Option<u64>,
    /// Threads of everything; recorded with each measurement.
    pub threads: usize,
    /// Device of torch predictors.
    pub device: String,
    /// Commit of the checkout, if it is one; recorded with each measurement.
    pub commit: Option<String>,
    /// Where the peers are that timings are compared with, if they are asked for.
    pub peers: Option<PeerHome>,
}

/// How a job ended.
#[derive(Debug)]
pub enum Outcome {
    /// Measured now.
    Measured,
    /// Found among earlier results.
    Resumed,
    /// Ours was measured, and these peers could not be, each with the reason.
    Gaps(Vec<String>),
    /// Recorded as failed.
    Failed(Error),
}

/// Is told how a run goes on.
pub trait Progress {
    /// A suite of so many jobs begins.
    fn suite(&self, jobs: usize);
    /// A job begins.
    fn begin(&self, label: &str);
    /// It has ended.
    fn end(&self, label: &str, outcome: &Outcome);
    /// Something was amiss and has been set right.
    fn warn(&self, _text: &str) {}
}

/// Says nothing.
impl Progress for () {
    fn suite(&self, _jobs: usize) {}
    fn begin(&self, _label: &str) {}
    fn end(&self, _label: &str, _outcome: &Outcome) {}
}

/// Runs suites and stores what they measure as they go.
pub struct Runner<'a> {
    /// How to run.
    pub options: Options,
    /// Makes a method by id: [`make_loss`](crate::registry::make_loss) but for tests that plant a fault.
    pub methods: fn(&str, &Setup<'_>) -> Result<Method>,
    /// Figures to stand beside ours.
    pub published: Published,
    /// Where results go.
    pub store: &'a mut Store,
    /// Set by Ctrl-C.
    pub interrupted: &'a AtomicBool,
    /// Who is told.
    pub progress: &'a dyn Progress,
}

impl Runner<'_> {
    /// Runs every job of a suite that is not yet stored; a job that fails is stored as failed and the rest goes on. Returns how many failed.
    ///
    /// # Errors
    /// [`Error::Interrupted`], or results that cannot be written.
    pub fn run(&mut self, definition: &Definition) -> Result<usize> {
        let (jobs, timings, warm) = (self.jobs(definition), timings(definition), WarmStarts::default());
        let pieces: Vec<_> = definition.study.iter().flat_map(|study| study.pieces()).collect();
        self.progress.suite(jobs.len() + pieces.len() + timings.len());
        let mut failures = 0;
        for job in jobs {
            let (key, label) = (self.key(definition, &job), label(&job));
            self.progress.begin(&label);
            let outcome = if self.store.done(&key) { Outcome::Resumed } else { self.measure(&job, &key, &warm)? };
            failures += usize::from(matches!(outcome, Outcome::Failed(_)));
            self.progress.end(&label, &outcome);
        }
        for piece in pieces {
            let label = piece.label();
            self.progress.begin(&label);
            let outcome = self.study(definition, &*piece)?;
            failures += usize::from(matches!(outcome, Outcome::Failed(_)));
            self.progress.end(&label, &outcome);
        }
        let mut peers = self.options.peers.clone().map(Peers::new);
        for job in timings {
            let label = format!("{} {}", job.timing.task, job.size);
            self.progress.begin(&label);
            let outcome = self.time(definition, &job, peers.as_mut())?;
            failures += usize::from(matches!(outcome, Outcome::Failed(_)));
            self.progress.end(&label, &outcome);
        }
        Ok(failures)
    }

    /// Times ours and the peers; all of them again if any is not yet stored, since only times of one run may be compared.
    fn time(&mut self, definition: &Definition, job: &TimingJob<'_>, peers: Option<&mut Peers>) -> Result<Outcome> {
        let keys: Vec<Key> =
            job.names(peers.is_some())?.iter().map(|(method, solver)| self.timing_key(definition, job, method, solver)).collect();
        if keys.iter().all(|key| self.store.done(key)) {
            return Ok(Outcome::Resumed);
        }
        let interrupted = self.interrupted;
        let around = Surroundings {
            threads: self.options.threads,
            turns: job.timing.turns.of(self.options.profile),
            peers,
            dir: self.store.dir(),
            interrupted: &|| interrupted.load(Ordering::Relaxed),
        };
        match job.execute(around) {
            Ok(figures) => self.keep_times(&keys, job, figures),
            Err(Error::Interrupted) => Err(Error::Interrupted),
            Err(error) => self.failed(&keys[0], job, error),
        }
    }

    fn timing_key(&self, definition: &Definition, job: &TimingJob<'_>, method: &str, solver: &str) -> Key {
        Key {
            suite: definition.name.clone(),
            task: job.timing.task.clone(),
            size: job.size.into(),
            method: method.into(),
            predictor: "none".into(),
            solver: solver.into(),
            columns: Columns::Published.id().into(),
            seed: Some(SEED),
            profile: self.options.profile.id().into(),
        }
    }

    fn keep_times(&mut self, keys: &[Key], job: &TimingJob<'_>, figures: Vec<Figures>) -> Result<Outcome> {
        let (mut measurements, mut gaps) = (Vec::new(), Vec::new());
        for (key, figures) in keys.iter().zip(figures) {
            match figures {
                Ok(figures) => measurements.extend(figures.iter().map(|&(metric, value)| Measurement::new(key, metric, value))),
                // Ours must not pass for a gap.
                Err(error) if !key.method.starts_with("peer_") => return self.failed(key, job, error),
                Err(error) => {
                    gaps.push(format!("{}: {}", key.method, Chain(&error)));
                    measurements.push(Measurement::failed(key, job.leading_metric(), Chain(&error)));
                }
            }
        }
        let measurements: Vec<_> = measurements.into_iter().map(|m| self.stamp(m)).collect();
        self.store.append(&measurements)?;
        Ok(if gaps.is_empty() { Outcome::Measured } else { Outcome::Gaps(gaps) })
    }

    fn failed(&mut self, key: &Key, job: &TimingJob<'_>, error: Error) -> Result<Outcome> {
        self.store.append(&[self.stamp(Measurement::failed(key, job.leading_metric(), Chain(&error)))])?;
        Ok(Outcome::Failed(error))
    }

    fn jobs<'d>(&self, definition: &'d Definition) -> Vec<Job<'d>> {
        let mut jobs = Vec::new();
        for experiment in definition.experiment.iter().filter(|e| e.profiles.contains(&self.options.profile)) {
            for run in &experiment.run {
                let learned = self.options.seeds.unwrap_or(experiment.seeds.of(self.options.profile));
                let seeds = if run.kind() == Kind::Baseline { experiment.baseline_seeds.unwrap_or(learned).min(learned) } else { learned };
                jobs.extend((0..seeds).map(|seed| Job { experiment, run, seed }));
            }
        }
        jobs
    }

    fn key(&self, definition: &Definition, job: &Job<'_>) -> Key {
        Key {
            suite: definition.name.clone(),
            task: job.experiment.task.clone(),
            size: job.experiment.size.clone(),
            method: job.run.method.clone(),
            predictor: job.run.predictor.clone(),
            solver: job.run.solver_key(),
            columns: job.run.columns.id().into(),
            seed: Some(job.seed),
            profile: self.options.profile.id().into(),
        }
    }

    fn measure(&mut self, job: &Job<'_>, key: &Key, warm: &WarmStarts) -> Result<Outcome> {
        let interrupted = self.interrupted;
        let stop = || interrupted.load(Ordering::Relaxed);
        if stop() {
            return Err(Error::Interrupted);
        }
        let device = self.options.device.clone();
        let (profile, checkpoint) = (self.options.profile, Checkpoint::new(self.store.dir(), key));
        let progress = self.progress;
        let warn = |text: &str| progress.warn(text);
        let labels = LabelCache::new(self.store.dir(), &warn);
        let around =
            Around { profile, device: &device, methods: self.methods, interrupted: &stop, checkpoint: &checkpoint, labels: &labels, warm };
        match job.execute(&around) {
            Ok(record) => {
                let bad = record.figures.iter().find(|f| !f.value.is_finite()).copied();
                self.keep(key, record)?;
                Ok(match bad {
                    Some(f) => Outcome::Failed(Error::NotFinite { what: f.metric, row: 0, column: 0, value: f.value }),
                    None => Outcome::Measured,
                })
            }
            Err(Error::Interrupted) => Err(Error::Interrupted),
            Err(error) => {
                let metric = crate::tasks::leading_metric(&key.task);
                let failed = Measurement::failed(key, metric, format_args!("{}{}", Chain(&error), checkpoint.note()));
                self.store.append(&[self.stamp(failed)])?;
                Ok(Outcome::Failed(error))
            }
        }
    }

    fn keep(&mut self, key: &Key, record: Record) -> Result<()> {
        let (names, costs) = &record.rows;
        let measurements: Vec<Measurement> = record
            .figures
            .iter()
            .map(|f| {
                let published = self.published.get(key, f.metric).map(|figure| figure.value);
                self.stamp(measured(key, f, names.len()).published(published).chosen(&record.settings))
            })
            .collect();
        if !record.curve.is_empty() {
            let what = format!("valid_{}", record.figures[0].metric);
            self.store.append_curves(&[Curve::new(key, &what, record.curve)])?;
        }
        if let Some(costs) = RowCosts::new(key, names, costs) {
            self.store.append_rows(costs)?;
        }
        self.store.append_examples(Examples { key: key.clone(), examples: record.examples })?;
        self.store.append(&measurements)
    }

    pub(super) fn stamp(&self, measurement: Measurement) -> Measurement {
        measurement.run_by(self.options.commit.as_deref(), self.options.threads)
    }
}

fn timings(definition: &Definition) -> Vec<TimingJob<'_>> {
    definition.timing.iter().flat_map(|timing| timing.sizes.iter().map(move |size| TimingJob { timing, size })).collect()
}

/// A figure of the test rows says how many they are; a cost of training is no mean over them.
pub(super) fn measured(key: &Key, figure: &Figure, rows: usize) -> Measurement {
    let measurement = Measurement::new(key, figure.metric, figure.value);
    let over_rows = ids::metric(figure.metric).is_some_and(|m| m.kind == ids::Kind::Quality);
    if over_rows { measurement.over(rows, figure.se) } else { measurement }
}

/// An error with its causes in one line.
pub(super) struct Chain<'a>(pub(super) &'a Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = std::error::Error::source(self.0);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

fn label(job: &Job<'_>) -> String {
    let parts = [job.run.predictor.clone(), job.run.solver_key()];
    let how = parts.into_iter().filter(|p| p != "none").collect::<Vec<_>>().join(", ");
    let how = if how.is_empty() { String::new() } else { format!(" ({how})") };
    format!("{} {} {}{how} seed {}", job.experiment.task, job.experiment.size, job.run.method, job.seed)
}
