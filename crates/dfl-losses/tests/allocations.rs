//! The halves of a loss ask for no memory, once a thread has that of its largest row.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod common;
#[path = "../../dfl-solvers/tests/support/counting.rs"]
mod counting;

use std::sync::Arc;

use common::{exact_grid, grid, grid_rows, ids};
use dfl_core::{Found, Loss, Pool, Rng, Row};
use dfl_losses::{
    Cave, Cmap, FenchelYoung, Lodl, LodlOptions, LtrListwise, LtrPairwise, LtrPointwise, Nce, PerturbationGradient, PerturbedFenchelYoung,
    PoolNce, Sce, Sfge, Sqde,
};

#[test]
fn rows_allocate_nothing() {
    let (preds, targets) = grid_rows(20, 5);
    let (truth, solution) = (targets.truth.unwrap(), targets.solution.unwrap());
    let normals: Vec<_> = solution.iter().map(|x| grid().program().tight_normals(x, 1e-9).unwrap()).collect();
    let pool = Arc::new(Pool::new(&solution).unwrap());
    let losses: Vec<Box<dyn Loss>> = vec![
        Box::new(Sqde),
        Box::new(Sce),
        Box::new(Nce),
        Box::new(FenchelYoung::perturbed()),
        Box::new(PerturbedFenchelYoung::multiplicative(5, 0.5).unwrap().variance_reduced()),
        Box::new(PerturbationGradient::central(0.1).unwrap()),
        Box::new(Sfge::new(5, 0.5).unwrap()),
        Box::new(PoolNce::new(pool.clone())),
        Box::new(Cmap::self_contrastive(pool.clone())),
        Box::new(LtrPointwise::new(pool.clone())),
        Box::new(LtrPairwise::hinge(pool.clone(), 0.1).unwrap()),
        Box::new(LtrListwise::new(pool, 1.0).unwrap()),
        Box::new(Cave::exact()),
        Box::new(Cave::plus(3).unwrap()),
        Box::new(Cave::hybrid(3, 0.5, 0.2).unwrap()),
        Box::new(Lodl::fit(&ids(20), &truth, &exact_grid(), LodlOptions::default()).unwrap()),
    ];
    let n = preds.cols();
    for loss in losses {
        let probes = loss.probes();
        let (mut at, mut grad, mut cotangent) = (vec![0.0; probes * n], vec![0.0; n], vec![0.0; probes * n]);
        let objective = vec![0.0; probes];
        let mut run = |i: usize| {
            let row = Row { id: i as u64, pred: preds.row(i), truth: truth.row(i), solution: solution.row(i), normals: Some(&normals[i]) };
            if probes > 0 {
                loss.probe(&row, &mut Rng::seeded(1), &mut at);
            }
            loss.finish(&row, &mut Rng::seeded(1), Found { x: &at, objective: &objective }, &mut grad, &mut cotangent);
        };
        (0..20).for_each(&mut run);
        let before = counting::allocations();
        (0..20).for_each(&mut run);
        assert_eq!(counting::allocations() - before, 0, "{}", loss.name());
    }
}
