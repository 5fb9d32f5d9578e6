use std::sync::Arc;

use dfl_core::{
    Batch, Call, Cost, CostGrad, Decider, Decisions, Dims, Entry, Error, Formulation, Instances, ParamMap, Program, Request, Result,
    Source, Splits, Task, metrics,
};
use dfl_solvers::{Backend, Deciding, Limits};

use super::scaler::Layout;
use super::settings::SolverLimits;
use super::{Predicted, UserProblem};
use crate::tasks::{Benchmark, Figure, unknown};

/// A regret below this share of the best cost is rounding, and counts as none.
const ROUNDING: f64 = 1e-12;

/// A user's problem as a task. Minimises.
///
/// Where costs are predicted, `theta` is the linear cost of *every* variable, those that are not predicted at what the problem says they
/// cost, in units of [`unit`](UserTask::unit): losses that compare decisions by their cost then see all of it. Where other parameters are
/// predicted, `theta` is these parameters, and a decision costs what the true program says it does, plus `violation_cost` for each unit by
/// which it breaks the true rows and bounds.
pub struct UserTask {
    formulation: Formulation,
    layout: Layout,
    cost: Arc<TrueCost>,
    predicted: Predicted,
    backend: Backend,
    limits: Limits,
    /// The user's cost that counts as 1.
    unit: f64,
}

/// What a decision costs under the truth.
struct TrueCost {
    program: Program,
    params: ParamMap,
    violation_cost: f64,
}

impl UserTask {
    /// The task of a problem, solved by whom and within which limits the settings say.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a backend, what [`Program::check`] finds.
    pub fn new(problem: &UserProblem, unit: f64, violation_cost: f64, limits: &SolverLimits) -> Result<Self> {
        problem.program.check()?;
        problem.params.check(&problem.program)?;
        let (layout, program, params) = match problem.predicted {
            Predicted::Costs => {
                let layout = Layout::new(problem.program.c.clone(), cost_entries(&problem.params));
                (layout, without_costs(&problem.program, unit), ParamMap::costs(problem.program.n()))
            }
            Predicted::Parameters => (Layout::plain(problem.params.theta()), problem.program.clone(), problem.params.clone()),
        };
        let cost = TrueCost { program: program.clone(), params: params.clone(), violation_cost };
        Ok(Self {
            formulation: Formulation { visible: program.n(), program, params },
            layout,
            cost: Arc::new(cost),
            predicted: problem.predicted,
            backend: limits.backend.parse()?,
            limits: Limits { iterations: limits.iterations, nodes: limits.nodes, seconds: limits.seconds },
            unit,
        })
    }

    /// The user's cost that counts as 1 where costs are predicted; 1 otherwise.
    pub fn unit(&self) -> f64 {
        self.unit
    }

    /// What `theta` is made of.
    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether the objective has a quadratic term, or a prediction moves one: then decisions are compared by more than a linear cost.
    pub(super) fn is_quadratic(&self) -> bool {
        let Formulation { program, params, .. } = &self.formulation;
        program.p.values().iter().any(|v| *v != 0.0) || params.moves(|e| matches!(e, Entry::P(_)))
    }

    /// Whether `theta` is the linear cost of the decision.
    pub(super) fn predicts_costs(&self) -> bool {
        self.predicted == Predicted::Costs
    }

    /// Whether a prediction moves what is feasible.
    pub(super) fn moves_constraints(&self) -> bool {
        self.formulation.params.moves(|e| !matches!(e, Entry::P(_) | Entry::C(_)))
    }

    /// By how much a decision breaks the rows and bounds of the true program, summed over them.
    pub(super) fn violation(&self, truth: &[f64], decision: &[f64]) -> f64 {
        self.cost.violation(&self.cost.at(truth), decision)
    }

    /// How badly a decision fits the rows and bounds, relative to their size: 0 is feasible. Where constraints are predicted nothing is
    /// known without their truth.
    pub(super) fn infeasibility(&self, decision: &[f64]) -> f64 {
        dfl_core::Residuals::feasibility(&self.formulation.program, decision)
    }

    /// Id of a solver whose answer has a derivative that says something: the exact one of a convex program whose optimum moves with the
    /// prediction, else the relaxation with a quadratic term, since an optimal vertex stays where it is while costs change a little.
    pub(super) fn differentiable_solver(&self) -> Result<&'static str> {
        let Formulation { program, params, .. } = &self.formulation;
        let stays = program.has_integers() || !(self.is_quadratic() || self.moves_constraints());
        if stays { Ok("quadratic") } else { Ok(self.backend.choose(program, params)?.id()) }
    }

    fn decider(&self, limits: Limits) -> Result<Box<dyn Decider>> {
        let Formulation { program, params, .. } = self.formulation.clone();
        let inner = self.backend.decider(program, params, &Deciding { limits, ..Deciding::default() })?;
        Ok(Box::new(BlackBox(inner)))
    }

    fn is_unlabelled(part: &Instances) -> Error {
        debug_assert!(part.labels.is_none());
        Error::Missing { loss: "regret", what: "labelled instances" }
    }
}

