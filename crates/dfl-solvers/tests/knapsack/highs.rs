//! The mixed-integer program by HiGHS.

use dfl_core::{ParamMap, Rng, Solution, Solver, Status};
use dfl_solvers::{Highs, HighsOptions};

use super::{exact, hundredths, optimum, problem};

fn agree(items: usize, dim: usize, instances: usize, seed: u64) {
    let mut rng = Rng::seeded(seed);
    let (weights, capacity) = hundredths(dim, items, &mut rng);
    let options = HighsOptions { gap: 0.0, ..Default::default() };
    let highs = Highs::new(problem(&weights, &capacity).program(), ParamMap::costs(items), options).unwrap();
    let (solver, mut ws, mut out) = (exact(&weights, &capacity), highs.workspace().unwrap(), Solution::default());
    for k in 0..instances {
        let (mean, spread) = [(-5.0, 3.0), (-1.0, 2.0), (-5.0, 0.05)][k % 3];
        let theta: Vec<f64> = (0..items).map(|_| mean + spread * rng.normal()).collect();
        assert_eq!(highs.solve(&theta, None, &mut ws, &mut out).unwrap().status, Status::Optimal);
        let ours = optimum(&solver, &theta).objective;
        // HiGHS accepts weights up to a tolerance above a capacity; its sets are not better for that here.
        assert!((ours - out.objective).abs() < 1e-6, "{items} x {dim}, instance {k}: {ours} against {}", out.objective);
    }
}

#[test]
fn agrees_with_highs_on_40_items() {
    agree(40, 2, 200, 6);
}

#[test]
fn agrees_with_highs_on_100_items() {
    agree(100, 2, 100, 7);
}
