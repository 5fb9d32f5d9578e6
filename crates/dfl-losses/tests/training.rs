//! Training with each loss lowers the regret of decisions on new rows.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;

use std::sync::Arc;

use common::{dot, exact_grid, grid, smoothed_grid};
use dfl_core::{
    Batch, Decider, DecisionLoss, Instances, Labels, Linear, Loss, Parameters, Pool, Predictor, Rng, Schedule, TrainOptions, decide,
    metrics, train,
};
use dfl_losses::{
    Cave, Cmap, FenchelYoung, LocalShape, Lodl, LodlOptions, LtrListwise, LtrPairwise, LtrPointwise, Mse, Nce, PerturbationGradient,
    PerturbedFenchelYoung, PoolNce, Regret, Sce, Sfge, SpoPlus, Sqde,
};
use dfl_solvers::{Noise, Perturbed, PerturbedOptions};

/// Costs of the arcs of the grid: a polynomial of degree 3 in three features, times noise between 0.5 and 1.5; labelled.
fn data(rows: usize, seed: u64) -> Instances {
    let (arcs, mut rng) = (grid().arcs(), Rng::seeded(99));
    let slopes: Vec<f64> = (0..3 * arcs).map(|_| rng.normal()).collect();
    let mut rng = Rng::seeded(seed);
    let features = Batch::from_vec(rows, 3, (0..3 * rows).map(|_| rng.normal()).collect()).unwrap();
    let mut truth = Batch::zeros(rows, arcs);
    for i in 0..rows {
        for (j, slope) in slopes.chunks(3).enumerate() {
            truth.row_mut(i)[j] = (dot(slope, features.row(i)) / 3.0_f64.sqrt() + 3.0).powi(3) / 27.0 * (0.5 + rng.uniform());
        }
    }
    let mut out = Instances::new(features, truth).unwrap();
    let (solution, cost) = decide(&exact_grid(), &out.truth, &out.ids).unwrap();
    let normals = solution.iter().map(|x| grid().program().tight_normals(x, 1e-9).unwrap()).collect();
    out.labels = Some(Labels { solution, cost, normals: Some(normals) });
    out
}

fn regret(model: &Linear, data: &Instances) -> f64 {
    let decided = decide(&exact_grid(), &model.predict(&data.features).unwrap(), &data.ids).unwrap().0;
    let best = &data.labels.as_ref().unwrap().cost;
    let regrets: Vec<f64> = (0..data.len()).map(|i| dot(data.truth.row(i), decided.row(i)) - best[i]).collect();
    metrics::normalized_regret(&regrets, best)
}

fn methods(data: &Instances) -> Vec<DecisionLoss<Box<dyn Loss>, Box<dyn Decider>>> {
    let pool = Arc::new(Pool::new(&data.labels.as_ref().unwrap().solution).unwrap());
    let perturbed = |noise| Perturbed::new(exact_grid(), PerturbedOptions { samples: 5, sigma: 0.5, noise }).unwrap();
    let options = LodlOptions { samples: 300, shape: LocalShape::Directed, ..LodlOptions::default() };
    let local = Lodl::fit(&data.ids, &data.truth, &exact_grid(), options).unwrap();
    let exact: Vec<Box<dyn Loss>> = vec![
        Box::new(Mse),
        Box::new(SpoPlus),
        Box::new(Sce),
        Box::new(Nce),
        Box::new(PerturbedFenchelYoung::additive(4, 0.5).unwrap().variance_reduced()),
        Box::new(PerturbationGradient::backward(0.1).unwrap()),
        Box::new(PerturbationGradient::central(0.1).unwrap()),
        Box::new(Sfge::new(10, 0.5).unwrap()),
        Box::new(PoolNce::new(pool.clone())),
        Box::new(Cmap::new(pool.clone())),
        Box::new(Cmap::self_contrastive(pool.clone())),
        Box::new(LtrPointwise::new(pool.clone())),
        Box::new(LtrPairwise::hinge(pool.clone(), 0.0).unwrap()),
        Box::new(LtrPairwise::difference(pool.clone())),
        Box::new(LtrListwise::new(pool, 1.0).unwrap()),
        Box::new(Cave::exact()),
        Box::new(Cave::plus(3).unwrap()),
        Box::new(Cave::hybrid(3, 0.3, 0.2).unwrap()),
        Box::new(local),
    ];
    let smoothed: Vec<Box<dyn Loss>> = vec![
        Box::new(Regret),
        Box::new(Sqde),
        Box::new(SpoPlus),
        Box::new(Sce),
        Box::new(Nce),
        Box::new(FenchelYoung::quadratic(1.0).unwrap()),
    ];
    let join = |loss, decider| DecisionLoss::new(loss, decider).unwrap();
    let mut out: Vec<_> = exact.into_iter().map(|loss| join(loss, Box::new(exact_grid()) as Box<dyn Decider>)).collect();
    out.extend(smoothed.into_iter().map(|loss| join(loss, Box::new(smoothed_grid(1.0)))));
    out.push(join(Box::new(FenchelYoung::perturbed()), Box::new(perturbed(Noise::Additive))));
    out.push(join(Box::new(Sqde), Box::new(perturbed(Noise::Additive))));
    out
}

/// A model that knows nothing: small random weights. At a prediction of exactly 0 a ranking without a margin has no gradient.
fn untrained() -> Linear {
    let (mut model, mut rng) = (Linear::new(3, grid().arcs()), Rng::seeded(4));
    let values: Vec<f64> = (0..4 * grid().arcs()).map(|_| 0.1 * rng.normal()).collect();
    model.set_values(&values).unwrap();
    model
}

/// 100 rows, 30 epochs. Normalised regret was 1.07 before, and 0.056 to 0.12 after, for the perturbation gradients 0.35 and 0.23.
#[test]
fn every_loss_lowers_the_regret_on_new_rows() {
    let (training, test) = (data(100, 1), data(500, 2));
    let options = TrainOptions { learning_rate: 0.03, schedule: Schedule::Cosine, ..TrainOptions::default() };
    let before = regret(&untrained(), &test);
    for method in methods(&training) {
        let mut model = untrained();
        train(&mut model, &method, &training, &options, &mut ()).unwrap();
        let after = regret(&model, &test);
        assert!(after < 0.5 * before, "{}: {after} of {before}", method.loss().name());
    }
}
