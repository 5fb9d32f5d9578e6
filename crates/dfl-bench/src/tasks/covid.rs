mod baselines;

use std::sync::Arc;

use dfl_core::{Batch, Cost, CostGrad, Decider, Instances, Request, Result, Simulator, Source, Splits, Task};

use super::linear::check_seed;
use super::outcome::{box_policy, box_program, closed_form_of, mean_figure};
use super::{Benchmark, Figure, TaskOptions, Uncertain, unknown};
use crate::data::epidemic::{EpidemicData, WINDOWS};
use crate::epidemic::{BedCost, BedDemand, BedPrices};

/// Most beds that a policy can prepare, as a share of the population; about twice the most that any epidemic here needed.
const POLICY_SHARE: f64 = 0.02;

/// Preparing hospital beds for each of the next days of an epidemic, at the cost of [`BedCost`]; data of [`EpidemicData`]. Minimises.
///
/// A row of the truth is the people in hospital, then the latent transmission; distributions predict the latter and are simulated
/// ([`BedDemand`]), a predictor of one number predicts the row.
///
/// **Figures.** `task_loss`, the mean over the rows, by which models are chosen.
///
/// **Energies.** Costs are of the order of a thousand, so that $e^{-f}$ knows next to one decision only; $e^{-f/\tau}$ at a temperature of $10^5$ has,
/// given the patients, a width of about 200 beds below them and 700 above.
///
/// **Baselines.** `oracle`, beds for the patients that come; `persistence`, today's patients; `historical`, today's patients times the factor of each
/// day that is best on the training rows; `nowcast`, what the equations give for the mean transmission of the last week; `nowcast_factor`,
/// that times such factors.
///
/// # References
/// SO-EBM (NeurIPS 2022), whose constants are not published; see [`EpidemicData`] and [`BedPrices::OURS`] for ours.
pub struct CovidTask {
    data: EpidemicData,
    simulator: BedDemand,
    cost: Arc<BedCost>,
}

impl CovidTask {
    /// A task whose rows are those of `data`; its number of samples does not matter.
    ///
    /// # Errors
    /// As [`EpidemicData::check`] and [`BedPrices::with_ratio`].
    pub fn new(data: EpidemicData, shortage: f64) -> Result<Self> {
        let (simulator, prices) = (data.simulator()?, BedPrices::with_ratio(shortage)?);
        let cost = Arc::new(BedCost::new(data.horizon, 2 * data.horizon, prices)?);
        Ok(Self { data, simulator, cost })
    }

    /// A size is `dN`: so many days ahead.
    pub(super) fn from_options(options: &TaskOptions<'_>) -> Result<Self> {
        let horizon = options.dimension("size of a bed preparation", "dDAYS, e.g. d7")?;
        let o = options.data;
        let data = EpidemicData {
            horizon,
            population: o.population,
            volatility: o.volatility,
            process: o.process,
            seed: options.seed,
            ..EpidemicData::default()
        };
        Self::new(data, o.shortage)
    }

    fn days(&self) -> usize {
        self.data.horizon
    }

    fn capacity(&self) -> f64 {
        self.simulator.system().population()
    }
}

impl Task for CovidTask {
    fn name(&self) -> &'static str {
        "covid"
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        self.cost.value(truth, decision)
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        let (cost, days) = (Arc::clone(&self.cost), self.days());
        Ok(closed_form_of(2 * days, days, move |y, a| {
            a.iter_mut().zip(y).for_each(|(a, y)| *a = y.max(0.0));
            cost.value(y, a)
        }))
    }
    fn source(&self) -> &dyn Source {
        self
    }
    fn gradient_cost(&self) -> Option<Arc<dyn CostGrad>> {
        Some(Arc::clone(&self.cost) as Arc<dyn CostGrad>)
    }
}

impl Source for CovidTask {
    /// Each part has epidemics of its own, from which all its rows come.
    fn load(&self, request: &Request) -> Result<Splits> {
        check_seed(self.data.seed, request.seed)?;
        let epidemics = |rows: usize| rows.div_ceil(WINDOWS);
        let part = |first, rows| -> Result<Instances> {
            let (features, truth, ids) = self.data.rows(first, rows)?;
            Ok(Instances { ids, ..Instances::new(features, truth)? })
        };
        let (valid, test) = (epidemics(request.train), epidemics(request.train) + epidemics(request.valid));
        Ok(Splits { train: part(0, request.train)?, valid: part(valid, request.valid)?, test: part(test, request.test)? })
    }
}

impl Benchmark for CovidTask {
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        Ok(vec![mean_figure("task_loss", &self.costs(&part.truth, decisions)?)])
    }

    fn needs_labels(&self) -> bool {
        false
    }

    fn uncertain(&self) -> Option<Uncertain> {
        Some(Uncertain { cost: Arc::clone(&self.cost) as _, feasible: box_program(self.days(), self.capacity()) })
    }

    /// Day by day by [`BedCost::best_beds`] for the mean; a tail is left to the stochastic program.
    fn decider_of_samples(&self, samples: usize, tail: f64) -> Option<Result<Box<dyn Decider>>> {
        if tail < 1.0 {
            return None;
        }
        let (cost, days) = (Arc::clone(&self.cost), self.days());
        Some(Ok(closed_form_of(samples * 2 * days, days, move |paths, beds| {
            let mut patients = vec![0.0; samples];
            for (day, beds) in beds.iter_mut().enumerate() {
                patients.iter_mut().zip(paths.iter().skip(day).step_by(2 * days)).for_each(|(p, y)| *p = *y);
                *beds = cost.best_beds(&mut patients);
            }
            paths.chunks_exact(2 * days).map(|y| cost.value(y, beds)).sum::<f64>() / samples as f64
        })))
    }

    fn simulator(&self) -> Option<Arc<dyn Simulator>> {
        Some(Arc::new(self.simulator.clone()))
    }

    fn policy(&self) -> Option<Result<Box<dyn Decider>>> {
        Some(box_policy(self.days(), POLICY_SHARE * self.capacity()))
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["oracle", "persistence", "historical", "nowcast", "nowcast_factor"]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        match method {
            "oracle" => Ok(dfl_core::decide(&*self.oracle()?, &data.test.truth, &data.test.ids)?.0),
            "persistence" => self.today(&data.test),
            "historical" => self.with_best_factors(data, Self::today),
            "nowcast" => self.nowcast(&data.test),
            "nowcast_factor" => self.with_best_factors(data, Self::nowcast),
            _ => Err(unknown("baseline of bed preparation", method, self.baselines().iter().copied())),
        }
    }
}
