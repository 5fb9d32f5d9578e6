use std::path::{Path, PathBuf};

use dfl_core::{Batch, Error, Result};
use dfl_solvers::Backend;
use rayon::{ThreadPool, ThreadPoolBuilder};

use super::Timing;
use super::course::{Course, Lap};
use super::definition::Work;
use super::dense::{self, How};
use super::epoch::{Epoch, Lesson};
use super::layer::Ours;
use super::peer::{Expected, Peers};
use super::turns::{Contender, Score, take_turns};
use crate::layers::{QpLayer, export, reference_gradients};
use crate::registry::make_decider;

/// Seed of all that is drawn: a timing is not a mean over data sets.
pub(in crate::suite) const SEED: u64 = 0;

/// One timing at one size.
#[derive(Clone, Copy)]
pub(in crate::suite) struct TimingJob<'a> {
    pub(in crate::suite) timing: &'a Timing,
    pub(in crate::suite) size: &'a str,
}

/// What surrounds a timing.
pub(in crate::suite) struct Surroundings<'a> {
    /// Threads of the run, where the timing has none of its own.
    pub(in crate::suite) threads: usize,
    pub(in crate::suite) turns: usize,
    /// Nobody to compare with if there are none.
    pub(in crate::suite) peers: Option<&'a mut Peers>,
    /// Where the problem is written for the peers.
    pub(in crate::suite) dir: &'a Path,
    pub(in crate::suite) interrupted: &'a dyn Fn() -> bool,
}

