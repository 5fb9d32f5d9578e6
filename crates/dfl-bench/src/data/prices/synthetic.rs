//! A market that is drawn, for tests and where no prices are at hand.

use dfl_core::{Key, Stream};
use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

use super::Prices;

/// Mean daily return in per cent.
const DRIFT: f64 = 0.05;

/// How much of an asset's return is found again on the next day; an honest model can earn from it.
const MOMENTUM: f64 = 0.2;

/// Prices of `assets` on `days` weekdays from 2004 on: returns in per cent follow
///
/// $$r_{it} = 0.05 + 0.2\,(r_{i,t-1} - 0.05) + \beta_i m_t + \sigma_i \varepsilon_{it}$$
///
/// with standard normal $m$, $\varepsilon$, $\beta_i \sim U(0.5, 1)$ and $\sigma_i \sim U(0.5, 1.5)$. Returns below -50 % are cut there.
pub fn synthetic(assets: usize, days: usize, seed: u64) -> Prices {
    let mut rng = Stream { seed, step: 0 }.rng("market", Key::default());
    let loadings: Vec<[f64; 2]> = (0..assets).map(|_| [0.5 + 0.5 * rng.uniform(), 0.5 + rng.uniform()]).collect();
    let mut returns = vec![DRIFT; assets];
    let mut columns = vec![vec![100.0]; assets];
    for _ in 1..days {
        let market = rng.normal();
        for ((column, last), [beta, sigma]) in columns.iter_mut().zip(&mut returns).zip(&loadings) {
            *last = (DRIFT + MOMENTUM * (*last - DRIFT) + beta * market + sigma * rng.normal()).max(-50.0);
            column.push(column[column.len() - 1] * (1.0 + *last / 100.0));
        }
    }
    let names = (0..assets).map(|i| format!("asset_{i}")).collect();
    Prices { dates: weekdays(days), names, columns }
}

fn weekdays(count: usize) -> Vec<Date> {
    let works = |day: &Date| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    date(2004, 1, 1).series(1.day()).filter(works).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::metrics::mean;

    /// Mean .05 and autocorrelation .2 of the average of 40 assets over 4000 days, of which the common factor leaves a standard error of
    /// about .75 / .8 / sqrt 4000 = .015 for the mean and 1 / sqrt 4000 = .016 for the correlation; four of them.
    #[test]
    fn returns_have_the_moments_of_the_formula() {
        let prices = synthetic(40, 4001, 3);
        let average = |day| mean(&(0..40).map(|i| prices.percent(i, day)).collect::<Vec<_>>());
        let returns: Vec<f64> = (1..=4000).map(average).collect();
        let centre = mean(&returns);
        let product = |lag: usize| returns.windows(lag + 1).map(|w| (w[0] - centre) * (w[lag] - centre)).sum::<f64>();
        let correlation = product(1) / product(0);
        assert!((centre - DRIFT).abs() < 0.06 && (correlation - MOMENTUM).abs() < 0.064, "{centre} {correlation}");
        assert!(prices.columns.iter().flatten().all(|p| *p > 0.0));
    }

    #[test]
    fn days_are_weekdays() {
        let days: Vec<String> = weekdays(4).iter().map(Date::to_string).collect();
        assert_eq!(days, ["2004-01-01", "2004-01-02", "2004-01-05", "2004-01-06"]);
    }
}
