use std::sync::Arc;

use dfl_core::{
    Batch, CostGrad, Csc, Decider, EnergyCurvature, Entry, Formulation, Instances, ParamMap, Program, Request, Result, Source, Splits,
    Task, metrics,
};

use dfl_solvers::{Backend, Batched, Deciding, Identity, Limits};

use super::{Benchmark, Figure, Uncertain, unknown};
use crate::data::pjm::{Columns, HOURS, Part, Pjm, Split};
use crate::page::Drawing;
use crate::power::{Baseline, GaussianPower, PowerCost, UncertainDemand};
use crate::registry::{Ramps, make_decider};

/// Scheduling a day's generation before the demand is known, on the PJM data with its published split. Minimises.
///
/// The prediction is the demand of the 24 hours; the decision is [`PowerCost`]'s optimum for it under the ramps.
pub struct PowerScheduling {
    cost: PowerCost,
    columns: Columns,
}

impl PowerScheduling {
    /// The task with the published constants.
    pub fn new(columns: Columns) -> Self {
        Self { cost: PowerCost::PUBLISHED, columns }
    }

    /// $\min_z \tfrac12 \|z - \theta\|^2$ under the ramps.
    fn nearest_schedule(&self) -> Result<Box<dyn Decider>> {
        let ramps = self.uncertain_demand().feasible().with_quadratic(Csc::diagonal(&[1.0; HOURS]));
        let pull = (0..HOURS).fold(ParamMap::new(HOURS), |map, i| map.link(Entry::C(i), i, -1.0));
        Backend::ActiveSet.decider(ramps, pull, &Deciding { visible: Some(HOURS), warm: true, limits: Limits::default() })
    }

    fn uncertain_demand(&self) -> Arc<UncertainDemand> {
        Arc::new(UncertainDemand::new(self.cost, HOURS))
    }

    /// The baseline of an id under these columns.
    fn baseline_of(&self, method: &str) -> Option<Baseline> {
        use Columns::{Honest, Published};
        Some(match (method, self.columns) {
            ("persistence", Published) => Baseline::Persistence,
            ("persistence_sigma", Published) => Baseline::PersistenceSigma,
            ("least_squares", Published) => Baseline::LeastSquares,
            ("least_squares", Honest) => Baseline::NoTemperature,
            ("least_squares_sigma", Published) => Baseline::LeastSquaresSigma,
            ("least_squares_sigma", Honest) => Baseline::NoTemperatureSigma,
            ("least_squares_test_sigma", Published) => Baseline::LeastSquaresTestSigma,
            ("least_squares_constant", Honest) => Baseline::NoTemperatureConstant,
            ("policy_linear", Honest) => Baseline::LinearPolicy,
            ("policy_linear_all", Honest) => Baseline::LinearPolicyAll,
            _ => return None,
        })
    }
}

impl Task for PowerScheduling {
    fn name(&self) -> &'static str {
        "power"
    }
    fn cost(&self, truth: &[f64], decision: &[f64]) -> f64 {
        truth.iter().zip(decision).map(|(&y, &z)| self.cost.hour(y, z)).sum()
    }
    fn oracle(&self) -> Result<Box<dyn Decider>> {
        make_decider(self, "active_set", false)
    }
    fn source(&self) -> &dyn Source {
        self
    }
    /// Variables: generation `z`, excess `t >= 0`, shortage `s >= 0`, 24 each:
    ///
    /// $$\min \tfrac12\|z\|^2 - \theta^\top z + 0.5\,1^\top t + 50\,1^\top s \quad\text{s.t. } z - t + s = \theta,\ |z_i - z_{i-1}| \le 0.4$$
    ///
    /// Where a ramp is slack, `t` and `s` are both at their bounds with positive multipliers, so the optimum is not degenerate. The value
    /// leaves out the constant $\tfrac12\|\theta\|^2$.
    fn formulation(&self) -> Option<Formulation> {
        let (balance, ramps) = (HOURS, HOURS - 1);
        let mut entries: Vec<_> = (0..HOURS).flat_map(|i| [(i, i, 1.0), (i, HOURS + i, -1.0), (i, 2 * HOURS + i, 1.0)]).collect();
        entries.extend((0..ramps).flat_map(|i| [(balance + i, i, -1.0), (balance + i, i + 1, 1.0)]));
        let a = Csc::from_triplets(balance + ramps, 3 * HOURS, &entries).expect("indices are within the program");
        let sides = |ramp: f64| [vec![0.0; balance], vec![ramp; ramps]].concat();
        let costs = [vec![0.0; HOURS], vec![self.cost.over; HOURS], vec![self.cost.under; HOURS]].concat();
        let lower = [vec![f64::NEG_INFINITY; HOURS], vec![0.0; 2 * HOURS]].concat();
        let ones: Vec<_> = (0..HOURS).map(|i| (i, i, 1.0)).collect();
        let program = Program::linear(costs)
            .with_quadratic(Csc::from_triplets(3 * HOURS, 3 * HOURS, &ones).expect("indices are within the program"))
            .with_rows(a, sides(-self.cost.ramp), sides(self.cost.ramp))
            .with_bounds(lower, vec![f64::INFINITY; 3 * HOURS]);
        let params = (0..HOURS).fold(ParamMap::new(HOURS), |map, i| map.link(Entry::C(i), i, -1.0).rhs(i, i, 1.0));
        Some(Formulation { program, params, visible: HOURS })
    }
    fn gradient_cost(&self) -> Option<Arc<dyn CostGrad>> {
        Some(self.uncertain_demand())
    }
}

