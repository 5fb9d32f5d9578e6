//! Losses of `PyEPO` 2.2.7 on a 5x5 grid and on a knapsack of ten items: eight instances each, with values and gradients.
//!
//! The knapsack maximises, so its costs and predictions change sign here, and with them the gradients. Costs and optimal values are stored as
//! `f32`, which keeps half a unit in 2^24: 2.4e-7 of values up to 8.2 on the grid, 3.8e-6 of those up to 75 in the knapsack and in the
//! squares of the pointwise loss, and ten times that in a quotient by 0.1. The tolerances are 1e-6, 1e-5 and 1e-5 of the grid's quotients; a
//! wrong decision or sign is off by 1e-2 or more. `PyEPO` adds 1e-8 to the divisor of its difference quotients.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use std::sync::Arc;

use common::pyepo::{fixture, numbers, table};
use common::{Listed, SOLVED, ids, rows, targets};
use dfl_core::{Batch, Call, Decider, DecisionLoss, Decisions, Dims, Evaluation, Loss, NoGradient, Pool, Result, Stream, Targets};
use dfl_losses::{Cmap, FenchelYoung, LtrListwise, LtrPairwise, LtrPointwise, PerturbationGradient, PoolNce, Sce, SpoPlus};
use dfl_solvers::{Batched, Grid, ShortestPath};
use serde_json::Value;

/// One recorded problem, turned into a minimisation.
struct Recorded {
    file: Value,
    /// -1 for a maximisation.
    sign: f64,
    oracle: Box<dyn Decider>,
}

impl Recorded {
    fn grid() -> Option<Self> {
        let oracle = Box::new(Batched::new(NoGradient(ShortestPath::new(Grid::new(5, 5).unwrap()))));
        Some(Self { file: fixture("loss_SP5.json")?, sign: 1.0, oracle })
    }

    /// All sets of items that fit, of 1024.
    fn knapsack() -> Option<Self> {
        let file = fixture("loss_KP10.json")?;
        let (weights, capacity) = (table(&file["weights"]), numbers(&file["capacity"]));
        let sets = (0..1 << weights.cols()).map(|set: u32| (0..weights.cols()).map(|j| f64::from(set >> j & 1)).collect());
        let fits = |x: &Vec<f64>| weights.iter().zip(&capacity).all(|(w, c)| common::dot(w, x) <= *c + 1e-9);
        let feasible: Vec<Vec<f64>> = sets.filter(fits).collect();
        assert!(feasible.len() > 100 && feasible.len() < 1024, "{} sets fit", feasible.len());
        Some(Self { file, sign: -1.0, oracle: Box::new(Listed(rows(&feasible))) })
    }

    fn flipped(&self, name: &str) -> Batch {
        let mut out = table(&self.file[name]);
        out.as_mut_slice().iter_mut().for_each(|v| *v *= self.sign);
        out
    }

    fn pool(&self) -> Arc<Pool> {
        Arc::new(Pool::new(&table(&self.file["solution_pool(unique sols of the 40 samples, lexicographic)"])).unwrap())
    }

    fn targets(&self) -> Targets {
        targets(self.flipped("true_cost"), table(&self.file["true_sol"]))
    }

    fn run<L: Loss, D: Decider>(&self, loss: L, decider: D) -> Evaluation {
        let joined = DecisionLoss::new(loss, decider).unwrap();
        joined.evaluate(&self.flipped("pred_cost"), &self.targets(), &ids(8), Stream::default()).unwrap()
    }

    /// Values and gradients are `scale` times those recorded under a name.
    #[track_caller]
    fn compare(&self, got: &Evaluation, name: &str, scale: f64) {
        let large = self.sign < 0.0 || name.starts_with("PG") || name.starts_with("pt");
        let tolerance = if large { 1e-5 } else { 1e-6 };
        let expected = &self.file["losses"][name];
        let close = |got: &[f64], expected: &[f64], sign: f64| {
            assert_eq!(got.len(), expected.len(), "{name}");
            for (k, (a, b)) in got.iter().zip(expected).enumerate() {
                assert!((a - sign * scale * b).abs() <= tolerance, "{name}, entry {k}: {a} against {b}");
            }
        };
        close(&got.values, &numbers(&expected["value"]), 1.0);
        close(got.grads.as_slice(), table(&expected["grad"]).as_slice(), self.sign);
    }

    fn check(&self) {
        let oracle = || &self.oracle;
        self.compare(&self.run(SpoPlus, oracle()), "SPOPlus", 1.0);
        self.compare(&self.run(Sce, oracle()), "SCE_eq7_NOT_PyEPO", 1.0);
        self.compare(&self.run(PerturbationGradient::backward(0.1).unwrap(), oracle()), "PG_sigma0.1_back", 1.0 + 1e-7);
        self.compare(&self.run(PerturbationGradient::central(0.1).unwrap(), oracle()), "PG_sigma0.1_central", 1.0 + 0.5e-7);
        let losses: [(&str, Box<dyn Loss>); 5] = [
            ("NCE_poolonly", Box::new(PoolNce::new(self.pool()))),
            ("CMAP_poolonly", Box::new(Cmap::new(self.pool()))),
            ("lsLTR_poolonly", Box::new(LtrListwise::new(self.pool(), 1.0).unwrap())),
            ("prLTR_poolonly", Box::new(LtrPairwise::hinge(self.pool(), 0.0).unwrap())),
            ("ptLTR_poolonly", Box::new(LtrPointwise::new(self.pool()))),
        ];
        for (name, loss) in losses {
            self.compare(&self.run(loss, oracle()), name, 1.0);
        }
        for (name, sigma) in [("PFY_n3_sigma1.0", 1.0), ("PFY_n10_sigma0.5", 0.5)] {
            let noise: Vec<Batch> = self.file["losses"][name]["noise"].as_array().unwrap().iter().map(table).collect();
            let decider = GivenNoise { inner: oracle(), noise, sigma: self.sign * sigma };
            self.compare(&self.run(FenchelYoung::perturbed(), decider), name, 1.0);
        }
    }
}

/// Perturbs the cost of each row by recorded noise, where [`Perturbed`](dfl_solvers::Perturbed) draws its own.
struct GivenNoise<D> {
    inner: D,
    /// Of each row `[samples, n]`.
    noise: Vec<Batch>,
    sigma: f64,
}

impl<D: Decider> Decider for GivenNoise<D> {
    fn name(&self) -> &'static str {
        "given_noise"
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        false
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        let (mut x, mut objective) = (Batch::zeros(thetas.rows(), thetas.cols()), Vec::new());
        for (i, noise) in self.noise.iter().enumerate() {
            let mut costs = noise.clone();
            (0..noise.rows()).for_each(|k| costs.row_mut(k).iter_mut().zip(thetas.row(i)).for_each(|(c, t)| *c = t + self.sigma * *c));
            let found = self.inner.forward(&costs, &Call { keys: &vec![call.keys[i]; noise.rows()], ..*call })?;
            found.x.iter().for_each(|w| x.row_mut(i).iter_mut().zip(w).for_each(|(x, w)| *x += w / noise.rows() as f64));
            objective.push(found.objective.iter().sum::<f64>() / noise.rows() as f64);
        }
        Ok(Decisions { x, objective, info: vec![SOLVED; thetas.rows()], back: None })
    }
}

#[test]
fn losses_on_the_grid_are_those_of_pyepo() {
    if let Some(recorded) = Recorded::grid() {
        recorded.check();
    }
}

#[test]
fn losses_on_the_knapsack_are_those_of_pyepo() {
    if let Some(recorded) = Recorded::knapsack() {
        recorded.check();
    }
}
