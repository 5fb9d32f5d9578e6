use std::sync::Arc;

use dfl_core::{
    Batch, Cost, CostGrad, Csc, Decider, EnergyCurvature, Entry, Instances, NodeGraph, ParamMap, Program, Request, Result, Rng, Source,
    Splits, Support, Task, check_len,
};
use dfl_solvers::{Backend, Batched, Deciding, Limits, MultiStart, Sqp, SqpOptions};

use super::linear::check_seed;
use super::outcome::{best_constant, mean_figure};
use super::{Benchmark, Figure, TaskOptions, Uncertain, cut, repeat, unknown};
use crate::data::security::SecurityData;
use crate::security::{Game, RandomGraph, SecurityCost, SecurityEnergy, WalkLikelihood};

/// Random points from which a decision is sought besides the uniform coverage.
const RESTARTS: usize = 2;

/// Covering the edges of a graph against an attacker whose taste is predicted, [`SecurityCost`]; data of [`SecurityData`]. Minimises.
///
/// $$\min_c f(\phi, c) \quad\text{s.t. } \textstyle\sum_e c_e = k,\ 0 \le c \le 1$$
///
/// The truth of a row is the attractiveness of each node, so that any predicted distribution of it decides. The program is not convex: decisions
/// for predictions are local optima from the uniform coverage, as published; the oracle also tries two random points.
///
/// **Figures.** `task_loss` is the attacker's mean gain under the true attractiveness, in units of the payoffs (5 to 10).
///
/// **Baselines.** `oracle` knows the truth. `uniform` covers all edges alike, `min_cut` those of a minimum cut between sources and targets;
/// `mean_truth` decides for the mean attractiveness of the training rows, `saa` for all of their attractivenesses together.
///
/// # References
/// SO-EBM (NeurIPS 2022), section 5; Wang et al. (2020), NeurIPS.
pub struct SecurityTask {
    data: SecurityData,
    game: Arc<Game>,
    graph: NodeGraph,
    feasible: Program,
}

impl SecurityTask {
    /// A task whose rows are those of `data`; its number of samples does not matter.
    ///
    /// # Errors
    /// As [`RandomGraph::draw`], or for no features.
    pub fn new(data: SecurityData) -> Result<Self> {
        crate::data::polynomial::check_positive("features", data.features)?;
        let game = data.game()?.shared();
        game.graph().check_budget(data.graph.budget)?;
        let m = game.graph().edges().len();
        let sum = Csc::from_triplets(1, m, &(0..m).map(|e| (0, e, 1.0)).collect::<Vec<_>>())?;
        let budget = vec![data.graph.budget];
        let feasible = Program::linear(vec![0.0; m]).with_rows(sum, budget.clone(), budget).with_bounds(vec![0.0; m], vec![1.0; m]);
        let likelihood = Arc::new(WalkLikelihood::new(Arc::clone(&game)));
        let graph = NodeGraph { nodes: game.graph().nodes(), edges: game.graph().edges().to_vec(), likelihood };
        Ok(Self { data, game, graph, feasible })
    }

    /// A size is `nN`: so many nodes. Figures of sizes `nN-nodes` are drawn over that number.
    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let known = || unknown("size of a security game", options.size, ["nNODES, e.g. n50"]);
        let nodes = options.problem_size().strip_prefix('n').and_then(|n| n.parse().ok()).ok_or_else(known)?;
        let (features, noise) = (options.data.features, options.data.noise);
        Self::new(SecurityData { graph: RandomGraph::of_size(nodes), features, noise, seed: options.seed, ..SecurityData::default() })
    }

    /// The game that all rows share.
    pub fn game(&self) -> &Arc<Game> {
        &self.game
    }

    fn security_cost(&self) -> SecurityCost {
        SecurityCost::new(Arc::clone(&self.game))
    }

    /// The budget spread evenly over some edges.
    fn spread(&self, over: &[usize], rows: usize) -> Result<Batch> {
        let mut coverage = vec![0.0; self.feasible.n()];
        over.iter().for_each(|&e| coverage[e] = self.data.graph.budget / over.len() as f64);
        repeat(&coverage, rows)
    }
}

