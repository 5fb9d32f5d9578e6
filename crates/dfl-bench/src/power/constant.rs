//! The best constant correction of a forecast.

use super::PowerCost;
use dfl_core::{Batch, Error, Result, check_len};

/// For each column, the constant `b` that minimises the summed cost of the decisions `predicted + b` under `truth`; exact.
///
/// The derivative in `b` is piecewise linear and increasing, with a jump of `under + over` at each residual `truth - predicted`: sorted, the
/// piece that holds the root, or the jump that crosses zero, is found in one pass.
///
/// # Errors
/// [`Error::Dimension`] if the shapes differ, [`Error::NotFinite`], [`Error::Domain`] if there is no row.
pub fn best_constant(cost: &PowerCost, predicted: &Batch, truth: &Batch) -> Result<Vec<f64>> {
    check_len("rows predicted", truth.rows(), predicted.rows())?;
    check_len("columns predicted", truth.cols(), predicted.cols())?;
    predicted.check_finite("predictions")?;
    truth.check_finite("labels")?;
    if truth.rows() == 0 {
        return Err(Error::Domain { what: "number of days", value: 0.0, need: "positive" });
    }
    let column = |k: usize| predicted.iter().zip(truth.iter()).map(|(p, t)| t[k] - p[k]).collect();
    Ok((0..truth.cols()).map(|k| minimise(cost, column(k))).collect())
}

fn minimise(cost: &PowerCost, mut residuals: Vec<f64>) -> f64 {
    residuals.sort_by(f64::total_cmp);
    let n = residuals.len() as f64;
    let sum: f64 = residuals.iter().sum();
    // Root of the derivative if `below` residuals were smaller than b: n b - sum + over below - under (n - below) = 0.
    let root = |below: usize| (sum - cost.over * below as f64 + cost.under * (n - below as f64)) / n;
    for (below, &next) in residuals.iter().enumerate() {
        let candidate = root(below);
        if candidate <= next {
            // Left of the piece means that the derivative changed sign at the jump where the piece begins.
            return if below == 0 { candidate } else { candidate.max(residuals[below - 1]) };
        }
    }
    let last = residuals.len() - 1;
    root(residuals.len()).max(residuals[last])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(residuals: &[f64]) -> f64 {
        minimise(&PowerCost::PUBLISHED, residuals.to_vec())
    }

    /// One residual is met exactly; with 0 and 1, moving below 1 costs about 50 a unit, so 1 is best.
    #[test]
    fn hand_computed_constants() {
        assert_eq!(best(&[0.3]), 0.3);
        assert_eq!(best(&[1.0, 0.0]), 1.0);
        // Two far apart: right of 0 and left of 1000, 2 b - 1000 + 0.5 - 50 = 0.
        assert_eq!(best(&[0.0, 1000.0]), 524.75);
    }

    /// Against golden-section search on the cost itself, which locates a minimum to about the root of machine precision.
    #[test]
    fn matches_a_search() {
        let mut state = 1_u64;
        for n in [3, 10, 57, 400] {
            let residuals: Vec<f64> = (0..n)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    (state >> 11) as f64 / (1_u64 << 53) as f64 * 3.0 - 1.0
                })
                .collect();
            let total = |b: f64| residuals.iter().map(|r| PowerCost::PUBLISHED.excess(b - r)).sum::<f64>();
            let (mut low, mut high) = (-60.0, 60.0);
            for _ in 0..200 {
                let (a, b) = (high - 0.618 * (high - low), low + 0.618 * (high - low));
                if total(a) < total(b) { high = b } else { low = a }
            }
            assert!((best(&residuals) - low).abs() < 1e-5, "{n}");
            assert!(total(best(&residuals)) <= total(low) * (1.0 + 1e-15), "{n}");
        }
    }
}
