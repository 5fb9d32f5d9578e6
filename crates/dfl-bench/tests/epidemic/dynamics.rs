use dfl_bench::epidemic::{BedDemand, COMPARTMENTS, Disease, Dynamics, State, decode, encode};
use dfl_core::{Error, Rng};

use crate::by_hand::{Dual, equations};
use crate::{N, simulator, state};

#[test]
fn slopes_are_those_written_out() {
    let (system, mut rng) = (Dynamics::new(&Disease::PUBLISHED, N).unwrap(), Rng::seeded(1));
    for _ in 0..50 {
        let (x, beta) = (state(&mut rng), 1.5 * rng.uniform());
        let expected = equations(&x.map(|v| Dual(v, 0.0)), Dual(beta, 0.0), N);
        for (found, expected) in system.derivative(&x, beta).iter().zip(expected) {
            assert!((found - expected.0).abs() <= 1e-12 * (1.0 + expected.0.abs()), "{found} {expected:?}");
        }
    }
}

/// A whole epidemic, with importation: nobody is lost, nobody rises from the dead, and no compartment falls below 0.
#[test]
fn people_are_conserved_and_deaths_only_rise() {
    for imported in [0.0, 0.25] {
        let disease = Disease { imported, ..Disease::PUBLISHED };
        let simulator = BedDemand::new(Dynamics::new(&disease, N).unwrap(), 7, 4).unwrap();
        let mut x: State = [0.0; COMPARTMENTS];
        (x[0], x[1]) = (N - 5.0, 5.0);
        let mut rng = Rng::seeded(2);
        let mut dead = 0.0;
        for _ in 0..365 {
            simulator.day(&mut x, 1.2 * rng.uniform());
            assert!((x.iter().sum::<f64>() / N - 1.0).abs() < 1e-10);
            assert!(x[9] >= dead && x.iter().all(|people| *people >= 0.0), "{x:?}");
            dead = x[9];
        }
        assert!(dead > 1000.0, "there was no epidemic: {x:?}");
    }
}

/// The method has order 4: half the step, a sixteenth of the error.
#[test]
fn halving_the_step_divides_the_error_by_sixteen() {
    let mut rng = Rng::seeded(3);
    let start = state(&mut rng);
    let patients = |steps| {
        let mut x = start;
        (0..7).for_each(|_| simulator(7, steps).day(&mut x, 0.9));
        x[6] + x[7]
    };
    let (exact, coarse, fine) = (patients(256), patients(2), patients(4));
    let ratio = (coarse - exact) / (fine - exact);
    println!("error with 4 steps a day: {:.1e} relative; with 2, {ratio:.1} times that", (fine / exact - 1.0).abs());
    assert!((13.0..19.0).contains(&ratio) && (fine / exact - 1.0).abs() < 1e-6, "{ratio}");
}

/// A disease within the published ranges.
fn disease(rng: &mut Rng) -> Disease {
    let mut between = |low: f64, high: f64| low + (high - low) * rng.uniform();
    Disease {
        contagion: [between(0.4, 0.8), between(0.5, 1.5), between(0.5, 1.5), between(0.5, 1.5)],
        asymptomatic: between(0.3, 0.5),
        mild: between(0.925, 0.975),
        fatal: between(0.1, 0.3),
        stay: std::array::from_fn(|_| between(1.0, 15.0)),
        imported: 0.0,
    }
}

type Matrix = [[f64; 5]; 5];

/// Derivative of the slopes of E, Ia, Ip, Im, Is in these compartments without an epidemic; the equations are linear in them where S = N.
fn linearised(system: &Dynamics, beta: f64) -> Matrix {
    let mut out = [[0.0; 5]; 5];
    for j in 0..5 {
        let mut x = [0.0; COMPARTMENTS];
        (x[0], x[1 + j]) = (N, 1.0);
        let slope = system.derivative(&x, beta);
        (0..5).for_each(|i| out[i][j] = slope[1 + i]);
    }
    out
}

