//! The generators of knapsack, tour, portfolio and top-k: against files made by PyEPO, the formula on the draws, and closed forms.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod common;

use dfl_bench::data::knapsack::KnapsackData;
use dfl_bench::data::numpy_rng::RandomState;
use dfl_bench::data::portfolio::PortfolioData;
use dfl_bench::data::top_k::TopKData;
use dfl_bench::data::tsp::TspData;
use dfl_core::{Batch, Error};
use serde_json::Value;

use common::{floats, largest_ulp, pyepo_fixtures, read_csv};

fn count(args: &Value, name: &str) -> usize {
    args[name].as_u64().unwrap() as usize
}

fn draws<T>(n: usize, next: impl FnMut() -> T) -> Vec<T> {
    std::iter::repeat_with(next).take(n).collect()
}

fn coins(rng: &mut RandomState, n: usize) -> Vec<f64> {
    draws(n, || f64::from(u8::from(rng.coin())))
}

/// `(w s / sqrt p + a)^k` with the score summed backwards and the power by repeated multiplication.
fn signal(weight: f64, shift: f64, degree: u32, x: &[f64], b: &[f64]) -> f64 {
    let score: f64 = x.iter().zip(b).rev().map(|(x, b)| x * b).sum();
    (weight * score / (x.len() as f64).sqrt() + shift).powi(degree as i32)
}

fn assert_refused<T>(generated: Result<T, Error>, name: &str) {
    match generated {
        Err(Error::Domain { what, need, .. }) => assert!(what.starts_with(name) && !need.is_empty(), "{name}: {what}"),
        other => panic!("{name}: {:?}", other.map(|_| "accepted")),
    }
}

#[test]
fn pyepo_knapsacks() {
    for (name, fixture) in pyepo_fixtures("knapsack") {
        let (args, drawn) = (&fixture["args"], &fixture["intermediate"]);
        let generator = KnapsackData {
            items: count(args, "num_items"),
            dim: count(args, "dim"),
            samples: count(args, "num_data"),
            features: count(args, "num_features"),
            degree: count(args, "deg") as u32,
            noise: args["noise_width"].as_f64().unwrap(),
            seed: count(args, "seed") as u32,
        };
        let data = generator.generate().unwrap();
        assert_eq!(generator.weights().unwrap().as_slice(), floats(&fixture["weights"]["data"]), "{name}");
        assert_eq!(data.mapping.as_slice(), floats(&drawn["B"]["data"]), "{name}");
        assert_eq!(data.noise.as_slice(), floats(&drawn["eps"]["data"]), "{name}");
        assert_eq!(data.x.as_slice(), floats(&fixture["x"]["data"]), "{name}");
        assert_eq!(data.c.as_slice(), floats(&fixture["c"]["data"]), "{name}");
        assert_eq!(data.c, data.rounded_costs(), "{name}: whole numbers survive the cast");
    }
}

#[test]
fn pyepo_tours() {
    for (name, fixture) in pyepo_fixtures("tsp") {
        let (args, drawn) = (&fixture["args"], &fixture["intermediate"]);
        let generator = TspData {
            nodes: count(args, "num_nodes"),
            samples: count(args, "num_data"),
            features: count(args, "num_features"),
            degree: count(args, "deg") as u32,
            noise: args["noise_width"].as_f64().unwrap(),
            seed: count(args, "seed") as u32,
        };
        let data = generator.generate().unwrap();
        let product = |(coin, slope): (f64, f64)| coin * slope;
        let map: Vec<f64> =
            floats(&drawn["B_bernoulli"]["data"]).into_iter().zip(floats(&drawn["B_uniform"]["data"])).map(product).collect();
        assert_eq!(generator.coordinates().unwrap().as_slice(), floats(&drawn["coords"]["data"]), "{name}");
        assert_eq!(data.mapping.as_slice(), map, "{name}");
        assert_eq!(data.noise.as_slice(), floats(&drawn["noise"]["data"]), "{name}");
        assert_eq!(data.x.as_slice(), floats(&fixture["x"]["data"]), "{name}");
        assert_eq!(data.rounded_costs().as_slice(), floats(&fixture["c"]["data"]), "{name}");
        let rounded = |c: &f64| (c * 1e4).round_ties_even() / 1e4;
        let before: Vec<f64> = floats(&drawn["c_f64_before_round"]["data"]).iter().map(rounded).collect();
        assert_eq!(data.c.as_slice(), before, "{name}");
    }
}

