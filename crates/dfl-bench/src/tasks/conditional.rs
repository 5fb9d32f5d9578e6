use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use dfl_core::{
    Batch, Decider, Formulation, Instances, Request, Result, Risk, Source, Splits, Stream, Task, check_len, decide, metrics,
};
use dfl_solvers::{Backend, Deciding};

use super::linear::{check_seed, numpy_seed};
use super::{Assets, Benchmark, Figure, GridPaths, Items, KnapsackTask, LinearProblem, LinearTask, PyepoPortfolioTask, ShortestPathTask};
use super::{TaskOptions, unknown};
use crate::data::conditional::Conditional;
use crate::data::knapsack::KnapsackData;
use crate::data::portfolio::PortfolioData;
use crate::data::shortest_path::ShortestPathData;

/// Draws of the conditional distribution that a decision is judged by; Gen-DFL's own number is 200.
const JUDGES: usize = 1000;

/// Gen-DFL's number of draws.
const PUBLISHED_JUDGES: usize = 200;

/// Tells the draws of judges from those of data and models.
const JUDGE_SEED: u64 = 1 << 34;

/// A linear cost whose distribution given the features is known, since a generator draws it, and whose decisions are judged by their risk
/// under it: Gen-DFL's portfolio, relaxed knapsack and shortest path. Minimises.
///
/// Beside the regrets of [`LinearTask`], which compare with the clairvoyant of each row's own cost, the figures are, with the law
/// $p(c \mid x)$ of row $i$, $\rho_i(w) = \operatorname{CVaR}_\alpha(c^\top w)$ and the decision $w_i^\star$ that is best for it:
///
/// * `cvar_regret`, $\sum_i (\rho_i(w_i) - \rho_i(w_i^\star)) / \sum_i |\rho_i(w_i^\star)|$, at least 0. For $\alpha = 1$ expectations are exact;
///   else law and optimum are those of 1000 draws, so that 0 is reached by who sees these very draws alone.
/// * `cvar_regret_published`, the mean of $|\rho_i(w_i) - \rho_i(w_i')| / |\rho_i(w_i')|$ over 200 draws, with the decision $w_i'$ for the *mean* of
///   these draws whatever $\alpha$ is, and the absolute value, by which a decision that is better than the target counts as worse.
///
/// Models are chosen by what can be observed, the first of [`LinearTask`]'s regrets; nothing that learns sees the law. It is a function of
/// the features as they are drawn, so that rows may not be whitened.
///
/// # References
/// Wang et al. (2025), Gen-DFL, arXiv:2502.05468; its published code evaluates by a flow fitted to all rows, where this is the law itself.
pub struct ConditionalTask<P> {
    id: &'static str,
    inner: LinearTask<P>,
    law: Conditional,
    tail: f64,
    seed: u32,
    /// What the best decision of a row costs, and the target and its cost of the published figure, by id: they cost a solve each.
    known: Mutex<HashMap<u64, Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    best: f64,
    target: f64,
}

impl ConditionalTask<GridPaths> {
    pub(super) fn paths(options: &TaskOptions<'_>) -> Result<Self> {
        let (grid, d, seed) = (options.grid()?, options.data, numpy_seed(options.seed)?);
        let data = ShortestPathData { grid, features: d.features, degree: d.degree, noise: d.noise, seed, ..Default::default() };
        Self::new("cvar_shortest_path", Conditional::of_paths(&data)?, ShortestPathTask::new(data)?, options)
    }
}

impl ConditionalTask<RelaxedItems> {
    pub(super) fn items(options: &TaskOptions<'_>) -> Result<Self> {
        let (items, d, seed) = (options.count("size of a knapsack", "ITEMS, e.g. 50")?, options.data, numpy_seed(options.seed)?);
        let data = KnapsackData { items, dim: d.dim, features: d.features, degree: d.degree, noise: d.noise, seed, ..Default::default() };
        let law = Conditional::of_items(&data)?;
        let problem = RelaxedItems(KnapsackTask::new(data, d.capacity)?.problem);
        Self::new("cvar_knapsack", law, LinearTask { problem }, options)
    }
}

impl ConditionalTask<Assets> {
    pub(super) fn assets(options: &TaskOptions<'_>) -> Result<Self> {
        let (assets, d, seed) = (options.count("size of a portfolio", "ASSETS, e.g. 50")?, options.data, numpy_seed(options.seed)?);
        let data = PortfolioData { assets, features: d.features, degree: d.degree, noise_level: d.noise_level, seed, ..Default::default() };
        Self::new("cvar_portfolio", Conditional::of_assets(&data)?, PyepoPortfolioTask::new(data)?, options)
    }
}

/// The linear relaxation of a knapsack, decided as such.
pub struct RelaxedItems(Items);

impl LinearProblem for RelaxedItems {
    fn name(&self) -> &'static str {
        "cvar_knapsack"
    }
    fn draw(&self, samples: usize, seed: u32) -> Result<(Batch, Batch)> {
        self.0.draw(samples, seed)
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        let Formulation { program, params, visible } = self.formulation();
        Backend::ActiveSet.decider(program, params, &Deciding { visible: Some(visible), ..Deciding::default() })
    }
    fn formulation(&self) -> Formulation {
        self.0.relaxation()
    }
}

impl<P: LinearProblem> ConditionalTask<P> {
    fn new(id: &'static str, law: Conditional, inner: LinearTask<P>, options: &TaskOptions<'_>) -> Result<Self> {
        Risk::Cvar { tail: options.data.tail }.check()?;
        Ok(Self { id, inner, law, tail: options.data.tail, seed: numpy_seed(options.seed)?, known: Mutex::default() })
    }

