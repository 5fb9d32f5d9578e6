//! The numpy streams and the shortest-path generator: against known values and closed forms, and against files made by numpy and PyEPO.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod common;

use dfl_bench::data::numpy_rng::RandomState;
use dfl_bench::data::polynomial::{self, Generated};
use dfl_bench::data::shortest_path::ShortestPathData;
use dfl_core::{Batch, Error};
use serde_json::Value;

use common::{floats, largest_ulp, pyepo_fixtures, read_csv, read_json};

fn draws<T>(n: usize, next: impl FnMut() -> T) -> Vec<T> {
    std::iter::repeat_with(next).take(n).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn small() -> ShortestPathData {
    ShortestPathData { samples: 50, ..ShortestPathData::default() }
}

/// The C++ standard ([rand.predef]) fixes the 10000th output of this generator for the seed 5489.
#[test]
fn ten_thousandth_word() {
    let mut rng = RandomState::new(5489);
    assert_eq!(draws(10_000, || rng.u32()).last(), Some(&4_123_659_995));
}

/// Values of numpy that are widely printed (seeds 0 and 42), and PyEPO's first feature and cost of the usual benchmark: what remains of
/// the fixtures where there are none.
#[test]
fn well_known_values() {
    assert_eq!(RandomState::new(0).double(), 0.548_813_503_927_324_8);
    let mut rng = RandomState::new(0);
    assert_eq!(draws(3, || rng.normal()), [1.764_052_345_967_664, 0.400_157_208_367_223_3, 0.978_737_984_105_739_2]);
    assert_eq!(RandomState::new(42).permutation(10), [8, 1, 5, 0, 7, 2, 9, 4, 3, 6]);
    let data = ShortestPathData { samples: 4, ..small() }.generate().unwrap();
    assert_eq!(data.x.row(0)[0], 0.189_780_128_025_136_3);
    assert!(largest_ulp(&data.c.row(0)[..1], &[1.547_970_336_436_798]) <= 16);
}

/// All kinds of draws for five seeds, each from a fresh stream, equal numpy's.
#[test]
fn numpy_streams() {
    let Some(path) = common::fixture("rng_mt19937_randomstate.json") else { return };
    let streams = read_json(&path);
    assert_eq!(streams.as_object().unwrap().len(), 5);
    for (seed, kinds) in streams.as_object().unwrap() {
        for (kind, expected) in kinds.as_object().unwrap() {
            check_stream(RandomState::new(seed.parse().unwrap()), kind, expected);
        }
    }
}

fn check_stream(mut rng: RandomState, kind: &str, expected: &Value) {
    if kind == "mt_pos" {
        return assert_eq!(Some(rng.position() as u64), expected.as_u64());
    }
    let n = expected.as_array().unwrap().len();
    let whole: Vec<u64> = expected.as_array().unwrap().iter().filter_map(Value::as_u64).collect();
    match kind {
        "mt_key_first5" => assert_eq!(rng.key()[..n].iter().map(|k| u64::from(*k)).collect::<Vec<_>>(), whole),
        "randint_u32_first10" => assert_eq!(draws(n, || u64::from(rng.u32())), whole),
        "tomaxint_first5" => assert_eq!(draws(n, || rng.u64() >> 1), whole),
        "random_sample_first10" => assert_eq!(draws(n, || rng.double()), floats(expected)),
        "uniform(-2,2)_first10" => assert_eq!(draws(n, || rng.uniform(-2.0, 2.0)), floats(expected)),
        "normal_first11" => assert_eq!(draws(n, || rng.normal()), floats(expected)),
        "normal3_then_uniform2_then_normal2" => {
            let mut all = draws(3, || rng.normal());
            all.extend(draws(2, || rng.uniform(0.0, 1.0)));
            all.extend(draws(2, || rng.normal()));
            assert_eq!(all, floats(expected));
        }
        "binomial(1,0.5)_first40" => assert_eq!(draws(n, || u64::from(rng.coin())), whole),
        "randint(0,500)_first40" => assert_eq!(draws(n, || u64::from(rng.up_to(499))), whole),
        "permutation(30)" => assert_eq!(rng.permutation(30).iter().map(|i| *i as u64).collect::<Vec<_>>(), whole),
        other => panic!("the file has a kind of draw that is not tested: {other}"),
    }
}

/// Mean 0, variance 1, fourth moment 3: five standard errors at n = 200,000 are 0.011, 0.016 and 0.11.
#[test]
fn normal_moments() {
    let mut rng = RandomState::new(1);
    let z = draws(200_000, || rng.normal());
    let moment = |k: i32| mean(&z.iter().map(|z| z.powi(k)).collect::<Vec<_>>());
    assert!(moment(1).abs() < 0.011, "{}", moment(1));
    assert!((moment(2) - 1.0).abs() < 0.016, "{}", moment(2));
    assert!((moment(4) - 3.0).abs() < 0.11, "{}", moment(4));
}

/// Every value of `0..=max` comes up, none beyond, and nearly equally often (five standard errors at n = 100,000).
#[test]
fn integers_are_uniform() {
    let mut rng = RandomState::new(2);
    let mut count = [0_u32; 6];
    draws(100_000, || rng.up_to(5)).into_iter().for_each(|v| count[v as usize] += 1);
    assert!(count.iter().all(|c| (f64::from(*c) - 100_000.0 / 6.0).abs() < 590.0), "{count:?}");
    assert_eq!(draws(3, || rng.up_to(0)), [0, 0, 0]);
}

#[test]
fn permutation_has_every_index_once() {
    let mut order = RandomState::new(3).permutation(100);
    assert_ne!(order, (0..100).collect::<Vec<_>>());
    order.sort_unstable();
    assert_eq!(order, (0..100).collect::<Vec<_>>());
    assert!(RandomState::new(3).permutation(0).is_empty());
}

/// Map, features and noise are drawn in this order from one stream, so the stream redraws them.
#[test]
fn draws_come_in_order_from_one_stream() {
    let data = small().generate().unwrap();
    let mut rng = RandomState::new(135);
    assert_eq!(data.mapping.as_slice(), draws(40 * 5, || f64::from(u8::from(rng.coin()))));
    assert_eq!(data.x.as_slice(), draws(50 * 5, || rng.normal()));
    assert_eq!(data.noise.as_slice(), draws(50 * 40, || rng.uniform(0.5, 1.5)));
}

/// The formula on the draws, summed backwards and with repeated multiplication: rounding alone is left, 1e-13 relative.
#[test]
fn costs_follow_the_formula() {
    for degree in 1..=8 {
        let Generated { x, c, mapping, noise } = ShortestPathData { degree, ..small() }.generate().unwrap();
        for i in 0..x.rows() {
            for j in 0..c.cols() {
                let score: f64 = x.row(i).iter().zip(mapping.row(j)).rev().map(|(x, b)| x * b).sum();
                let signal = (score / 5_f64.sqrt() + 3.0).powi(degree as i32) + 1.0;
                let expected = signal / 3.5_f64.powi(degree as i32) * noise.row(i)[j];
                assert!((c.row(i)[j] - expected).abs() <= 1e-13 * expected.abs().max(1.0), "degree {degree}, [{i}, {j}]");
            }
        }
    }
}

/// Degree 1 without noise: the mean cost is (3 + 1)/3.5, and its standard deviation sqrt(1/2)/3.5 = 0.202 on average over maps.
#[test]
fn moments_of_linear_costs() {
    let data = ShortestPathData { samples: 4000, features: 20, degree: 1, noise: 0.0, ..small() }.generate().unwrap();
    let costs = data.c.as_slice();
    let centre = mean(costs);
    let deviation = mean(&costs.iter().map(|c| (c - centre).powi(2)).collect::<Vec<_>>()).sqrt();
    assert!((centre - 4.0 / 3.5).abs() < 0.01, "{centre}");
    assert!((deviation - 0.5_f64.sqrt() / 3.5).abs() < 0.01, "{deviation}");
}

#[test]
fn arcs_of_a_grid_are_counted() {
    let arcs = |grid| ShortestPathData { grid, ..small() }.generate().unwrap().c.cols();
    assert_eq!([arcs([5, 5]), arcs([3, 4]), arcs([4, 3]), arcs([1, 2]), arcs([2, 1])], [40, 17, 17, 1, 1]);
}

#[test]
fn same_seed_same_data_and_another_seed_other_data() {
    let data = |seed| ShortestPathData { seed, ..small() }.generate().unwrap();
    assert_eq!(data(7), data(7));
    assert_ne!(data(7).x, data(8).x);
    assert!(data(u32::MAX).c.check_finite("cost").is_ok());
}

#[test]
fn rounded_costs_are_nearest_floats() {
    let data = small().generate().unwrap();
    let pairs = || data.c.as_slice().iter().zip(data.rounded_costs().into_vec()).collect::<Vec<_>>();
    assert!(pairs().iter().all(|(c, r)| f64::from(*r as f32) == *r && (*c - r).abs() <= f64::from(f32::EPSILON) / 2.0 * c.abs()));
}

/// Each argument outside its domain is named, and what is accepted is said.
#[test]
fn bad_arguments_are_named() {
    let cases = [
        (ShortestPathData { grid: [1, 1], ..small() }, "nodes of the grid"),
        (ShortestPathData { grid: [0, 5], ..small() }, "nodes of the grid"),
        (ShortestPathData { grid: [usize::MAX, 2], ..small() }, "nodes of the grid"),
        (ShortestPathData { samples: 0, ..small() }, "samples"),
        (ShortestPathData { samples: usize::MAX / 2, ..small() }, "samples x features"),
        (ShortestPathData { samples: 1 << 58, features: 1, ..small() }, "samples x features"),
        (ShortestPathData { features: 0, ..small() }, "features"),
        (ShortestPathData { degree: 0, ..small() }, "degree"),
        (ShortestPathData { degree: 100_000, ..small() }, "degree"),
        (ShortestPathData { noise: -0.1, ..small() }, "noise"),
        (ShortestPathData { noise: 1.1, ..small() }, "noise"),
        (ShortestPathData { noise: f64::NAN, ..small() }, "noise"),
    ];
    for (data, name) in cases {
        match data.generate() {
            Err(Error::Domain { what, need, .. }) => assert!(what.starts_with(name) && !need.is_empty(), "{data:?}: {what}"),
            other => panic!("{data:?}: {:?}", other.map(|_| "accepted")),
        }
    }
}

#[test]
fn scores_need_equal_feature_counts() {
    let error = polynomial::scores(&Batch::zeros(2, 3), &Batch::zeros(4, 5)).unwrap_err();
    assert!(matches!(error, Error::Dimension { expected: 3, got: 5, .. }));
}

/// All of PyEPO's outputs at hand: draws and features bit for bit, costs within 16 ulp, and equal once cast to `f32`.
#[test]
fn pyepo_shortest_paths() {
    for (path, fixture) in pyepo_fixtures("shortestpath") {
        let data = from_args(&fixture["args"]).generate().unwrap();
        let draws = &fixture["intermediate"];
        let place = &path;
        assert_eq!(data.mapping.as_slice(), floats(&draws["B"]["data"]), "{place}");
        assert_eq!(data.noise.as_slice(), floats(&draws["eps"]["data"]), "{place}");
        assert_eq!(data.x.as_slice(), floats(&fixture["x"]["data"]), "{place}");
        assert_eq!(data.rounded_costs().as_slice(), floats(&fixture["c"]["data"]), "{place}");
        let allowed = if fixture["args"]["deg"].as_u64() <= Some(2) { 0 } else { 16 };
        let ulp = largest_ulp(data.c.as_slice(), &floats(&draws["c_f64_before_cast"]["data"]));
        println!("{ulp} ulp: {place}");
        assert!(ulp <= allowed, "{ulp} ulp: {place}");
    }
}

fn from_args(args: &Value) -> ShortestPathData {
    let count = |name: &str| args[name].as_u64().unwrap() as usize;
    ShortestPathData {
        grid: [0, 1].map(|side| args["grid"][side].as_u64().unwrap() as usize),
        samples: count("num_data"),
        features: count("num_features"),
        degree: count("deg") as u32,
        noise: args["noise_width"].as_f64().unwrap(),
        seed: count("seed") as u32,
    }
}

/// The first four rows, features beside unrounded costs.
#[test]
fn first_rows_of_the_usual_benchmark() {
    let name = "generators/gen_sp_5x5_deg6_w05_seed135_n4.csv";
    let Some(rows) = read_csv(name) else { return };
    let data = ShortestPathData { samples: 4, ..small() }.generate().unwrap();
    assert_eq!(rows.len(), 4);
    for (i, row) in rows.iter().enumerate() {
        assert_eq!(data.x.row(i), &row[..5]);
        assert!(largest_ulp(data.c.row(i), &row[5..]) <= 16, "row {i}");
    }
}