/// $A^{-1} b$ by elimination with pivots.
fn solve(mut a: Matrix, mut b: [f64; 5]) -> [f64; 5] {
    for k in 0..5 {
        let pivot = (k..5).max_by(|&i, &j| a[i][k].abs().total_cmp(&a[j][k].abs())).unwrap();
        a.swap(k, pivot);
        b.swap(k, pivot);
        for i in k + 1..5 {
            let factor = a[i][k] / a[k][k];
            (k..5).for_each(|j| a[i][j] -= factor * a[k][j]);
            b[i] -= factor * b[k];
        }
    }
    for k in (0..5).rev() {
        b[k] = (b[k] - (k + 1..5).map(|j| a[k][j] * b[j]).sum::<f64>()) / a[k][k];
    }
    b
}

/// Spectral radius of the next-generation matrix $F V^{-1}$ by the power method, with $F$ the new infections and $-V$ all else.
#[test]
fn the_reproduction_number_is_that_of_the_next_generation_matrix() {
    let mut rng = Rng::seeded(4);
    for disease in (0..20).map(|_| disease(&mut rng)).chain([Disease::PUBLISHED]) {
        let (system, beta) = (Dynamics::new(&disease, N).unwrap(), 0.7);
        let (with, without) = (linearised(&system, beta), linearised(&system, 0.0));
        let (mut v, mut radius) = ([1.0; 5], 0.0);
        for _ in 0..50 {
            let stay = solve(without.map(|row| row.map(|entry| -entry)), v);
            v = std::array::from_fn(|i| (0..5).map(|j| (with[i][j] - without[i][j]) * stay[j]).sum());
            radius = v.iter().map(|x| x * x).sum::<f64>().sqrt();
            v = v.map(|x| x / radius);
        }
        let formula = beta * disease.reproduction();
        assert!((radius - formula).abs() < 1e-10 * formula, "{radius} {formula}");
    }
    assert!((Disease::PUBLISHED.reproduction() - 5.796).abs() < 1e-12);
}

/// Below 1 an epidemic dies out, above it grows.
#[test]
fn the_reproduction_number_is_the_threshold() {
    for (r0, grows) in [(0.97, false), (1.03, true)] {
        let mut x: State = [0.0; COMPARTMENTS];
        (x[0], x[1]) = (N - 10.0, 10.0);
        let simulator = simulator(1, 4);
        let after_100_days = |mut x: State| {
            (0..100).for_each(|_| simulator.day(&mut x, r0 / Disease::PUBLISHED.reproduction()));
            x
        };
        x = after_100_days(x);
        let later = after_100_days(x);
        assert_eq!(later[1] > x[1], grows, "{r0}: {} after {}", later[1], x[1]);
    }
}

#[test]
fn features_keep_the_people() {
    let mut rng = Rng::seeded(5);
    let mut start = [0.0; COMPARTMENTS];
    (start[0], start[1]) = (N - 3.0, 3.0);
    for x in (0..20).map(|_| state(&mut rng)).chain([start]) {
        let mut code = [0.0; COMPARTMENTS];
        encode(N, &x, &mut code);
        assert!(code.iter().all(|c| c.abs() < 3.0), "{code:?}");
        for (found, expected) in decode(N, &code).unwrap().iter().zip(x) {
            assert!((found - expected).abs() < 1e-8, "{found} {expected}");
        }
    }
}

#[test]
fn what_is_no_epidemic_is_named() {
    let domain = |error: Error| match error {
        Error::Domain { what, .. } => what,
        other => panic!("{other}"),
    };
    for population in [-2e6, 0.0, f64::NAN, f64::INFINITY] {
        assert_eq!(domain(Dynamics::new(&Disease::PUBLISHED, population).unwrap_err()), "population");
    }
    let system = || Dynamics::new(&Disease::PUBLISHED, N).unwrap();
    for (horizon, steps, what) in [(0, 4, "days ahead of an epidemic"), (7, 0, "steps of a day")] {
        assert_eq!(domain(BedDemand::new(system(), horizon, steps).unwrap_err()), what);
    }
    let bad = |disease: Disease| domain(Dynamics::new(&disease, N).unwrap_err());
    assert_eq!(bad(Disease { mild: 1.2, ..Disease::PUBLISHED }), "share of an epidemic's way out");
    assert_eq!(bad(Disease { stay: [0.0; 7], ..Disease::PUBLISHED }), "days in a compartment");
    assert_eq!(bad(Disease { imported: -1.0, ..Disease::PUBLISHED }), "infectiousness or importation");
}
