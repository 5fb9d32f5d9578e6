use dfl_core::{Error, Result, check_len};
use faer::linalg::solvers::{DenseSolveCore, Llt, Solve};
use faer::{Mat, Scale, Side};

use super::NoiseTable;

/// A diffusion whose noise prediction is affine, $\hat\epsilon_t = A_t y_t + B_t \phi + c_t$, where bound, density and their gradients have closed forms.
///
/// The reverse chain $y_{t-1} = P_t y_t + q_t + \sqrt{\beta_t}\, \xi$, with $\kappa_t = -\beta_t / \sqrt{\alpha_t (1 - \bar\alpha_t)}$, $P_t = \alpha_t^{-1/2} I
/// + \kappa_t A_t$ and $q_t = \kappa_t (B_t \phi + c_t)$, is linear, so that $y_0$ is Gaussian: its mean and covariance follow the chain, and the score
/// follows it back. The bound is a sum of expected squares, $\mathbb E \|\epsilon - \hat\epsilon\|^2 = \|I - \sqrt{1 - \bar\alpha_t} A_t\|^2 +
/// \|\sqrt{\bar\alpha_t} A_t y_0 + B_t \phi + c_t\|^2$.
///
/// What it is for: how far the gradient of the bound is from the score. By $\log p - \mathrm{ELBO} = \mathrm{KL}(q(y_{1:T} | y_0) \| p_\theta(y_{1:T}
/// | y_0))$ and Pinsker, $\|\nabla \log p - \nabla \mathrm{ELBO}\| \le \sqrt2 B \sqrt{\mathrm{KL}}$ for a bound $B$ on the norm of
/// [`LinearDiffusion::joint_score`] (Diffusion-DFL, 2026, ICLR); there is none for all of a Gaussian's paths.
///
/// # Shapes
/// Features `[inputs]`, outcomes `[outputs]`. Parameters, and gradients in them, hold $A_t$ (row-major), $B_t$ (row-major) and $c_t$ for $t = 1 \dots T$.
#[derive(Clone, Debug)]
pub struct LinearDiffusion {
    table: NoiseTable,
    inputs: usize,
    outputs: usize,
    parameters: Vec<f64>,
}

/// Mean and covariance of each $y_t$, from $t = 0$.
struct Marginals {
    mean: Vec<Mat<f64>>,
    covariance: Vec<Mat<f64>>,
}

impl LinearDiffusion {
    /// The prediction with these parameters.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another number of parameters, [`Error::Domain`] for no outputs.
    pub fn new(table: NoiseTable, (inputs, outputs): (usize, usize), parameters: Vec<f64>) -> Result<Self> {
        if outputs == 0 {
            return Err(Error::Domain { what: "outputs", value: 0.0, need: "at least 1" });
        }
        check_len("parameters", table.steps() * outputs * (outputs + inputs + 1), parameters.len())?;
        Ok(Self { table, inputs, outputs, parameters })
    }

    /// The prediction of least error for outcomes of $\mathcal N(W \phi, v I)$, with $W$ row-major:
    /// $\hat\epsilon_t = \sqrt{1 - \bar\alpha_t}\, (y_t - \sqrt{\bar\alpha_t}\, W \phi) / (\bar\alpha_t v + 1 - \bar\alpha_t)$.
    ///
    /// # Errors
    /// As [`LinearDiffusion::new`]; [`Error::Dimension`] for another number of weights, [`Error::Domain`] for a negative variance.
    pub fn optimal(table: NoiseTable, (inputs, outputs): (usize, usize), weights: &[f64], variance: f64) -> Result<Self> {
        check_len("weights", inputs * outputs, weights.len())?;
        if !(variance >= 0.0 && variance.is_finite()) {
            return Err(Error::Domain { what: "variance", value: variance, need: "at least 0 and finite" });
        }
        let mut parameters = Vec::with_capacity(table.steps() * outputs * (outputs + inputs + 1));
        for t in 1..=table.steps() {
            let scale = table.noise(t) / (table.alpha_bar(t) * variance + 1.0 - table.alpha_bar(t));
            parameters.extend((0..outputs * outputs).map(|k| if k % (outputs + 1) == 0 { scale } else { 0.0 }));
            parameters.extend(weights.iter().map(|w| -scale * table.alpha_bar(t).sqrt() * w));
            parameters.extend(std::iter::repeat_n(0.0, outputs));
        }
        Self::new(table, (inputs, outputs), parameters)
    }

