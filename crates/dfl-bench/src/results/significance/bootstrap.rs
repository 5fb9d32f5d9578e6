use dfl_core::Result;
use dfl_core::metrics::mean;

use crate::results::bootstrap::moving_block_means;

/// What resampling says of a mean difference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Resampled {
    /// Quantiles of 2.5 % and 97.5 % of the resampled means.
    pub(crate) interval: [f64; 2],
    /// Two-sided p-value of a mean of zero: twice the smaller share of resampled means on either side of zero, themselves counted once in
    /// numerator and denominator so that it is never 0. Below 0.05 just where the interval leaves out zero, but for the draws' own noise.
    pub(crate) p: f64,
}

/// Paired percentile bootstrap of the mean of `differences`, one for each test row, in order; rows of a time series in blocks of `block`.
///
/// The draws follow from the number of rows, `block` and `draws` alone: methods that are compared on the same rows see the same resamples.
///
/// # Errors
/// As [`moving_block_means`].
pub(crate) fn paired(differences: &[f64], block: usize, draws: usize) -> Result<Resampled> {
    let mut means = moving_block_means(differences, block, draws, 0)?;
    means.sort_unstable_by(f64::total_cmp);
    let below = means.partition_point(|&m| m < 0.0);
    let above = draws - means.partition_point(|&m| m <= 0.0);
    let tail = |outside: usize| (1 + draws - outside) as f64 / (1 + draws) as f64;
    let p = (2.0 * tail(below).min(tail(above))).min(1.0);
    Ok(Resampled { interval: [0.025, 0.975].map(|share| quantile(&means, share)), p })
}

/// Between the two nearest of the sorted values, in proportion.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = share * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// Holm's (1979) adjustment of p-values: the `k`-th smallest of `m`, from 0, times `m - k`, and no smaller than those before it.
/// Comparing the results with a level bounds the probability of any false rejection by that level, whatever the dependence.
pub(super) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let (mut adjusted, mut least) = (vec![0.0; p.len()], 0.0_f64);
    for (place, &at) in order.iter().enumerate() {
        least = least.max((p.len() - place) as f64 * p[at]).min(1.0);
        adjusted[at] = least;
    }
    adjusted
}

/// Share of the differences that are below zero.
pub(super) fn win_rate(differences: &[f64]) -> f64 {
    mean(&differences.iter().map(|&d| f64::from(u8::from(d < 0.0))).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::metrics::standard_error;
    use dfl_core::{Error, Rng};

    /// Standard normal distribution function, by the series of the error function; to 1e-12 for |x| < 4.
    fn phi(x: f64) -> f64 {
        let (mut term, mut sum) = (x, x);
        for k in 1..200 {
            term *= -x * x / (2.0 * f64::from(k));
            sum += term / f64::from(2 * k + 1);
        }
        0.5 + sum / (2.0 * std::f64::consts::PI).sqrt()
    }

    fn normals(n: usize, shift: f64, seed: u64) -> Vec<f64> {
        let mut rng = Rng::seeded(seed);
        (0..n).map(|_| shift + rng.normal()).collect()
    }

    /// The mean of resampled normal rows is normal with the sample's own mean and variance (divisor n), so that interval and p have closed
    /// forms. With 100 000 draws a quantile of 2.5 % is off by .0085 standard errors (its standard deviation) and p = .05 by .001; four of
    /// each are allowed, and for the sample's skewness, of order 1/sqrt(n) = .03, as much again.
    #[test]
    fn normal_differences_have_the_interval_and_p_of_the_closed_form() {
        for shift in [0.0, 0.06, -0.09] {
            let rows = normals(1000, shift, 5);
            let (centre, se) = (mean(&rows), standard_error(&rows).unwrap() * (999.0_f64 / 1000.0).sqrt());
            let found = paired(&rows, 1, 100_000).unwrap();
            for (end, sign) in found.interval.iter().zip([-1.0, 1.0]) {
                assert!((end - centre - sign * 1.959_964 * se).abs() < 0.07 * se, "{found:?}, mean {centre}, se {se}");
            }
            let p = 2.0 * phi(-(centre / se).abs());
            assert!((found.p - p).abs() < 0.008, "{} against {p}", found.p);
        }
    }

    /// An autoregression with coefficient .6: the variance of its mean is (1 + .6)/(1 - .6) = 4 times that of independent rows. Blocks of
    /// 40 of 4000 rows lose about 1/40 * 2 * .6/(1 - .36) = 5 % of it, and estimate it with a relative deviation of sqrt(4/3 * 40/4000) =
    /// 12 %, hence its root with 6 %: four of these. Rows one by one give half the width, which is outside.
    #[test]
    fn blocks_keep_the_correlation_of_a_series() {
        let noise = normals(4000, 0.0, 6);
        let mut series = vec![0.0];
        noise.iter().for_each(|e| series.push(0.6 * series[series.len() - 1] + e));
        let width = |block| {
            let [low, high] = paired(&series[1..], block, 4000).unwrap().interval;
            (high - low) / (2.0 * 1.959_964)
        };
        let exact = (1.0 / (1.0 - 0.6)) / 4000_f64.sqrt();
        assert!((width(40) / exact - 1.0).abs() < 0.25, "{} against {exact}", width(40));
        assert!((width(1) / exact - 0.5).abs() < 0.1, "{} against {exact}", width(1));
    }

    /// Of 400 samples of 60 rows without a difference 5 % are rejected at the level of 5 %, here within four binomial deviations of 1.1 %
    /// and the excess of 1 % that the percentile interval has at this size; with a difference of half a deviation the z-test has power
    /// 97 %, so that 93 % are asked for.
    #[test]
    fn level_and_power_are_those_of_the_test_on_means() {
        let rejected = |shift: f64| {
            (0..400_u64).filter(|&seed| paired(&normals(60, shift, 1000 + seed), 1, 1000).unwrap().p < 0.05).count() as f64 / 400.0
        };
        let (level, power) = (rejected(0.0), rejected(0.5));
        assert!((0.006..0.104).contains(&level), "level {level}");
        assert!(power > 0.93, "power {power}");
    }

    #[test]
    fn no_difference_at_all_is_no_evidence_and_a_constant_one_is_all_there_can_be() {
        assert_eq!(paired(&[0.0; 50], 1, 500).unwrap(), Resampled { interval: [0.0; 2], p: 1.0 });
        let found = paired(&[-0.5; 50], 1, 999).unwrap();
        assert_eq!((found.interval, found.p), ([-0.5; 2], 0.002));
    }

    #[test]
    fn a_single_row_is_refused() {
        assert!(matches!(paired(&[1.0], 1, 100), Err(Error::Domain { what: "block of the bootstrap", .. })));
    }

    /// .005 * 4, .01 * 3, .03 * 2, and .04 * 1 which may not be less than .06 before it.
    #[test]
    fn holm_by_hand() {
        let close = |a: &[f64], b: &[f64]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-15);
        assert!(close(&holm(&[0.01, 0.04, 0.03, 0.005]), &[0.03, 0.06, 0.06, 0.02]));
        assert!(close(&holm(&[0.6, 0.9]), &[1.0, 1.0]) && close(&holm(&[0.03]), &[0.03]) && holm(&[]).is_empty());
    }
}