/// The variable whose cost each parameter is, and the factor.
fn cost_entries(params: &ParamMap) -> Vec<(usize, f64)> {
    let mut entries = vec![(0, 1.0); params.theta()];
    for (k, entry) in entries.iter_mut().enumerate() {
        let mut only = vec![0.0; params.theta()];
        only[k] = 1.0;
        params.tangent(&only, |at, factor| {
            if let (Entry::C(j), true) = (at, factor != 0.0) {
                *entry = (j, factor);
            }
        });
    }
    entries
}

/// The program without its linear costs, in another unit of cost.
fn without_costs(program: &Program, unit: f64) -> Program {
    let mut out = program.clone();
    out.c.fill(0.0);
    out.r /= unit;
    out.p.values_mut().iter_mut().for_each(|v| *v /= unit);
    out
}

impl TrueCost {
    fn at(&self, truth: &[f64]) -> Program {
        let mut out = self.program.clone();
        // The lengths were checked when the rows were read.
        let _ = self.params.push(truth, &self.program, &mut out);
        out
    }

    fn violation(&self, program: &Program, z: &[f64]) -> f64 {
        let mut rows = vec![0.0; program.m()];
        program.a.mul_add(1.0, z, &mut rows);
        let beyond = |value: &[f64], lo: &[f64], up: &[f64]| {
            value.iter().zip(lo).zip(up).map(|((v, lo), up)| (lo - v).max(v - up).max(0.0)).sum::<f64>()
        };
        beyond(&rows, &program.row_lo, &program.row_up) + beyond(z, &program.lo, &program.up)
    }
}

impl Cost for TrueCost {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        let program = self.at(y);
        let extra = if self.violation_cost > 0.0 { self.violation_cost * self.violation(&program, z) } else { 0.0 };
        program.objective(z) + extra
    }
}

impl CostGrad for TrueCost {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        let program = self.at(y);
        out.copy_from_slice(&program.c);
        program.p.symmetric_mul_add(1.0, z, out);
        if self.violation_cost > 0.0 {
            let side = |v: f64, lo: f64, up: f64| self.violation_cost * (f64::from(u8::from(v > up)) - f64::from(u8::from(v < lo)));
            let mut rows = vec![0.0; program.m()];
            program.a.mul_add(1.0, z, &mut rows);
            let pull: Vec<f64> = (0..program.m()).map(|i| side(rows[i], program.row_lo[i], program.row_up[i])).collect();
            program.a.mul_t_add(1.0, &pull, out);
            (0..z.len()).for_each(|j| out[j] += side(z[j], program.lo[j], program.up[j]));
        }
    }
}

impl Task for UserTask {
    fn name(&self) -> &'static str {
        "user"
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        self.cost.value(truth, decision)
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        self.decider(self.limits)
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn formulation(&self) -> Option<Formulation> {
        Some(self.formulation.clone())
    }
    /// Integers may be fractions.
    fn relaxation(&self) -> Option<Formulation> {
        let mut relaxed = self.formulation.clone();
        relaxed.program.integer.clear();
        Some(relaxed)
    }
    fn gradient_cost(&self) -> Option<Arc<dyn CostGrad>> {
        Some(Arc::clone(&self.cost) as Arc<dyn CostGrad>)
    }
}

/// Rows come from tables, not from a request.
impl Source for UserTask {
    fn load(&self, _request: &Request) -> Result<Splits> {
        Err(Error::Unsupported { who: self.name(), what: "data of its own; its rows come from the user's tables" })
    }
}

impl Benchmark for UserTask {
    /// What is minimised on the validation rows: their mean cost, relative to what the best decisions cost where that is not zero; where
    /// only decisions are known, the mean squared distance from them.
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        let labels = part.labels.as_ref().ok_or_else(|| Self::is_unlabelled(part))?;
        let figure = |metric, value, se| Figure { metric, value, se };
        if part.truth.cols() == 0 {
            let squares = labels.solution.iter().zip(decisions.iter()).map(|(w, x)| w.iter().zip(x).map(|(w, x)| (w - x).powi(2)).sum());
            let squares: Vec<f64> = squares.collect();
            return Ok(vec![figure("squared_distance", metrics::mean(&squares), metrics::standard_error(&squares))]);
        }
        let regret = |(cost, best): (&f64, &f64)| if (cost - best).abs() <= ROUNDING * best.abs() { 0.0 } else { cost - best };
        let regret: Vec<f64> = self.costs(&part.truth, decisions)?.iter().zip(&labels.cost).map(regret).collect();
        let mean = figure("mean_regret", metrics::mean(&regret) * self.unit, metrics::standard_error(&regret).map(|se| se * self.unit));
        let relative = metrics::normalized_regret(&regret, &labels.cost);
        let relative = relative.is_finite().then(|| figure("normalized_regret", relative, None));
        Ok(relative.into_iter().chain([mean]).collect())
    }

    fn needs_labels(&self) -> bool {
        true
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["oracle"]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        match (method, &data.test.labels) {
            ("oracle", Some(labels)) => Ok(labels.solution.clone()),
            ("oracle", None) => Err(Self::is_unlabelled(&data.test)),
            _ => Err(unknown("baseline of a user's task", method, self.baselines().iter().copied())),
        }
    }

    fn limited_oracle(&self, nodes: usize) -> Result<Box<dyn Decider>> {
        self.decider(Limits { nodes: Some(nodes), ..self.limits })
    }
}

