//! The travelling salesman by branch and cut on a kept HiGHS model.

use dfl_core::{Dims, Error, ParamMap, Program, Result, Solution, SolveInfo, Solver, Status, check_len};
use highs_sys as ffi;

use super::model::Model;
use super::subtours::Subtours;
use crate::Tour;
use crate::instance::{finite, reset, without_answer};
use crate::tour::{improve, length, nearest};

/// Subtour rows that a model keeps between solves, per node.
const KEPT_ROWS: usize = 20;
/// Feasibility tolerance of linear programs.
const TOLERANCE: f64 = 1e-9;
/// Relative distance from the bound at which a tour needs no search.
const PROVEN: f64 = 1e-9;
/// Relative gap up to which a finished search is optimal, as for [`Highs`](crate::Highs).
const GAP: f64 = 1e-6;

/// How [`TourCuts`] is run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TourCutsOptions {
    /// Most nodes of branch and bound of one solve, all its runs together; at least 1.
    pub nodes: Option<usize>,
}

/// Shortest tours by branch and cut with HiGHS: degrees and integer edges, and the subtour rows $x(E(S)) \le |S| - 1$ that points have
/// violated. Costs of any sign; minimises.
///
/// First the linear relaxation, with minimum cuts until it violates no subtour row; then branch and bound with integer edges, again and
/// again with the rows that its answer violates, until that is one tour. Without a limit on nodes, the rows stay in the model from one
/// solve to the next: they hold for all costs. So the time of a solve depends on those before, and where several tours are shortest, so does
/// which one it is. With a limit, what is found depends on the rows: each solve then starts without any, and depends on `theta` alone.
///
/// [`Status::Optimal`] means one tour within `1e-6 max(1, |objective|)` of a bound that HiGHS has proven; at the limit it is
/// [`Status::Feasible`] with its distance from the bound, and the tour is the best of those from nearest neighbours and from joined subtours,
/// after exchanges of edges. `iterations` counts HiGHS's nodes. [`ShortestTour`](crate::ShortestTour) is faster by far up to 25 nodes and
/// more; this one is another method to compare with.
///
/// # Shapes
/// As [`ShortestTour`](crate::ShortestTour). A workspace stays on its thread: use it through [`Owned`](crate::Owned).
///
/// # Errors
/// [`Error::Dimension`] or [`Error::NotFinite`] for a bad `theta`, [`Error::Backend`] from HiGHS.
///
/// # References
/// Dantzig, Fulkerson & Johnson (1954), Oper. Res. 2; Stoer & Wagner (1997), J. ACM 44, minimum cuts.
#[derive(Clone, Debug)]
pub struct TourCuts {
    tour: Tour,
    options: TourCutsOptions,
}

/// One HiGHS model with the rows found so far.
pub struct TourCutsWorkspace {
    model: Model,
    program: Program,
    /// Rows behind those of the degrees.
    rows: usize,
    subtours: Subtours,
    cost: Vec<f64>,
    order: Vec<usize>,
    best: Vec<usize>,
    duals: (Vec<f64>, Vec<f64>),
    lower: f64,
    upper: f64,
    nodes: usize,
}

impl TourCuts {
    /// A solver of tours.
    ///
    /// # Errors
    /// [`Error::Domain`] for a limit of no nodes.
    pub fn new(tour: Tour, options: TourCutsOptions) -> Result<Self> {
        if options.nodes == Some(0) {
            return Err(Error::Domain { what: "TourCutsOptions::nodes", value: 0.0, need: "at least 1" });
        }
        Ok(Self { tour, options })
    }

    fn begin(&self, theta: &[f64], ws: &mut TourCutsWorkspace) -> Result<()> {
        if self.options.nodes.is_some() || ws.rows > KEPT_ROWS * self.tour.nodes() {
            ws.model.forget();
            ws.rows = 0;
        }
        ws.program.c.copy_from_slice(theta);
        ws.model.load(&ws.program)?;
        self.tour.matrix(theta, &mut ws.cost);
        (ws.lower, ws.upper, ws.nodes) = (f64::NEG_INFINITY, f64::INFINITY, 0);
        let n = self.tour.nodes();
        nearest(|i, j| ws.cost[i * n + j], &mut ws.order);
        ws.keep_order();
        Ok(())
    }

