//! What decisions are worth, and what is decided without learning.

use dfl_bench::data::pjm::Columns;
use dfl_bench::data::prices::{Inputs, Table};
use dfl_bench::suite::DataOptions;
use dfl_bench::tasks::{Benchmark, Figure, Portfolio, PortfolioCost, PriceSource, TaskOptions, make_task};
use dfl_core::metrics::{mean, standard_error};
use dfl_core::{Batch, Call, Cost, Decider, Error, Instances, Key, Request, Stream, Task};

use super::common;

const REQUEST: Request = Request { train: 40, valid: 10, test: 60, seed: 3 };

fn drawn(assets: usize) -> Portfolio {
    Portfolio::new(PriceSource::Synthetic, assets, Inputs::Market, PortfolioCost::INTERIOR).unwrap()
}

fn named(size: &str, columns: Columns) -> Result<Box<dyn Benchmark>, Error> {
    make_task("portfolio", &TaskOptions { size, data: &DataOptions::default(), columns, seed: 0 })
}

fn days(truth: &[[f64; 2]]) -> Instances {
    Instances::new(Batch::zeros(truth.len(), 1), Batch::from_rows(truth).unwrap()).unwrap()
}

/// Returns (1, 3) and (-1, 0) under (1/2, 1/2) and (1, 0): 2 and -1; costs 2 - 2 + .0025 and .5 + 1 + .005.
#[test]
fn figures_by_hand() {
    let decisions = Batch::from_rows(&[[0.5, 0.5], [1.0, 0.0]]).unwrap();
    let figures = drawn(2).figures(&days(&[[1.0, 3.0], [-1.0, 0.0]]), &decisions).unwrap();
    assert_eq!(figures.iter().map(|f| f.metric).collect::<Vec<_>>(), ["task_loss", "mean_daily_return_percent"]);
    assert!((figures[0].value - (0.0025 + 1.505) / 2.0).abs() < 1e-15 && (figures[1].value - 0.5).abs() < 1e-15);
    assert!(figures.iter().all(|f| f.se.is_none()), "two days are no month");
}

/// Of days that depend on those before, the error of the mean is larger than if they did not: here each return stands 20 times.
#[test]
fn standard_errors_are_those_of_blocks() {
    let truth: Vec<[f64; 2]> = (0..600).map(|day| [f64::from((day / 20 * 7919) % 13), 0.0]).collect();
    let decisions = Batch::from_vec(600, 2, [1.0, 0.0].repeat(600)).unwrap();
    let returns: Vec<f64> = truth.iter().map(|y| y[0]).collect();
    let se = drawn(2).figures(&days(&truth), &decisions).unwrap()[1].se.unwrap();
    let naive = standard_error(&returns).unwrap();
    // Thirty independent values in place of 600 are sqrt 20 = 4.5; blocks that begin anywhere see some of that.
    assert!(se > 2.5 * naive && se < 5.0 * naive, "{se} against {naive}");
}

#[test]
fn what_is_no_portfolio_is_refused() {
    let part = days(&[[1.0, 3.0]]);
    for z in [[0.5, 0.4], [1.2, -0.2], [f64::NAN, 1.0]] {
        let error = drawn(2).figures(&part, &Batch::from_rows(&[z]).unwrap()).unwrap_err();
        assert!(error.to_string().contains("sum of the shares of a portfolio"), "{error}");
    }
}

/// Of prices that were paid, not of drawn ones, whose momentum may be worth more.
#[test]
fn a_learned_return_that_nobody_can_have_is_an_error() {
    let earns = |percent: f64| [Figure { metric: "mean_daily_return_percent", value: percent, se: None }];
    let real = named("n50", Columns::Honest).unwrap();
    assert!(real.check_learned(&earns(0.5)).is_ok());
    // The figure that was published, from features that hold the targets.
    let error = real.check_learned(&earns(4.17)).unwrap_err().to_string();
    assert!(error.contains("4.17") && error.contains("knows the future"), "{error}");
    assert!(drawn(2).check_learned(&earns(0.6)).is_ok());
}

#[test]
fn a_policy_decides_on_the_simplex() {
    let policy = drawn(3).policy().unwrap().unwrap();
    let call = Call { keys: &[Key::default()], stream: Stream::default(), backward: false };
    let z = policy.forward(&Batch::from_rows(&[[0.0, 2.0_f64.ln(), 0.0]]).unwrap(), &call).unwrap().x;
    assert!(z.row(0).iter().zip([0.25, 0.5, 0.25]).all(|(z, w)| (z - w).abs() < 1e-15));
}

