//! Choosing shares before the returns of the day are known.

mod baselines;
mod cost;

use std::sync::Arc;

use dfl_core::dense::dot;
use dfl_core::{
    Batch, Cost, CostGrad, Csc, Decider, Entry, Error, Formulation, Instances, ParamMap, Program, Request, Result, Source, Splits, Support,
    Task, metrics,
};
use dfl_solvers::{Batched, Softmax};

pub use cost::PortfolioCost;

use super::{Benchmark, Figure, TaskOptions, Uncertain, unknown};
use crate::data::pjm::Columns;
use crate::data::prices::{Inputs, Market, Table};
use crate::page::Drawing;
use crate::registry::make_decider;
use crate::results::bootstrap::moving_block_se;

/// Days of a block of the bootstrap, a month of trading: returns depend on the day before hardly, their size on the weeks before.
const BLOCK: usize = 20;

/// Draws of the bootstrap, which leave its standard errors uncertain by 2 per cent of themselves.
const DRAWS: usize = 1000;

/// Seed of the bootstrap, fixed so that one set of decisions has one figure.
const SEED: u64 = 0;

/// Mean daily return in per cent above which no honest model of these prices can be.
const LEAK: f64 = 0.5;

/// By how much shares may fail to add up to 1.
const WHOLE: f64 = 1e-6;

/// Where prices come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceSource {
    /// A file, with days of its own; a request's sizes and seed do not apply.
    Table(Table),
    /// A market that is drawn for the request, see [`crate::data::prices::synthetic`].
    Synthetic,
}

/// A portfolio of shares for the next day: $\min_z \mathbb E f(y, z)$ over the simplex with [`PortfolioCost`], of which the prediction is
/// the return $y$ of each asset in per cent. Minimises.
///
/// # References
/// Diffusion-DFL (ICLR 2026), the portfolio experiment; what differs is in [`crate::data::prices`] and [`PortfolioCost`].
#[derive(Clone, Debug)]
pub struct Portfolio {
    prices: PriceSource,
    assets: usize,
    inputs: Inputs,
    cost: PortfolioCost,
}

impl Portfolio {
    /// The first `assets` names of `prices`.
    ///
    /// # Errors
    /// [`Error::Domain`] for none.
    pub fn new(prices: PriceSource, assets: usize, inputs: Inputs, cost: PortfolioCost) -> Result<Self> {
        crate::data::polynomial::check_positive("assets", assets)?;
        Ok(Self { prices, assets, inputs, cost })
    }

    /// Sizes are `n50`, `n50-full`, `n20-skfolio`, `n10-market-synthetic`; columns choose the constants of the cost.
    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let known = "nASSETS, then -full, -small or -market, and -skfolio or -synthetic, e.g. n50, n50-full, n20-skfolio";
        let refuse = || unknown("size of a portfolio", options.size, [known]);
        let mut words = options.size.split('-');
        let assets = words.next().and_then(|word| word.strip_prefix('n')?.parse().ok()).ok_or_else(refuse)?;
        let (mut inputs, mut prices) = (None, None);
        for word in words {
            let again = match word {
                "full" => inputs.replace(Inputs::Full).is_some(),
                "small" => inputs.replace(Inputs::Small).is_some(),
                "market" => inputs.replace(Inputs::Market).is_some(),
                "skfolio" => prices.replace(PriceSource::Table(Table::Skfolio)).is_some(),
                "synthetic" => prices.replace(PriceSource::Synthetic).is_some(),
                _ => true,
            };
            if again {
                return Err(refuse());
            }
        }
        let cost = match options.columns {
            Columns::Published => PortfolioCost::PUBLISHED,
            Columns::Honest => PortfolioCost::INTERIOR,
        };
        Self::new(prices.unwrap_or(PriceSource::Table(Table::Sp500)), assets, inputs.unwrap_or(Inputs::Small), cost)
    }

    /// $1^\top z = 1$, $0 \le z \le 1$.
    fn simplex(&self) -> Result<Program> {
        let n = self.assets;
        let whole = Csc::from_triplets(1, n, &(0..n).map(|j| (0, j, 1.0)).collect::<Vec<_>>())?;
        Ok(Program::linear(vec![0.0; n]).with_rows(whole, vec![1.0], vec![1.0]).with_bounds(vec![0.0; n], vec![1.0; n]))
    }

    /// Refuses shares that are not of one whole: what is borrowed or kept would not compare.
    fn check_whole(decisions: &Batch) -> Result<()> {
        let sum = |z: &[f64]| z.iter().sum::<f64>();
        let whole = |z: &[f64]| (sum(z) - 1.0).abs() <= WHOLE && z.iter().all(|z| *z >= -WHOLE);
        match decisions.iter().find(|z| !whole(z)) {
            Some(z) => Err(Error::Domain { what: "sum of the shares of a portfolio", value: sum(z), need: "1, and no share below 0" }),
            None => Ok(()),
        }
    }
}