/// Returns bit for bit for degree 1, within 16 ulp above, equal once cast to `f32`; covariances within 16 ulp.
#[test]
fn pyepo_portfolios() {
    for (name, fixture) in pyepo_fixtures("portfolio") {
        let (args, drawn) = (&fixture["args"], &fixture["intermediate"]);
        let generator = PortfolioData {
            assets: count(args, "num_assets"),
            samples: count(args, "num_data"),
            features: count(args, "num_features"),
            degree: count(args, "deg") as u32,
            noise_level: args["noise_level"].as_f64().unwrap(),
            seed: count(args, "seed") as u32,
        };
        let data = generator.generate().unwrap();
        assert_eq!(data.mapping.as_slice(), floats(&drawn["B"]["data"]), "{name}");
        assert_eq!(generator.loadings().unwrap().as_slice(), floats(&drawn["L"]["data"]), "{name}");
        assert_eq!(data.noise.as_slice(), floats(&drawn["fe"]["data"]), "{name}");
        assert_eq!(data.x.as_slice(), floats(&fixture["x"]["data"]), "{name}");
        assert_eq!(data.rounded_costs().as_slice(), floats(&fixture["r"]["data"]), "{name}");
        let covariance = largest_ulp(generator.covariance().unwrap().as_slice(), &floats(&fixture["cov"]["data"]));
        let returns = largest_ulp(data.c.as_slice(), &floats(&drawn["r_f64_before_cast"]["data"]));
        println!("{returns} ulp, covariance {covariance} ulp: {name}");
        assert!(covariance <= 16, "{covariance} ulp: {name}");
        assert!(returns <= if generator.degree == 1 { 0 } else { 16 }, "{returns} ulp: {name}");
    }
}

/// The first four rows of the usual benchmarks as PyEPO prints them.
#[test]
fn first_rows_of_the_usual_benchmarks() {
    let knapsack = KnapsackData { samples: 4, ..KnapsackData::default() };
    let tour = TspData { samples: 4, ..TspData::default() };
    let folder = "generators/gen_";
    if let Some(rows) = read_csv(&format!("{folder}kp_10_dim2_deg6_w05_seed135_n4.csv")) {
        let data = knapsack.generate().unwrap();
        assert_eq!(rows, data.x.iter().zip(data.c.iter()).map(|(x, c)| [x, c].concat()).collect::<Vec<_>>());
    }
    if let Some(rows) = read_csv(&format!("{folder}kp_10_dim2_seed135_weights.csv")) {
        assert_eq!(rows, knapsack.weights().unwrap().iter().collect::<Vec<_>>());
    }
    if let Some(rows) = read_csv(&format!("{folder}tsp_5_deg6_w05_seed135_n4.csv")) {
        let data = tour.generate().unwrap();
        assert_eq!(rows, data.x.iter().zip(data.c.iter()).map(|(x, c)| [x, c].concat()).collect::<Vec<_>>());
    }
    if let Some(rows) = read_csv(&format!("{folder}tsp_5_seed135_coords.csv")) {
        assert_eq!(rows, tour.coordinates().unwrap().iter().collect::<Vec<_>>());
    }
}

