//! Decisions under a Gaussian forecast, with ramps: sequential quadratic programming.

use super::{Forecast, PowerCost};
use dfl_core::{Batch, Error, Result, Status, check_len};

/// Minimises `1/2 z' diag(h) z + g'z` subject to `|z_i - z_{i-1}| <= ramp`. Who implements it knows the ramp.
pub trait RampQp {
    /// Writes the minimiser into `z`, which holds a point nearby on entry. All slices have the length of a day; `hess_diag` is positive.
    ///
    /// # Errors
    /// Whatever keeps the backend from an optimum.
    fn solve(&mut self, hess_diag: &[f64], grad: &[f64], z: &mut [f64]) -> Result<()>;
}

/// Newton steps at most; about 8 are taken on the PJM data.
const MAX_STEPS: usize = 50;
/// Length of the last step that counts as converged.
const TOLERANCE: f64 = 1e-10;
/// The same where the QP backend is not accurate enough for the former.
const LOOSE_TOLERANCE: f64 = 1e-6;

/// For each day, the schedule that minimises the expected cost of [`PowerCost::PUBLISHED`] when hour `i` is `N(mu_i, sigma_i^2)`, under the ramps.
///
/// Newton's method whose steps are quadratic programs with the ramps as constraints, from `z = mu` as Donti et al. (2017); the problem is
/// convex, so with the step halved where the cost would not fall it converges from anywhere.
///
/// # Shapes
/// `mu`: `[days, hours]`; `sigma`: `[hours]`; the result: `[days, hours]`.
/// # Errors
/// [`Error::Dimension`], [`Error::NotFinite`] for `mu`, [`Error::Domain`] for a `sigma` that is not positive, [`Error::NotSolved`] with the day if
/// the iteration does not settle, and what `qp` returns.
pub fn gaussian_decisions(mu: &Batch, sigma: &[f64], qp: &mut dyn RampQp) -> Result<Batch> {
    check_len("standard deviations per hour", mu.cols(), sigma.len())?;
    mu.check_finite("mean of the forecast")?;
    let mut decisions = mu.clone();
    for day in 0..mu.rows() {
        let pairs = mu.row(day).iter().zip(sigma);
        let hours = pairs.map(|(&m, &s)| Forecast::new(PowerCost::PUBLISHED, m, s)).collect::<Result<Vec<_>>>()?;
        if !minimise(&hours, decisions.row_mut(day), qp)? {
            return Err(Error::NotSolved { index: day, solver: "sqp", status: Status::Failed });
        }
    }
    Ok(decisions)
}

/// Minimises the sum of the expected costs from `z` and says whether it converged.
fn minimise(hours: &[Forecast], z: &mut [f64], qp: &mut dyn RampQp) -> Result<bool> {
    let mut target = z.to_vec();
    let mut last_step = f64::INFINITY;
    for step in 0..MAX_STEPS {
        let (hess, slope): (Vec<f64>, Vec<f64>) = hours.iter().zip(&*z).map(|(hour, &z)| hour.partials(z)).map(|p| (p.dzz, p.dz)).unzip();
        let grad: Vec<f64> = slope.iter().zip(&hess).zip(&*z).map(|((g, h), z)| g - h * z).collect();
        target.copy_from_slice(z);
        qp.solve(&hess, &grad, &mut target)?;
        // The start need not respect the ramps, so the first step is taken whole; later points are feasible, and so is all between them.
        let length = if step == 0 { 1.0 } else { step_length(hours, z, &target, &slope) };
        last_step = target.iter().zip(&*z).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        z.iter_mut().zip(&target).for_each(|(z, t)| *z += length * (t - *z));
        if last_step < TOLERANCE {
            return Ok(true);
        }
    }
    Ok(last_step < LOOSE_TOLERANCE)
}

/// The longest of 1, 1/2, 1/4, ... whose step lowers the cost by a small share of what the slope promises (Armijo).
fn step_length(hours: &[Forecast], z: &[f64], target: &[f64], slope: &[f64]) -> f64 {
    let cost = |length: f64| -> f64 { hours.iter().zip(z).zip(target).map(|((hour, z), t)| hour.value(z + length * (t - z))).sum() };
    let promised: f64 = slope.iter().zip(z).zip(target).map(|((g, z), t)| g * (t - z)).sum();
    let here = cost(0.0);
    // Close to the optimum the promised decrease drowns in rounding; such steps are good.
    let rounding = 1e-13 * (1.0 + here.abs());
    let mut length = 1.0;
    while length > 1e-6 && cost(length) > here + 1e-4 * length * promised + rounding {
        length *= 0.5;
    }
    length
}