    fn judges(&self, part: &Instances, count: usize) -> Result<Batch> {
        let stream = Stream { seed: u64::from(self.seed) ^ JUDGE_SEED, step: count as u64 };
        self.law.sample(&part.features, &part.ids, count, stream)
    }

    /// Risk of each row's decision under its draws.
    fn risks(&self, draws: &Batch, decisions: &Batch) -> Result<Vec<f64>> {
        check_len("decisions", draws.rows(), decisions.rows())?;
        check_len("decision", self.law.outcomes(), decisions.cols())?;
        let mut weights = vec![0.0; draws.cols() / self.law.outcomes()];
        let risk = |(draws, x): (&[f64], &[f64])| {
            let costs: Vec<f64> = draws.chunks_exact(x.len()).map(|c| self.inner.cost(c, x)).collect();
            Risk::Cvar { tail: self.tail }.gradient(&costs, &mut weights)
        };
        Ok(draws.iter().zip(decisions.iter()).map(risk).collect())
    }

    /// The law as one draw if its mean says all, else as many.
    fn law_of(&self, part: &Instances) -> Result<Batch> {
        if self.tail == 1.0 { self.law.mean(&part.features) } else { self.judges(part, JUDGES) }
    }

    /// What is best under the law.
    fn best(&self, law: &Batch, ids: &[u64]) -> Result<Batch> {
        Ok(decide(&*of_samples(&self.inner.problem, law.cols() / self.law.outcomes(), self.tail)?, law, ids)?.0)
    }

    /// Risks that decisions are compared with; found once for each row.
    fn known(&self, part: &Instances, law: &Batch, published: &Batch) -> Result<Vec<Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let new: Vec<usize> = (0..part.len()).filter(|&i| !known.contains_key(&part.ids[i])).collect();
        if !new.is_empty() {
            let ids: Vec<u64> = new.iter().map(|&i| part.ids[i]).collect();
            let (law, published) = (law.select(&new), published.select(&new));
            let best = self.risks(&law, &self.best(&law, &ids)?)?;
            let by_mean = of_samples(&self.inner.problem, PUBLISHED_JUDGES, 1.0)?;
            let target = self.risks(&published, &decide(&*by_mean, &published, &ids)?.0)?;
            known.extend(ids.iter().zip(best.iter().zip(target)).map(|(&id, (&best, target))| (id, Known { best, target })));
        }
        Ok(part.ids.iter().map(|id| known[id]).collect())
    }

    fn risk_figures(&self, part: &Instances, decisions: &Batch) -> Result<[Figure; 2]> {
        let (law, published) = (self.law_of(part)?, self.judges(part, PUBLISHED_JUDGES)?);
        let known = self.known(part, &law, &published)?;
        let (best, target): (Vec<f64>, Vec<f64>) = known.iter().map(|k| (k.best, k.target)).unzip();
        let regret: Vec<f64> = self.risks(&law, decisions)?.iter().zip(&best).map(|(own, best)| own - best).collect();
        let ratios: Vec<f64> =
            self.risks(&published, decisions)?.iter().zip(&target).map(|(own, target)| (own - target).abs() / target.abs()).collect();
        let figure = |metric, value, se| Figure { metric, value, se };
        Ok([
            figure("cvar_regret", metrics::normalized_regret(&regret, &best), None),
            figure("cvar_regret_published", metrics::mean(&ratios), metrics::standard_error(&ratios)),
        ])
    }
}

/// Decides for samples of a linear cost: by their mean, or by the mean of the worst.
pub(super) fn of_samples(problem: &impl LinearProblem, samples: usize, tail: f64) -> Result<Box<dyn Decider>> {
    if tail == 1.0 {
        return Ok(Box::new(dfl_solvers::SampleMean::new(problem.oracle()?, samples)?));
    }
    let Formulation { program, params, visible } = dfl_solvers::cvar_of_samples(&problem.formulation(), samples, tail)?;
    Backend::Clarabel.decider(program, params, &Deciding { visible: Some(visible), ..Deciding::default() })
}

impl<P: LinearProblem> Task for ConditionalTask<P> {
    fn name(&self) -> &'static str {
        self.id
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        self.inner.cost(truth, decision)
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        self.inner.oracle()
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn formulation(&self) -> Option<Formulation> {
        self.inner.formulation()
    }
}

impl<P: LinearProblem> Source for ConditionalTask<P> {
    fn load(&self, request: &Request) -> Result<Splits> {
        check_seed(self.seed, numpy_seed(request.seed)?)?;
        self.inner.load(request)
    }
}

impl<P: LinearProblem> Benchmark for ConditionalTask<P> {
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        let mut figures = self.inner.figures(part, decisions)?;
        figures.extend(self.risk_figures(part, decisions)?);
        Ok(figures)
    }

    /// The same as the first of the figures, without asking the law.
    fn leading_figure(&self, part: &Instances, decisions: &Batch) -> Result<f64> {
        self.inner.leading_figure(part, decisions)
    }

    fn needs_labels(&self) -> bool {
        true
    }

    fn decider_of_samples(&self, samples: usize, tail: f64) -> Option<Result<Box<dyn Decider>>> {
        self.inner.decider_of_samples(samples, tail)
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["oracle", "true_distribution", "exact_mean", "least_squares", "constant"]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        let test = &data.test;
        match method {
            "true_distribution" => self.best(&self.law_of(test)?, &test.ids),
            "exact_mean" => Ok(decide(&*self.oracle()?, &self.law.mean(&test.features)?, &test.ids)?.0),
            "oracle" | "least_squares" | "constant" => self.inner.baseline(method, data),
            _ => Err(unknown("baseline of a linear cost of known law", method, self.baselines().iter().copied())),
        }
    }
}