    /// $A_t$, $B_t$, $c_t$ for $t = 1 \dots T$.
    pub fn parameters(&self) -> &[f64] {
        &self.parameters
    }

    /// $\log p(y_0 \mid \phi)$ of what the ancestral chain samples, in nats.
    ///
    /// # Errors
    /// [`Error::Dimension`]; [`Error::Backend`] if the covariance has no Cholesky factor, by overflow.
    pub fn log_density(&self, features: &[f64], outcome: &[f64]) -> Result<f64> {
        self.check(features, outcome)?;
        let marginals = self.marginals(features);
        let (factor, solved) = whitened(&marginals, outcome)?;
        let residual = column(outcome) - &marginals.mean[0];
        let log_det: f64 = (0..self.outputs).map(|i| 2.0 * factor.L()[(i, i)].ln()).sum();
        let square: f64 = (0..self.outputs).map(|i| residual[(i, 0)] * solved[(i, 0)]).sum();
        Ok(-0.5 * (square + log_det + self.outputs as f64 * (2.0 * std::f64::consts::PI).ln()))
    }

    /// Gradient of [`LinearDiffusion::log_density`] in the parameters.
    ///
    /// # Errors
    /// As there.
    pub fn score(&self, features: &[f64], outcome: &[f64]) -> Result<Vec<f64>> {
        self.check(features, outcome)?;
        let marginals = self.marginals(features);
        let (factor, mut on_mean) = whitened(&marginals, outcome)?;
        let mut on_covariance = Scale(0.5) * (&on_mean * on_mean.transpose() - factor.inverse());
        let mut out = Vec::with_capacity(self.parameters.len());
        for t in 1..=self.table.steps() {
            let (p, kappa) = (self.step_matrix(t), self.kappa(t));
            let pulled = &on_covariance * &p;
            let on_p = &on_mean * marginals.mean[t].transpose() + Scale(2.0) * (&pulled * &marginals.covariance[t]);
            push(&mut out, kappa, &on_p, &on_mean, features);
            on_mean = p.transpose() * &on_mean;
            on_covariance = p.transpose() * &pulled;
        }
        Ok(out)
    }

    /// The bound on [`LinearDiffusion::log_density`], in nats, its expectations exact.
    ///
    /// # Errors
    /// [`Error::Dimension`].
    pub fn elbo(&self, features: &[f64], outcome: &[f64]) -> Result<f64> {
        self.check(features, outcome)?;
        let term = |t: usize| {
            let (spread, bias) = self.error(t, features, outcome);
            self.table.bound_weight(t) * (spread.squared_norm_l2() + bias.squared_norm_l2())
        };
        Ok(self.table.bound_constant(outcome) - (1..=self.table.steps()).map(term).sum::<f64>())
    }

    /// Gradient of [`LinearDiffusion::elbo`] in the parameters: the expectation of the gradient of
    /// [`Elbo::Weighted`](super::Elbo::Weighted).
    ///
    /// # Errors
    /// [`Error::Dimension`].
    pub fn elbo_gradient(&self, features: &[f64], outcome: &[f64]) -> Result<Vec<f64>> {
        self.check(features, outcome)?;
        let (y, mut out) = (column(outcome), Vec::with_capacity(self.parameters.len()));
        for t in 1..=self.table.steps() {
            let (spread, bias) = self.error(t, features, outcome);
            let on_a = Scale(self.table.noise(t)) * &spread + Scale(self.table.alpha_bar(t).sqrt()) * (&bias * y.transpose());
            push(&mut out, 2.0 * self.table.bound_weight(t), &on_a, &bias, features);
        }
        Ok(out)
    }

    /// Gradient in the parameters of $\log p_\theta(y_0, \dots, y_T \mid \phi)$ for a path `[T + 1, outputs]`, row-major from $y_0$. Its mean is
    /// the score over paths of the model that end at $y_0$, and the gradient of the bound over paths of the forward chain from there.
    ///
    /// # Errors
    /// [`Error::Dimension`].
    pub fn joint_score(&self, features: &[f64], path: &[f64]) -> Result<Vec<f64>> {
        check_len("path", (self.table.steps() + 1) * self.outputs, path.len())?;
        self.check(features, &path[..self.outputs])?;
        let at = |t: usize| column(&path[t * self.outputs..(t + 1) * self.outputs]);
        let mut out = Vec::with_capacity(self.parameters.len());
        for t in 1..=self.table.steps() {
            let y = at(t);
            let residual = at(t - 1) - self.step_matrix(t) * &y - Scale(self.kappa(t)) * self.shift(t, features);
            push(&mut out, self.kappa(t) / self.table.beta(t), &(&residual * y.transpose()), &residual, features);
        }
        Ok(out)
    }