#[test]
fn baselines_decide_what_they_say() {
    let task = drawn(4);
    let data = task.source().load(&REQUEST).unwrap();
    let of = |method: &str| task.baseline(method, &data).unwrap();
    let returns = |z: &Batch| {
        mean(&data.test.truth.iter().zip(z.iter()).map(|(y, z)| y.iter().zip(z).map(|(y, z)| y * z).sum()).collect::<Vec<f64>>())
    };
    let costs = |z: &Batch| mean(&task.costs(&data.test.truth, z).unwrap());
    let best: Vec<f64> = data.test.truth.iter().map(|y| y.iter().fold(f64::NEG_INFINITY, |a, y| a.max(*y))).collect();
    assert!((returns(&of("clairvoyant")) - mean(&best)).abs() < 1e-12);
    assert_eq!(of("equal_weight").as_slice(), vec![0.25; 240]);
    let means: Vec<f64> = (0..4).map(|i| mean(&data.train.truth.iter().map(|y| y[i]).collect::<Vec<_>>())).collect();
    let kept = of("best_mean").row(0).iter().position(|z| *z == 1.0).unwrap();
    assert!(means.iter().all(|m| *m <= means[kept]) && of("best_mean").iter().all(|z| z[kept] == 1.0));
    for method in task.baselines() {
        assert!(costs(&of("oracle")) <= costs(&of(method)) + 1e-9, "{method}");
        task.figures(&data.test, &of(method)).unwrap();
    }
    assert!(matches!(task.baseline("persistence", &data), Err(Error::Unknown { .. })));
}

/// The figures of `datasets.md`, through the task and its baselines.
#[test]
fn baselines_have_their_reference_values() {
    let reference = [(Table::Sp500, "n50", [".0377", "3.936", ".0530"]), (Table::Skfolio, "n20-skfolio", [".0542", "3.153", ".0560"])];
    for (table, size, figures) in reference {
        if common::dataset(table.file()).is_none() {
            continue;
        }
        let task = named(size, Columns::Honest).unwrap();
        let data = task.source().load(&REQUEST).unwrap();
        for (method, printed) in ["equal_weight", "clairvoyant", "best_mean"].into_iter().zip(figures) {
            let figure = task.figures(&data.test, &task.baseline(method, &data).unwrap()).unwrap()[1];
            let digits = printed.len() - 1 - printed.find('.').unwrap();
            assert_eq!(format!("{:.digits$}", figure.value).trim_start_matches('0'), printed, "{size} {method}");
            println!("{size} {method}: {:.4} ± {:.4} % a day", figure.value, figure.se.unwrap());
        }
        let [loss, earned] = task.figures(&data.test, &task.baseline("historical", &data).unwrap()).unwrap()[..] else { panic!() };
        println!(
            "{size} historical: cost {:.4} ± {:.4}, {:.4} ± {:.4} % a day",
            loss.value,
            loss.se.unwrap(),
            earned.value,
            earned.se.unwrap()
        );
        assert!(earned.value.abs() < 0.15, "no leak: {}", earned.value);
    }
}

#[test]
fn sizes_are_words() {
    for (size, features, columns) in [
        ("n10-synthetic", 27 + 30, Columns::Honest),
        ("n10-full-synthetic", 270, Columns::Published),
        ("n10-synthetic-market", 27, Columns::Honest),
    ] {
        let task = named(size, columns).unwrap();
        let rows = task.source().load(&REQUEST).unwrap().test;
        assert_eq!((rows.features.cols(), rows.truth.cols(), rows.len()), (features, 10, 60), "{size}");
        let cost = if columns == Columns::Honest { PortfolioCost::INTERIOR } else { PortfolioCost::PUBLISHED };
        let z = vec![0.1; 10];
        assert_eq!(task.cost(rows.truth.row(0), &z), cost.value(rows.truth.row(0), &z));
    }
    for size in ["50", "n", "n5x", "n10-tiny", "n10-full-small", "n10-", "n10-skfolio-synthetic"] {
        assert!(matches!(named(size, Columns::Honest), Err(Error::Unknown { given, .. }) if given == size), "{size}");
    }
    assert!(matches!(named("n0", Columns::Honest), Err(Error::Domain { .. })));
}
