//! Prices, days and inputs.

use dfl_bench::data::prices::{Inputs, LOOKBACK, Market, PER_ASSET, Table};
use dfl_core::metrics::mean;
use dfl_core::{Batch, Error, Rng};

use super::{common, drawn, prepared};

/// The market of a table, if its file is there.
#[track_caller]
fn real(table: Table) -> Option<Market> {
    common::dataset(table.file())?;
    Some(Market::load(table).unwrap())
}

/// Multiplies all prices from `day` on by factors of their own.
fn with_another_future(market: &Market, day: usize) -> Market {
    let (mut rng, mut other) = (Rng::seeded(day as u64), market.clone());
    for price in other.prices.columns.iter_mut().flat_map(|column| &mut column[day..]) {
        *price *= 0.5 + rng.uniform();
    }
    other
}

/// Days and figures of `datasets.md`, sections 3 and 3b, to the digits printed there.
#[test]
fn windows_and_reference_values_are_the_published_ones() {
    let dates = |m: &Market| [m.train.start, m.test.start, m.test.end - 1].map(|day| m.prices.dates[day].to_string());
    let lengths = |m: &Market| [m.train.len(), m.valid.len(), m.test.len()];
    let printed = |values: &[f64], digits: usize| format!("{:.digits$}", mean(values));
    let check = |m: &Market, assets: usize, figures: [&str; 2]| {
        let test = m.prepare(assets, Inputs::Market).unwrap().test;
        let equal: Vec<f64> = test.truth.iter().map(mean).collect();
        let best: Vec<f64> = test.truth.iter().map(|y| y.iter().fold(f64::NEG_INFINITY, |a, y| a.max(*y))).collect();
        assert_eq!([printed(&equal, 4), printed(&best, 3)], figures, "{assets} names");
    };
    if let Some(market) = real(Table::Sp500) {
        assert_eq!((lengths(&market), dates(&market)), ([2466, 353, 705], ["2004-01-02", "2015-03-17", "2017-12-29"].map(String::from)));
        check(&market, 10, ["0.0601", "1.625"]);
        check(&market, 50, ["0.0377", "3.936"]);
        check(&market, 100, ["0.0363", "6.166"]);
    }
    if let Some(market) = real(Table::Skfolio) {
        assert_eq!((lengths(&market), dates(&market)), ([2290, 328, 654], ["2004-01-05", "2014-05-30", "2016-12-30"].map(String::from)));
        check(&market, 20, ["0.0542", "3.153"]);
    }
}

/// The 100-name table begins a month before its window, so that training begins where a day has 365 before it; the other has a history.
#[test]
fn training_days_without_a_history_are_left_out() {
    for (table, rows) in [(Table::Sp500, 2466 - (LOOKBACK + 1 - 22)), (Table::Skfolio, 2290)] {
        let Some(market) = real(table) else { continue };
        let data = market.prepare(3, Inputs::Market).unwrap();
        assert_eq!((data.train.len(), data.valid.len(), data.test.len()), (rows, market.valid.len(), market.test.len()));
        assert_eq!(data.train.ids[0] as usize, market.train.start.max(LOOKBACK + 1));
        let ids: Vec<u64> = [&data.train, &data.valid, &data.test].into_iter().flat_map(|part| part.ids.clone()).collect();
        assert!(ids.windows(2).all(|pair| pair[1] == pair[0] + 1), "days follow each other");
    }
}