    /// Solves the linear relaxation until its optimum violates no subtour row or the first tour is as short.
    fn relax(&self, ws: &mut TourCutsWorkspace, x: &mut [f64]) -> Result<()> {
        ws.model.set_integer(x.len(), false)?;
        ws.model.set_presolve(false)?;
        while ws.model.run() == ffi::MODEL_STATUS_OPTIMAL {
            ws.read(x);
            ws.lower = ws.lower.max(ws.program.objective(x));
            if ws.is_proven() || self.cut(x, ws)? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Branch and bound until its answer is one tour; whether it came to an end before the limit.
    fn search(&self, ws: &mut TourCutsWorkspace, x: &mut [f64]) -> Result<bool> {
        ws.model.set_integer(x.len(), true)?;
        ws.model.set_presolve(true)?;
        loop {
            if let Some(most) = self.options.nodes {
                if ws.nodes >= most {
                    return Ok(false);
                }
                ws.model.limit("mip_max_nodes", most - ws.nodes)?;
            }
            let finished = ws.model.run() == ffi::MODEL_STATUS_OPTIMAL;
            ws.nodes += ws.model.nodes();
            ws.lower = ws.lower.max(ws.model.bound());
            if !ws.model.has_point() {
                return Ok(false);
            }
            ws.read(x);
            x.iter_mut().for_each(|x| *x = x.round());
            let cycles = ws.subtours.components(x);
            ws.order.clear();
            ws.order.extend(cycles.iter().flatten());
            if cycles.len() == 1 && finished {
                ws.take_order();
                return Ok(true);
            }
            ws.keep_order();
            if !finished || self.cut(x, ws)? == 0 {
                return Ok(finished && ws.is_proven());
            }
        }
    }

    /// Adds the subtour rows that `x` violates to the model.
    fn cut(&self, x: &[f64], ws: &mut TourCutsWorkspace) -> Result<usize> {
        let TourCutsWorkspace { model, rows, subtours, .. } = ws;
        subtours.violated(x, |set| {
            model.add_row(&self.tour.inside(set), set.len() as f64 - 1.0)?;
            // Each by itself: were one refused, the others are in the model all the same, and its answers as long.
            *rows += 1;
            Ok(())
        })
    }

    fn status(&self, ended: bool, ws: &TourCutsWorkspace) -> Status {
        let gap = (ws.upper - ws.lower).max(0.0) / ws.upper.abs().max(1.0);
        if ended && gap <= GAP { Status::Optimal } else { Status::Feasible { gap } }
    }
}

impl TourCutsWorkspace {
    fn read(&mut self, x: &mut [f64]) {
        let (bound_dual, row_dual) = &mut self.duals;
        row_dual.resize(self.program.m() + self.rows, 0.0);
        self.model.read(x, bound_dual, row_dual);
    }

    /// Improves the tour in `order` by exchanges, and keeps it if it is the best.
    fn keep_order(&mut self) {
        improve(&self.cost, &mut self.order);
        self.take_order();
    }

    fn take_order(&mut self) {
        let found = length(&self.cost, &self.order);
        if found < self.upper {
            self.upper = found;
            self.best.copy_from_slice(&self.order);
        }
    }

    fn is_proven(&self) -> bool {
        self.upper - self.lower <= PROVEN * self.upper.abs()
    }
}

impl Solver for TourCuts {
    type Workspace = TourCutsWorkspace;

    fn name(&self) -> &'static str {
        "highs_cuts"
    }

    fn dims(&self) -> Dims {
        Dims { theta: self.tour.edges(), x: self.tour.edges(), rows: 0 }
    }

    fn workspace(&self) -> Result<TourCutsWorkspace> {
        let (n, edges) = (self.tour.nodes(), self.tour.edges());
        let program = self.tour.degree_rows().program(&[(edges, 0.0, 1.0)]);
        let mut model = Model::new(&program, &ParamMap::costs(edges))?;
        model.set("mip_rel_gap", 0.0)?;
        model.set("primal_feasibility_tolerance", TOLERANCE)?;
        model.set("dual_feasibility_tolerance", TOLERANCE)?;
        let (subtours, duals) = (Subtours::new(self.tour), (vec![0.0; edges], Vec::new()));
        let (cost, order, best) = (vec![0.0; n * n], vec![0; n], vec![0; n]);
        Ok(TourCutsWorkspace { model, program, rows: 0, subtours, cost, order, best, duals, lower: 0.0, upper: 0.0, nodes: 0 })
    }

    fn solve(&self, theta: &[f64], _from: Option<&Solution>, ws: &mut TourCutsWorkspace, out: &mut Solution) -> Result<SolveInfo> {
        check_len("theta", self.tour.edges(), theta.len())?;
        finite("theta", theta)?;
        reset(out, (theta.len(), 0), (0, 0));
        if !theta.iter().map(|c| c.abs()).sum::<f64>().is_finite() {
            return Ok(without_answer(Status::Failed, 0));
        }
        self.begin(theta, ws)?;
        self.relax(ws, &mut out.x)?;
        let ended = ws.is_proven() || self.search(ws, &mut out.x)?;
        self.tour.mark(&ws.best, &mut out.x);
        out.objective = ws.program.objective(&out.x);
        Ok(SolveInfo { status: self.status(ended, ws), iterations: ws.nodes, degenerate: false })
    }
}
