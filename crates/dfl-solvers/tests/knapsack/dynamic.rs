//! Instances beyond enumeration, with integer weights: dynamic programming over both capacities.

use dfl_core::{Batch, Rng};
use dfl_solvers::{Knapsack, KnapsackOptions, KnapsackProblem};

use super::{near_tens, optimum};

struct Integers {
    weights: [Vec<usize>; 2],
    capacity: [usize; 2],
}

impl Integers {
    /// Weights 1 to 8, each capacity a part of their sum.
    fn draw(items: usize, rng: &mut Rng) -> Self {
        let mut row = || (0..items).map(|_| 1 + rng.below(8)).collect::<Vec<_>>();
        let weights = [row(), row()];
        let part = [2, 3, 8][rng.below(3)];
        let capacity = [0, 1].map(|i| weights[i].iter().sum::<usize>() / part);
        Self { weights, capacity }
    }

    fn solver(&self) -> Knapsack {
        let rows: Vec<Vec<f64>> = self.weights.iter().map(|row| row.iter().map(|&w| w as f64).collect()).collect();
        let capacity = self.capacity.iter().map(|&b| b as f64).collect();
        Knapsack::new(KnapsackProblem::new(Batch::from_rows(&rows).unwrap(), capacity).unwrap(), KnapsackOptions::default())
    }

    /// Least cost within each pair of capacities, one item after the other.
    fn least(&self, theta: &[f64]) -> f64 {
        let [b0, b1] = self.capacity;
        let mut best = vec![0.0_f64; (b0 + 1) * (b1 + 1)];
        for (j, cost) in theta.iter().enumerate() {
            let (w0, w1) = (self.weights[0][j], self.weights[1][j]);
            for u in (w0..=b0).rev() {
                for v in (w1..=b1).rev() {
                    let with = best[(u - w0) * (b1 + 1) + v - w1] + cost;
                    let at = &mut best[u * (b1 + 1) + v];
                    *at = at.min(with);
                }
            }
        }
        best[best.len() - 1]
    }
}

/// 40 items, costs as noise around a mean, almost equal, integers with ties, all equal, and near whole tens.
#[test]
fn agrees_with_dynamic_programming() {
    let mut rng = Rng::seeded(2);
    for _ in 0..60 {
        let instance = Integers::draw(40, &mut rng);
        let solver = instance.solver();
        for kind in 0..5 {
            let cost = |rng: &mut Rng| match kind {
                0 => 2.0 * rng.normal() - 3.0,
                1 => -5.0 + 0.01 * rng.normal(),
                2 => -1.0 - rng.below(9) as f64,
                3 => -0.7,
                _ => near_tens(rng),
            };
            let theta: Vec<f64> = (0..40).map(|_| cost(&mut rng)).collect();
            let (ours, expected) = (optimum(&solver, &theta).objective, instance.least(&theta));
            assert!((ours - expected).abs() < 1e-9, "kind {kind}: {ours} against {expected}");
        }
    }
}
