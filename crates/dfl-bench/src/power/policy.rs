//! The best decision that is an affine function of the inputs.

use super::{Affine, Certificate, PowerCost, interior::minimise_shortfall_regression, least_squares::with_intercept};
use dfl_core::{Batch, Result, check_len};
use rayon::prelude::*;

/// A decision rule `z = x W + b`, hour by hour optimal on the days it was fitted on.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearPolicy {
    /// The rule.
    pub map: Affine,
    /// One proof of optimality per hour; the sums of costs are over the training days.
    pub certificates: Vec<Certificate>,
}

impl LinearPolicy {
    /// The cost on the training days: sum over hours, mean over days.
    pub fn train_cost(&self, days: usize) -> f64 {
        self.certificates.iter().map(|c| c.primal).sum::<f64>() / days as f64
    }

    /// How far the training cost may be from the optimum, relative: the summed gaps over the summed costs.
    pub fn relative_gap(&self) -> f64 {
        let (primal, dual) = self.certificates.iter().fold((0.0, 0.0), |(p, d), c| (p + c.primal, d + c.dual));
        Certificate { primal, dual, steps: 0 }.relative_gap()
    }
}

/// Minimises the mean task cost of `z = x W + b` over `W` and `b`: a convex problem that separates by hour, so there is one answer.
///
/// The ramps are not imposed: a rule is fitted once, and where its decisions exceed a ramp [`PowerCost::ramp_violation`] says so.
///
/// # Shapes
/// `x`: `[days, inputs]`, without a constant column, best standardised; `y`: `[days, hours]`.
/// # Errors
/// [`dfl_core::Error::Dimension`], [`dfl_core::Error::NotFinite`], and as [`minimise_shortfall_regression`].
pub fn fit_linear_policy(cost: &PowerCost, x: &Batch, y: &Batch) -> Result<LinearPolicy> {
    check_len("rows of the labels", x.rows(), y.rows())?;
    x.check_finite("inputs")?;
    y.check_finite("labels")?;
    let design = with_intercept(x);
    let hour = |k: usize| minimise_shortfall_regression(cost, &design, &y.iter().map(|day| day[k]).collect::<Vec<_>>());
    let hours = (0..y.cols()).into_par_iter().map(hour).collect::<Result<Vec<_>>>()?;
    let map = Affine::from_fn(x.cols(), y.cols(), |i, k| hours[k].0[i]);
    Ok(LinearPolicy { map, certificates: hours.into_iter().map(|(_, certificate)| certificate).collect() })
}
