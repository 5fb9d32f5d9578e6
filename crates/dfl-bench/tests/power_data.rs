//! The PJM table against values computed apart from this code, and what a damaged file is answered with.

#![allow(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod common;

use dfl_bench::data::pjm::{COLUMNS, Days, FILES, HOURS, Inputs, Pjm, Reading, Scaler, Scaling, Split, federal_holidays};
use dfl_bench::data::pjm::{parse_readings, read_readings, rows};
use dfl_core::Error;
use std::path::{Path, PathBuf};

fn files() -> Option<[PathBuf; 2]> {
    Some([common::dataset(FILES[0].0)?, common::dataset(FILES[1].0)?])
}

fn pjm() -> Option<Pjm> {
    let [first, second] = files()?;
    Some(Pjm::from_files([&first, &second]).unwrap())
}

/// Lines of a reference file after its header.
fn csv(name: &str) -> Option<Vec<Vec<String>>> {
    let text = std::fs::read_to_string(common::dataset(name)?).unwrap();
    Some(text.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect())
}

fn assert_close(got: f64, expected: f64, relative: f64, what: &str) {
    assert!((got - expected).abs() <= relative * expected.abs().max(1e-3), "{what}: {got} instead of {expected}");
}

#[test]
fn rows_and_days_are_as_documented() {
    let Some(pjm) = pjm() else { return };
    assert_eq!((pjm.features.rows(), pjm.features.cols(), pjm.labels.rows(), pjm.labels.cols()), (3192, COLUMNS, 3192, HOURS));
    for (row, day) in [(0, "2008-01-02"), (1458, "2011-12-30"), (1459, "2012-01-01"), (2552, "2014-12-29"), (2553, "2014-12-30")] {
        assert_eq!(pjm.days[row].to_string(), day);
    }
    assert_eq!(pjm.days[3191].to_string(), "2016-09-28");
    // The last day has hour 0 alone; the nine changes to summer time lack one hour each (their days are labels).
    assert_eq!(pjm.filled_hours[3191], 23);
    assert_eq!(pjm.filled_hours[..3191].iter().sum::<usize>(), 9);
    assert!(pjm.labels.row(3191).iter().all(|load| *load == 1.281));
}

/// Twelve raw rows and their labels; 1e-15 leaves room for the last place of cubes, sines and cosines.
#[test]
fn rows_match_the_reference_rows() {
    let (Some(pjm), Some(check)) = (pjm(), csv("pjm_feature_check.csv")) else { return };
    assert_eq!(check.len(), 12);
    for line in check {
        let row: usize = line[0].parse().unwrap();
        assert_eq!(pjm.days[row].to_string(), line[1]);
        let expected: Vec<f64> = line[2..].iter().map(|field| field.parse().unwrap()).collect();
        assert_eq!(expected.len(), COLUMNS + HOURS);
        for (column, (got, expected)) in pjm.features.row(row).iter().chain(pjm.labels.row(row)).zip(expected).enumerate() {
            assert_close(*got, expected, 1e-15, &format!("row {row}, column {column}"));
        }
    }
}

/// Mean and population deviation over all rows. Sums of 3192 terms in another order agree to about 1e-13.
#[test]
fn statistics_match_the_reference() {
    let (Some(pjm), Some(check)) = (pjm(), csv("pjm_feature_stats.csv")) else { return };
    let all: Vec<usize> = (0..pjm.len()).collect();
    let scaler = Scaler::fit(&pjm.features, &all);
    assert_eq!(check.len(), COLUMNS - 1);
    for (column, line) in check.iter().enumerate() {
        assert_close(scaler.mean()[column], line[1].parse().unwrap(), 1e-12, &line[0]);
        assert_close(scaler.std()[column], line[2].parse().unwrap(), 1e-12, &line[0]);
    }
}

/// The values printed in the documentation of the experiment, to the six digits given.
#[test]
fn printed_values_are_met() {
    let Some(pjm) = pjm() else { return };
    let near = |got: f64, expected: f64| assert!((got - expected).abs() <= 5.1e-7, "{got} {expected}");
    let data = pjm.prepare(Inputs::Design, Scaling::Legacy, &Split::all()).unwrap();
    let columns = [0, 24, 48, 144, 145, 146, 147, 148];
    let rows = [
        (data.train.x.row(0), [-0.389456, 0.016494, -0.349585, -0.63197, -0.165401, -1.389651, 1.439645, 0.022392]),
        (data.test.x.row(0), [-0.172923, -1.173771, -0.908349, -0.63197, -0.165401, -1.389651, 1.440274, -0.050665]),
    ];
    for (row, expected) in rows {
        columns.iter().zip(expected).for_each(|(&column, expected)| near(row[column], expected));
        assert_eq!(row[149], 1.0);
    }
    pjm.labels.row(0).iter().zip([1.638353, 1.5479, 1.501405, 1.498565]).for_each(|(got, expected)| near(*got, expected));
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let labels = pjm.labels.as_slice();
    let (overall, test) = (mean(labels), mean(data.test.y.as_slice()));
    near(overall, 1.670695);
    near((labels.iter().map(|y| (y - overall).powi(2)).sum::<f64>() / labels.len() as f64).sqrt(), 0.302261);
    near(test, 1.636156);
}