/// A decider without its derivative: that of an exact answer is zero almost everywhere, or is asked for by the name of a backend.
struct BlackBox(Box<dyn Decider>);

impl Decider for BlackBox {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    fn dims(&self) -> Dims {
        self.0.dims()
    }
    fn differentiable(&self) -> bool {
        false
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        self.0.forward(thetas, &Call { backward: false, ..*call })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Csc;

    fn problem(predicted: Predicted, params: ParamMap) -> UserProblem {
        let a = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap();
        let program = Program::linear(vec![0.0, 6.0]).with_rows(a, vec![1.0], vec![f64::INFINITY]).with_bounds(vec![0.0; 2], vec![2.0; 2]);
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        UserProblem {
            name: "p".into(),
            path: "p.mps".into(),
            given: None,
            program: Program { r: 4.0, ..program.with_quadratic(Csc::diagonal(&[2.0, 0.0])) },
            parameters: names(&["y"]),
            params,
            predicted,
            variables: names(&["a", "b"]),
            in_file: vec![0, 1],
            rows: names(&["r"]),
            maximise: false,
        }
    }

    /// Cost 10 of a is predicted; in units of 2, x = (1, 2) costs (x1^2 + 10 + 12 + 4) / 2 = 13.5, with gradient (10 + 2, 6) / 2.
    #[test]
    fn the_cost_counts_what_is_not_predicted() {
        let problem = problem(Predicted::Costs, ParamMap::new(1).link(Entry::C(0), 0, 1.0));
        let task = UserTask::new(&problem, 2.0, 0.0, &SolverLimits::default()).unwrap();
        let truth = task.layout().expand(&Batch::from_rows(&[[5.0]]).unwrap(), 2.0).unwrap();
        assert_eq!(truth.row(0), [5.0, 3.0]);
        assert_eq!(task.cost(truth.row(0), &[1.0, 2.0]), 13.5);
        let mut gradient = [0.0; 2];
        task.gradient_cost().unwrap().grad_z(truth.row(0), &[1.0, 2.0], &mut gradient);
        assert_eq!(gradient, [6.0, 3.0]);
        assert!(task.is_quadratic() && task.predicts_costs() && !task.moves_constraints());
    }

    /// The true right-hand side is 1 + 2 = 3: (1, 1) lacks 1 unit, at 7 each.
    #[test]
    fn a_broken_true_constraint_costs_what_it_is_said_to() {
        let problem = problem(Predicted::Parameters, ParamMap::new(1).link(Entry::RowLo(0), 0, 1.0));
        let task = UserTask::new(&problem, 1.0, 7.0, &SolverLimits::default()).unwrap();
        assert!(task.moves_constraints());
        assert_eq!((task.violation(&[2.0], &[1.0, 1.0]), task.cost(&[2.0], &[1.0, 1.0])), (1.0, 1.0 + 6.0 + 4.0 + 7.0));
        let mut gradient = [0.0; 2];
        task.gradient_cost().unwrap().grad_z(&[2.0], &[1.0, 1.0], &mut gradient);
        assert_eq!(gradient, [2.0 - 7.0, 6.0 - 7.0]);
    }

    /// min 10 a + a^2 + 6 b with a + b >= 1: b = 1. As a black box it has no derivative.
    #[test]
    fn its_oracle_is_exact_and_a_black_box() {
        let problem = problem(Predicted::Costs, ParamMap::new(1).link(Entry::C(0), 0, 1.0));
        let task = UserTask::new(&problem, 1.0, 0.0, &SolverLimits::default()).unwrap();
        let oracle = task.oracle().unwrap();
        let (x, _) = dfl_core::decide(&*oracle, &Batch::from_rows(&[[10.0, 6.0]]).unwrap(), &[0]).unwrap();
        assert!(x.row(0)[0].abs() < 1e-9 && (x.row(0)[1] - 1.0).abs() < 1e-9, "{x:?}");
        assert!(!oracle.differentiable());
    }
}