/// Whatever prices become from day `t` on, the inputs of the days until `t`, and the returns before `t`, keep their bits; the return of
/// `t` and the inputs of the day after it change.
#[test]
fn no_input_sees_the_future() {
    let tables = [Table::Sp500, Table::Skfolio].into_iter().filter_map(real);
    for market in std::iter::once(drawn()).chain(tables) {
        let (assets, first) = (6, market.first_day());
        for inputs in [Inputs::Full, Inputs::Small, Inputs::Market] {
            let before = market.inputs(assets, inputs).unwrap();
            for day in [first, first + 1, market.valid.start, market.test.start + 7, market.test.end - 2] {
                let other = with_another_future(&market, day);
                let after = other.inputs(assets, inputs).unwrap();
                let rows = |table: &Batch| table.as_slice()[..(day + 1 - first) * table.cols()].to_vec();
                assert_eq!(rows(&before), rows(&after), "{inputs:?}, day {day}");
                let next = day + 1 - first;
                assert!(before.row(next).iter().zip(after.row(next)).filter(|(a, b)| a != b).count() > before.cols() / 2);
                assert!((0..assets).all(|i| market.prices.percent(i, day) != other.prices.percent(i, day)));
                assert!((0..assets).all(|i| market.prices.percent(i, day - 1) == other.prices.percent(i, day - 1)));
            }
        }
    }
}

/// Feature 0 of a day is the return of the day before, feature `k` that of `k` days earlier, for each asset: rows are days, columns assets.
#[test]
fn a_lag_is_what_was_the_present() {
    let tables = [Table::Sp500, Table::Skfolio].into_iter().filter_map(real);
    for market in std::iter::once(drawn()).chain(tables) {
        let (assets, first) = (market.prices.names.len(), market.first_day());
        let table = market.inputs(assets, Inputs::Full).unwrap();
        for row in 10..table.rows() {
            for asset in 0..assets {
                let feature = |row: usize, k: usize| table.row(row)[asset * PER_ASSET + k];
                assert_eq!(feature(row, 0), market.prices.percent(asset, first + row - 1), "row {row}, asset {asset}");
                assert!((1..=10).all(|lag| feature(row, lag) == feature(row - lag, 0)), "row {row}, asset {asset}");
            }
        }
    }
}

/// Training rows, standardised, keep their bits whatever prices validation and test rows have; and they do depend on training prices.
#[test]
fn standardisation_reads_training_rows_only() {
    let market = drawn();
    let train = |market: &Market| market.prepare(6, Inputs::Full).unwrap().train;
    let reference = train(&market);
    let other = train(&with_another_future(&market, market.valid.start));
    assert_eq!((&reference.features, &reference.truth), (&other.features, &other.truth));
    let changed = train(&with_another_future(&market, market.valid.start - 2));
    assert_ne!(reference.features.row(0), changed.features.row(0), "means and deviations are those of the training rows");
    for column in 0..reference.features.cols() {
        let values: Vec<f64> = reference.features.iter().map(|row| row[column]).collect();
        let square = mean(&values.iter().map(|v| v * v).collect::<Vec<_>>());
        assert!(mean(&values).abs() < 1e-9 && (square - 1.0).abs() < 1e-9, "column {column}");
    }
}

/// Each drawn return has an autocorrelation of .2; over 4000 days its standard error is .016, of which this is four.
#[test]
fn inputs_and_returns_of_a_row_belong_together() {
    let market = Market::synthetic(2, [4000, 1, 1], 5);
    let data = market.prepare(2, Inputs::Full).unwrap().train;
    for asset in 0..2 {
        let centre = mean(&data.truth.iter().map(|y| y[asset]).collect::<Vec<_>>());
        let products = data.features.iter().zip(data.truth.iter()).map(|(x, y)| x[asset * PER_ASSET] * (y[asset] - centre));
        let variance = mean(&data.truth.iter().map(|y| (y[asset] - centre).powi(2)).collect::<Vec<_>>());
        let correlation = mean(&products.collect::<Vec<_>>()) / variance.sqrt();
        assert!((correlation - 0.2).abs() < 0.064, "asset {asset}: {correlation}");
    }
}

#[test]
fn what_cannot_be_prepared_is_refused() {
    let data = prepared();
    assert_eq!((data.train.len(), data.valid.len(), data.test.len(), data.train.features.cols()), (60, 30, 50, 6 * PER_ASSET));
    for (assets, market) in [(0, drawn()), (7, drawn()), (6, Market::synthetic(6, [0, 3, 3], 1))] {
        assert!(matches!(market.prepare(assets, Inputs::Small), Err(Error::Domain { .. })), "{assets}");
    }
}