/// What was measured of one solver or peer: values by metric.
pub(in crate::suite) type Figures = Result<Vec<(&'static str, f64)>>;

impl TimingJob<'_> {
    /// Words (method, solver) of the rows it gives, ours first.
    pub(in crate::suite) fn names(&self, peers: bool) -> Result<Vec<(String, String)>> {
        let theirs = self.timing.peers.iter().filter(|_| peers).map(|peer| (format!("peer_{peer}"), "none".to_owned()));
        let (method, ours) = match self.timing.work(self.size)? {
            Work::Course => {
                let ours = self.timing.methods.iter().map(|method| (method.clone(), self.timing.solver.clone()));
                return Ok(ours.chain(theirs).collect());
            }
            Work::Layer { .. } => ("oracle", vec![self.timing.solver.as_str()]),
            Work::Dense { .. } => ("oracle", vec!["active_set", "active_set_moved", "active_set_warm", "kkt_lu"]),
            Work::Epoch => ("spo_plus", self.solvers()),
        };
        let ours = ours.into_iter().map(|solver| (method.to_owned(), solver.to_owned()));
        Ok(ours.chain(theirs).collect())
    }

    /// The metric that a row leads with.
    pub(in crate::suite) fn leading_metric(&self) -> &'static str {
        match self.timing.work(self.size) {
            Ok(Work::Dense { .. }) => "solve_seconds",
            Ok(Work::Epoch | Work::Course) => "epoch_seconds",
            _ => "forward_seconds",
        }
    }

    /// Solvers of ours that an epoch is timed with: the first, and those beside it that are built in.
    fn solvers(&self) -> Vec<&str> {
        // What is no backend, such as an exact oracle, is always there.
        let built_in = |solver: &&str| solver.parse::<Backend>().map_or(true, Backend::built_in);
        std::iter::once(self.timing.solver.as_str()).chain(self.timing.beside.iter().map(String::as_str).filter(built_in)).collect()
    }

    /// Runs it; figures are in the order of the names. A peer that fails says so in its own.
    ///
    /// # Errors
    /// If ours fails, or [`Error::Interrupted`].
    pub(in crate::suite) fn execute(&self, around: Surroundings<'_>) -> Result<Vec<Figures>> {
        let threads = self.timing.threads.unwrap_or(around.threads);
        let pool =
            ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| Error::Backend { backend: "rayon", source: Box::new(e) })?;
        match self.timing.work(self.size)? {
            Work::Layer { rows } => self.layer(rows, &pool, around),
            Work::Dense { n, m } => self.dense(n, m, threads, around),
            Work::Epoch => self.epoch(&pool, around),
            Work::Course => self.course(around),
        }
    }

    /// The first method is what the others, and the peers, are compared with.
    fn course(&self, mut around: Surroundings<'_>) -> Result<Vec<Figures>> {
        let (course, path) = (Course::new(self.size)?, self.path(&around));
        let lap = |method: &String| Ok(Box::new(Lap::new(&course, method)?) as Box<dyn Contender + '_>);
        let mut contenders: Vec<Result<Box<dyn Contender + '_>>> = self.timing.methods.iter().map(lap).collect();
        if around.peers.is_some() && !self.timing.peers.is_empty() {
            course.export(&path)?;
            contenders.extend(self.peers(around.peers.take(), around.threads, &path, Expected::Loss(course.loss()?)));
        }
        let scores = take_turns(&mut contenders, around.turns, around.interrupted)?;
        Ok(figures(scores, |i| if i == 0 { Compared::Ours { iterations: None } } else { Compared::With(0) }))
    }

    fn epoch(&self, pool: &ThreadPool, mut around: Surroundings<'_>) -> Result<Vec<Figures>> {
        let lesson = Lesson::new(&self.timing.task, self.size)?;
        let path = self.path(&around);
        if around.peers.is_some() && !self.timing.peers.is_empty() {
            lesson.export(&path, self.size)?;
        }
        let solvers = self.solvers();
        let first = Epoch::new(&lesson, solvers[0], pool)?;
        let (_, loss, iterations) = first.once()?;
        let mut contenders: Vec<Result<Box<dyn Contender + '_>>> = vec![Ok(Box::new(first))];
        let beside = solvers[1..].iter().map(|solver| Ok(Box::new(Epoch::new(&lesson, solver, pool)?) as Box<dyn Contender + '_>));
        contenders.extend(beside);
        contenders.extend(self.peers(around.peers.take(), pool.current_num_threads(), &path, Expected::Loss(loss)));
        let scores = take_turns(&mut contenders, around.turns, around.interrupted)?;
        Ok(figures(scores, |i| if i == 0 { Compared::Ours { iterations: Some(iterations as f64) } } else { Compared::With(0) }))
    }

    /// Where the problem is written.
    fn path(&self, around: &Surroundings<'_>) -> PathBuf {
        around.dir.join(format!("{}-{}.json", self.timing.task, self.size))
    }

    fn layer(&self, rows: usize, pool: &ThreadPool, mut around: Surroundings<'_>) -> Result<Vec<Figures>> {
        let layer = QpLayer::new(&self.timing.task, rows, SEED)?;
        let reference = reference_gradients(&layer.program, &layer.costs, &layer.cotangents)?;
        let ours = Ours::new(make_decider(&layer, &self.timing.solver, false)?, &layer, &reference, pool)?;
        let iterations = ours.iterations()? as f64;
        let problem = self.problem(&around, &[&layer.program], &layer.costs, &layer.cotangents)?;
        let mut contenders: Vec<Result<Box<dyn Contender + '_>>> = vec![Ok(Box::new(ours))];
        contenders.extend(self.peers(around.peers.take(), pool.current_num_threads(), &problem, Expected::Gradients(&reference)));
        let scores = take_turns(&mut contenders, around.turns, around.interrupted)?;
        Ok(figures(scores, |i| if i == 0 { Compared::Ours { iterations: Some(iterations) } } else { Compared::With(0) }))
    }

    fn dense(&self, n: usize, m: usize, threads: usize, mut around: Surroundings<'_>) -> Result<Vec<Figures>> {
        let instances = dense::instances(n, m, SEED)?;
        let answers = Batch::from_rows(&instances.iter().map(|i| i.answer.x.as_slice()).collect::<Vec<_>>())?;
        let costs = Batch::from_rows(&instances.iter().map(|i| i.cost.as_slice()).collect::<Vec<_>>())?;
        let iterations = instances.iter().map(|i| i.iterations).sum::<usize>() as f64;
        let programs: Vec<_> = instances.iter().map(|i| &i.program).collect();
        let problem = self.problem(&around, &programs, &costs, &Batch::zeros(0, n))?;
        let mut contenders: Vec<_> = [How::Cold, How::Moved, How::Warm].into_iter().map(|how| dense::solves(&instances, how)).collect();
        contenders.push(Ok(dense::factors(&instances)));
        contenders.extend(self.peers(around.peers.take(), threads, &problem, Expected::Solutions(&answers)));
        let scores = take_turns(&mut contenders, around.turns, around.interrupted)?;
        Ok(figures(scores, |i| match i {
            0 => Compared::Ours { iterations: Some(iterations) },
            1 | 2 => Compared::Ours { iterations: None },
            // A warm solve is held against one factorisation, cold solves of others against a cold one.
            3 => Compared::With(2),
            _ => Compared::With(0),
        }))
    }

    fn problem(&self, around: &Surroundings<'_>, programs: &[&dfl_core::Program], costs: &Batch, cotangents: &Batch) -> Result<PathBuf> {
        let path = self.path(around);
        if around.peers.is_some() && !self.timing.peers.is_empty() {
            export(&path, programs, costs, cotangents)?;
        }
        Ok(path)
    }

    fn peers<'p>(
        &self,
        peers: Option<&'p mut Peers>,
        threads: usize,
        problem: &Path,
        expected: Expected<'p>,
    ) -> Vec<Result<Box<dyn Contender + 'p>>> {
        let Some(peers) = peers else { return Vec::new() };
        let loaded = peers.load(&self.timing.peers, threads, problem, expected);
        loaded.into_iter().map(|peer| peer.map(|peer| Box::new(peer) as Box<dyn Contender + 'p>)).collect()
    }
}

/// Adds to each score what is compared: its time over that of the row of ours that `role` tells.
fn figures(scores: Vec<Result<Score>>, role: impl Fn(usize) -> Compared) -> Vec<Figures> {
    let totals: Vec<Option<f64>> = scores.iter().map(|score| score.as_ref().ok().map(Score::total)).collect();
    let one = |(i, score): (usize, Result<Score>)| {
        let score = score?;
        let more = match role(i) {
            Compared::Ours { iterations } => iterations.map(|k| ("iterations", k)),
            Compared::With(ours) => totals[ours].map(|ours| ("speedup", score.total() / ours)),
        };
        let error = score.error.map(|e| ("vjp_max_error", e));
        Ok(score.medians.into_iter().chain(more).chain(error).collect())
    };
    scores.into_iter().enumerate().map(one).collect()
}

/// What a row stands for.
#[derive(Clone, Copy)]
enum Compared {
    /// Ours, with the iterations of all instances where they are counted.
    Ours { iterations: Option<f64> },
    /// Someone else, against the row of ours with this number.
    With(usize),
}