impl Task for SecurityTask {
    fn name(&self) -> &'static str {
        "security"
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        self.security_cost().value(truth, decision)
    }
    /// The best of the local optima from the uniform coverage, the feasible point nearest to zero, and from some random points, the same for all rows.
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        let (m, mut rng) = (self.feasible.n(), Rng::seeded(self.data.seed));
        let solver = Sqp::new(SecurityEnergy::new(Arc::clone(&self.game), 1)?, self.feasible.clone(), SqpOptions::default())?;
        Ok(Box::new(Batched::new(MultiStart::uniform(solver, &vec![0.0; m], &vec![1.0; m], RESTARTS, &mut rng)?)))
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn gradient_cost(&self) -> Option<Arc<dyn CostGrad>> {
        Some(Arc::new(self.security_cost()))
    }
}

impl Source for SecurityTask {
    fn load(&self, request: &Request) -> Result<Splits> {
        check_seed(self.data.seed, request.seed)?;
        let samples = request.train + request.valid + request.test;
        let (features, truth) = SecurityData { samples, ..self.data.clone() }.generate(&self.game, request.train)?;
        Ok(cut(&Instances::new(features, truth)?, request))
    }
}

impl Benchmark for SecurityTask {
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        check_len("edges of a decision", self.feasible.n(), decisions.cols())?;
        decisions.iter().try_for_each(|c| self.game.check_coverage(c))?;
        Ok(vec![mean_figure("task_loss", &self.costs(&part.truth, decisions)?)])
    }

    fn needs_labels(&self) -> bool {
        false
    }

    fn uncertain(&self) -> Option<Uncertain> {
        Some(Uncertain { cost: Arc::new(self.security_cost()), feasible: self.feasible.clone() })
    }

    fn convex(&self) -> bool {
        false
    }

    fn support(&self) -> Support {
        Support::CappedSimplex { total: self.data.graph.budget, cap: 1.0 }
    }

    fn energy_of_samples(&self, samples: usize) -> Option<Result<Arc<dyn EnergyCurvature>>> {
        Some(SecurityEnergy::new(Arc::clone(&self.game), samples).map(|energy| Arc::new(energy) as Arc<dyn EnergyCurvature>))
    }

    /// The coverage nearest to the output.
    fn policy(&self) -> Option<Result<Box<dyn Decider>>> {
        let m = self.feasible.n();
        let nearest = self.feasible.clone().with_quadratic(Csc::diagonal(&vec![1.0; m]));
        let pull = (0..m).fold(ParamMap::new(m), |map, e| map.link(Entry::C(e), e, -1.0));
        Some(Backend::ActiveSet.decider(nearest, pull, &Deciding { visible: Some(m), warm: true, limits: Limits::default() }))
    }

    fn graph(&self) -> Option<&NodeGraph> {
        Some(&self.graph)
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["oracle", "saa", "mean_truth", "min_cut", "uniform"]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        let rows = data.test.len();
        match method {
            "oracle" => Ok(dfl_core::decide(&*self.oracle()?, &data.test.truth, &data.test.ids)?.0),
            "saa" => repeat(&best_constant(self, &data.train)?, rows),
            "mean_truth" => {
                let truth = &data.train.truth;
                let mean = |v: usize| truth.iter().map(|row| row[v]).sum::<f64>() / truth.rows() as f64;
                let mean = Batch::from_vec(1, truth.cols(), (0..truth.cols()).map(mean).collect())?;
                repeat(dfl_core::decide(&*self.oracle()?, &mean, &[0])?.0.as_slice(), rows)
            }
            "min_cut" => self.spread(&self.game.graph().min_cut(), rows),
            "uniform" => self.spread(&(0..self.feasible.n()).collect::<Vec<_>>(), rows),
            _ => Err(unknown("baseline of security", method, self.baselines().iter().copied())),
        }
    }
}
