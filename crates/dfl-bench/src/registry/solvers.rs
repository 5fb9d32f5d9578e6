use dfl_core::{Curvature, Decider, Error, Formulation, Result, Task};
use dfl_solvers::{
    Backend, Barrier, BarrierOptions, Batched, Deciding, Dys, DysDerivative, DysLayer, DysOptions, Limits, Scenarios, smooth_quadratic,
};

use super::sampled::{curvature, program_of_samples};
use super::{Bend, MethodOptions, Setup};
use crate::tasks::{Benchmark, unknown};

/// What a solver is made for.
struct Wanted<'a> {
    task: &'a dyn Task,
    /// The same where it is a benchmark, which may have a tighter relaxation and a method of cuts.
    benchmark: Option<&'a dyn Benchmark>,
    options: &'a MethodOptions,
    /// Length of a row of the truth, where there are data.
    outcome: Option<usize>,
    /// Whether each row may start from its last answer, where the answer does not depend on it.
    warm: bool,
    /// `auto`, `cpu` or `cuda:N`.
    #[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "only torch solvers read it"))]
    device: &'a str,
}

type Make = fn(&Wanted<'_>) -> Result<Box<dyn Decider>>;

/// A solver by id.
pub struct SolverEntry {
    /// Fixed word of a result row.
    pub id: &'static str,
    /// The options that it reads.
    pub reads: &'static [&'static str],
    make: Make,
}

impl SolverEntry {
    /// Whether it decides exactly and without a derivative, so that its answers may be kept and compared with.
    pub(super) fn is_black_box(&self) -> bool {
        self.reads.contains(&"ratio")
    }
}

const fn solver(id: &'static str, reads: &'static [&'static str], make: Make) -> SolverEntry {
    SolverEntry { id, reads, make }
}

/// Options of a search, and of the solution cache that stands around a black box.
const BLACK_BOX: &[&str] = &["ratio", "coin", "pool_size", "nodes"];

/// Options of three-operator splitting.
const DYS: &[&str] = &["mu", "tight", "step", "iterations", "tolerance"];

/// Every solver; which of them are built in is a matter of features. Those that smooth act on [`Task::relaxation`].
pub const SOLVERS: &[SolverEntry] = &[
    solver("exact", BLACK_BOX, |w| w.task.oracle()),
    solver("active_set", &[], |w| program(Backend::ActiveSet, w)),
    solver("separable", &[], |w| program(Backend::Separable, w)),
    solver("osqp", &[], |w| program(Backend::Osqp, w)),
    solver("clarabel", &[], |w| program(Backend::Clarabel, w)),
    solver("highs", BLACK_BOX, |w| program(Backend::Highs, w)),
    solver("highs_cuts", BLACK_BOX, |w| w.cuts()),
    solver("quadratic", &["mu"], |w| quadratic(Backend::Auto, w.relaxation(false)?, w)),
    solver("quadratic_tight", &["mu"], |w| quadratic(Backend::Auto, w.relaxation(true)?, w)),
    solver("quadratic_osqp", &["mu"], |w| quadratic(Backend::Osqp, w.relaxation(false)?, w)),
    solver("barrier", &["mu", "tight"], barrier),
    solver("dys", DYS, |w| dys(DysDerivative::Implicit, w)),
    solver("dys_jfb", DYS, |w| dys(DysDerivative::JacobianFree, w)),
    solver("dys_unrolled", DYS, |w| dys(DysDerivative::Unrolled, w)),
    solver("dys_torch", DYS, dys_torch),
    solver("stochastic", &["curvature"], stochastic),
];

/// Makes a decider by id, with the default of every option. `warm` lets each row start from its last answer, where the answer does not
/// depend on it.
///
/// # Errors
/// [`Error::Unknown`]; [`Error::Unsupported`] if the backend is not built in or the task is no program it takes.
pub fn make_decider(task: &dyn Task, id: &str, warm: bool) -> Result<Box<dyn Decider>> {
    make(id, &Wanted { task, benchmark: None, outcome: None, options: &MethodOptions::default(), warm, device: "auto" })
}

/// The decider of a training loop.
pub(super) fn training_decider(setup: &Setup<'_>) -> Result<Box<dyn Decider>> {
    let Setup { task, solver, options, device, warm, .. } = *setup;
    match options.nodes {
        Some(nodes) if solver == "exact" => task.limited_oracle(nodes),
        _ => {
            let outcome = Some(setup.train.truth.cols());
            make(solver, &Wanted { task, benchmark: Some(task), outcome, options, warm, device })
        }
    }
}

fn make(id: &str, wanted: &Wanted<'_>) -> Result<Box<dyn Decider>> {
    match SOLVERS.iter().find(|s| s.id == id) {
        Some(solver) => (solver.make)(wanted),
        None => Err(unknown("solver", id, SOLVERS.iter().map(|s| s.id))),
    }
}

impl Wanted<'_> {
    fn relaxation(&self, tight: bool) -> Result<Formulation> {
        let (formulation, what) = match tight {
            true => (self.benchmark.and_then(Benchmark::tight_relaxation), "a tighter relaxation, which this solver needs"),
            false => (self.task.relaxation(), "a formulation as a program, which this solver needs"),
        };
        formulation.ok_or(Error::Unsupported { who: self.task.name(), what })
    }

    fn cuts(&self) -> Result<Box<dyn Decider>> {
        let cuts = self.benchmark.and_then(|task| task.branch_and_cut(self.options.nodes));
        cuts.unwrap_or(Err(Error::Unsupported { who: self.task.name(), what: "branch and cut with HiGHS, which tours have" }))
    }

    fn mu(&self) -> f64 {
        self.options.mu.unwrap_or(1.0)
    }
}

