use dfl_core::{Cost, CostCurvature, CostGrad, Csc, Kink, Program};

use super::PowerCost;

/// [`PowerCost`] by its capabilities, for stochastic programs over samples of the demand:
///
/// $$f(y, z) = \tfrac12 \|z - y\|^2 + \sum_i \phi(z_i - y_i), \qquad \phi(t) = 0.5\,(t)_+ + 50\,(-t)_+$$
///
/// a curve of 1 everywhere, and a kink per hour where supply meets demand.
///
/// # Shapes
/// `y`, `z`: `[hours]`.
#[derive(Clone, Debug)]
pub struct UncertainDemand {
    cost: PowerCost,
    kinks: Vec<Kink>,
}

impl UncertainDemand {
    /// The cost of days of `hours` hours.
    pub fn new(cost: PowerCost, hours: usize) -> Self {
        let unit = |i: usize| (0..hours).map(|j| f64::from(i == j)).collect::<Vec<_>>();
        let kink = |i| Kink { a: unit(i), b: unit(i), offset: 0.0, below: -cost.under, above: cost.over };
        Self { cost, kinks: (0..hours).map(kink).collect() }
    }

    /// What may be decided: steps between consecutive hours of at most the ramp; costs nothing by itself.
    pub fn feasible(&self) -> Program {
        let (hours, ramp) = (self.kinks.len(), self.cost.ramp);
        let steps = hours.saturating_sub(1);
        let entries: Vec<_> = (0..steps).flat_map(|i| [(i, i, -1.0), (i, i + 1, 1.0)]).collect();
        let rows = Csc::from_triplets(steps, hours, &entries).expect("indices are within the program");
        Program::linear(vec![0.0; hours]).with_rows(rows, vec![-ramp; steps], vec![ramp; steps])
    }
}

impl Cost for UncertainDemand {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        y.iter().zip(z).map(|(&y, &z)| self.cost.hour(y, z)).sum()
    }
}

impl CostGrad for UncertainDemand {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        for ((g, &y), &z) in out.iter_mut().zip(y).zip(z) {
            *g = self.cost.hour_slope(y, z);
        }
    }
}

impl CostCurvature for UncertainDemand {
    fn smooth(&self, y: &[f64], z: &[f64]) -> f64 {
        0.5 * y.iter().zip(z).map(|(y, z)| (z - y) * (z - y)).sum::<f64>()
    }
    fn smooth_grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        for ((g, y), z) in out.iter_mut().zip(y).zip(z) {
            *g = z - y;
        }
    }
    fn add_hess(&self, _y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        (0..z.len()).for_each(|i| h[i * (z.len() + 1)] += w);
    }
    fn add_cross(&self, _y: &[f64], _z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(v).for_each(|(out, v)| *out -= w * v);
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        for ((g, y), z) in out.iter_mut().zip(y).zip(z) {
            *g += w * (y - z);
        }
    }
    fn kinks(&self) -> &[Kink] {
        &self.kinks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::testkit::gradient_error;
    use dfl_core::{Rng, Solution, Solver};
    use dfl_solvers::{Scenarios, StochasticOptions, StochasticProgram};

    const HOURS: usize = 3;

    fn cost() -> UncertainDemand {
        UncertainDemand::new(PowerCost::PUBLISHED, HOURS)
    }

    fn draw(rng: &mut Rng, n: usize) -> Vec<f64> {
        (0..n).map(|_| rng.normal()).collect()
    }

    #[test]
    fn value_is_the_smooth_part_and_the_kinks() {
        let (cost, mut rng) = (cost(), Rng::seeded(1));
        for _ in 0..20 {
            let (y, z) = (draw(&mut rng, HOURS), draw(&mut rng, HOURS));
            let kinks: f64 = cost.kinks().iter().map(|k| k.value(k.argument(&y, &z))).sum();
            assert!((cost.smooth(&y, &z) + kinks - PowerCost::PUBLISHED.value(&y, &z).unwrap()).abs() < 1e-12);
        }
    }

    /// Of the smooth part, which is quadratic: differences are exact but for rounding.
    #[test]
    fn derivatives_match_central_differences() {
        let (cost, mut rng) = (cost(), Rng::seeded(2));
        let (y, z, v) = (draw(&mut rng, HOURS), draw(&mut rng, HOURS), draw(&mut rng, HOURS));
        let slope = |y: &[f64], z: &[f64]| {
            let mut g = [0.0; HOURS];
            cost.smooth_grad_z(y, z, &mut g);
            g.iter().zip(&v).map(|(g, v)| g * v).sum::<f64>()
        };
        let (mut grad_z, mut grad_y, mut cross, mut hess) = ([0.0; HOURS], [0.0; HOURS], [0.0; HOURS], [0.0; HOURS * HOURS]);
        cost.smooth_grad_z(&y, &z, &mut grad_z);
        cost.add_grad_y(&y, &z, 1.0, &mut grad_y);
        cost.add_cross(&y, &z, 1.0, &v, &mut cross);
        cost.add_hess(&y, &z, 1.0, &mut hess);
        let of_v: Vec<f64> = hess.chunks(HOURS).map(|row| row.iter().zip(&v).map(|(h, v)| h * v).sum()).collect();
        let errors = [
            gradient_error(&z, &grad_z, 1e-4, |z| cost.smooth(&y, z)),
            gradient_error(&y, &grad_y, 1e-4, |y| cost.smooth(y, &z)),
            gradient_error(&y, &cross, 1e-4, |y| slope(y, &z)),
            gradient_error(&z, &of_v, 1e-4, |z| slope(&y, z)),
        ];
        assert!(errors.iter().all(|e| *e < 1e-8), "{errors:?}");
    }

    /// Demands 0 and 1 with equal chances in every hour, no ramp in the way: between them the slope is `(0.5 - 50)/2 + z - 1/2 < 0`, so that
    /// supply meets the larger one, where the slope turns to `0.5 + z - 1/2 > 0`.
    #[test]
    fn two_outcomes_by_hand() {
        let (cost, y) = (cost(), [[0.0; HOURS], [1.0; HOURS]].concat());
        let program =
            StochasticProgram::new(cost.clone(), cost.feasible(), Scenarios { count: 2, outcome: HOURS }, StochasticOptions::default());
        let (program, mut out) = (program.unwrap(), Solution::default());
        program.solve(&y, None, &mut program.workspace().unwrap(), &mut out).unwrap();
        assert!(out.x.iter().all(|z| (z - 1.0).abs() < 1e-9), "{:?}", out.x);
    }
}
