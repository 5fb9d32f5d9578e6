use dfl_core::{Batch, Cone, Csc, Decider, Formulation, NoGradient, ParamMap, Program, Result};
use dfl_solvers::{Batched, RiskBudget, RiskBudgetOptions};

use super::linear::{check_seed, negated, numpy_seed};
use super::{LinearProblem, LinearTask, TaskOptions};
use crate::data::portfolio::PortfolioData;
use crate::page::Drawing;

/// PyEPO's budget of risk as a multiple of the mean covariance.
const BUDGET: f64 = 2.25;

/// PyEPO's portfolio with predicted returns, its covariance and its budget of risk:
///
/// $$\max_x\ r^\top x \quad\text{s.t. } 1^\top x = 1,\ x \ge 0,\ x^\top \Sigma x \le 2.25\, \overline\Sigma$$
///
/// with the mean $\overline\Sigma$ of all entries. The truth is $-r$, after PyEPO's cast of $r$ to `f32`. The covariance comes from the
/// seed that the task is made with, so that a request for another one is refused.
pub type PyepoPortfolioTask = LinearTask<Assets>;

/// Assets within a budget of risk, and how their returns are drawn.
pub struct Assets {
    program: Program,
    /// Everything but the number of rows.
    data: PortfolioData,
}

impl PyepoPortfolioTask {
    /// A task with the covariance of `data.seed`.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for what [`PortfolioData::covariance`] refuses.
    pub fn new(data: PortfolioData) -> Result<Self> {
        Ok(Self { problem: Assets { program: program(&data)?, data } })
    }

    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let (assets, d) = (options.count("size of a portfolio", "ASSETS, e.g. 50")?, options.data);
        let data = PortfolioData { assets, features: d.features, degree: d.degree, noise_level: d.noise_level, ..Default::default() };
        Self::new(PortfolioData { seed: numpy_seed(options.seed)?, ..data })
    }
}

/// $\Sigma = F'F$ with the loadings and each asset's own risk one below the other, so that the budget is $\|Fx\| \le e$.
fn program(data: &PortfolioData) -> Result<Program> {
    let (loadings, covariance) = (data.loadings()?, data.covariance()?);
    let (n, factors) = (data.assets, data.features);
    let mut entries: Vec<_> = loadings.iter().enumerate().flat_map(|(j, l)| l.iter().enumerate().map(move |(k, l)| (k, j, *l))).collect();
    entries.extend((0..n).map(|j| (factors + j, j, data.own_risk())));
    let mean = covariance.as_slice().iter().sum::<f64>() / (n * n) as f64;
    let f = Csc::from_triplets(factors + n, n, &entries)?;
    let budget = Cone { f, g: vec![0.0; factors + n], d: vec![0.0; n], e: (BUDGET * mean).sqrt() };
    let whole = Csc::from_triplets(1, n, &(0..n).map(|j| (0, j, 1.0)).collect::<Vec<_>>())?;
    let program = Program::linear(vec![0.0; n]).with_rows(whole, vec![1.0], vec![1.0]).with_bounds(vec![0.0; n], vec![f64::INFINITY; n]);
    Ok(Program { cones: vec![budget], ..program })
}

impl LinearProblem for Assets {
    fn name(&self) -> &'static str {
        "pyepo_portfolio"
    }
    fn draw(&self, samples: usize, seed: u32) -> Result<(Batch, Batch)> {
        check_seed(self.data.seed, seed)?;
        let drawn = PortfolioData { samples, ..self.data.clone() }.generate()?;
        let returns = drawn.rounded_costs();
        Ok((drawn.x, negated(returns)))
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        let params = ParamMap::costs(self.data.assets);
        Ok(Box::new(Batched::new(NoGradient(RiskBudget::new(self.program.clone(), params, RiskBudgetOptions::default())?))))
    }
    fn formulation(&self) -> Formulation {
        Formulation { program: self.program.clone(), params: ParamMap::costs(self.data.assets), visible: self.data.assets }
    }
    fn drawing(&self, _costs: &[f64], decision: &[f64]) -> Option<Drawing> {
        let names = (0..decision.len()).map(|j| format!("asset {j}")).collect();
        Some(Drawing::Portfolio { names, shares: decision.to_vec() })
    }
}