fn program(backend: Backend, wanted: &Wanted<'_>) -> Result<Box<dyn Decider>> {
    let missing = Error::Unsupported { who: wanted.task.name(), what: "a formulation as a program, which this solver needs" };
    decider(backend, wanted.task.formulation().ok_or(missing)?, wanted)
}

fn decider(backend: Backend, formulation: Formulation, wanted: &Wanted<'_>) -> Result<Box<dyn Decider>> {
    let Formulation { program, params, visible } = formulation;
    // A linear program has several optimal vertices, and which one is found must not depend on history. The tasks' quadratic programs
    // have one optimum each, so that a start saves time only.
    let warm = wanted.warm && program.p.nnz() > 0;
    let limits = Limits { nodes: wanted.options.nodes, ..Limits::default() };
    backend.decider(program, params, &Deciding { visible: Some(visible), warm, limits })
}

/// `Auto` is separable where `P` is diagonal, as of every smoothed linear program.
fn quadratic(backend: Backend, relaxation: Formulation, wanted: &Wanted<'_>) -> Result<Box<dyn Decider>> {
    decider(backend, smooth_quadratic(relaxation, wanted.mu())?, wanted)
}

fn barrier(wanted: &Wanted<'_>) -> Result<Box<dyn Decider>> {
    let Formulation { program, params, visible } = wanted.relaxation(wanted.options.tight == Some(true))?;
    let barrier = Barrier::new(program, params, BarrierOptions { mu: wanted.mu(), ..BarrierOptions::default() })?;
    Ok(Box::new(Batched::new(barrier).visible(visible)?))
}

/// The solver, and how many of its variables are shown.
fn splitting(derivative: DysDerivative, wanted: &Wanted<'_>) -> Result<(Dys, usize)> {
    let Formulation { program, params, visible } = wanted.relaxation(wanted.options.tight == Some(true))?;
    let (default, o) = (DysOptions::default(), wanted.options);
    let (iterations, tolerance) = (o.iterations.unwrap_or(default.iterations), o.tolerance.unwrap_or(default.tolerance));
    // Steps that are differentiated one by one are plain ones.
    let memory = if derivative == DysDerivative::Unrolled { 0 } else { default.memory };
    let options = DysOptions { mu: wanted.mu(), step: o.step, iterations, tolerance, memory, derivative, ..default };
    Ok((Dys::new(program, params, options)?, visible))
}

fn dys(derivative: DysDerivative, wanted: &Wanted<'_>) -> Result<Box<dyn Decider>> {
    let (solver, visible) = splitting(derivative, wanted)?;
    // Only the derivative of the optimum does not depend on where the iteration began.
    let warm = wanted.warm && derivative == DysDerivative::Implicit;
    Ok(Box::new(DysLayer::new(solver).warm_start(warm).visible(visible)?))
}

/// The stochastic program of one sample, which is the prediction.
fn stochastic(wanted: &Wanted<'_>) -> Result<Box<dyn Decider>> {
    let missing = Error::Unsupported { who: "making a decider without data", what: "a stochastic program; its outcomes have no length" };
    let (task, outcome) = wanted.benchmark.zip(wanted.outcome).ok_or(missing)?;
    let curvature = curvature(wanted.options, Bend::SampleAverage, 1);
    if let Curvature::Density { .. } = curvature {
        return Err(Error::Unsupported { who: "a single sample", what: "curvature = \"density\": it has no spread" });
    }
    program_of_samples(task, Scenarios { count: 1, outcome }, wanted.options, curvature, false)
}

/// Plain steps on tensors, in double precision.
#[cfg(feature = "torch")]
fn dys_torch(wanted: &Wanted<'_>) -> Result<Box<dyn Decider>> {
    use dfl_models::torch::{Device, Dys, DysDecider, Precision};
    let (solver, visible) = splitting(DysDerivative::Implicit, wanted)?;
    let device: Device = wanted.device.parse()?;
    Ok(Box::new(DysDecider::new(Dys::new(&solver.operator(), device, Precision::Double)?.visible(visible)?)))
}

#[cfg(not(feature = "torch"))]
fn dys_torch(_wanted: &Wanted<'_>) -> Result<Box<dyn Decider>> {
    Err(super::without_libtorch())
}

#[cfg(all(test, not(feature = "torch")))]
mod tests {
    use super::*;
    use crate::data::shortest_path::ShortestPathData;
    use crate::tasks::ShortestPathTask;

    /// The id is known to every build.
    #[test]
    fn a_build_without_libtorch_says_what_a_layer_on_tensors_needs() {
        let task = ShortestPathTask::new(ShortestPathData::default()).unwrap();
        let error = make_decider(&task, "dys_torch", false).err().unwrap().to_string();
        assert!(error.contains("libtorch") && error.contains("--features torch"), "{error}");
    }
}
