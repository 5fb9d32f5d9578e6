//! Tables of prices: one line a day, one column an asset.

use std::io::Read;
use std::path::Path;

use dfl_core::{Error, Result};
use flate2::read::GzDecoder;
use jiff::civil::Date;

/// What to do about a damaged file; data sets say in `datasets/README.md` where they come from.
const REMEDY: &str = "compare the file with datasets/manifest.toml and get it again";

/// Daily prices, adjusted for splits.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    /// Trading days, ascending.
    pub dates: Vec<Date>,
    /// Names of the assets.
    pub names: Vec<String>,
    /// Of each asset, its price on each day; positive.
    pub columns: Vec<Vec<f64>>,
}

impl Prices {
    /// Reads a comma-separated table that gzip has compressed, see [`Prices::parse`].
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read or is no gzip file, else as [`Prices::parse`].
    pub fn from_gzip(path: &Path) -> Result<Self> {
        let failed = |source| Error::File { path: path.to_path_buf(), action: "reading", remedy: REMEDY, source };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut text = String::new();
        GzDecoder::new(std::io::BufReader::new(file)).read_to_string(&mut text).map_err(failed)?;
        Self::parse(path, &text)
    }

    /// Parses a line of names, the first of which is that of the dates, and lines `2004-01-31,PRICE,PRICE,...`; `path` is for messages.
    ///
    /// # Errors
    /// [`Error::Content`] with the line for a date that is none or not after the one before, another number of fields than the first line
    /// has, and a price that is not a positive number.
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let refuse = |index: usize, problem| Error::Content { path: path.to_path_buf(), line: index + 1, problem, remedy: REMEDY };
        let mut lines = text.lines().enumerate();
        let (_, header) = lines.next().ok_or_else(|| refuse(0, "the file is empty"))?;
        let names: Vec<String> = header.split(',').skip(1).map(str::to_owned).collect();
        let mut prices = Self { dates: Vec::new(), columns: vec![Vec::new(); names.len()], names };
        for (index, line) in lines {
            prices.push(line).map_err(|problem| refuse(index, problem))?;
        }
        if prices.columns.is_empty() || prices.dates.is_empty() {
            return Err(refuse(0, "there is no price"));
        }
        Ok(prices)
    }

    fn push(&mut self, line: &str) -> std::result::Result<(), &'static str> {
        let mut fields = line.split(',');
        let date: Date = fields.next().and_then(|field| field.parse().ok()).ok_or("the first field is not a date like 2004-01-31")?;
        if self.dates.last().is_some_and(|last| *last >= date) {
            return Err("the date is not after the one before");
        }
        self.dates.push(date);
        for column in &mut self.columns {
            let price: f64 = fields.next().ok_or("a price is missing")?.parse().map_err(|_| "a price is not a number")?;
            if !(price > 0.0 && price.is_finite()) {
                return Err("a price is not positive");
            }
            column.push(price);
        }
        if fields.next().is_some() { Err("there are more prices than names") } else { Ok(()) }
    }

    /// Return of an asset on a day in per cent of its price on the day before, which there must be.
    pub fn percent(&self, asset: usize, day: usize) -> f64 {
        super::features::percent(&self.columns[asset], day)
    }

    /// The first day at or after `date`; the number of days if there is none.
    pub fn day_from(&self, date: Date) -> usize {
        self.dates.partition_point(|day| *day < date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    const TABLE: &str = "Date,A,B\n2004-01-02,10,4\n2004-01-05,11,3\n";

    #[test]
    fn a_compressed_table_is_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut gzip = flate2::write::GzEncoder::new(file.reopen().unwrap(), flate2::Compression::default());
        gzip.write_all(TABLE.as_bytes()).unwrap();
        gzip.finish().unwrap();
        let prices = Prices::from_gzip(file.path()).unwrap();
        assert_eq!(
            (prices.names.as_slice(), prices.columns.as_slice()),
            (["A".into(), "B".into()].as_slice(), [vec![10.0, 11.0], vec![4.0, 3.0]].as_slice())
        );
        // 10 to 11 and 4 to 3.
        assert!((prices.percent(0, 1) - 10.0).abs() < 1e-12 && (prices.percent(1, 1) + 25.0).abs() < 1e-12);
        let day = |text: &str| prices.day_from(text.parse().unwrap());
        assert_eq!([day("2003-12-31"), day("2004-01-02"), day("2004-01-03"), day("2004-01-06")], [0, 0, 1, 2]);
        std::fs::write(file.path(), TABLE).unwrap();
        assert!(matches!(Prices::from_gzip(file.path()), Err(Error::File { action: "reading", .. })), "not compressed");
    }

    #[test]
    fn damage_is_named_with_its_line() {
        for (text, line, problem) in [
            ("", 1, "the file is empty"),
            ("Date,A\n", 1, "there is no price"),
            ("Date,A\n2004-01-32,1\n", 2, "not a date"),
            ("Date,A\n2004-01-05,1\n2004-01-05,1\n", 3, "not after the one before"),
            ("Date,A,B\n2004-01-05,1\n", 2, "a price is missing"),
            ("Date,A,B\n2004-01-05,1,\n", 2, "not a number"),
            ("Date,A\n2004-01-05,1,2\n", 2, "more prices than names"),
            ("Date,A\n2004-01-05,0\n", 2, "not positive"),
            ("Date,A\n2004-01-05,NaN\n", 2, "not positive"),
        ] {
            let error = Prices::parse(Path::new("p.csv.gz"), text).unwrap_err().to_string();
            assert!(error.contains(&format!("line {line}")) && error.contains(problem), "{text:?}: {error}");
        }
    }
}
