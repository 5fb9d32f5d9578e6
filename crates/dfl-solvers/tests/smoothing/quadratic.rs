//! Programs smoothed by a quadratic term, with and without their slacks.

use dfl_core::testkit::{jvp_error, random_qp, vjp_error};
use dfl_core::{Csc, Entry, Error, Formulation, ParamMap, Program, Rng, Status};
use dfl_solvers::{ActiveSet, Kkt, smooth_quadratic, smooth_quadratic_with_slacks};

use super::{solve, unit_box};

fn formulation((program, params): (Program, ParamMap)) -> Formulation {
    Formulation { visible: program.n(), program, params }
}

fn solver(formulation: Formulation) -> Kkt<ActiveSet> {
    Kkt::new(ActiveSet::new(formulation.program, formulation.params, Default::default()).unwrap())
}

fn decision(formulation: Formulation, theta: &[f64]) -> Vec<f64> {
    let visible = formulation.visible;
    let (info, out) = solve(&solver(formulation), theta);
    assert_eq!(info.status, Status::Optimal);
    out.x[..visible].to_vec()
}

/// `min y v` over [0, 1] with mu: clip(-y / mu).
#[test]
fn one_variable_in_a_box() {
    for y in [-9.0_f64, -3.0, -0.6, 0.0, 2.0] {
        let x = decision(smooth_quadratic(formulation(unit_box(1)), 6.0).unwrap(), &[y]);
        assert!((x[0] - (-y / 6.0).clamp(0.0, 1.0)).abs() < 1e-12, "{x:?} at {y}");
    }
}

