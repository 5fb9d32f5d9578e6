//! Values that lie near the points of a lattice.

use std::f64::consts::TAU;

/// Frequencies tried per period over the largest value, and how many periods that is at most.
const FINE: f64 = 8.0;
const PERIODS: f64 = 128.0;
/// How much of the values has to agree on the period; a false one costs time, not the optimum.
const COHERENT: f64 = 0.6;

/// The period of values $v_j \approx a + D k_j$ with whole $k_j$.
///
/// Such values come up where whole numbers are perturbed. They are as hard for penalties as near-ties are: which sets tie up to the
/// perturbation is decided by the bound on $\sum_j k_j x_j$, and the linear relaxation has no sense of its being whole. With the
/// exact largest $\sum_j k_j x_j$ as one more capacity it has.
#[derive(Clone, Debug)]
pub(super) struct Lattice {
    /// $e^{2 \pi i f v_j}$ for each value, and the factor that takes it to the next frequency.
    phases: Vec<[f64; 2]>,
    turns: Vec<[f64; 2]>,
    /// $k$.
    pub(super) points: Vec<f64>,
}

impl Lattice {
    pub(super) fn new(items: usize) -> Self {
        Self { phases: Vec::with_capacity(items), turns: Vec::with_capacity(items), points: Vec::with_capacity(items) }
    }

    /// Finds the points nearest to the values, on the lattice that fits them best; `false` if none does well.
    pub(super) fn find(&mut self, values: &[f64]) -> bool {
        let (least, most) = values.iter().fold((f64::INFINITY, 0.0_f64), |(least, most), &v| (least.min(v), most.max(v)));
        if most <= least {
            return false;
        }
        let Some((frequency, phase)) = self.scan(values, 1.0 / (most - least), most) else { return false };
        self.points.clear();
        self.points.extend(values.iter().map(|v| (frequency * v - phase / TAU).round().max(0.0)));
        self.points.iter().any(|k| *k > 0.0)
    }

    /// The frequency from `first` on at which most phases agree, and that phase.
    fn scan(&mut self, values: &[f64], first: f64, most: f64) -> Option<(f64, f64)> {
        let step = 1.0 / (FINE * most);
        let unit = |angle: f64| [angle.cos(), angle.sin()];
        self.phases.clear();
        self.phases.extend(values.iter().map(|v| unit(TAU * first * v)));
        self.turns.clear();
        self.turns.extend(values.iter().map(|v| unit(TAU * step * v)));
        let (mut best, mut found, mut frequency) = ((COHERENT * values.len() as f64).powi(2), None, first);
        while frequency <= PERIODS / most {
            let sum = self.phases.iter().fold([0.0, 0.0], |sum, p| [sum[0] + p[0], sum[1] + p[1]]);
            let power = sum[0] * sum[0] + sum[1] * sum[1];
            if power > best {
                (best, found) = (power, Some((frequency, sum[1].atan2(sum[0]))));
            }
            for (p, t) in self.phases.iter_mut().zip(&self.turns) {
                *p = [p[0] * t[0] - p[1] * t[1], p[0] * t[1] + p[1] * t[0]];
            }
            frequency += step;
        }
        found
    }
}
