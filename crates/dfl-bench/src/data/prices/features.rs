//! What may be known of an asset at the end of a day, from its prices until then.

/// How many days before the present one a feature reaches back.
pub const LOOKBACK: usize = 365;

/// Over how many days changes are taken.
const CHANGES: [usize; 4] = [365, 120, 30, 7];

/// Over how many days prices are averaged.
const WINDOWS: [usize; 5] = [365, 120, 30, 7, 3];

/// Days of the mean and the variance of returns.
const RETURNS: usize = 7;

/// Returns that are features by themselves: that of the day and of the ten before it.
const LAGS: usize = 11;

/// Features of one asset.
pub const PER_ASSET: usize = LAGS + CHANGES.len() + 2 + 2 * WINDOWS.len();

/// Where the change over 30 days stands among them.
const CHANGE_30: usize = LAGS + 2;

/// Where the deviation of the price over 30 days does.
const SPREAD_30: usize = LAGS + CHANGES.len() + 2 + 2 * 2 + 1;

/// The features of one asset that [`Inputs::Small`] has: return of the day, change and deviation over 30 days.
const OWN: [usize; 3] = [0, CHANGE_30, SPREAD_30];

/// What a model that decides for all assets at once reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// All 27 features of each asset: `27 n`, more than a network learns from two thousand days.
    Full,
    /// The averages over the assets of all 27, and three of each asset's own: `27 + 3 n`.
    Small,
    /// The averages alone, 27: a model learns when returns are high or uncertain, hardly of which asset.
    Market,
}

impl Inputs {
    /// Number of inputs for so many assets.
    pub fn len(self, assets: usize) -> usize {
        match self {
            Self::Full => PER_ASSET * assets,
            Self::Small => PER_ASSET + OWN.len() * assets,
            Self::Market => PER_ASSET,
        }
    }

    /// Puts the row of inputs together from the features of the assets, `[assets, 27]`: averages first, then asset by asset.
    pub(super) fn extend(self, row: &mut Vec<f64>, features: &[f64]) {
        let assets = || features.chunks_exact(PER_ASSET);
        let count = assets().len() as f64;
        let averages = (0..PER_ASSET).map(|k| assets().map(|of| of[k]).sum::<f64>() / count);
        match self {
            Self::Full => row.extend_from_slice(features),
            Self::Small => row.extend(averages.chain(assets().flat_map(|of| OWN.map(|k| of[k])))),
            Self::Market => row.extend(averages),
        }
    }
}

/// Appends the 27 features of an asset at the end of the last day of `history`, its prices until then. All are ratios, in per cent; a price
/// itself would drift away from the rows that a model has learned from.
///
/// 0: return $r_t = 100 (p_t/p_{t-1} - 1)$. 1 to 10: $r_{t-1}, \dots, r_{t-10}$. 11 to 14: $100 (p_t/p_{t-w} - 1)$ for $w$ = 365, 120, 30,
/// 7 days. 15, 16: mean and variance (divisor 6) of the last 7 returns. 17 to 26: for $w$ = 365, 120, 30, 7, 3 the price over the mean of
/// the last $w$ prices, $100 (p_t/\bar p - 1)$, and their deviation (divisor $w - 1$) over the price, $100 s/p_t$.
///
/// # Panics
/// With fewer than `LOOKBACK + 1` prices: callers choose days that have a history.
///
/// # References
/// The recipe of the public code of Diffusion-DFL (ICLR 2026), whose 28th feature is the price.
pub(super) fn extend(row: &mut Vec<f64>, history: &[f64]) {
    let today = history.len() - 1;
    let price = history[today];
    let returns: [f64; LAGS] = std::array::from_fn(|lag| percent(history, today - lag));
    row.extend(returns);
    row.extend(CHANGES.map(|w| 100.0 * (price / history[today - w] - 1.0)));
    let (mean, variance) = moments(&returns[..RETURNS]);
    row.extend([mean, variance]);
    row.extend(WINDOWS.into_iter().flat_map(|w| {
        let (mean, variance) = moments(&history[today + 1 - w..]);
        [100.0 * (price / mean - 1.0), 100.0 * variance.sqrt() / price]
    }));
}

/// Return on a day in per cent.
pub(super) fn percent(prices: &[f64], day: usize) -> f64 {
    100.0 * (prices[day] / prices[day - 1] - 1.0)
}

/// Mean, and variance with the divisor `n - 1`.
fn moments(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 366 prices: 100 but for the last four, 110, 121, 60.5 and 121.
    #[test]
    fn features_by_hand() {
        let mut history = vec![100.0; 362];
        history.extend([110.0, 121.0, 60.5, 121.0]);
        let mut row = Vec::new();
        extend(&mut row, &history);
        assert_eq!((row.len(), history.len()), (PER_ASSET, LOOKBACK + 1));
        let close = |k: usize, value: f64| assert!((row[k] - value).abs() < 1e-9, "feature {k}: {} against {value}", row[k]);
        for (lag, value) in [100.0, -50.0, 10.0, 10.0, 0.0].into_iter().enumerate() {
            close(lag, value);
        }
        for change in 11..15 {
            close(change, 21.0);
        }
        // Returns 100, -50, 10, 10, 0, 0, 0: mean 10, squares 8100 + 3600 + 3 * 100.
        close(15, 10.0);
        close(16, 12_000.0 / 6.0);
        // Prices 121, 60.5, 121: mean 302.5 / 3, deviation from squares 2 (20.1666..)^2 + (40.3333..)^2.
        close(25, 100.0 * (121.0 * 3.0 / 302.5 - 1.0));
        close(26, 100.0 * ((2.0 * (60.5_f64 / 3.0).powi(2) + (121.0_f64 / 3.0).powi(2)) / 2.0).sqrt() / 121.0);
        // 7 prices: three of 100, then the four; sum 712.5.
        close(23, 100.0 * (121.0 * 7.0 / 712.5 - 1.0));
    }

    #[test]
    fn inputs_are_averages_and_own_features() {
        let features: Vec<f64> = (0..2 * PER_ASSET).map(|k| k as f64).collect();
        let of = |inputs: Inputs| {
            let mut row = Vec::new();
            inputs.extend(&mut row, &features);
            assert_eq!(row.len(), inputs.len(2));
            row
        };
        assert_eq!(of(Inputs::Full), features);
        let market: Vec<f64> = (0..PER_ASSET).map(|k| k as f64 + 13.5).collect();
        assert_eq!(of(Inputs::Market), market);
        assert_eq!(of(Inputs::Small), [market, vec![0.0, 13.0, 22.0, 27.0, 40.0, 49.0]].concat());
    }
}