impl Source for PowerScheduling {
    /// The published split; the request's sizes and seed do not apply.
    fn load(&self, _request: &Request) -> Result<Splits> {
        let data = Pjm::load()?.prepare(self.columns.inputs(), self.columns.scaling(), &Split::load()?)?;
        let part = |p: Part| -> Result<Instances> {
            let ids = p.rows.iter().map(|&r| r as u64).collect();
            Ok(Instances { ids, ..Instances::new(p.x, p.y)? })
        };
        Ok(Splits { train: part(data.train)?, valid: part(data.valid)?, test: part(data.test)? })
    }
}

impl Benchmark for PowerScheduling {
    fn figures(&self, part: &Instances, decisions: &Batch) -> Result<Vec<Figure>> {
        let costs = self.costs(&part.truth, decisions)?;
        Ok(vec![Figure { metric: "task_loss", value: metrics::mean(&costs), se: metrics::standard_error(&costs) }])
    }

    fn drawing(&self, truth: &[f64], decision: &[f64]) -> Option<Drawing> {
        Some(Drawing::Schedule { amounts: decision.to_vec(), demand: truth.to_vec(), band: None })
    }

    fn needs_labels(&self) -> bool {
        false
    }

    fn uncertain(&self) -> Option<Uncertain> {
        let cost = self.uncertain_demand();
        Some(Uncertain { feasible: cost.feasible(), cost })
    }

    fn expected_cost(&self) -> Option<Arc<dyn EnergyCurvature>> {
        Some(Arc::new(GaussianPower::new(self.cost, HOURS)))
    }

    /// The published policy keeps no ramps: its output is the schedule. With honest columns the schedule is the nearest one that keeps them.
    fn policy(&self) -> Option<Result<Box<dyn Decider>>> {
        Some(match self.columns {
            Columns::Published => Ok(Box::new(Batched::new(Identity::new(HOURS)))),
            Columns::Honest => self.nearest_schedule(),
        })
    }

    fn baselines(&self) -> &'static [&'static str] {
        &[
            "oracle",
            "persistence",
            "persistence_sigma",
            "least_squares",
            "least_squares_sigma",
            "least_squares_test_sigma",
            "least_squares_constant",
            "policy_linear",
            "policy_linear_all",
        ]
    }

    fn baseline(&self, method: &str, data: &Splits) -> Result<Batch> {
        if method == "oracle" {
            return Ok(dfl_core::decide(&*self.oracle()?, &data.test.truth, &data.test.ids)?.0);
        }
        let baseline = self
            .baseline_of(method)
            .ok_or_else(|| unknown("baseline of power for these columns", method, self.baselines().iter().copied()))?;
        baseline.decide(&Pjm::load()?, &Split::load()?, &mut Ramps::new(HOURS, self.cost.ramp)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decide(columns: Columns, output: &[f64]) -> Vec<f64> {
        let policy = PowerScheduling::new(columns).policy().unwrap().unwrap();
        dfl_core::decide(&*policy, &Batch::from_rows(&[output]).unwrap(), &[0]).unwrap().0.into_vec()
    }

    /// Of a last hour of 1 after zeros the nearest step of 0.4 shares the way: 0.3 and 0.7, by hand; what keeps the ramps stays.
    #[test]
    fn a_policy_keeps_the_ramps_unless_it_is_the_published_one() {
        let mut output = [0.0; HOURS];
        output[HOURS - 1] = 1.0;
        assert_eq!(decide(Columns::Published, &output), output);
        let honest = decide(Columns::Honest, &output);
        assert!((honest[HOURS - 2] - 0.3).abs() < 1e-12 && (honest[HOURS - 1] - 0.7).abs() < 1e-12, "{honest:?}");
        assert!(honest[..HOURS - 2].iter().all(|z| z.abs() < 1e-12), "{honest:?}");
        let gentle: Vec<f64> = (0..HOURS).map(|i| 0.3 * i as f64).collect();
        let kept = decide(Columns::Honest, &gentle);
        assert!(kept.iter().zip(&gentle).all(|(a, b)| (a - b).abs() < 1e-12), "{kept:?}");
    }
}