/// What remains of the fixtures where there are none: PyEPO's weights, first values and first edge costs for seed 135.
#[test]
fn well_known_values() {
    let knapsack = KnapsackData { samples: 4, ..KnapsackData::default() };
    assert_eq!(knapsack.weights().unwrap().row(0), [4.59, 4.87, 5.19, 7.59, 6.80, 4.97, 4.84, 3.22, 7.90, 3.62]);
    assert_eq!(knapsack.generate().unwrap().c.row(0), [2.0, 2.0, 4.0, 1.0, 8.0, 1.0, 1.0, 2.0, 2.0, 1.0]);
    let tour = TspData { samples: 4, ..TspData::default() }.generate().unwrap();
    assert_eq!(tour.c.row(0)[..5], [5.2888, 6.768, 2.0412, 6.9349, 6.0556]);
}

/// Each generator redrawn from its stream, in its order.
#[test]
fn draws_come_in_order_from_one_stream() {
    let (n, p, m) = (6, 3, 5);
    let generator = KnapsackData { items: m, samples: n, features: p, ..KnapsackData::default() };
    let (data, mut rng) = (generator.generate().unwrap(), RandomState::new(135));
    let hundredths = draws(2 * m, || f64::from(300 + rng.up_to(499)));
    assert_eq!(generator.weights().unwrap().as_slice(), hundredths.iter().map(|w| w / 100.0).collect::<Vec<_>>());
    assert_eq!(data.mapping.as_slice(), coins(&mut rng, m * p));
    assert_eq!(data.x.as_slice(), draws(n * p, || rng.normal()));
    assert_eq!(data.noise.as_slice(), draws(n * m, || rng.uniform(0.5, 1.5)));

    let generator = TspData { nodes: m, samples: n, features: p, ..TspData::default() };
    let (data, mut rng) = (generator.generate().unwrap(), RandomState::new(135));
    let coordinates = [draws(4, || rng.uniform(-2.0, 2.0)), draws(6, || rng.normal())].concat();
    assert_eq!(generator.coordinates().unwrap().as_slice(), coordinates);
    let coins = coins(&mut rng, 10 * p);
    assert_eq!(data.mapping.as_slice(), coins.iter().map(|c| c * rng.uniform(-2.0, 2.0)).collect::<Vec<_>>());
    assert_eq!(data.x.as_slice(), draws(n * p, || rng.normal()));
    assert_eq!(data.noise.as_slice(), draws(n * 10, || rng.uniform(0.5, 1.5)));
}

/// Values, costs and returns by the formula in another order of operations, for several degrees.
#[test]
fn costs_follow_the_formula() {
    for degree in 1..=6 {
        let scale = |base: f64, power: u32| base.powi(power as i32);
        let knapsack = KnapsackData { samples: 30, degree, ..KnapsackData::default() }.generate().unwrap();
        let tour = TspData { samples: 30, degree, ..TspData::default() };
        let portfolio = PortfolioData { samples: 30, assets: 8, degree, noise_level: 2.0, ..PortfolioData::default() };
        let (coordinates, loadings) = (tour.coordinates().unwrap(), portfolio.loadings().unwrap());
        let (tour, portfolio) = (tour.generate().unwrap(), portfolio.generate().unwrap());
        let edges: Vec<_> = (0..5).flat_map(|i| (i + 1..5).map(move |j| (i, j))).collect();
        for i in 0..30 {
            for j in 0..10 {
                let signal = signal(1.0, 3.0, degree, knapsack.x.row(i), knapsack.mapping.row(j));
                let value = 5.0 * (signal + 1.0) / scale(3.5, degree) * knapsack.noise.row(i)[j];
                let c = knapsack.c.row(i)[j];
                assert!(c - 1.0 - 1e-12 <= value && value <= c + 1e-12 && c.fract() == 0.0, "degree {degree}: {value} {c}");
            }
            for (j, &(a, b)) in edges.iter().enumerate() {
                let (a, b) = (coordinates.row(a), coordinates.row(b));
                let signal = signal(1.0, 3.0, degree, tour.x.row(i), tour.mapping.row(j));
                let expected = (a[0] - b[0]).hypot(a[1] - b[1]) + signal / scale(3.0, degree - 1) * tour.noise.row(i)[j];
                let c = tour.c.row(i)[j];
                assert!((c - expected).abs() <= 0.5001e-4 && (c * 1e4 - (c * 1e4).round()).abs() < 1e-6, "degree {degree}: {c} {expected}");
            }
            for j in 0..8 {
                let signal = signal(0.05, 0.1_f64.powf(1.0 / f64::from(degree)), degree, portfolio.x.row(i), portfolio.mapping.row(j));
                let (f, e) = portfolio.noise.row(i).split_at(5);
                let common: f64 = f.iter().zip(loadings.row(j)).map(|(f, l)| f * l).sum();
                assert!((portfolio.c.row(i)[j] - (signal + common + 0.02 * e[j])).abs() < 1e-14, "degree {degree}");
            }
        }
    }
}

