//! The layers that are timed: their derivatives three ways, and against the fixtures of other libraries.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::io::Write;
use std::path::{Path, PathBuf};

use dfl_bench::layers::{LAYERS, QpLayer, reference_gradients};
use dfl_bench::registry::make_decider;
use dfl_core::{Batch, Call, Csc, Decider, Key, Program, Stream, Task};
use serde_json::Value;

fn call(keys: &[Key]) -> Call<'_> {
    Call { keys, stream: Stream::default(), backward: true }
}

fn keys(rows: usize) -> Vec<Key> {
    (0..rows as u64).map(|id| Key { id, slot: 0 }).collect()
}

/// The decider's gradients are those of the pseudo-inverse; strict complementarity holds by chance of the seed.
#[test]
fn ours_agrees_with_the_reference_on_every_layer() {
    for (name, _, _) in LAYERS {
        let layer = QpLayer::new(name, 8, 0).unwrap();
        let decider = make_decider(&layer, "active_set", false).unwrap();
        let keys = keys(8);
        let decisions = decider.forward(&layer.costs, &call(&keys)).unwrap();
        let ours = decisions.back.unwrap().pull(&layer.cotangents).unwrap();
        let reference = reference_gradients(&layer.program, &layer.costs, &layer.cotangents).unwrap();
        let worst = ours.as_slice().iter().zip(reference.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-9, "{name}: {worst}");
    }
}

/// Central differences of the solution, h = 1e-6: the solution is piecewise linear in the cost, so that only rounding is left.
#[test]
fn the_reference_agrees_with_central_differences() {
    for (name, _, _) in LAYERS {
        let layer = QpLayer::new(name, 1, 1).unwrap();
        let decider = layer.oracle().unwrap();
        let reference = reference_gradients(&layer.program, &layer.costs, &layer.cotangents).unwrap();
        let value = |j: usize, h: f64| {
            let mut costs = layer.costs.clone();
            costs.row_mut(0)[j] += h;
            let x = decider.forward(&costs, &call(&keys(1))).unwrap().x;
            x.row(0).iter().zip(layer.cotangents.row(0)).map(|(x, g)| x * g).sum::<f64>()
        };
        for j in (0..layer.program.n()).step_by(7) {
            let difference = (value(j, 1e-6) - value(j, -1e-6)) / 2e-6;
            assert!((difference - reference.row(0)[j]).abs() < 1e-6, "{name}, {j}: {difference} is not {}", reference.row(0)[j]);
        }
    }
}

#[test]
fn a_smaller_batch_is_the_beginning_of_a_larger_one() {
    let [small, large] = [2, 5].map(|rows| QpLayer::new("qp_portfolio50", rows, 0).unwrap());
    assert_eq!((small.costs.row(1), small.cotangents.row(1)), (large.costs.row(1), large.cotangents.row(1)));
    assert_eq!(small.program, large.program);
    assert!(QpLayer::new("qp_power48", 1, 0).unwrap_err().to_string().contains("known are qp_power24"));
}

struct Fixture(Value);

impl Fixture {
    /// The file, unless it is not there, which is said past the capture of the test harness.
    fn load(name: &str) -> Option<Self> {
        let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
        let path = std::env::var_os("DFL_FIXTURES").map_or_else(usual, PathBuf::from).join("layers").join(name);
        if !path.exists() {
            let _ = writeln!(std::io::stderr(), "skipped: layers: {} not found", path.display());
            return None;
        }
        Some(Self(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()))
    }

    fn rows(value: &Value, cols: usize) -> Batch {
        fn flat(value: &Value) -> Vec<f64> {
            value.as_array().unwrap().iter().flat_map(|v| v.as_f64().map_or_else(|| flat(v), |v| vec![v])).collect()
        }
        let values = flat(value);
        Batch::from_vec(values.len() / cols, cols, values).unwrap()
    }

    fn part(&self, name: &str, cols: usize) -> Batch {
        Self::rows(&self.0["problem"][name]["data"], cols)
    }

    fn program(&self, n: usize) -> Program {
        let (q, a, g) = (self.part("Q", n), self.part("A", n), self.part("G", n));
        let upper: Vec<_> =
            (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, q.row(i)[j])).filter(|e| e.2 != 0.0).collect();
        let rows: Vec<_> =
            a.iter().chain(g.iter()).enumerate().flat_map(|(i, r)| r.iter().enumerate().map(move |(j, &v)| (i, j, v))).collect();
        let rows: Vec<_> = rows.into_iter().filter(|e| e.2 != 0.0).collect();
        let (b, h) = (self.part("b", 1).into_vec(), self.part("h", 1).into_vec());
        let lower = [b.clone(), vec![f64::NEG_INFINITY; h.len()]].concat();
        Program::linear(vec![0.0; n]).with_quadratic(Csc::from_triplets(n, n, &upper).unwrap()).with_rows(
            Csc::from_triplets(lower.len(), n, &rows).unwrap(),
            lower,
            [b, h].concat(),
        )
    }
}

/// Our yardstick against another's, which holds to rounding.
#[test]
fn the_reference_agrees_with_that_of_the_fixtures() {
    for (name, n) in [("power24.json", 24), ("portfolio50.json", 50)] {
        let Some(fixture) = Fixture::load(name) else { return };
        let found = reference_gradients(&fixture.program(n), &fixture.part("p", n), &fixture.part("g", n)).unwrap();
        let expected = Fixture::rows(&fixture.0["reference_activeset"]["dL_dp"], n);
        let worst = found.as_slice().iter().zip(expected.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(worst < 1e-9, "{name}: {worst}");
    }
}

/// The power layer is the fixture's program: the same decisions at its costs.
#[test]
fn the_power_layer_is_that_of_the_fixture() {
    let Some(fixture) = Fixture::load("power24.json") else { return };
    let layer = QpLayer::new("qp_power24", 1, 0).unwrap();
    let costs = fixture.part("p", 24);
    let x = layer.oracle().unwrap().forward(&costs, &call(&keys(costs.rows()))).unwrap().x;
    let expected = Fixture::rows(&fixture.0["reference_activeset"]["z"], 24);
    let worst = x.as_slice().iter().zip(expected.as_slice()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-9, "{worst}");
}
