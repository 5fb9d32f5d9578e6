use dfl_core::testkit::gradient_error;
use dfl_core::{Error, Rng, Simulator};

use crate::by_hand::{Dual, patients};
use crate::{N, features, latents, simulator, state};

fn pulled(simulator: &dyn Simulator, features: &[f64], latent: &[f64], cotangent: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; latent.len()];
    simulator.pull(features, latent, cotangent, &mut out).unwrap();
    out
}

/// Of the cotangents' product with the patients. Central differences of h = 1e-3 leave 1e-7 by truncation, which is of order h^2, and less by
/// rounding.
#[test]
fn the_adjoint_matches_central_differences() {
    let (mut rng, mut worst) = (Rng::seeded(1), 0.0_f64);
    for steps in [1, 4] {
        for _ in 0..20 {
            let simulator = simulator(7, steps);
            let (start, latent) = (state(&mut rng), latents(7, &mut rng));
            let cotangent: Vec<f64> = (0..7).map(|_| rng.normal()).collect();
            let x = features(&start);
            let gradient = pulled(&simulator, &x, &latent, &cotangent);
            let value = |l: &[f64]| {
                let mut out = [0.0; 7];
                simulator.simulate(&x, l, &mut out).unwrap();
                out.iter().zip(&cotangent).map(|(y, c)| y * c).sum()
            };
            worst = worst.max(gradient_error(&latent, &gradient, 1e-3, value));
        }
    }
    println!("largest error of the adjoint against central differences: {worst:.1e}");
    assert!(worst < 1e-6, "{worst}");
}

/// A second implementation, forwards: patients to 1e-10 (the features hold logarithms), and $v^\top J d$ both ways to 1e-12.
#[test]
fn the_adjoint_is_the_transpose_of_the_forward_mode() {
    let mut rng = Rng::seeded(2);
    for horizon in [1, 7, 14] {
        let simulator = simulator(horizon, 4);
        let (start, latent) = (state(&mut rng), latents(horizon, &mut rng));
        let [direction, cotangent] = [0, 1].map(|_| (0..horizon).map(|_| rng.normal()).collect::<Vec<f64>>());
        let along: Vec<Dual> = latent.iter().zip(&direction).map(|(l, d)| Dual(*l, *d)).collect();
        let expected = patients(&start, &along, N, 4);
        let (x, mut out) = (features(&start), vec![0.0; horizon]);
        simulator.simulate(&x, &latent, &mut out).unwrap();
        for (found, expected) in out.iter().zip(&expected) {
            assert!((found - expected.0).abs() < 1e-10 * expected.0, "{found} {expected:?}");
        }
        let forwards: f64 = expected.iter().zip(&cotangent).map(|(e, c)| e.1 * c).sum();
        let backwards: f64 = pulled(&simulator, &x, &latent, &cotangent).iter().zip(&direction).map(|(g, d)| g * d).sum();
        let scale: f64 = expected.iter().map(|e| e.1.abs()).sum();
        assert!((forwards - backwards).abs() < 1e-11 * scale, "{forwards} {backwards}");
    }
}

/// `pull` adds; days after the last that counts have no influence.
#[test]
fn gradients_are_added_and_do_not_go_back_in_time() {
    let mut rng = Rng::seeded(3);
    let (simulator, x, latent) = (simulator(7, 4), features(&state(&mut rng)), latents(7, &mut rng));
    let cotangent = [0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0];
    let once = pulled(&simulator, &x, &latent, &cotangent);
    assert!(once[..3].iter().all(|g| *g > 0.0) && once[3..].iter().all(|g| *g == 0.0), "{once:?}");
    let mut twice = once.clone();
    simulator.pull(&x, &latent, &cotangent, &mut twice).unwrap();
    assert!(twice.iter().zip(&once).all(|(a, b)| *a == 2.0 * b));
}

/// Whatever an untrained model draws, people stay people.
#[test]
fn no_transmission_breaks_the_equations() {
    let mut rng = Rng::seeded(4);
    let (simulator, x) = (simulator(7, 4), features(&state(&mut rng)));
    for l in [-800.0, -40.0, 40.0, 800.0] {
        let mut out = [f64::NAN; 7];
        simulator.simulate(&x, &[l; 7], &mut out).unwrap();
        assert!(out.iter().all(|y| (0.0..N).contains(y)), "{l}: {out:?}");
        assert!(pulled(&simulator, &x, &[l; 7], &[1.0; 7]).iter().all(|g| g.is_finite()));
    }
}

#[test]
fn bad_series_are_named() {
    let mut rng = Rng::seeded(5);
    let (simulator, good, latent) = (simulator(2, 4), features(&state(&mut rng)), latents(2, &mut rng));
    let simulate = |x: &[f64], l: &[f64]| simulator.simulate(x, l, &mut [0.0; 2]).unwrap_err();
    let spoilt = |column: usize, value: f64| {
        let mut x = good.clone();
        x[column] = value;
        x
    };
    let nan = simulate(&spoilt(13, f64::NAN), &latent);
    assert!(matches!(nan, Error::NotFinite { what: "compartments of an epidemic", column: 3, .. }), "{nan}");
    let nan = simulate(&good, &[0.0, f64::INFINITY]);
    assert!(matches!(nan, Error::NotFinite { what: "latent transmission", column: 1, .. }), "{nan}");
    let negative = simulate(&spoilt(14, -9.0), &latent);
    assert!(matches!(negative, Error::Domain { what: "compartment of an epidemic", value, .. } if value < 0.0), "{negative}");
    let sum = simulate(&spoilt(10, 0.9), &latent);
    assert!(matches!(sum, Error::Domain { what: "sum of an epidemic's compartments", .. }), "{sum}");
    assert!(matches!(simulate(&good[1..], &latent), Error::Dimension { .. }));
    assert!(matches!(simulate(&[], &latent), Error::Dimension { .. }));
    assert!(matches!(simulate(&good, &latent[1..]), Error::Dimension { what: "latent transmission", expected: 2, got: 1 }));
    assert!(simulator.pull(&good, &latent, &[0.0; 3], &mut [0.0; 2]).is_err());
    assert!(simulator.pull(&good, &latent, &[0.0; 2], &mut [0.0; 3]).is_err());
    assert!(simulator.simulate(&good, &latent, &mut [0.0; 3]).is_err());
}