/// The largest step of the test demand, and the share of all days with a step above the ramp: one of 3192.
#[test]
fn ramps_would_never_bind_on_the_demand() {
    let Some(pjm) = pjm() else { return };
    let steepest = |day: &[f64]| day.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max);
    let test = pjm.test_rows().iter().map(|&row| steepest(pjm.labels.row(row))).fold(0.0, f64::max);
    assert!((test - 0.283).abs() < 5e-4, "{test}");
    assert_eq!(pjm.labels.iter().filter(|day| steepest(day) > 0.4).count(), 1);
}

#[test]
fn the_published_split_is_a_partition() {
    let Some(path) = common::dataset(Split::FILE) else { return };
    let split = Split::from_file(&path).unwrap();
    assert_eq!((split.fit.len(), split.hold.len(), split.fit[0]), (2042, 511, 1700));
    let mut all = [split.fit, split.hold].concat();
    all.sort_unstable();
    assert_eq!(all, (0..2553).collect::<Vec<_>>());
}

/// Statistics of the default scaling come from the rows fitted on and no other: those are centred exactly, the rest is not.
#[test]
fn default_scaling_sees_the_training_rows_alone() {
    let (Some(pjm), Some(path)) = (pjm(), common::dataset(Split::FILE)) else { return };
    let split = Split::from_file(&path).unwrap();
    let data = pjm.prepare(Inputs::NoTemperature, Scaling::default(), &split).unwrap();
    assert_eq!((data.train.x.rows(), data.valid.x.rows(), data.test.x.rows(), data.test.x.cols()), (2042, 511, 639, 29));
    let mean = |part: &dfl_core::Batch, column: usize| part.iter().map(|row| row[column]).sum::<f64>() / part.rows() as f64;
    assert!((0..29).all(|column| mean(&data.train.x, column).abs() < 1e-13));
    assert!(mean(&data.test.x, 0).abs() > 1e-2);
    let mut changed = pjm.clone();
    changed.test_rows().into_iter().chain(split.hold.clone()).for_each(|row| changed.features.row_mut(row)[0] += 7.0);
    assert_eq!(changed.prepare(Inputs::NoTemperature, Scaling::default(), &split).unwrap().scaler, data.scaler);
    assert_ne!(changed.prepare(Inputs::NoTemperature, Scaling::Legacy, &split).unwrap().scaler, data.scaler);
}

#[test]
fn holidays_match_the_published_list() {
    let Some(check) = csv("us_federal_holidays_2008_2016.csv") else { return };
    let expected: Vec<String> = check.into_iter().map(|mut line| line.remove(0)).collect();
    let got: Vec<String> = (2008..=2016).flat_map(federal_holidays).map(|day| day.to_string()).collect();
    assert_eq!(got, expected);
}

/// Ten days of made-up hours from 2010-03-10, across the change to summer time on the 14th; loads at or after `changed` are shifted.
fn made_up(changed: i64) -> Pjm {
    let start = 1_268_197_200; // 2010-03-10T00:00 in New York
    let reading = |hour: i64| {
        let epoch = start + 3600 * hour;
        let load = 1.0 + (hour as f64 * 0.7).sin() + if hour >= changed { 5.0 } else { 0.0 };
        Reading { line: hour as usize + 1, epoch, load, temperature: (hour % 31) as f64 }
    };
    let readings: Vec<Reading> = (0..239).map(reading).collect();
    rows(&[Days::from_readings(Path::new("made up"), &readings).unwrap()]).unwrap()
}

