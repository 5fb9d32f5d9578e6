use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use dfl_core::{Batch, Decider, Formulation, Instances, Request, Result, Risk, Source, Splits, Stream, Task, check_len, decide, metrics};
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
/// $p(c \mid x)$ of row $i$, $\rho_i(w) = \operatorname{CVaR}_\alpha(c^\top w)$, the decision $w_i^\star$ that is best for it and
/// $\overline w_i$ that is best for its mean $\overline c_i$:
///
/// * `cvar_regret`, $\sum_i (\rho_i(w_i) - \rho_i(w_i^\star)) / \sum_i |\overline c_i^\top \overline w_i|$, at least 0. For $\alpha = 1$
///   expectations are exact; else law and $w_i^\star$ are those of 1000 draws, so that 0 is reached by who sees these very draws alone.
/// * `cvar_regret_published`, the mean of $|\rho_i(w_i) - \rho_i(w_i')| / |\overline c_i'^\top w_i'|$ over 200 draws of mean
///   $\overline c_i'$, with the decision $w_i'$ for that *mean* whatever $\alpha$ is, and the absolute value, by which a decision that is
///   better than the target counts as worse.
///
/// Both are relative to an expected cost, as the published code has it: a risk passes through 0, as that of a portfolio's worst tenth does.
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
    /// What decisions of a row are compared with, by id: it takes three solves.
    known: Mutex<HashMap<u64, Known>>,
}