/// Without features that matter, the sample covariance of the returns is the one that is given: five standard errors at n = 40,000.
#[test]
fn covariance_of_the_returns() {
    let generator = PortfolioData { assets: 4, samples: 40_000, degree: 1, noise_level: 50.0, ..PortfolioData::default() };
    let (data, expected) = (generator.generate().unwrap(), generator.covariance().unwrap());
    let signal = |x: &[f64], j: usize| signal(0.05, 0.1, 1, x, data.mapping.row(j));
    let centred: Vec<Vec<f64>> =
        data.x.iter().zip(data.c.iter()).map(|(x, c)| c.iter().enumerate().map(|(j, c)| c - signal(x, j)).collect()).collect();
    for i in 0..4 {
        for j in 0..4 {
            let found = centred.iter().map(|r| r[i] * r[j]).sum::<f64>() / 40_000.0;
            let spread = (expected.row(i)[i] * expected.row(j)[j] + expected.row(i)[j].powi(2)).sqrt() / 200.0;
            assert!((found - expected.row(i)[j]).abs() < 5.0 * spread, "[{i}, {j}]: {found}, not {}", expected.row(i)[j]);
        }
    }
}

/// `y = 10 phi^3 - 6.5 phi` on drawn features; the least-squares slope is -1/2 (cov(phi, y) / var(phi) = (2 - 6.5/3) / (1/3)) and
/// the spread of noise of half width 1/4 around the curve is its, 1/(4 sqrt 3).
#[test]
fn top_k_misleads_a_line() {
    let (x, y) = TopKData { samples: 4000, ..TopKData::default() }.generate().unwrap();
    let pairs = || x.as_slice().iter().zip(y.as_slice());
    assert!(pairs().all(|(x, y)| (x * (10.0 * x * x - 6.5) - y).abs() < 1e-14 && (-1.0..1.0).contains(x)));
    let slope = pairs().map(|(x, y)| x * y).sum::<f64>() / pairs().map(|(x, _)| x * x).sum::<f64>();
    assert!((slope + 0.5).abs() < 0.02, "{slope}");
    let (x, noisy) = TopKData { samples: 4000, noise: 0.25, ..TopKData::default() }.generate().unwrap();
    let errors: Vec<f64> = x.as_slice().iter().zip(noisy.as_slice()).map(|(x, y)| y - (10.0 * x.powi(3) - 6.5 * x)).collect();
    let spread = (errors.iter().map(|e| e * e).sum::<f64>() / 200_000.0).sqrt();
    assert!((spread - 0.25 / 3_f64.sqrt()).abs() < 1e-3 && errors.iter().all(|e| e.abs() <= 0.25 + 1e-12), "{spread}");
    let mut rng = RandomState::new(135);
    assert_eq!(x.as_slice(), draws(200_000, || rng.uniform(-1.0, 1.0)));
}

