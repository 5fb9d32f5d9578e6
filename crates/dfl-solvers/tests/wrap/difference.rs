//! Blackbox differentiation, and what it shares with implicit maximum likelihood: which solves the backward pass makes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use dfl_core::testkit::check_masking;
use dfl_core::{Batch, Call, Counters, Decider, Decisions, Dims, Error, Key, Result, Status};
use dfl_solvers::{Imle, ImleOptions, Interpolated, Perturbed};

use super::{both, call, cheapest, items, keys, normal, paths, value};

/// Item 2 of (3, 1, 2) is the cheapest; a cotangent on it moves the choice to item 3 once the step is over 1.
#[test]
fn by_hand() {
    let (thetas, g) = (Batch::from_rows(&[[3.0, 1.0, 2.0]]).unwrap(), Batch::from_rows(&[[0.0, 1.0, 0.0]]).unwrap());
    for (lambda, expected) in [(2.0, [0.0, -0.5, 0.5]), (10.0, [0.0, -0.1, 0.1]), (0.5, [0.0; 3])] {
        let (x, pulled) = both(&Interpolated::new(items(3), lambda).unwrap(), &thetas, &g);
        assert_eq!((x.row(0), pulled.row(0)), (&[0.0, 1.0, 0.0][..], &expected[..]));
    }
}

/// The interpolation, `min (g + theta / lambda)'x - min theta'x / lambda`, by central differences, on 30 random points.
#[test]
fn it_is_the_gradient_of_the_interpolation() {
    let (points, thetas, cotangents, lambda) = (normal(30, 5, 1), normal(20, 5, 2), normal(20, 5, 3), 3.0);
    let points: Vec<&[f64]> = points.iter().collect();
    let least = |c: &[f64]| points.iter().map(|x| value(x, c)).fold(f64::INFINITY, f64::min);
    let pulled = both(&Interpolated::new(cheapest(&points), lambda).unwrap(), &thetas, &cotangents).1;
    for i in 0..20 {
        let interpolated = |t: &[f64]| {
            let moved: Vec<f64> = t.iter().zip(cotangents.row(i)).map(|(t, g)| g + t / lambda).collect();
            least(&moved) - least(t) / lambda
        };
        // Piecewise linear, and zero on some rows: differences are exact but for rounding, and compared absolutely.
        for j in 0..5 {
            let [above, below] = [1e-5, -1e-5].map(|step| {
                let mut at = thetas.row(i).to_vec();
                at[j] += step;
                interpolated(&at)
            });
            let difference = (above - below) / 2e-5;
            assert!((pulled.row(i)[j] - difference).abs() < 1e-9, "row {i}: {} for {difference}", pulled.row(i)[j]);
        }
    }
    assert!(pulled.iter().filter(|g| g.iter().any(|&g| g != 0.0)).count() > 10, "most moves should change the choice");
}

/// Solves are made for rows with an answer and a cotangent only, and the inner decider counts them.
#[test]
fn rows_without_a_cotangent_are_not_solved_again() {
    let counters = Arc::new(Counters::default());
    let decider = Interpolated::new(paths(4, 4).counted(Arc::clone(&counters)), 10.0).unwrap();
    let (thetas, keys) = (normal(6, 24, 1), keys(6));
    let found = decider.forward(&thetas, &call(&keys)).unwrap();
    assert_eq!(counters.snapshot().solves, 6);
    let mut g = normal(6, 24, 2);
    g.row_mut(1).fill(0.0);
    g.row_mut(4).fill(0.0);
    let pulled = found.back.unwrap().pull(&g).unwrap();
    assert_eq!(counters.snapshot().solves, 10);
    assert!([1, 4].iter().all(|&i| pulled.row(i).iter().all(|&g| g == 0.0)));
    assert!(pulled.row(5).iter().any(|&g| g != 0.0));
}

/// Remembers under which keys it is asked.
struct Recorder<D> {
    inner: D,
    seen: Mutex<Vec<Key>>,
}

