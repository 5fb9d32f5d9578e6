//! The moving-block bootstrap: standard errors of the mean of rows that follow each other in time.

use dfl_core::{Error, Key, Result, Stream};

/// The means of `draws` resampled series, each as long as `values` and put together from blocks of `block` consecutive values that begin
/// anywhere; the last block is cut.
///
/// Values at most `block` apart keep their dependence, so that the spread of these means is that of the mean of a stationary series whose
/// correlations die out within a block. With `block = 1` it is the ordinary bootstrap. For a paired comparison of two series resample
/// their differences, row by row.
///
/// # Errors
/// [`Error::NotFinite`] for a value, [`Error::Domain`] for no draw, and unless `block` is at least 1 and fits twice into the series.
/// # References
/// Künsch (1989), Annals of Statistics 17, section 2.1: blocks drawn independently from all `n - block + 1`.
pub fn moving_block_means(values: &[f64], block: usize, draws: usize, seed: u64) -> Result<Vec<f64>> {
    check(values, block, draws)?;
    let n = values.len();
    // Sum of the first i values, so that a block costs one subtraction.
    let mut sums = vec![0.0; n + 1];
    (0..n).for_each(|i| sums[i + 1] = sums[i] + values[i]);
    let mut rng = Stream { seed, step: 0 }.rng("blocks", Key::default());
    let mut mean = || {
        let lengths = (0..n).step_by(block).map(|from| block.min(n - from));
        let total: f64 = lengths.map(|len| (rng.below(n - block + 1), len)).map(|(at, len)| sums[at + len] - sums[at]).sum();
        total / n as f64
    };
    Ok((0..draws).map(|_| mean()).collect())
}

/// Standard error of the mean of a time series: the standard deviation of [`moving_block_means`] about their own mean.
///
/// Its relative Monte-Carlo error is about $1/\sqrt{2\,\text{draws}}$.
///
/// # Errors
/// As there; [`Error::Domain`] for fewer than two draws.
pub fn moving_block_se(values: &[f64], block: usize, draws: usize, seed: u64) -> Result<f64> {
    at_least("draws of the bootstrap", draws, 2)?;
    let means = moving_block_means(values, block, draws, seed)?;
    let centre = dfl_core::metrics::mean(&means);
    Ok((means.iter().map(|m| (m - centre).powi(2)).sum::<f64>() / (draws - 1) as f64).sqrt())
}

fn check(values: &[f64], block: usize, draws: usize) -> Result<()> {
    at_least("draws of the bootstrap", draws, 1)?;
    at_least("block of the bootstrap", block, 1)?;
    if values.len() / 2 < block {
        return Err(Error::Domain { what: "block of the bootstrap", value: block as f64, need: "at most half as long as the series" });
    }
    match values.iter().position(|v| !v.is_finite()) {
        Some(row) => Err(Error::NotFinite { what: "values of the bootstrap", row, column: 0, value: values[row] }),
        None => Ok(()),
    }
}

fn at_least(what: &'static str, count: usize, least: usize) -> Result<()> {
    let need = if least == 1 { "at least 1" } else { "at least 2" };
    if count < least { Err(Error::Domain { what, value: count as f64, need }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;
    use dfl_core::metrics::{mean, standard_error};

    /// `y_t = phi y_{t-1} + e_t`, begun in its stationary distribution.
    fn autoregression(phi: f64, n: usize, rng: &mut Rng) -> Vec<f64> {
        let mut y = rng.normal() / (1.0 - phi * phi).sqrt();
        (0..n)
            .map(|_| {
                y = phi * y + rng.normal();
                y
            })
            .collect()
    }

    /// With `n` a multiple of the block, the variance over all draws is that of one block's mean, over all blocks, per number of blocks.
    #[test]
    fn draws_have_the_variance_of_the_blocks_themselves() {
        let values = autoregression(0.6, 240, &mut Rng::seeded(1));
        for block in [1, 8, 40] {
            let blocks: Vec<f64> = values.windows(block).map(mean).collect();
            let centre = mean(&blocks);
            let exact = mean(&blocks.iter().map(|b| (b - centre).powi(2)).collect::<Vec<_>>()) * block as f64 / 240.0;
            let found = moving_block_se(&values, block, 20_000, 3).unwrap();
            // 1 / sqrt(2 * 20000) = 0.005; four of them.
            assert!((found / exact.sqrt() - 1.0).abs() < 0.02, "block {block}: {found} against {}", exact.sqrt());
            let means = moving_block_means(&values, block, 20_000, 3).unwrap();
            assert!((mean(&means) - centre).abs() < 4.0 * exact.sqrt() / 20_000f64.sqrt(), "block {block}");
        }
    }

    /// The expectation over series is `g_0 (1 + 2 sum_{k<l} (1 - k/l) phi^k) / n`, up to terms of order `l/n`; for `phi = 0` that is the
    /// standard error of independent values, and the long-run variance `1/(1-phi)^2` as the block grows. 300 series of 1000 values: the
    /// relative spread of one variance is about `sqrt(4 l / 3 n)` = .16, of their mean .01, and `l/n` is .02.
    #[test]
    fn the_mean_of_an_autoregression_has_its_closed_form_error() {
        let (n, block) = (1000_usize, 20_usize);
        for phi in [0.0, 0.5, -0.4] {
            let mut rng = Rng::seeded(5);
            let found: Vec<f64> =
                (0..300).map(|seed| moving_block_se(&autoregression(phi, n, &mut rng), block, 300, seed).unwrap().powi(2)).collect();
            let l = block as f64;
            let inside: f64 = (1..block).map(|k| 2.0 * (1.0 - k as f64 / l) * phi.powi(k as i32)).sum();
            let exact = (1.0 + inside) / (1.0 - phi * phi) / n as f64;
            let (ratio, spread) = (mean(&found) / exact, standard_error(&found).unwrap() / exact);
            assert!((ratio - (1.0 - l / n as f64)).abs() < 4.0 * spread, "phi {phi}: ratio {ratio} ± {spread}");
            assert!(spread < 0.015, "{spread}");
            let long_run = (1.0 - phi).powi(-2) / n as f64;
            assert!((exact / long_run - 1.0).abs() < 0.12, "a block of 20 has most of the long run");
        }
    }

    #[test]
    fn one_seed_gives_the_same_bits_and_another_does_not() {
        let values = autoregression(0.3, 50, &mut Rng::seeded(2));
        let se = |seed| moving_block_se(&values, 5, 100, seed).unwrap();
        assert_eq!(se(4).to_bits(), se(4).to_bits());
        assert_ne!(se(4).to_bits(), se(5).to_bits());
        // 52 is no multiple of 5: the last block is cut, and a constant series keeps its mean.
        let constant = moving_block_means(&[2.0; 52], 5, 10, 1).unwrap();
        assert!(constant.iter().all(|m| (m - 2.0).abs() < 1e-14));
    }

    #[test]
    fn what_cannot_be_resampled_is_refused() {
        let refused = |values: &[f64], block, draws| moving_block_se(values, block, draws, 0).unwrap_err().to_string();
        assert!(refused(&[1.0; 9], 5, 10).contains("at most half as long as the series"));
        assert!(refused(&[1.0; 9], 0, 10).contains("block of the bootstrap"));
        assert!(refused(&[1.0; 9], 2, 1).contains("draws of the bootstrap"));
        assert!(refused(&[1.0, f64::NAN, 1.0, 1.0], 2, 10).contains("row 1"));
        assert!(refused(&[], 1, 10).contains("block of the bootstrap"));
    }
}
