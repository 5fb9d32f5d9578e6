//! Data and permutations against the notebook's recorded ones.

use super::common::{fixture, floats, largest_ulp, read_csv, read_json};
use super::*;
use dfl_bench::data::discopt::draw;

/// Features and values of the recorded tables, drawn here without them: the same bits, where `ln` is glibc's.
#[test]
fn rows_are_the_recorded_ones() {
    let drawn = draw(42).unwrap();
    let parts = [
        ("alloc_train", &drawn.allocation.train, 30),
        ("alloc_test", &drawn.allocation.test, 15),
        ("portfolio_train", &drawn.portfolio.train, 30),
        ("portfolio_test", &drawn.portfolio.test, 15),
    ];
    for (name, (features, values), rows) in parts {
        let Some(table) = read_csv(&format!("discopt/discopt_{name}.csv")) else { return };
        let table: Vec<_> = table.into_iter().filter(|row| !row.is_empty()).collect();
        let columns = |from: usize, to: usize| table.iter().flat_map(|row| row[from..to].to_vec()).collect::<Vec<f64>>();
        assert_eq!((table.len(), features.rows(), values.rows()), (rows, rows, rows), "{name}");
        assert_eq!(largest_ulp(features.as_slice(), &columns(0, 5)), 0, "features of {name}");
        assert_eq!(largest_ulp(values.as_slice(), &columns(5, 8)), 0, "values of {name}");
    }
}

/// Twenty permutations, those of the portfolio behind its data in the same stream.
#[test]
fn orders_are_the_recorded_ones() {
    let Some(path) = fixture("discopt/discopt_permutations.csv") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let recorded = |experiment: &str| -> Vec<Vec<usize>> {
        let of = |line: &str| line.split(',').skip(2).map(|v| v.parse().unwrap()).collect();
        text.lines().filter(|line| line.starts_with(experiment)).map(of).collect()
    };
    let drawn = draw(42).unwrap();
    assert_eq!((drawn.allocation.orders, drawn.portfolio.orders), (recorded("alloc"), recorded("portfolio")));
}

/// What the notebook's text says of its costs, for which no file is needed.
#[test]
fn costs_are_as_the_notebook_describes_them() {
    let rows = draw(42).unwrap().allocation;
    let costs = &rows.train.1;
    assert_prints("first training row", 3, costs.row(0), &[1.010, 1.742, 0.248]);
    assert_prints("first test row", 3, rows.test.1.row(0), &[0.464, 1.578, 0.957]);
    assert_prints("range", 2, &[smallest(costs.as_slice()), largest(costs.as_slice())], &[-0.70, 2.26]);
    let spreads: Vec<f64> = costs.iter().map(|c| largest(c) - smallest(c)).collect();
    assert_prints("mean spread", 2, &[mean(&spreads)], &[1.14]);
}

/// Both recorded runs of the notebook hold the data too, and least squares as NumPy solves them, to 8 digits.
#[test]
fn least_squares_are_those_of_both_recorded_runs() {
    for run in ["080", "090"] {
        let Some(path) = fixture(&format!("discopt/discopt_nb_{run}.json")) else { return };
        let recorded = read_json(&path);
        for (problem, name) in [(Problem::Allocation, "theta_mse"), (Problem::Portfolio, "theta_mse_nl")] {
            let found = transposed(&Notebook::of(problem).least_squares());
            assert_prints(name, 8, &found, &floats(&recorded[name]["data"]));
        }
    }
}