/// Whatever the load does from the first hour of a day on, the features of that day and all before stay as they were.
#[test]
fn no_feature_uses_the_load_of_its_day_or_later() {
    let original = made_up(i64::MAX);
    assert_eq!(original.len(), 9);
    for day in 1..10 {
        // The fifth day, 2010-03-14, has 23 hours.
        let first_hour = if day > 4 { 24 * day - 1 } else { 24 * day };
        let changed = made_up(first_hour);
        let row = day as usize - 1;
        for earlier in 0..=row {
            assert_eq!(changed.features.row(earlier), original.features.row(earlier), "day {day}, row {earlier}");
        }
        assert_ne!(changed.labels.row(row), original.labels.row(row));
        assert!(row + 1 == original.len() || changed.features.row(row + 1) != original.features.row(row + 1));
    }
    assert_eq!(original.filled_hours, [0, 0, 0, 1, 0, 0, 0, 0, 0]);
    // Hour 2 of the change was skipped by the clock and takes the value of hour 3.
    assert_eq!(original.labels.row(3)[2], original.labels.row(3)[3]);
}

/// The same on the real table, at the first test day.
#[test]
fn real_features_do_not_see_the_present() {
    let Some([first, second]) = files() else { return };
    let tables = |shift: f64| {
        let mut tables = [&first, &second].map(|path| Days::from_readings(path, &read_readings(path).unwrap()).unwrap());
        let day = tables[1].dates.iter().position(|day| day.to_string() == "2014-12-30").unwrap();
        tables[1].load[day..].iter_mut().flatten().for_each(|load| *load += shift);
        rows(&tables).unwrap()
    };
    let (original, changed) = (tables(0.0), tables(1.0));
    assert!((0..=2553).all(|row| original.features.row(row) == changed.features.row(row)));
    assert!((2553..3192).all(|row| original.labels.row(row) != changed.labels.row(row)));
}

#[test]
fn damaged_lines_are_named() {
    let good = " 1.19916720e+09 1.47734500e+00 3.53850000e+01\n";
    let cases = [
        (format!("{good} 1.19917080e+09 1.41448300e+00\n"), 2, "expected 3 fields"),
        (format!("{good} 1.19917080e+09 1.41448300e+00 3.7 4\n"), 2, "expected 3 fields"),
        (format!("{good}{good} 1.19917080e+09 nan 37\n"), 3, "NaN or infinite"),
        (format!("{good} 1.19917080e+09 1.4e 37\n"), 2, "not a number"),
        (format!("{good} 1.19917080e+09 1.4 inf\n"), 2, "NaN or infinite"),
        (format!("{good} 1.19917080e+08 1.4 37\n"), 2, "backwards"),
        (format!("{good} 1199170800.5 1.4 37\n"), 2, "whole seconds"),
        (good.trim_end().to_owned(), 1, "truncated"),
        (String::new(), 1, "empty"),
    ];
    for (text, line, problem) in cases {
        let error = parse_readings(Path::new("some/file.txt"), &text).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, Error::Content { .. }), "{message}");
        assert!(message.starts_with(&format!("some/file.txt, line {line}: ")) && message.contains(problem), "{message}");
        assert!(message.contains("fetch it again with `cargo xtask data pjm`"), "{message}");
    }
}

#[test]
fn a_missing_day_is_named() {
    let readings = [(1, 0), (2, 3600), (3, 3 * 86_400)].map(|(line, epoch)| Reading { line, epoch, load: 1.0, temperature: 1.0 });
    let message = Days::from_readings(Path::new("gap.txt"), &readings).unwrap_err().to_string();
    assert!(message.starts_with("gap.txt, line 3: a whole day is missing"), "{message}");
}

/// A download that was cut in the middle of a line, and one that was cut between two lines.
#[test]
fn a_truncated_file_is_refused() {
    let Some([first, second]) = files() else { return };
    let text = std::fs::read_to_string(&second).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("cut.txt");
    let between = text[..text.len() / 2].rfind('\n').unwrap() + 1;
    for (length, problem) in [(between - 20, "expected 3 fields"), (between - 1, "truncated"), (between, "ends before its last day")] {
        std::fs::write(&cut, &text[..length]).unwrap();
        let message = Pjm::from_files([&first, &cut]).unwrap_err().to_string();
        assert!(message.contains("cut.txt, line 2") && message.contains(problem), "{message}");
    }
}

#[test]
fn a_damaged_split_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("split.csv");
    for (text, problem) in [
        ("0\n1\n", "line 2: the file ends"),
        ("0\n0\n", "line 2: a row number is rep"),
        ("2553\n", "line 1: a row number is out"),
        ("x\n", "line 1: expected"),
    ] {
        std::fs::write(&path, text).unwrap();
        let message = Split::from_file(&path).unwrap_err().to_string();
        assert!(message.contains(problem), "{message}");
    }
    assert!(matches!(Split::from_file(&folder.path().join("none.csv")), Err(Error::File { .. })));
}
