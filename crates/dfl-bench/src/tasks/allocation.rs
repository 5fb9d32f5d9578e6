use std::sync::Arc;

use dfl_core::dense::dot;
use dfl_core::{Batch, Cost, CostCurvature, CostGrad, Decider, Instances, Request, Result, Source, Splits, Support, Task, check_len};

use super::outcome::{best_constant, box_policy, box_program, box_support, closed_form, mean_figure};
use super::{Benchmark, Figure, TaskOptions, Uncertain, cut, repeat, unknown};
use crate::data::allocation::{AllocationData, Returns};

/// The features of each instance, all noise, as published.
const FEATURES: usize = 20;

/// Allocating capacity to products before their returns `y` are known. Minimises.
///
/// $$f(y, z) = e^{-y^\top z}, \qquad z \in [0, 2]^d$$
///
/// The features say nothing, so that one decision is best for all instances. A prediction of one $\hat y$ decides for a vertex of the
/// box, of which $z = 0$ at cost 1 is the best in expectation; a distribution decides inside.
///
/// **Figures.** `task_loss` is the mean over the rows, by which models are chosen. Its tail is heavy: at the best decision of $d = 10$ one
/// row has a standard deviation of 1.1, so that the published 200 rows leave a standard error of 0.08 on 0.40. `population_cost`
/// $\prod_i F_1(z_i)$, see [`Returns::expected_cost`], is the expected cost of the decisions and has no noise of the rows. It holds for
/// decisions that do not know their row's truth, so that there is no `oracle` among the baselines.
///
/// **Samples.** Even with samples of the true distribution a decision needs thousands of them: with few, those of some product may all be
/// gains, and $z_i = 2$ is then ruinous. The population cost with $d = 10$ and the code's constants, in the mean over decisions (± standard
/// error): 88 ± 13 for 50 samples, 0.503 ± 0.010 for 500, 0.4395 ± 0.005 for 1000, 0.4074 ± 0.0006 for 4000. The published code pools the
/// samples of all rows of a batch into one decision, which is right only because the features say nothing; here each row decides for its
/// own.
///
/// **Baselines.** `population_optimum`, the best that a decision can be; `saa`, the best constant decision on the training rows;
/// `exact_gaussian`, what a Gaussian of the exact mean and variance decides, that is the limit of two-stage Gaussians; `exact_mean`, the
/// same for one predicted $\hat y$; `zero`, the best vertex.
///
/// # References
/// Diffusion-DFL (ICLR 2026), product allocation, whose figures are those of its code's constants on one draw of 200 rows.
pub struct AllocationTask {
    data: AllocationData,
}

impl AllocationTask {
    /// Most of each product.
    pub const CAPACITY: f64 = 2.0;

    /// A task with so many products.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for none.
    pub fn new(products: usize, returns: Returns) -> Result<Self> {
        crate::data::polynomial::check_positive("products", products)?;
        Ok(Self { data: AllocationData { products, features: FEATURES, returns, ..AllocationData::default() } })
    }

    /// A size is `dN` for the constants of the published code, and `dN-paper` for those of the text.
    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let products = options.dimension("size of an allocation", "dPRODUCTS, e.g. d10, or d10-paper")?;
        let paper = options.size.split('-').any(|word| word == "paper");
        Self::new(products, if paper { Returns::PAPER } else { Returns::CODE })
    }

    /// Expected cost of a decision that is made without the truth: $\prod_i F_1(z_i)$.
    pub fn population_cost(&self, decision: &[f64]) -> f64 {
        decision.iter().map(|&z| self.data.returns.expected_cost(z)).product()
    }

    fn constant(&self, z: f64, rows: usize) -> Result<Batch> {
        repeat(&vec![z; self.data.products], rows)
    }
}

/// $f(y, z) = e^{-y^\top z}$ with $\nabla_z f = -f y$, $\nabla^2_{zz} f = f y y^\top$, $\nabla^2_{zy} f = f (y z^\top - I)$ and
/// $\nabla_y f = -f z$.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AllocationCost;

impl Cost for AllocationCost {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        (-dot(y, z)).exp()
    }
}

impl CostGrad for AllocationCost {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        let f = self.value(y, z);
        out.iter_mut().zip(y).for_each(|(out, y)| *out = -f * y);
    }
}

impl CostCurvature for AllocationCost {
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        let f = w * self.value(y, z);
        for (row, yi) in h.chunks_exact_mut(z.len()).zip(y) {
            row.iter_mut().zip(y).for_each(|(h, yj)| *h += f * yi * yj);
        }
    }
    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        let (f, along) = (w * self.value(y, z), dot(y, v));
        out.iter_mut().zip(z.iter().zip(v)).for_each(|(out, (z, v))| *out += f * (along * z - v));
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        let f = w * self.value(y, z);
        out.iter_mut().zip(z).for_each(|(out, z)| *out -= f * z);
    }
}

impl Task for AllocationTask {
    fn name(&self) -> &'static str {
        "allocation"
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        AllocationCost.value(truth, decision)
    }
    /// All of what brings a return, none of the rest.
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        Ok(closed_form(self.data.products, |y, z| {
            z.iter_mut().zip(y).for_each(|(z, &y)| *z = if y > 0.0 { Self::CAPACITY } else { 0.0 });
            AllocationCost.value(y, z)
        }))
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn gradient_cost(&self) -> Option<Arc<dyn CostGrad>> {
        Some(Arc::new(AllocationCost))
    }
}

impl Source for AllocationTask {
    fn load(&self, request: &Request) -> Result<Splits> {
        let samples = request.train + request.valid + request.test;
        let (features, returns) = AllocationData { samples, seed: request.seed, ..self.data.clone() }.generate()?;
        Ok(cut(&Instances::new(features, returns)?, request))
    }
}

impl Benchmark for AllocationTask {
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        check_len("products of a decision", self.data.products, decisions.cols())?;
        let expected: Vec<f64> = decisions.iter().map(|z| self.population_cost(z)).collect();
        Ok(vec![mean_figure("task_loss", &self.costs(&part.truth, decisions)?), mean_figure("population_cost", &expected)])
    }

    fn needs_labels(&self) -> bool {
        false
    }

    fn uncertain(&self) -> Option<Uncertain> {
        Some(Uncertain { cost: Arc::new(AllocationCost), feasible: box_program(self.data.products, Self::CAPACITY) })
    }

    fn support(&self) -> Support {
        box_support(self.data.products, Self::CAPACITY)
    }

    fn policy(&self) -> Option<Result<Box<dyn Decider>>> {
        Some(box_policy(self.data.products, Self::CAPACITY))
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["population_optimum", "saa", "exact_gaussian", "exact_mean", "zero"]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        let (returns, rows) = (&self.data.returns, data.test.len());
        match method {
            "population_optimum" => self.constant(returns.optimum(Self::CAPACITY), rows),
            "saa" => repeat(&best_constant(self, &data.train)?, rows),
            "exact_gaussian" => self.constant(returns.gaussian_optimum(Self::CAPACITY), rows),
            "exact_mean" => self.constant(if returns.mean() > 0.0 { Self::CAPACITY } else { 0.0 }, rows),
            "zero" => self.constant(0.0, rows),
            _ => Err(unknown("baseline of allocation", method, self.baselines().iter().copied())),
        }
    }
}
