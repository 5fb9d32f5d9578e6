use crate::kernels::{add_scaled, dot};
use dfl_core::dense::solve_spd;

/// Share of the mean complementarity that a step aims at.
const CENTRING: f64 = 0.1;
/// Mean complementarity below which a step would only amplify rounding, as the ratios of $\lambda$ and its slack do. Half the square of the
/// distance to the projection is at most that times the number of generators.
const CONVERGED: f64 = 1e-10;
/// Share of the way to the boundary that a step goes.
const SHORT: f64 = 0.99;

/// A few steps of a primal-dual interior-point method for $\min_{\lambda \ge 0} \tfrac12 \|\sum_k \lambda_k n_k - q\|^2$: a point strictly inside the cone (all
/// $\lambda_k > 0$) that approaches the projection with every step. Generators and target are brought to length 1 first, so the
/// answer has the direction of the projection and not its length. The memory is kept from call to call.
///
/// With slacks $s$ of $\lambda$ a step solves $(U U^\top + \operatorname{diag}(s/\lambda))\, \Delta\lambda = \rho$ for the unit generators $U$, through the system of the
/// size of the target, $I + U^\top \operatorname{diag}(\lambda/s)\, U$, which is definite whatever the generators.
///
/// # References
/// Wright (1997), Primal-dual interior-point methods, chapter 1 (the step); Tang & Khalil (2024), CaVE, CPAIOR (to stop early).
#[derive(Debug, Default)]
pub(crate) struct Interior {
    units: Vec<f64>,
    target: Vec<f64>,
    /// $U^\top \lambda - q$.
    error: Vec<f64>,
    lambda: Vec<f64>,
    slack: Vec<f64>,
    rho: Vec<f64>,
    step: Vec<f64>,
    system: Vec<f64>,
    reduced: Vec<f64>,
}

impl Interior {
    /// Writes a point inside the cone of `generators` `[m, n]` near the projection of `target` `[n]` / |target| to `projection`. The target is
    /// not zero.
    pub(crate) fn project(&mut self, generators: &[f64], target: &[f64], steps: usize, projection: &mut [f64]) {
        self.start(generators, target);
        for _ in 0..steps {
            self.advance();
        }
        projection.fill(0.0);
        for (l, u) in self.lambda.iter().zip(self.units.chunks(target.len().max(1))) {
            add_scaled(projection, *l, u);
        }
    }

    fn start(&mut self, generators: &[f64], target: &[f64]) {
        let n = target.len();
        let m = generators.len() / n.max(1);
        self.units.clear();
        for g in generators.chunks(n.max(1)) {
            let scale = 1.0 / dot(g, g).sqrt().max(f64::MIN_POSITIVE);
            self.units.extend(g.iter().map(|v| scale * v));
        }
        let scale = 1.0 / dot(target, target).sqrt();
        self.target.clear();
        self.target.extend(target.iter().map(|v| scale * v));
        for memory in [&mut self.lambda, &mut self.slack, &mut self.rho, &mut self.step] {
            memory.clear();
            memory.resize(m, 1.0 / m.max(1) as f64);
        }
        self.system.resize(n * n, 0.0);
        self.reduced.resize(n, 0.0);
        self.error.resize(n, 0.0);
        self.update_error();
        // The gradient where it is a possible slack.
        for (s, u) in self.slack.iter_mut().zip(self.units.chunks(n.max(1))) {
            *s = dot(u, &self.error).max(*s);
        }
    }

    fn update_error(&mut self) {
        self.error.iter_mut().zip(&self.target).for_each(|(e, q)| *e = -q);
        for (l, u) in self.lambda.iter().zip(self.units.chunks(self.target.len().max(1))) {
            add_scaled(&mut self.error, *l, u);
        }
    }

    fn advance(&mut self) {
        let n = self.target.len();
        let mean = dot(&self.lambda, &self.slack) / self.lambda.len().max(1) as f64;
        if mean <= CONVERGED {
            return;
        }
        let aim = CENTRING * mean;
        for (k, u) in self.units.chunks(n.max(1)).enumerate() {
            // Dual residual s - U (U'lambda - q), and the complementarity that is aimed at.
            self.rho[k] = aim / self.lambda[k] - dot(u, &self.error);
        }
        if !self.newton() {
            return;
        }
        let mut length = 1.0_f64;
        for k in 0..self.lambda.len() {
            let (l, s, dl) = (self.lambda[k], self.slack[k], self.step[k]);
            let ds = aim / l - s - s / l * dl;
            self.rho[k] = ds;
            for (value, change) in [(l, dl), (s, ds)] {
                if change < 0.0 {
                    length = length.min(-SHORT * value / change);
                }
            }
        }
        add_scaled(&mut self.lambda, length, &self.step);
        add_scaled(&mut self.slack, length, &self.rho);
        self.update_error();
    }

    /// $\Delta\lambda = D^{-1} (\rho - U (I + U^\top D^{-1} U)^{-1} U^\top D^{-1} \rho)$ with $D = \operatorname{diag}(s/\lambda)$.
    fn newton(&mut self) -> bool {
        let n = self.target.len();
        self.system.fill(0.0);
        self.reduced.fill(0.0);
        (0..n).for_each(|i| self.system[i * n + i] = 1.0);
        for (k, u) in self.units.chunks(n.max(1)).enumerate() {
            let weight = self.lambda[k] / self.slack[k];
            add_scaled(&mut self.reduced, weight * self.rho[k], u);
            for (i, &ui) in u.iter().enumerate().filter(|(_, ui)| **ui != 0.0) {
                add_scaled(&mut self.system[i * n..=i * n + i], weight * ui, &u[..=i]);
            }
        }
        if !solve_spd(&mut self.system, &mut self.reduced) {
            return false;
        }
        for (k, u) in self.units.chunks(n.max(1)).enumerate() {
            self.step[k] = self.lambda[k] / self.slack[k] * (self.rho[k] - dot(u, &self.reduced));
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cone::ActiveSet;
    use dfl_core::Rng;

    /// Distance from the target of length 1, and the smallest coefficient.
    fn after(steps: usize, cone: &[f64], target: &[f64]) -> (Vec<f64>, f64) {
        let (mut solver, mut out) = (Interior::default(), vec![0.0; target.len()]);
        solver.project(cone, target, steps, &mut out);
        (out, solver.lambda.iter().copied().fold(f64::INFINITY, f64::min))
    }

    /// Many steps reach the exact projection: sqrt(2 * 11 * 1e-10) = 4.7e-5 is the most that the gap at the end allows. After three the point
    /// is strictly inside and no nearer than that.
    #[test]
    fn it_tends_to_the_projection_from_inside() {
        let mut rng = Rng::seeded(8);
        for round in 0..100 {
            let (n, m) = (2 + rng.below(6), 1 + rng.below(10));
            let mut cone: Vec<f64> = (0..m * n).map(|_| rng.normal()).collect();
            if round % 2 == 0 {
                let opposite: Vec<f64> = cone[..n].iter().map(|v| -v).collect();
                cone.extend(opposite);
            }
            let mut target: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let length = dot(&target, &target).sqrt();
            target.iter_mut().for_each(|v| *v /= length);
            let mut exact = vec![0.0; n];
            ActiveSet::default().project(&cone, &target, &mut exact);
            let distance = |p: &[f64]| p.iter().zip(&target).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            let (many, _) = after(40, &cone, &target);
            let apart = many.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(apart < 5e-5, "round {round}: {apart}");
            let (three, smallest) = after(3, &cone, &target);
            assert!(smallest > 0.0 && distance(&three) >= distance(&exact) - 1e-12, "round {round}");
        }
    }
}
