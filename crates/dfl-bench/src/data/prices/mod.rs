//! Daily prices of shares: what a portfolio is chosen from.
//!
//! The row of day `t` predicts the returns of day `t` from prices until the day before, so that it can be acted upon; nothing of a later
//! day, and no statistic of one, reaches a row (`tests/portfolio` changes the future and looks).
//!
//! Two things to know before reading a figure measured on it: the names were chosen because they were there until the end, so that any
//! portfolio of them, that of equal weights too, looks better than one chosen then would have (survivorship bias); and there are no
//! costs of trading.
//!
//! # Differences
//! Diffusion-DFL (ICLR 2026) measured on prices that are no longer to be had. Its public code puts the features of consecutive days of one
//! share into one row, in which later columns hold the earlier ones' targets, and standardises with test rows; neither is done here.

mod features;
mod synthetic;
mod table;

pub use features::{Inputs, LOOKBACK, PER_ASSET};
pub use synthetic::synthetic;
pub use table::Prices;

use std::ops::Range;

use dfl_core::{Batch, Error, Instances, Result, Splits};
use jiff::civil::{Date, date};

use super::pjm::Scaler;

/// Prices and the days whose returns are predicted, cut in time.
#[derive(Clone, Debug, PartialEq)]
pub struct Market {
    /// Also of days before, for features that reach back.
    pub prices: Prices,
    /// Days (rows of the prices) to fit on.
    pub train: Range<usize>,
    /// Days to choose on.
    pub valid: Range<usize>,
    /// Days to report on.
    pub test: Range<usize>,
}

/// A table of prices that is a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// 100 names, returns from 2004-01-02 to 2017-12-29.
    Sp500,
    /// 20 names, returns from 2004-01-05 to 2016-12-30.
    Skfolio,
}

impl Table {
    /// Id of the data set, as `cargo xtask data` knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sp500 => "sp500_prices",
            Self::Skfolio => "skfolio",
        }
    }

    /// Its file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Sp500 => "sp500_prices_2003_2017.csv.gz",
            Self::Skfolio => "skfolio_sp500_dataset.csv.gz",
        }
    }

    /// First and last day whose return is predicted.
    fn window(self) -> [Date; 2] {
        match self {
            Self::Sp500 => [date(2004, 1, 2), date(2017, 12, 29)],
            // Its first price of 2004 is that of January 2.
            Self::Skfolio => [date(2004, 1, 5), date(2016, 12, 30)],
        }
    }
}

impl Market {
    /// Reads a table and cuts it 70/10/20 in time.
    ///
    /// # Errors
    /// [`Error::MissingData`] if the file is nowhere to be found, else as [`Prices::from_gzip`].
    pub fn load(table: Table) -> Result<Self> {
        let prices = Prices::from_gzip(&super::find(table.name(), table.file())?)?;
        let [first, last] = table.window();
        let (from, to) = (prices.day_from(first), prices.day_from(last.saturating_add(jiff::Span::new().days(1))));
        let n = to - from;
        // 70 % rounded down and 80 % rounded to the nearest give the published lengths of both tables.
        Ok(Self::cut(prices, from, [n * 7 / 10, (n * 8 + 5) / 10, n]))
    }

    /// A drawn market with so many days in each part and no more before them than features reach back.
    pub fn synthetic(assets: usize, [train, valid, test]: [usize; 3], seed: u64) -> Self {
        let first = LOOKBACK + 1;
        let ends = [train, train + valid, train + valid + test];
        Self::cut(synthetic(assets, first + ends[2], seed), first, ends)
    }

    /// `ends`: of the three parts, counted from the day `first`.
    fn cut(prices: Prices, first: usize, ends: [usize; 3]) -> Self {
        let [train, valid, test] = ends.map(|end| first + end);
        Self { prices, train: first..train, valid: train..valid, test: valid..test }
    }

    /// Names of the assets, in the order of the columns.
    pub fn names(&self) -> &[String] {
        &self.prices.names
    }

    /// The first day that has [`LOOKBACK`] days of prices before it; training begins there if not later.
    pub fn first_day(&self) -> usize {
        self.train.start.max(LOOKBACK + 1)
    }

    /// Inputs of the first `assets` names for each day from [`Market::first_day`] to the last one, as they are.
    ///
    /// # Errors
    /// [`Error::Domain`] for no name or more than there are, or if no training day has a history.
    pub fn inputs(&self, assets: usize, inputs: Inputs) -> Result<Batch> {
        if assets == 0 || assets > self.prices.names.len() {
            let need = "at least 1, and no more than the table has names: 100, or 20 of skfolio";
            return Err(Error::Domain { what: "number of assets", value: assets as f64, need });
        }
        let days = self.first_day()..self.test.end;
        if days.start >= self.train.end {
            let need = "more than the 365 days that features reach back";
            return Err(Error::Domain { what: "training days", value: self.train.len() as f64, need });
        }
        let (mut rows, mut features) = (Vec::with_capacity(days.len() * inputs.len(assets)), Vec::new());
        for day in days.clone() {
            features.clear();
            // A feature is given the prices before the day, and no others.
            self.prices.columns[..assets].iter().for_each(|prices| features::extend(&mut features, &prices[..day]));
            inputs.extend(&mut rows, &features);
        }
        Batch::from_vec(days.len(), inputs.len(assets), rows)
    }

    /// Inputs and returns of the first `assets` names. Rows are named by their day; training days without a history are left out. Inputs
    /// are standardised with the training rows' means and deviations; returns, in per cent, are not.
    ///
    /// # Errors
    /// As [`Market::inputs`].
    pub fn prepare(&self, assets: usize, inputs: Inputs) -> Result<Splits> {
        let (table, first) = (self.inputs(assets, inputs)?, self.first_day());
        let rows = |days: &Range<usize>| (days.start.max(first) - first..days.end - first).collect::<Vec<_>>();
        let scaler = Scaler::fit(&table, &rows(&self.train));
        let columns: Vec<usize> = (0..table.cols()).collect();
        let part = |days: &Range<usize>| -> Result<Instances> {
            let rows = rows(days);
            let ids: Vec<u64> = rows.iter().map(|row| (first + row) as u64).collect();
            let returns = rows.iter().flat_map(|row| (0..assets).map(move |i| self.prices.percent(i, first + row))).collect();
            let truth = Batch::from_vec(rows.len(), assets, returns)?;
            Ok(Instances { ids, ..Instances::new(scaler.apply(&table, &rows, &columns)?, truth)? })
        };
        Ok(Splits { train: part(&self.train)?, valid: part(&self.valid)?, test: part(&self.test)? })
    }
}
