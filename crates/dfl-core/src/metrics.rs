//! Figures of merit, each with the formula and who uses it.
//!
//! # Panics
//! Those of two slices panic if the lengths differ: that is a bug of the caller, never a matter of the data.

/// $\sum_i \text{regret}_i / \sum_i |z_i^\star|$, PyEPO's normalised regret; `regret` and `optimal` have one entry per instance.
pub fn normalized_regret(regret: &[f64], optimal: &[f64]) -> f64 {
    assert_eq!(regret.len(), optimal.len(), "one optimal value per regret");
    regret.iter().sum::<f64>() / optimal.iter().map(|z| z.abs()).sum::<f64>()
}

/// Mean of $\text{regret}_i / |z_i^\star|$ (Eq. 14 of the surrogate-loss paper).
pub fn mean_ratio_regret(regret: &[f64], optimal: &[f64]) -> f64 {
    assert_eq!(regret.len(), optimal.len(), "one optimal value per regret");
    mean(&regret.iter().zip(optimal).map(|(r, z)| r / z.abs()).collect::<Vec<_>>())
}

/// Root of the mean squared difference over all entries.
pub fn rmse(prediction: &[f64], truth: &[f64]) -> f64 {
    assert_eq!(prediction.len(), truth.len(), "one true value per prediction");
    mean(&prediction.iter().zip(truth).map(|(p, t)| (p - t).powi(2)).collect::<Vec<_>>()).sqrt()
}

/// Arithmetic mean; NaN for no values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Standard error of the mean, $s / \sqrt n$ with the $n - 1$ variance; `None` for fewer than two values.
pub fn standard_error(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    let m = mean(values);
    (values.len() > 1).then(|| (values.iter().map(|v| (v - m).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Regrets 1, 3 on optima -2, 6: 4/8 and (1/2 + 1/2)/2.
    #[test]
    fn both_regrets_by_hand() {
        assert_eq!(normalized_regret(&[1.0, 3.0], &[-2.0, 6.0]), 0.5);
        assert_eq!(mean_ratio_regret(&[1.0, 3.0], &[-2.0, 6.0]), 0.5);
        assert_eq!(mean_ratio_regret(&[1.0, 0.0], &[-2.0, 6.0]), 0.25);
    }

    /// 1, 2, 3: variance 1, error 1/sqrt 3.
    #[test]
    fn standard_error_by_hand() {
        assert!((standard_error(&[1.0, 2.0, 3.0]).unwrap() - 3.0_f64.sqrt().recip()).abs() < 1e-15);
        assert_eq!(standard_error(&[1.0]), None);
    }

    #[test]
    fn rmse_by_hand() {
        assert_eq!(rmse(&[1.0, 2.0], &[1.0, 4.0]), 2.0_f64.sqrt());
    }
}
