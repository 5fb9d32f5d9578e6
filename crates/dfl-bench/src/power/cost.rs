//! The cost of a schedule once the demand is known.

use dfl_core::{Batch, Error, Result, check_len};

/// `f(y,z) = sum_i under (y_i - z_i)_+ + over (z_i - y_i)_+ + 1/2 (z_i - y_i)^2`, to minimise under `|z_i - z_{i-1}| <= ramp`.
///
/// # Differences
/// The text of Kong et al. (2022) names other constants and contradicts itself on which is which; their code, like that of Donti et al. (2017),
/// has those of [`PowerCost::PUBLISHED`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PowerCost {
    /// Price of one unit of unmet demand.
    pub under: f64,
    /// Price of one unit generated in excess.
    pub over: f64,
    /// Largest change between consecutive hours of a day; the first hour is not tied to the day before.
    pub ramp: f64,
}

impl Default for PowerCost {
    fn default() -> Self {
        Self::PUBLISHED
    }
}

impl PowerCost {
    /// The constants of the published experiments.
    pub const PUBLISHED: Self = Self { under: 50.0, over: 0.5, ramp: 0.4 };

    /// The cost of one hour.
    pub fn hour(&self, y: f64, z: f64) -> f64 {
        self.excess(z - y)
    }

    /// The cost of one hour as a function of the excess `t = z - y`.
    pub(super) fn excess(&self, t: f64) -> f64 {
        self.over * t.max(0.0) + self.under * (-t).max(0.0) + 0.5 * t * t
    }

    /// `f(y,z)`: the cost of one day; `y` and `z` have the same length.
    ///
    /// # Errors
    /// [`Error::Dimension`] if they have not.
    pub fn value(&self, y: &[f64], z: &[f64]) -> Result<f64> {
        check_len("decision", y.len(), z.len())?;
        Ok(y.iter().zip(z).map(|(&y, &z)| self.hour(y, z)).sum())
    }

    /// Writes a subgradient of `f(y, .)` at `z`: its gradient wherever no `z_i` equals `y_i`, and there the element 0 of `[-under, over]`.
    ///
    /// # Errors
    /// [`Error::Dimension`] if the three lengths differ.
    pub fn gradient(&self, y: &[f64], z: &[f64], grad: &mut [f64]) -> Result<()> {
        check_len("decision", y.len(), z.len())?;
        check_len("gradient", y.len(), grad.len())?;
        for ((g, &y), &z) in grad.iter_mut().zip(y).zip(z) {
            *g = self.hour_slope(y, z);
        }
        Ok(())
    }

    /// One hour of [`PowerCost::gradient`].
    pub fn hour_slope(&self, y: f64, z: f64) -> f64 {
        let t = z - y;
        t + self.over * f64::from(t > 0.0) - self.under * f64::from(t < 0.0)
    }

    /// The metric of the task: sum over hours, mean over days, of decisions `z` under the demand `y`, both `[days, hours]`.
    ///
    /// # Errors
    /// [`Error::Dimension`] if the shapes differ, [`Error::Domain`] if there is no day.
    pub fn mean(&self, y: &Batch, z: &Batch) -> Result<f64> {
        check_len("days decided", y.rows(), z.rows())?;
        if y.rows() == 0 {
            return Err(Error::Domain { what: "number of days", value: 0.0, need: "positive" });
        }
        let mut total = 0.0;
        for (y, z) in y.iter().zip(z.iter()) {
            total += self.value(y, z)?;
        }
        Ok(total / y.rows() as f64)
    }

    /// By how much the steepest step of any day exceeds [`PowerCost::ramp`]; 0 if every decision is feasible.
    pub fn ramp_violation(&self, z: &Batch) -> f64 {
        let steps = z.iter().flat_map(|day| day.windows(2).map(|pair| (pair[1] - pair[0]).abs()));
        (steps.fold(0.0, f64::max) - self.ramp).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: 2 short costs 100 + 2, 1 over costs 0.5 + 0.5.
    #[test]
    fn hand_computed_day() {
        let (y, z, mut grad) = ([3.0, 1.0, 1.0], [1.0, 2.0, 1.0], [0.0; 3]);
        assert_eq!(PowerCost::PUBLISHED.value(&y, &z).unwrap(), 103.0);
        PowerCost::PUBLISHED.gradient(&y, &z, &mut grad).unwrap();
        assert_eq!(grad, [-52.0, 1.5, 0.0]);
    }

    /// The step of 1 exceeds 0.4 by 0.6; the step between two days does not count.
    #[test]
    fn ramps_are_inside_a_day() {
        let z = Batch::from_rows(&[[1.0, 2.0], [9.0, 9.2]]).unwrap();
        assert!((PowerCost::PUBLISHED.ramp_violation(&z) - 0.6).abs() < 1e-15);
        assert_eq!(PowerCost::PUBLISHED.ramp_violation(&z.select(&[1])), 0.0);
    }

    #[test]
    fn no_day_has_no_mean() {
        assert!(PowerCost::PUBLISHED.mean(&Batch::zeros(0, 24), &Batch::zeros(0, 24)).is_err());
        assert!(PowerCost::PUBLISHED.mean(&Batch::zeros(1, 24), &Batch::zeros(1, 23)).is_err());
    }
}