impl Task for Portfolio {
    fn name(&self) -> &'static str {
        "portfolio"
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        self.cost.value(truth, decision)
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        make_decider(self, "active_set", false)
    }
    fn source(&self) -> &dyn Source {
        self
    }
    /// Variables: shares `z` and the return `s` that they earn:
    ///
    /// $$\min \tfrac\rho2 \|z\|^2 + \tfrac\alpha2 s^2 - s \quad\text{s.t. } 1^\top z = 1,\ \theta^\top z - s = 0,\ 0 \le z \le 1$$
    fn formulation(&self) -> Option<Formulation> {
        let n = self.assets;
        let mut entries: Vec<_> = (0..n).flat_map(|j| [(0, j, 1.0), (1, j, 0.0)]).collect();
        entries.push((1, n, -1.0));
        let a = Csc::from_triplets(2, n + 1, &entries).ok()?;
        let returns = (0..n).filter_map(|j| a.position(1, j)).enumerate();
        let params = returns.fold(ParamMap::new(n), |map, (j, k)| map.link(Entry::A(k), j, 1.0));
        let mut curve = vec![self.cost.ridge(); n];
        curve.push(self.cost.alpha());
        let free = |open: f64, side: f64| [vec![side; n], vec![open]].concat();
        let program = Program::linear([vec![0.0; n], vec![-1.0]].concat())
            .with_quadratic(Csc::diagonal(&curve))
            .with_rows(a, vec![1.0, 0.0], vec![1.0, 0.0])
            .with_bounds(free(f64::NEG_INFINITY, 0.0), free(f64::INFINITY, 1.0));
        Some(Formulation { program, params, visible: n })
    }
    fn gradient_cost(&self) -> Option<Arc<dyn CostGrad>> {
        Some(Arc::new(self.cost))
    }
}

impl Source for Portfolio {
    fn load(&self, request: &Request) -> Result<Splits> {
        let market = match self.prices {
            PriceSource::Table(table) => Market::load(table)?,
            PriceSource::Synthetic => Market::synthetic(self.assets, [request.train, request.valid, request.test], request.seed),
        };
        market.prepare(self.assets, self.inputs)
    }
}

impl Benchmark for Portfolio {
    /// The mean cost, and the mean return in per cent a day; rows are days in their order, of whose months the standard errors resample
    /// whole ones.
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        Self::check_whole(decisions)?;
        let costs = self.costs(&part.truth, decisions)?;
        let returns: Vec<f64> = part.truth.iter().zip(decisions.iter()).map(|(y, z)| dot(y, z)).collect();
        let figure = |metric, values: &[f64]| -> Result<Figure> {
            let resampled = values.len() >= 2 * BLOCK && values.iter().all(|v| v.is_finite());
            let se = resampled.then(|| moving_block_se(values, BLOCK, DRAWS, SEED)).transpose()?;
            Ok(Figure { metric, value: metrics::mean(values), se })
        };
        Ok(vec![figure("task_loss", &costs)?, figure("mean_daily_return_percent", &returns)?])
    }

    fn drawing(&self, _truth: &[f64], decision: &[f64]) -> Option<Drawing> {
        let names = match self.prices {
            PriceSource::Table(table) => Market::load(table).ok()?.names().to_vec(),
            PriceSource::Synthetic => (0..self.assets).map(|j| format!("asset {j}")).collect(),
        };
        Some(Drawing::Portfolio { names: names.into_iter().take(self.assets).collect(), shares: decision.to_vec() })
    }

    fn needs_labels(&self) -> bool {
        false
    }

    fn uncertain(&self) -> Option<Uncertain> {
        Some(Uncertain { cost: Arc::new(self.cost), feasible: self.simplex().ok()? })
    }

    fn support(&self) -> Support {
        Support::CappedSimplex { total: 1.0, cap: 1.0 }
    }

    fn policy(&self) -> Option<Result<Box<dyn Decider>>> {
        Some(Softmax::new(self.assets).map(|softmax| Box::new(Batched::new(softmax)) as Box<dyn Decider>))
    }

    /// Of prices that somebody paid, nobody earns half a per cent a day.
    fn check_learned(&self, figures: &[Figure]) -> Result<()> {
        let earned = figures.iter().find(|figure| figure.metric == "mean_daily_return_percent").map_or(0.0, |figure| figure.value);
        let what = "mean daily return of a learned portfolio in per cent";
        match self.prices {
            PriceSource::Table(_) if earned > LEAK => {
                Err(Error::Domain { what, value: earned, need: "at most 0.5: more means that an input knows the future" })
            }
            _ => Ok(()),
        }
    }

    /// `oracle` knows the returns and minimises the cost, `clairvoyant` holds the best share of each day; `equal_weight`, `best_mean` (the
    /// share with the largest mean over the training days) and `historical` (best for the last 250 days) know the past.
    fn baselines(&self) -> &'static [&'static str] {
        baselines::BASELINES
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        baselines::decide(self, method, data)
    }
}