    fn check(&self, features: &[f64], outcome: &[f64]) -> Result<()> {
        check_len("features", self.inputs, features.len())?;
        check_len("outcome", self.outputs, outcome.len())
    }

    fn step(&self, t: usize) -> &[f64] {
        let length = self.parameters.len() / self.table.steps();
        &self.parameters[(t - 1) * length..t * length]
    }

    fn a(&self, t: usize) -> Mat<f64> {
        Mat::from_fn(self.outputs, self.outputs, |i, j| self.step(t)[i * self.outputs + j])
    }

    /// $B_t \phi + c_t$.
    fn shift(&self, t: usize, features: &[f64]) -> Mat<f64> {
        let (b, c) = self.step(t)[self.outputs * self.outputs..].split_at(self.outputs * self.inputs);
        let row = |i: usize| b[i * self.inputs..(i + 1) * self.inputs].iter().zip(features).map(|(b, x)| b * x).sum::<f64>();
        Mat::from_fn(self.outputs, 1, |i, _| row(i) + c[i])
    }

    fn kappa(&self, t: usize) -> f64 {
        -self.table.beta(t) / (self.table.noise(t) * self.table.alpha(t).sqrt())
    }

    /// $P_t$.
    fn step_matrix(&self, t: usize) -> Mat<f64> {
        Scale(1.0 / self.table.alpha(t).sqrt()) * Mat::<f64>::identity(self.outputs, self.outputs) + Scale(self.kappa(t)) * self.a(t)
    }

    /// $\epsilon - \hat\epsilon = M \epsilon + r$: the pair $M$, $r$.
    fn error(&self, t: usize, features: &[f64], outcome: &[f64]) -> (Mat<f64>, Mat<f64>) {
        let a = self.a(t);
        let bias = Scale(-self.table.alpha_bar(t).sqrt()) * (&a * column(outcome)) - self.shift(t, features);
        (Mat::<f64>::identity(self.outputs, self.outputs) - Scale(self.table.noise(t)) * a, bias)
    }

    fn marginals(&self, features: &[f64]) -> Marginals {
        let (d, steps) = (self.outputs, self.table.steps());
        let mut found = Marginals { mean: vec![Mat::zeros(d, 1)], covariance: vec![Mat::identity(d, d)] };
        for t in (1..=steps).rev() {
            let p = self.step_matrix(t);
            let mean = &p * &found.mean[steps - t] + Scale(self.kappa(t)) * self.shift(t, features);
            let covariance = &p * &found.covariance[steps - t] * p.transpose() + Scale(self.table.beta(t)) * Mat::<f64>::identity(d, d);
            found.mean.push(mean);
            found.covariance.push(covariance);
        }
        found.mean.reverse();
        found.covariance.reverse();
        found
    }
}

fn column(values: &[f64]) -> Mat<f64> {
    Mat::from_fn(values.len(), 1, |i, _| values[i])
}

/// The factor of the covariance $\Sigma_0$ and $\Sigma_0^{-1} (y_0 - m_0)$.
fn whitened(marginals: &Marginals, outcome: &[f64]) -> Result<(Llt<f64>, Mat<f64>)> {
    let failed = |e| Error::Backend { backend: "faer", source: format!("Cholesky factor of the covariance: {e:?}").into() };
    let factor = marginals.covariance[0].llt(Side::Lower).map_err(failed)?;
    let solved = factor.solve(column(outcome) - &marginals.mean[0]);
    Ok((factor, solved))
}

/// Appends the gradient of one step: `scale` times that in $A$, the outer product with the features, and that in $c$.
fn push(out: &mut Vec<f64>, scale: f64, on_a: &Mat<f64>, on_c: &Mat<f64>, features: &[f64]) {
    let d = on_c.nrows();
    out.extend((0..d * d).map(|k| scale * on_a[(k / d, k % d)]));
    out.extend((0..d).flat_map(|i| features.iter().map(move |x| scale * on_c[(i, 0)] * x)));
    out.extend((0..d).map(|i| scale * on_c[(i, 0)]));
}
