use std::sync::Arc;

use dfl_core::{Batch, Cost, CostGrad, Decider, Instances, Request, Result, Risk, Source, Splits, Support, Task, check_len};

use super::linear::check_seed;
use super::outcome::{best_constant, box_policy, box_program, box_support, closed_form, mean_figure};
use super::{Benchmark, Figure, TaskOptions, Uncertain, cut, repeat, unknown};
use crate::data::inventory::{Demand, InventoryData};
use crate::inventory::{InventoryCost, Prices};

/// What `tail_cost` is of the costs of the rows.
const WORST: Risk = Risk::Cvar { tail: 0.1 };

/// Ordering products before their demand is known, at the cost of [`InventoryCost`]; data of [`InventoryData`]. Minimises.
///
/// **Figures.** `task_loss` is the mean over the rows, by which models are chosen. `population_cost` is the mean over the rows of the
/// expected cost of the decision under the true distribution given the row's features: it has no noise of the demand. It holds for
/// decisions that do not know their row's truth, so that there is no `oracle` among the baselines. `tail_cost` is the mean over the
/// costliest tenth of the rows.
///
/// **Baselines.** `true_distribution`, the best that a decision can be; `exact_gaussian`, what a Gaussian of the exact mean and variance
/// given the features decides, that is the limit of two-stage Gaussians; `exact_mean`, the same for one predicted $\hat y$; `saa`, the best
/// constant decision on the training rows.
///
/// A prediction of one $\hat y$ is not what limits a decision here: $z^\star(\hat y) = \hat y$ for all $\hat y$ within the capacity, since
/// the slope of the cost changes its sign there. So a deterministic predictor trained on decisions can reach `true_distribution`.
///
/// # References
/// Diffusion-DFL (ICLR 2026), appendix A.12 and Fig. 10, whose constants are not published; see [`InventoryData`] and [`Prices::OURS`]
/// for ours.
pub struct InventoryTask {
    data: InventoryData,
    cost: InventoryCost,
}

impl InventoryTask {
    /// A task whose rows are those of `data`; its number of samples does not matter.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no products or features.
    pub fn new(data: InventoryData) -> Result<Self> {
        crate::data::polynomial::check_positive("products", data.products)?;
        crate::data::polynomial::check_positive("features", data.features)?;
        Ok(Self { cost: InventoryCost::new(data.products, Prices::OURS), data })
    }

    /// A size is `dN`: so many products.
    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let products = options.dimension("size of an inventory", "dPRODUCTS, e.g. d1")?;
        Self::new(InventoryData { products, features: options.data.features, seed: options.seed, ..InventoryData::default() })
    }

    /// The decision of each row from the demands given its features, one product after the other. The features are those of the generator:
    /// those of a split may have been transformed.
    fn decide(&self, part: &Instances, order: impl Fn(&Demand) -> f64) -> Result<Batch> {
        let mut out = Batch::zeros(part.len(), self.data.products);
        for (i, &id) in part.ids.iter().enumerate() {
            let features = self.data.features_of(id);
            out.row_mut(i).iter_mut().zip(self.data.demands(&features)).for_each(|(z, demand)| *z = order(&demand));
        }
        Ok(out)
    }

    /// Expected cost of each row's decision under the true distribution given its features, `[b]`.
    ///
    /// # Errors
    /// [`Error::Dimension`](dfl_core::Error::Dimension) if shapes disagree.
    pub fn population_costs(&self, ids: &[u64], decisions: &Batch) -> Result<Vec<f64>> {
        check_len("decisions", ids.len(), decisions.rows())?;
        check_len("products of a decision", self.data.products, decisions.cols())?;
        let row = |(&id, z): (&u64, &[f64])| {
            let features = self.data.features_of(id);
            z.iter().zip(self.data.demands(&features)).map(|(&z, demand)| self.cost.expected(z, &demand.0)[0]).sum()
        };
        Ok(ids.iter().zip(decisions.iter()).map(row).collect())
    }
}

impl Task for InventoryTask {
    fn name(&self) -> &'static str {
        "inventory"
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        self.cost.value(truth, decision)
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        let cost = self.cost.clone();
        Ok(closed_form(self.data.products, move |y, z| {
            z.iter_mut().zip(y).for_each(|(z, &y)| *z = cost.optimum(y));
            cost.value(y, z)
        }))
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn gradient_cost(&self) -> Option<Arc<dyn CostGrad>> {
        Some(Arc::new(self.cost.clone()))
    }
}

impl Source for InventoryTask {
    fn load(&self, request: &Request) -> Result<Splits> {
        check_seed(self.data.seed, request.seed)?;
        let samples = request.train + request.valid + request.test;
        let (features, demands) = InventoryData { samples, ..self.data.clone() }.generate()?;
        Ok(cut(&Instances::new(features, demands)?, request))
    }
}

impl Benchmark for InventoryTask {
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        let expected = self.population_costs(&part.ids, decisions)?;
        let costs = self.costs(&part.truth, decisions)?;
        let tail = Figure { metric: "tail_cost", value: WORST.gradient(&costs, &mut vec![0.0; costs.len()]), se: None };
        Ok(vec![mean_figure("task_loss", &costs), mean_figure("population_cost", &expected), tail])
    }

    fn needs_labels(&self) -> bool {
        false
    }

    fn uncertain(&self) -> Option<Uncertain> {
        Some(Uncertain { cost: Arc::new(self.cost.clone()), feasible: box_program(self.data.products, self.cost.prices().capacity) })
    }

    fn support(&self) -> Support {
        box_support(self.data.products, self.cost.prices().capacity)
    }

    fn policy(&self) -> Option<Result<Box<dyn Decider>>> {
        Some(box_policy(self.data.products, self.cost.prices().capacity))
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["true_distribution", "exact_gaussian", "exact_mean", "saa"]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        match method {
            "true_distribution" => self.decide(&data.test, |demand| self.cost.expected_optimum(&demand.0)),
            "exact_gaussian" => self.decide(&data.test, |demand| self.cost.expected_optimum(&[demand.gaussian()])),
            "exact_mean" => self.decide(&data.test, |demand| self.cost.optimum(demand.mean())),
            "saa" => repeat(&best_constant(self, &data.train)?, data.test.len()),
            _ => Err(unknown("baseline of inventory", method, self.baselines().iter().copied())),
        }
    }
}
