//! The contract that every decider must pass: one line each.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use dfl_core::testkit::{check_decider, check_decider_with_differences};
use dfl_core::{Batch, Call, Cone, Csc, Decider, Key, NoGradient, ParamMap, Pool, Program, Rng, Stream};
use dfl_solvers::{
    ActiveSet, AdaptiveImle, AdaptiveImleOptions, Barrier, BarrierOptions, Batched, BoxSigmoid, Cached, CostProjection, Dys, DysDerivative,
    DysLayer, DysOptions, FrankWolfe, Grid, Identity, Imle, ImleOptions, Interpolated, Kkt, Knapsack, KnapsackOptions, KnapsackProblem,
    NegativeIdentity, Perturbed, PerturbedOptions, RiskBudget, Separable, ShortestPath, ShortestTour, Softmax, Timed, TopK, Tour,
    TourOptions,
};

type Make = fn() -> Box<dyn Decider>;

fn grid() -> Grid {
    Grid::new(4, 5).unwrap()
}

/// The path with a quadratic term: a strictly convex program with redundant equalities.
fn smoothed() -> (Program, ParamMap) {
    (grid().program().with_quadratic(Csc::diagonal(&vec![0.5; grid().arcs()])), ParamMap::costs(grid().arcs()))
}

fn splitting(derivative: DysDerivative) -> Dys {
    let options = DysOptions { mu: 0.5, derivative, ..Default::default() };
    Dys::new(grid().program(), ParamMap::costs(grid().arcs()), options).unwrap()
}

fn paths() -> Batched<NoGradient<ShortestPath>> {
    Batched::new(NoGradient(ShortestPath::new(grid())))
}

fn tours(options: TourOptions) -> ShortestTour {
    ShortestTour::new(Tour::new(9).unwrap(), options).unwrap()
}

const DECIDERS: &[(&str, Make)] = &[
    ("shortest path", || Box::new(paths())),
    ("top k", || Box::new(Batched::new(NoGradient(TopK::new(grid().arcs(), 9).unwrap())))),
    ("knapsack", || {
        let n = grid().arcs();
        let weights = Batch::from_vec(2, n, (0..2 * n).map(|k| 1.0 + (k % 7) as f64).collect()).unwrap();
        let problem = KnapsackProblem::new(weights, vec![20.0, 15.0]).unwrap();
        Box::new(Batched::new(NoGradient(Knapsack::new(problem, KnapsackOptions::default()))))
    }),
    ("shortest tour by the dynamic program", || Box::new(Batched::new(NoGradient(tours(TourOptions::default()))))),
    ("shortest tour by branch and bound", || Box::new(Batched::new(NoGradient(tours(TourOptions { dynamic: 0, nodes: None }))))),
    ("perturbed shortest path", || Box::new(Perturbed::new(paths(), PerturbedOptions::default()).unwrap())),
    ("perturbed shortest path in pairs", || Box::new(Perturbed::new(paths(), PerturbedOptions::default()).unwrap().antithetic().unwrap())),
    ("gradient of the perturbed objective", || {
        Box::new(Perturbed::new(paths(), PerturbedOptions::default()).unwrap().objective_gradient())
    }),
    ("negative identity of the shortest path", || Box::new(NegativeIdentity::new(paths()).unwrap().projection(CostProjection::Standard))),
    ("shortest path by Frank-Wolfe", || Box::new(FrankWolfe::new(paths(), Default::default()).unwrap())),
    // Its step is held: one that adapts is a state, which the contract excludes.
    ("shortest path by adaptive I-MLE", || {
        Box::new(AdaptiveImle::new(paths(), AdaptiveImleOptions { step: 0.0, ..Default::default() }).unwrap())
    }),
    // Its pool begins with the optima of the contract's rows: a decider whose pool grows has a state, which the contract excludes.
    ("cached shortest path", || {
        let labels = dfl_core::decide(&paths(), &costs(9), &[0; 9]).unwrap().0;
        Box::new(Cached::new(paths(), std::sync::Arc::new(Pool::new(&labels).unwrap()), 0.5).unwrap())
    }),
    ("shortest path by the barrier", || {
        let options = BarrierOptions { mu: 0.3, ..Default::default() };
        Box::new(Batched::new(Barrier::new(grid().program(), ParamMap::costs(grid().arcs()), options).unwrap()))
    }),
    ("smoothed shortest path by the active set", || {
        let (program, params) = smoothed();
        Box::new(Batched::new(Kkt::new(ActiveSet::new(program, params, Default::default()).unwrap())))
    }),
    ("smoothed shortest path by the active set and its own tape", || {
        let (program, params) = smoothed();
        Box::new(Batched::new(ActiveSet::new(program, params, Default::default()).unwrap()))
    }),
    #[cfg(feature = "clarabel")]
    ("smoothed shortest path by Clarabel", || {
        let (program, params) = smoothed();
        Box::new(Batched::new(Kkt::new(dfl_solvers::Clarabel::new(program, params, Default::default()).unwrap())))
    }),
    ("a ball on a simplex by the risk budget", || {
        let n = grid().arcs();
        let cone = Cone { f: Csc::diagonal(&vec![1.0; n]), g: vec![0.0; n], d: vec![0.0; n], e: 0.5 };
        let row = Csc::from_triplets(1, n, &(0..n).map(|j| (0, j, 1.0)).collect::<Vec<_>>()).unwrap();
        let simplex = Program::linear(vec![0.0; n]).with_rows(row, vec![1.0], vec![1.0]).with_bounds(vec![0.0; n], vec![1.0; n]);
        let solver = RiskBudget::new(Program { cones: vec![cone], ..simplex }, ParamMap::costs(n), Default::default()).unwrap();
        Box::new(Batched::new(NoGradient(solver)))
    }),
    ("smoothed shortest path by the separable solver", || {
        let (program, params) = smoothed();
        Box::new(Batched::new(Separable::new(program, params, Default::default()).unwrap()))
    }),
    ("smoothed shortest path by three-operator splitting", || Box::new(Batched::new(splitting(DysDerivative::Implicit)))),
    ("the same, rows side by side, Jacobian-free", || Box::new(DysLayer::new(splitting(DysDerivative::JacobianFree)))),
    ("the same, rows side by side, unrolled", || Box::new(DysLayer::new(splitting(DysDerivative::Unrolled)))),
    ("the identity", || Box::new(Batched::new(Identity::new(7)))),
    ("a box by the logistic function", || Box::new(Batched::new(BoxSigmoid::new(vec![-1.0; 7], vec![2.0; 7]).unwrap()))),
    ("a timed box", || Box::new(Timed::new(Batched::new(BoxSigmoid::new(vec![-1.0; 7], vec![2.0; 7]).unwrap()), Default::default()))),
    ("the simplex by the softmax", || Box::new(Batched::new(Softmax::new(7).unwrap()))),
    #[cfg(feature = "osqp")]
    ("smoothed shortest path by OSQP", || {
        let (program, params) = smoothed();
        Box::new(Batched::new(Kkt::new(dfl_solvers::Osqp::new(program, params, Default::default()).unwrap())))
    }),
    #[cfg(feature = "highs")]
    ("shortest path by HiGHS", || {
        let solver = dfl_solvers::Highs::new(grid().program(), dfl_core::ParamMap::costs(grid().arcs()), Default::default()).unwrap();
        Box::new(dfl_solvers::Owned::new(NoGradient(solver), 2).unwrap())
    }),
    #[cfg(feature = "highs")]
    ("shortest tour by HiGHS and cuts", || {
        let solver = dfl_solvers::TourCuts::new(Tour::new(9).unwrap(), Default::default()).unwrap();
        Box::new(dfl_solvers::Owned::new(NoGradient(solver), 2).unwrap())
    }),
];

