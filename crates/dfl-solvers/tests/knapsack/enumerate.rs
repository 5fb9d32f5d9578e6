//! Every set of small instances.

use dfl_core::{Residuals, Rng, Solution, Solver, Status};
use dfl_solvers::Knapsack;
use proptest::prelude::*;

use super::{exact, problem, solve};

/// Least cost of a set that fits, all sets tried.
pub(super) fn least(weights: &[Vec<f64>], capacity: &[f64], theta: &[f64]) -> f64 {
    let sum = |set: u32, of: &[f64]| (0..of.len()).filter(|j| set >> j & 1 == 1).map(|j| of[j]).sum::<f64>();
    let fits = |set: u32| weights.iter().zip(capacity).all(|(w, b)| sum(set, w) <= b * (1.0 + 1e-9));
    (0..1_u32 << theta.len()).filter(|&set| fits(set)).map(|set| sum(set, theta)).fold(0.0, f64::min)
}

fn check(solver: &Knapsack, (weights, capacity): (&[Vec<f64>], &[f64]), theta: &[f64], ws: &mut <Knapsack as Solver>::Workspace) {
    let mut out = Solution::default();
    let info = solver.solve(theta, None, ws, &mut out).unwrap();
    let case = || format!("weights {weights:?}, capacity {capacity:?}, theta {theta:?}: {out:?}");
    let (scale, expected) = (1e-10 * theta.iter().map(|c| c.abs()).sum::<f64>(), least(weights, capacity, theta));
    assert_eq!(info.status, Status::Optimal, "{}", case());
    assert!((out.objective - expected).abs() <= scale, "{expected} expected, {}", case());
    let cost: f64 = theta.iter().zip(&out.x).map(|(c, x)| c * x).sum();
    assert!((out.objective - cost).abs() <= scale && out.x.iter().all(|x| *x == 0.0 || *x == 1.0), "{}", case());
    assert!(theta.iter().zip(&out.x).all(|(c, x)| *c < 0.0 || *x == 0.0), "what costs is taken: {}", case());
    assert!(Residuals::feasibility(&problem(weights, capacity).program(), &out.x) <= 1e-9, "{}", case());
    let fresh = solve(solver, theta);
    assert!(fresh.1 == out && fresh.0 == info, "the answer depends on what the workspace solved before: {}", case());
}

/// Weights of one row: decimals, ones, small integers with zeros, spread over ten orders of magnitude, none.
fn row(n: usize, rng: &mut Rng) -> Vec<f64> {
    let kind = rng.below(6);
    (0..n)
        .map(|_| match kind {
            0 | 1 => (300 + rng.below(500)) as f64 / 100.0,
            2 => 1.0,
            3 => rng.below(5) as f64,
            4 => (23.0 * (rng.uniform() - 0.5)).exp(),
            _ => [0.0, rng.uniform()][rng.below(2)],
        })
        .collect()
}

/// Costs: noise of both signs, all equal, almost equal, integers with ties, of the size of the weights, large and small.
fn costs(kind: usize, weights: &[f64], rng: &mut Rng) -> Vec<f64> {
    let one = |w: &f64, rng: &mut Rng| match kind {
        0 => rng.normal(),
        1 => -0.1,
        2 => -5.0 + 0.01 * rng.normal(),
        3 => rng.below(6) as f64 - 4.0,
        4 => -w,
        5 => -w - 1.0,
        6 => 1e200 * rng.normal(),
        _ => 1e-200 * rng.normal(),
    };
    weights.iter().map(|w| one(w, rng)).collect()
}

#[test]
fn agrees_with_enumeration() {
    let mut rng = Rng::seeded(1);
    for _ in 0..1500 {
        let (n, dim) = (1 + rng.below(11), [1, 2, 3, 5][rng.below(4)]);
        let weights: Vec<Vec<f64>> = (0..dim).map(|_| row(n, &mut rng)).collect();
        let share = [0.0, 0.1, 0.3, 0.5, 0.9, 2.0][rng.below(6)];
        let capacity: Vec<f64> = weights.iter().map(|w| share * w.iter().sum::<f64>()).collect();
        let solver = exact(&weights, &capacity);
        let mut ws = solver.workspace().unwrap();
        for kind in 0..8 {
            check(&solver, (&weights, &capacity), &costs(kind, &weights[0], &mut rng), &mut ws);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any weights, capacities and costs, few values among them so that ties abound.
    #[test]
    fn agrees_with_enumeration_of_anything(
        n in 1_usize..9,
        dim in 1_usize..4,
        weights in prop::collection::vec(prop_oneof![0.0..10.0_f64, (0..4_u8).prop_map(f64::from)], 32),
        capacity in prop::collection::vec(prop_oneof![0.0..30.0_f64, (0..12_u8).prop_map(f64::from)], 4),
        theta in prop::collection::vec(prop_oneof![-10.0..3.0_f64, (-4..2_i8).prop_map(f64::from)], 8),
    ) {
        let weights: Vec<Vec<f64>> = weights.chunks(n).take(dim).map(<[f64]>::to_vec).collect();
        let solver = exact(&weights, &capacity[..dim]);
        check(&solver, (&weights, &capacity[..dim]), &theta[..n], &mut solver.workspace().unwrap());
    }
}