impl<D: Decider> Decider for Recorder<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        self.inner.differentiable()
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        assert!(!call.backward, "no tape is wanted of a black box");
        self.seen.lock().unwrap().extend(call.keys);
        self.inner.forward(thetas, call)
    }
}

fn recorder() -> Recorder<impl Decider> {
    Recorder { inner: items(3), seen: Mutex::default() }
}

/// Two rows with three probes each: every solve of both passes has a key of its own.
#[test]
fn no_two_solves_share_a_key() {
    let all: Vec<Key> = (0..6).map(|k| Key { id: k / 3, slot: (k % 3) as u32 }).collect();
    let (thetas, g) = (normal(6, 3, 1), normal(6, 3, 2));
    let asked = |decider: &dyn Decider, recorder: &Recorder<_>| {
        decider.forward(&thetas, &call(&all)).unwrap().back.unwrap().pull(&g).unwrap();
        let seen = recorder.seen.lock().unwrap();
        assert_eq!(seen.iter().collect::<HashSet<_>>().len(), seen.len(), "a key is used twice");
        assert!(seen.iter().all(|key| key.id < 2));
        seen.len()
    };
    let inner = recorder();
    assert_eq!(asked(&Interpolated::new(&inner, 1.0).unwrap(), &inner), 12);
    for (two_sided, solves) in [(false, 48), (true, 72)] {
        let inner = recorder();
        let options = ImleOptions { samples: 4, two_sided, ..Default::default() };
        assert_eq!(asked(&Imle::new(&inner, options).unwrap(), &inner), solves);
    }
}

#[test]
fn a_row_without_an_answer_has_no_gradient() {
    let thetas = Batch::from_rows(&[[1.0, 2.0], [3.0, 2.0]]).unwrap();
    let few = ImleOptions { samples: 3, ..Default::default() };
    let deciders: [Box<dyn Decider>; 2] =
        [Box::new(Interpolated::new(items(2), 1.0).unwrap()), Box::new(Imle::new(items(2), few).unwrap())];
    for decider in deciders {
        assert_eq!(check_masking(&*decider, &thetas, &[-2000.0, 1.0]), Status::Unbounded);
    }
}

/// The move of the first row leads to where there is no optimum; the second is not touched by that.
#[test]
fn a_move_without_an_optimum_gives_no_gradient() {
    let thetas = Batch::from_rows(&[[1.0, 2.0], [1.0, 2.0]]).unwrap();
    let g = Batch::from_rows(&[[0.0, -200.0], [0.0, -2.0]]).unwrap();
    let pulled = both(&Interpolated::new(items(2), 10.0).unwrap(), &thetas, &g).1;
    assert_eq!(pulled, Batch::from_rows(&[[0.0, 0.0], [-0.1, 0.1]]).unwrap());
}

#[test]
fn bad_input_is_refused() {
    for lambda in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(Interpolated::new(items(2), lambda), Err(Error::Domain { what: "lambda", .. })));
    }
    let decider = Interpolated::new(items(2), 1.0).unwrap();
    let keys = keys(1);
    let back = decider.forward(&Batch::zeros(1, 2), &call(&keys)).unwrap().back.unwrap();
    assert!(matches!(back.pull(&Batch::zeros(2, 2)), Err(Error::Dimension { what: "cotangent rows", .. })));
    let nan = Batch::from_rows(&[[0.0, f64::NAN]]).unwrap();
    assert!(matches!(back.pull(&nan), Err(Error::NotFinite { what: "cotangent", column: 1, .. })));
    let far = [Key { id: 0, slot: u32::MAX / 2 }];
    assert!(matches!(decider.forward(&Batch::zeros(1, 2), &call(&far)), Err(Error::Domain { what: "slot", .. })));
    // A wrapper within a wrapper is a decider like any other.
    let nested = Interpolated::new(Perturbed::new(items(2), Default::default()).unwrap(), 1.0).unwrap();
    assert!(nested.differentiable());
}