#[derive(Clone, Copy)]
struct Known {
    /// $\rho(w^\star)$ under the law and $\rho(w')$ under the draws of the published figure.
    risks: [f64; 2],
    /// $|\overline c^\top \overline w|$ and $|\overline c'^\top w'|$.
    scales: [f64; 2],
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
            let (law, published, mean) = (law.select(&new), published.select(&new), self.law.mean(&part.features.select(&new))?);
            let best = self.risks(&law, &self.best(&law, &ids)?)?;
            let (target, value) = decide(&*of_samples(&self.inner.problem, PUBLISHED_JUDGES, 1.0)?, &published, &ids)?;
            let (expected, target) = (decide(&*self.oracle()?, &mean, &ids)?.1, self.risks(&published, &target)?);
            let of = |i: usize| Known { risks: [best[i], target[i]], scales: [expected[i].abs(), value[i].abs()] };
            known.extend(ids.iter().enumerate().map(|(i, &id)| (id, of(i))));
        }
        Ok(part.ids.iter().map(|id| known[id]).collect())
    }

    fn risk_figures(&self, part: &Instances, decisions: &Batch) -> Result<[Figure; 2]> {
        let (law, published) = (self.law_of(part)?, self.judges(part, PUBLISHED_JUDGES)?);
        let known = self.known(part, &law, &published)?;
        let regret: Vec<f64> = self.risks(&law, decisions)?.iter().zip(&known).map(|(own, k)| own - k.risks[0]).collect();
        let scales: Vec<f64> = known.iter().map(|k| k.scales[0]).collect();
        let ratio = |(own, k): (&f64, &Known)| (own - k.risks[1]).abs() / k.scales[1];
        let ratios: Vec<f64> = self.risks(&published, decisions)?.iter().zip(&known).map(ratio).collect();
        let figure = |metric, value, se| Figure { metric, value, se };
        Ok([
            figure("cvar_regret", metrics::normalized_regret(&regret, &scales), None),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::pjm::Columns;
    use crate::suite::DataOptions;

    /// $\varphi(\Phi^{-1}(\alpha))/\alpha$ at $\alpha = 0.1$: CVaR of a standard normal.
    const WORST_TENTH: f64 = 1.754_983_319_3;

    fn portfolio(tail: f64) -> (ConditionalTask<Assets>, Instances) {
        let data = DataOptions { degree: 2, noise_level: 20.0, tail, ..DataOptions::default() };
        let task = ConditionalTask::assets(&TaskOptions { size: "12", data: &data, columns: Columns::Published, seed: 3 }).unwrap();
        let test = task.source().load(&Request { train: 1, valid: 0, test: 8, seed: 3 }).unwrap().test;
        (task, test)
    }

    /// The risk of a portfolio of Gaussian returns, $\mu^\top w + \kappa \sqrt{w^\top \Sigma w}$.
    fn exact_risks(task: &ConditionalTask<Assets>, part: &Instances, decisions: &Batch) -> Vec<f64> {
        let data = PortfolioData { assets: 12, degree: 2, noise_level: 20.0, seed: 3, ..PortfolioData::default() };
        let (covariance, mean) = (data.covariance().unwrap(), task.law.mean(&part.features).unwrap());
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let risk = |(mu, w): (&[f64], &[f64])| {
            let variance: f64 = covariance.iter().zip(w).map(|(row, w_i)| w_i * dot(row, w)).sum();
            dot(mu, w) + WORST_TENTH * variance.sqrt()
        };
        mean.iter().zip(decisions.iter()).map(risk).collect()
    }

    /// Of 40000 draws, within 5 standard errors: less than 1.6 deviations of the tail's own spread over its 4000 draws.
    #[test]
    fn risks_are_those_of_gaussian_returns() {
        let (task, part) = portfolio(0.1);
        let equal = Batch::from_vec(8, 12, vec![1.0 / 12.0; 96]).unwrap();
        let sampled = task.risks(&task.judges(&part, 40_000).unwrap(), &equal).unwrap();
        let mean = task.risks(&task.law.mean(&part.features).unwrap(), &equal).unwrap();
        for ((sampled, exact), mean) in sampled.iter().zip(exact_risks(&task, &part, &equal)).zip(mean) {
            let deviation = (exact - mean) / WORST_TENTH;
            assert!((sampled - exact).abs() < 5.0 * 1.6 * deviation / 4000_f64.sqrt(), "{sampled} against {exact}");
        }
    }

    /// What is best for 1000 draws looks better there than it is, and a regret is too large by that much: less than 5 % of the expected
    /// cost, which regrets are relative to. More draws find what is truly better.
    #[test]
    fn the_optimum_of_the_draws_is_near_that_of_the_law() {
        let (task, part) = portfolio(0.1);
        let (law, many) = (task.law_of(&part).unwrap(), task.judges(&part, 4000).unwrap());
        let (best, better) = (task.best(&law, &part.ids).unwrap(), task.best(&many, &part.ids).unwrap());
        let own = metrics::mean(&task.risks(&law, &best).unwrap());
        let [exact, less_noisy] = [&best, &better].map(|x| metrics::mean(&exact_risks(&task, &part, x)));
        let (_, values) = decide(&*task.oracle().unwrap(), &task.law.mean(&part.features).unwrap(), &part.ids).unwrap();
        let bias = (less_noisy - own) / metrics::mean(&values).abs();
        assert!(less_noisy < exact && bias > 0.0 && bias < 0.05, "{own} looks like {exact}, of 4000 draws {less_noisy}: {bias}");
    }

    /// Deciding by the exact mean is best for the mean, and costs something by the published figure, whose target knows 200 draws; the
    /// best for the worst tenth is better than that there, and the same figure counts it as worse than nothing.
    #[test]
    fn figures_of_those_who_know_the_law() {
        for tail in [1.0, 0.1] {
            let (task, _) = portfolio(tail);
            let mut data = task.source().load(&Request { train: 20, valid: 0, test: 8, seed: 3 }).unwrap();
            dfl_core::label(&task, &mut data).unwrap();
            let figure = |method: &str, metric: &str| {
                let decisions = task.baseline(method, &data).unwrap();
                task.figures(&data.test, &decisions).unwrap().iter().find(|f| f.metric == metric).unwrap().value
            };
            assert!(figure("true_distribution", "cvar_regret").abs() < 1e-7);
            let by_mean = figure("exact_mean", "cvar_regret");
            assert!(if tail == 1.0 { by_mean.abs() < 1e-9 } else { by_mean > 1e-3 }, "{by_mean}");
            for method in task.baselines() {
                assert!(figure(method, "cvar_regret") > -1e-7, "{method}");
            }
            assert!(figure("true_distribution", "cvar_regret_published") > 1e-3);
            assert!(figure("oracle", "normalized_regret").abs() < 1e-9 && figure("exact_mean", "normalized_regret") > 0.01);
        }
    }

    #[test]
    fn a_relaxed_knapsack_is_decided_as_a_linear_program() {
        let data = DataOptions { degree: 2, noise: 1.0, capacity: 0.073, ..DataOptions::default() };
        let options = TaskOptions { size: "50", data: &data, columns: Columns::Published, seed: 5 };
        let task = ConditionalTask::items(&options).unwrap();
        let mut rows = task.source().load(&Request { train: 30, valid: 5, test: 5, seed: 5 }).unwrap();
        dfl_core::label(&task, &mut rows).unwrap();
        let labels = rows.train.labels.unwrap().solution;
        let (mut parts, weights) = (0, KnapsackData { items: 50, seed: 5, ..KnapsackData::default() }.weights().unwrap());
        for x in labels.iter() {
            for w in weights.iter() {
                let load: f64 = w.iter().zip(x).map(|(w, x)| w * x).sum();
                assert!(load < 0.073 * w.iter().sum::<f64>() + 1e-7);
            }
            assert!(x.iter().all(|x| (-1e-9..1.0 + 1e-9).contains(x)));
            parts += x.iter().filter(|x| (1e-6..1.0 - 1e-6).contains(*x)).count();
        }
        assert!(parts > 30, "two rows leave up to two items in part, {parts} in 30 rows");
        assert!(task.source().load(&Request { train: 1, valid: 0, test: 1, seed: 6 }).is_err(), "another seed is another law");
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for tail in [0.0, 1.1, f64::NAN] {
            let data = DataOptions { tail, ..DataOptions::default() };
            let options = TaskOptions { size: "5x5-deg2", data: &data, columns: Columns::Published, seed: 0 };
            assert!(ConditionalTask::paths(&options).is_err(), "tail {tail}");
        }
    }
}