/// `A v = b`, `v >= 0`, mu = 1: the optimum (.525, .35, .125, 0, 0), and J'g = (2/3, -4/3, 2/3, 0, 0) for g = (1, 2, -1, .5, .7).
#[test]
fn a_standard_form_with_a_known_derivative() {
    let a = [(0, 0, 1.0), (0, 1, 1.0), (0, 2, 1.0), (0, 3, 1.0), (1, 1, 1.0), (1, 2, 2.0), (1, 4, 1.0)];
    let b = vec![1.0, 0.6];
    let program = Program::linear(vec![0.0; 5])
        .with_rows(Csc::from_triplets(2, 5, &a).unwrap(), b.clone(), b)
        .with_bounds(vec![0.0; 5], vec![f64::INFINITY; 5]);
    let smoothed = smooth_quadratic(formulation((program, ParamMap::costs(5))), 1.0).unwrap();
    let theta = [0.3, 0.2, 0.15, 0.9, 0.25];
    let x = decision(smoothed.clone(), &theta);
    assert!(x.iter().zip([0.525, 0.35, 0.125, 0.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-12), "{x:?}");
    let solver = solver(smoothed);
    use dfl_core::{Adjoint, Cotangent, DifferentiableSolver as _, Solution, Solver as _};
    let (mut ws, mut out, mut gradient) = (solver.workspace().unwrap(), Solution::default(), [0.0; 5]);
    let mut info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(&theta, &out, &mut ws, &mut info).unwrap();
    let cotangent = Cotangent { x: &[1.0, 2.0, -1.0, 0.5, 0.7], ..Default::default() };
    solver.vjp(&tape, cotangent, &mut Adjoint::default(), &mut gradient).unwrap();
    let expected = [2.0 / 3.0, -4.0 / 3.0, 2.0 / 3.0, 0.0, 0.0];
    assert!(gradient.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{gradient:?}");
}

/// One variable under the row `x <= 1`: with its slack, `c x + mu/2 (x^2 + (1 - x)^2)` is least at `(1 - c/mu) / 2`, at most 1.
/// Between -1 and 2: `c x + mu/2 (x^2 + (2 - x)^2 + (x + 1)^2)` at `(1 - c/mu) / 3`.
#[test]
fn slacks_count_too() {
    let row = |lo: f64, up: f64| {
        let program = Program::linear(vec![0.0]).with_rows(Csc::diagonal(&[1.0]), vec![lo], vec![up]);
        smooth_quadratic_with_slacks(formulation((program, ParamMap::costs(1))), 2.0).unwrap()
    };
    for c in [-5.0, -1.0, 0.3, 4.0] {
        let one = row(f64::NEG_INFINITY, 1.0);
        assert_eq!((one.program.n(), one.visible), (2, 1));
        let x = decision(one, &[c])[0];
        assert!((x - ((1.0 - c / 2.0) / 2.0).min(1.0)).abs() < 1e-12, "{x} at {c}");
        let two = row(-1.0, 2.0);
        assert_eq!((two.program.n(), two.program.m(), two.visible), (3, 2, 1));
        let x = decision(two, &[c])[0];
        assert!((x - ((1.0 - c / 2.0) / 3.0).clamp(-1.0, 2.0)).abs() < 1e-12, "{x} at {c}");
    }
}

/// Smoothing what theta has moved is moving what was smoothed: the links follow their entries.
#[test]
fn links_follow_their_entries() {
    let mut rng = Rng::seeded(17);
    for trial in 0..20 {
        let q = random_qp(2 + trial % 5, trial % 9, &mut rng);
        let moved = |base: &Program, params: &ParamMap| {
            let mut out = base.clone();
            params.push(&q.theta, base, &mut out).unwrap();
            out
        };
        for smooth in [smooth_quadratic, smooth_quadratic_with_slacks] {
            let first = smooth(formulation((moved(&q.base, &q.params), ParamMap::new(0))), 0.7).unwrap().program;
            let last = smooth(formulation((q.base.clone(), q.params.clone())), 0.7).unwrap();
            last.params.check(&last.program).unwrap();
            let last = moved(&last.program, &last.params);
            // mu and a parameter may be added to a diagonal in either order.
            assert!(first.p.values().iter().zip(last.p.values()).all(|(a, b)| (a - b).abs() < 1e-14), "trial {trial}");
            assert_eq!(Program { p: first.p.clone(), ..last }, first, "trial {trial}");
        }
    }
}

/// Every entry of a random program, through the smoothed one with its slacks.
#[test]
fn derivatives_match_central_differences() {
    let mut rng = Rng::seeded(18);
    for trial in 0..20 {
        let q = random_qp(6, 7, &mut rng);
        let solver = solver(smooth_quadratic_with_slacks(formulation((q.base, q.params)), 0.2).unwrap());
        // Smoothing moves the optimum, so a draw may lie near a kink; none of these does.
        let errors = [vjp_error(&solver, &q.theta, 1e-6, &mut rng), jvp_error(&solver, &q.theta, 1e-6, &mut rng)];
        assert!(errors.iter().all(|e| *e < 1e-5), "trial {trial}: {errors:?}");
    }
}

/// For a small mu the smoothed linear program has the vertex for its optimum, and no gradient there.
#[test]
fn a_small_mu_finds_the_vertex() {
    let smoothed = |mu| smooth_quadratic(formulation(super::simplex(3)), mu).unwrap();
    let theta = [0.5, 0.2, 0.9];
    // The gap to the second best is 0.3: a vertex up to mu = 0.3.
    assert!(decision(smoothed(0.29), &theta).iter().zip([0.0, 1.0, 0.0]).all(|(a, b)| (a - b).abs() < 1e-12));
    assert!(decision(smoothed(0.4), &theta)[0] > 0.1);
}

#[test]
fn bad_input_is_refused() {
    let with = |mu| smooth_quadratic(formulation(unit_box(1)), mu).unwrap_err();
    for mu in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(matches!(with(mu), Error::Domain { what: "smoothing mu", .. }));
    }
    let (mut program, params) = unit_box(1);
    program.lo[0] = 2.0;
    assert!(matches!(smooth_quadratic(formulation((program, params)), 1.0), Err(Error::CrossedBounds { .. })));
    let linked = ParamMap::new(1).link(Entry::C(0), 0, 1.0);
    assert_eq!(smooth_quadratic(formulation((unit_box(1).0, linked.clone())), 1.0).unwrap().params, linked);
}