/// Deciders whose pullback is a difference of decisions.
const DIFFERENCES: &[(&str, Make)] = &[
    ("interpolated shortest path", || Box::new(Interpolated::new(paths(), 10.0).unwrap())),
    ("shortest path by I-MLE", || Box::new(Imle::new(paths(), ImleOptions::default()).unwrap())),
    ("shortest path by two-sided I-MLE", || {
        Box::new(Imle::new(paths(), ImleOptions { two_sided: true, lambda: 1.0, ..Default::default() }).unwrap())
    }),
];

fn costs(rows: usize) -> Batch {
    draws(rows, grid().arcs())
}

fn draws(rows: usize, columns: usize) -> Batch {
    let mut rng = Rng::seeded(21);
    Batch::from_vec(rows, columns, (0..rows * columns).map(|_| rng.normal() + 1.0).collect()).unwrap()
}

#[test]
fn every_decider_keeps_the_contract() {
    for (name, make) in DECIDERS {
        println!("{name}");
        let decider = make();
        check_decider(&*decider, &draws(9, decider.dims().theta));
    }
    for (name, make) in DIFFERENCES {
        println!("{name}");
        check_decider_with_differences(&*make(), &costs(9));
    }
}

/// Decisions and gradients, 1, 2 and 8 threads, bit for bit.
#[test]
fn the_number_of_threads_changes_nothing() {
    let keys: Vec<Key> = (0..50).map(|id| Key { id, slot: 0 }).collect();
    let call = Call { keys: &keys, stream: Stream::default(), backward: true };
    for (name, make) in DECIDERS.iter().chain(DIFFERENCES) {
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let decider = make();
                let found = decider.forward(&draws(50, decider.dims().theta), &call).unwrap();
                let gradient = found.back.as_ref().map(|b| b.pull(&found.x).unwrap());
                (found.x.clone(), found.objective.clone(), gradient)
            })
        };
        let one = run(1);
        for threads in [2, 8] {
            assert!(run(threads) == one, "{name}: {threads} threads give other bits than 1");
        }
    }
}

/// The exact oracle and HiGHS on 10,000 random instances, costs of both signs.
#[cfg(feature = "highs")]
#[test]
fn exact_and_highs_agree_on_10000_shortest_paths() {
    let (grid, rows) = (Grid::new(5, 5).unwrap(), 10_000);
    let mut rng = Rng::seeded(4);
    let thetas = Batch::from_vec(rows, grid.arcs(), (0..rows * grid.arcs()).map(|_| rng.normal() + 0.5).collect()).unwrap();
    let ids: Vec<u64> = (0..rows as u64).collect();
    let exact = Batched::new(NoGradient(ShortestPath::new(grid)));
    let highs = dfl_solvers::Highs::new(grid.program(), dfl_core::ParamMap::costs(grid.arcs()), Default::default()).unwrap();
    let highs = dfl_solvers::Owned::new(NoGradient(highs), 2).unwrap();
    let (ours, theirs) = (dfl_core::decide(&exact, &thetas, &ids).unwrap().1, dfl_core::decide(&highs, &thetas, &ids).unwrap().1);
    let worst = ours.iter().zip(&theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("largest difference of {rows} optimal values: {worst:.1e}");
    assert!(worst < 1e-9, "{worst:.1e}");
}
