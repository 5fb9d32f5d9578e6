//! Score-function weights, corrected for the samples that the decision shares with them.
//!
//! The decision and the weights see the same samples. Leaving sample $m$ out moves the decision, to first order, by
//! $(H - C_m)^{-1} I_m / M$, where $I_m$ is the influence of the sample on the stationarity condition and $C_m$ what the Hessian loses with
//! it, so that $w_m = u_m^\top I_m$ with $u_m = -(K - C_m)^{-1}$ cotangent is $M (F(z) - F(z \text{ without } m))$ up to second order in
//! $1/M$.

use dfl_core::dense::dot;
use dfl_core::{Adjoint, CostCurvature, Cotangent, Error, Result, Risk};
use faer::Mat;

use super::StochasticProgram;
use super::derivative::{StochasticTape, add_edge};
use super::system::System;

/// What a sample contributes to the optimality conditions of the variables.
struct Share {
    /// $I_m$.
    influence: Vec<f64>,
    /// $C_m$ is `hess` times the sample's Hessian, `fixed` times the deterministic one, `square` times that of the direction `centred`,
    /// and `mean` times the mean Hessian.
    hess: f64,
    fixed: f64,
    square: f64,
    mean: f64,
    centred: Vec<f64>,
}

impl<C: CostCurvature> StochasticProgram<C> {
    /// $w_m = M p_m u^\top \nabla_z f_m$, as published.
    pub(super) fn published_weights(
        &self,
        tape: &StochasticTape,
        cotangent: Cotangent<'_>,
        u: &mut Adjoint,
        weights: &mut [f64],
    ) -> Result<()> {
        self.adjoint(tape, cotangent, u)?;
        let (n, count) = (self.feasible.n(), self.scenarios.count as f64);
        for (m, to) in weights.iter_mut().enumerate() {
            *to = count * tape.weights[m] * dot(&tape.grads[m * n..][..n], &u.x);
        }
        Ok(())
    }

    /// $w_m = u_m^\top I_m$; leaves the plain adjoint in `u`.
    pub(super) fn corrected_weights(
        &self,
        tape: &StochasticTape,
        cotangent: Cotangent<'_>,
        u: &mut Adjoint,
        weights: &mut [f64],
    ) -> Result<()> {
        if self.scenarios.count < 2 {
            let need = "at least 2 for score weights: the decision of the others must exist";
            return Err(Error::Domain { what: "Scenarios::count", value: self.scenarios.count as f64, need });
        }
        self.adjoint(tape, cotangent, u)?;
        let rhs = self.right_hand_side(tape, cotangent)?;
        let (means, mean_hess) = (self.means(tape), self.mean_hess(tape));
        for (m, to) in weights.iter_mut().enumerate() {
            let share = self.share(tape, m, &means);
            let system = System::new(self.without(tape, m, &share, &mean_hess))?;
            let mut without = rhs.clone();
            system.solve(&mut without)?;
            *to = dot(&without, &share.influence);
        }
        Ok(())
    }

    /// What the influences are counted from, `[x]`: the mean gradient, weighted as the risk does; then, for mean-variance, the gradient of
    /// the variance and the deviations of the costs.
    fn means(&self, tape: &StochasticTape) -> Means {
        let (n, share) = (self.feasible.n(), 1.0 / self.scenarios.count as f64);
        let mut gradient = vec![0.0; n];
        for (m, row) in tape.grads.chunks_exact(n.max(1)).enumerate() {
            let weight = if let Risk::MeanVariance { .. } = self.options.risk { share } else { tape.weights[m] };
            gradient.iter_mut().zip(row).for_each(|(to, g)| *to += weight * g);
        }
        let mut out = Means { gradient, spread: vec![0.0; n], deviation: Vec::new() };
        if let Risk::MeanVariance { weight } = self.options.risk {
            // p_m = (1 + 2 w d_m) / M.
            out.deviation = tape.weights.iter().map(|p| if weight > 0.0 { (p / share - 1.0) / (2.0 * weight) } else { 0.0 }).collect();
            for (row, d) in tape.grads.chunks_exact(n.max(1)).zip(&out.deviation) {
                out.spread.iter_mut().zip(row).for_each(|(to, g)| *to += 2.0 * share * d * g);
            }
        }
        out
    }