#[test]
fn same_seed_same_data_and_another_seed_other_data() {
    let knapsack = |seed| KnapsackData { samples: 5, seed, ..KnapsackData::default() };
    assert_eq!(knapsack(1).generate().unwrap(), knapsack(1).generate().unwrap());
    assert_ne!(knapsack(1).weights().unwrap(), knapsack(2).weights().unwrap());
    let weights = |samples| KnapsackData { samples, ..KnapsackData::default() }.weights().unwrap();
    assert_eq!(weights(5), weights(500));
    let covariance = |seed| PortfolioData { seed, ..PortfolioData::default() }.covariance().unwrap();
    assert_ne!(covariance(1), covariance(2));
    let zero = PortfolioData { assets: 3, samples: 2, noise_level: 0.0, ..PortfolioData::default() };
    assert_eq!(zero.covariance().unwrap(), Batch::zeros(3, 3));
    assert_eq!(TspData { nodes: 2, samples: 3, ..TspData::default() }.generate().unwrap().c.cols(), 1);
}

/// Each argument outside its domain is named, and what is accepted is said.
#[test]
fn bad_arguments_are_named() {
    let knapsack = KnapsackData { samples: 3, ..KnapsackData::default() };
    for (bad, name) in [
        (KnapsackData { items: 0, ..knapsack.clone() }, "items"),
        (KnapsackData { items: usize::MAX, ..knapsack.clone() }, "constraints x items"),
        (KnapsackData { dim: 0, ..knapsack.clone() }, "dim"),
        (KnapsackData { samples: 0, ..knapsack.clone() }, "samples"),
        (KnapsackData { features: 0, ..knapsack.clone() }, "features"),
        (KnapsackData { degree: 0, ..knapsack.clone() }, "degree"),
        (KnapsackData { degree: 100_000, ..knapsack.clone() }, "degree"),
        (KnapsackData { noise: -0.1, ..knapsack.clone() }, "noise"),
        (KnapsackData { noise: f64::NAN, ..knapsack.clone() }, "noise"),
    ] {
        assert_refused(bad.generate(), name);
    }
    let tour = TspData { samples: 3, ..TspData::default() };
    for (bad, name) in [
        (TspData { nodes: 0, ..tour.clone() }, "nodes"),
        (TspData { nodes: 1, ..tour.clone() }, "nodes"),
        (TspData { nodes: usize::MAX, ..tour.clone() }, "nodes"),
        (TspData { samples: 0, ..tour.clone() }, "samples"),
        (TspData { degree: 0, ..tour.clone() }, "degree"),
        (TspData { degree: 100_000, ..tour.clone() }, "degree"),
        (TspData { noise: 1.5, ..tour.clone() }, "noise"),
    ] {
        assert_refused(bad.generate(), name);
    }
    let portfolio = PortfolioData { samples: 3, ..PortfolioData::default() };
    for (bad, name) in [
        (PortfolioData { assets: 0, ..portfolio.clone() }, "assets"),
        (PortfolioData { degree: 0, ..portfolio.clone() }, "degree"),
        (PortfolioData { noise_level: -1.0, ..portfolio.clone() }, "noise level"),
        (PortfolioData { noise_level: f64::NAN, ..portfolio.clone() }, "noise level"),
        (PortfolioData { noise_level: f64::MAX, ..portfolio.clone() }, "noise level"),
    ] {
        assert_refused(bad.generate(), name);
    }
    for (bad, name) in [
        (TopKData { items: 0, ..TopKData::default() }, "items"),
        (TopKData { samples: 0, ..TopKData::default() }, "samples"),
        (TopKData { degree: 0, ..TopKData::default() }, "degree"),
        (TopKData { noise: -0.25, ..TopKData::default() }, "noise"),
        (TopKData { noise: f64::INFINITY, ..TopKData::default() }, "noise"),
        (TopKData { samples: usize::MAX, ..TopKData::default() }, "samples x items"),
    ] {
        assert_refused(bad.generate(), name);
    }
}