    fn share(&self, tape: &StochasticTape, m: usize, means: &Means) -> Share {
        let (n, count, p) = (self.feasible.n(), self.scenarios.count as f64, tape.weights[m]);
        let row = &tape.grads[m * n..][..n];
        let centred: Vec<f64> = row.iter().zip(&means.gradient).map(|(g, mean)| g - mean).collect();
        let scaled = |s: f64| centred.iter().map(|c| s * c).collect::<Vec<f64>>();
        match self.options.risk {
            Risk::Mean => Share { influence: scaled(1.0), hess: p, fixed: p, square: 0.0, mean: 0.0, centred },
            Risk::Entropic { temperature } => {
                let square = p / (temperature * (1.0 - p).max(f64::EPSILON));
                Share { influence: scaled(count * p), hess: p, fixed: p, square, mean: 0.0, centred }
            }
            Risk::MeanVariance { weight } => {
                let (d, bend) = (means.deviation[m], 2.0 * weight / (count - 1.0));
                let mut influence = scaled(1.0 + bend * count * d);
                influence.iter_mut().zip(&means.spread).for_each(|(to, s)| *to -= weight * s);
                Share { influence, hess: 1.0 / count + bend * d, fixed: 1.0 / count, square: bend, mean: -bend * d, centred }
            }
            Risk::Cvar { .. } => {
                let mut influence: Vec<f64> = row.iter().zip(&means.gradient).map(|(g, mean)| count * p * g - mean).collect();
                influence.push(1.0 - count * p);
                Share { influence, hess: p, fixed: 1.0 / count, square: 0.0, mean: 0.0, centred }
            }
        }
    }

    /// $K - C_m$.
    fn without(&self, tape: &StochasticTape, m: usize, share: &Share, mean_hess: &[f64]) -> Mat<f64> {
        let n = self.feasible.n();
        let mut lost = vec![0.0; n * n];
        self.add_scenario_hess(tape, m, share.hess, &mut lost);
        for i in 0..n {
            for j in 0..n {
                let k = i * n + j;
                lost[k] += share.fixed * tape.fixed_hess[k] + share.square * share.centred[i] * share.centred[j];
                lost[k] += mean_hess.get(k).map_or(0.0, |h| share.mean * h);
            }
        }
        let mut k = tape.system.matrix().clone();
        for j in 0..n {
            (0..n).for_each(|i| k[(i, j)] -= lost[i * n + j]);
        }
        if let Some(bend) = tape.edge_bends.get(m) {
            add_edge(-bend, &tape.grads[m * n..][..n], &mut k);
        }
        k
    }

    /// `h += s` times the Hessian of scenario `m`, with the density of its kinks.
    fn add_scenario_hess(&self, tape: &StochasticTape, m: usize, s: f64, h: &mut [f64]) {
        self.cost.add_hess(self.sample(&tape.theta, m), &tape.z, s, h);
        if tape.bends.is_empty() {
            return;
        }
        let (first, total) = self.offsets();
        for (axis, first) in self.axes.iter().zip(first) {
            let bend: f64 = tape.bends[m * total + first..][..axis.hinges.len()].iter().sum();
            axis.add_square(s * bend, self.feasible.n(), h);
        }
    }

    /// The mean of the scenarios' Hessians where the risk asks for it.
    fn mean_hess(&self, tape: &StochasticTape) -> Vec<f64> {
        if !matches!(self.options.risk, Risk::MeanVariance { .. }) {
            return Vec::new();
        }
        let n = self.feasible.n();
        let mut out = vec![0.0; n * n];
        (0..self.scenarios.count).for_each(|m| self.add_scenario_hess(tape, m, 1.0 / self.scenarios.count as f64, &mut out));
        out
    }
}

/// See [`StochasticProgram::means`].
struct Means {
    gradient: Vec<f64>,
    spread: Vec<f64>,
    deviation: Vec<f64>,
}
