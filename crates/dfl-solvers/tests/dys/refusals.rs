//! Bad input is named.

use dfl_core::{Adjoint, Cotangent, Csc, DifferentiableSolver, Entry, Error, ParamMap, Program, Rng, Solution, Solver};
use dfl_solvers::{Dys, DysDerivative, DysOptions};

use crate::programs::top_k;
use crate::{cases, solve};

fn refusal(options: DysOptions) -> String {
    Dys::new(top_k(4, 1), ParamMap::costs(4), options).unwrap_err().to_string()
}

#[test]
fn options_out_of_range_are_named() {
    type Change = fn(&mut DysOptions);
    let with = |change: Change| {
        let mut options = DysOptions::default();
        change(&mut options);
        refusal(options)
    };
    let cases: [(&str, Change); 13] = [
        ("DysOptions::mu: -1 is", |o| o.mu = -1.0),
        ("DysOptions::mu: NaN is", |o| o.mu = f64::NAN),
        ("DysOptions::mu: inf is", |o| o.mu = f64::INFINITY),
        ("DysOptions::mu: 0 is not accepted; it must be positive for the implicit", |o| o.mu = 0.0),
        ("DysOptions::step: 20 is not accepted; it must be positive and less than 2 / mu", |o| o.step = Some(20.0)),
        ("DysOptions::step: 0 is", |o| o.step = Some(0.0)),
        ("DysOptions::step: NaN is", |o| o.step = Some(f64::NAN)),
        ("DysOptions::step: inf is", |o| (o.mu, o.step, o.derivative) = (0.0, Some(f64::INFINITY), DysDerivative::Unrolled)),
        ("DysOptions::tolerance: -1 is", |o| o.tolerance = -1.0),
        ("DysOptions::tolerance: NaN is", |o| o.tolerance = f64::NAN),
        ("DysOptions::tolerance: 2 is", |o| o.tolerance = 2.0),
        ("DysOptions::memory: 17 is not accepted; it must be at most 16", |o| o.memory = 17),
        ("DysOptions::iterations: 0 is not accepted; it must be at least 1", |o| o.iterations = 0),
    ];
    for (message, change) in cases {
        let text = with(change);
        assert!(text.starts_with(message), "{text} instead of {message}");
    }
}

#[test]
fn programs_it_does_not_take_are_named() {
    let new = |program, params| Dys::new(program, params, DysOptions::default()).unwrap_err();
    let quadratic = top_k(4, 1).with_quadratic(Csc::diagonal(&[1.0; 4]));
    let integer = top_k(4, 1).with_integers(vec![true; 4]);
    let sides = ParamMap::new(1).rhs(0, 0, 1.0);
    for (error, what) in [
        (new(quadratic, ParamMap::costs(4)), "a quadratic term besides that of mu"),
        (new(integer, ParamMap::costs(4)), "integer variables"),
        (new(top_k(4, 1), sides), "a prediction of anything but costs"),
        (new(top_k(4, 1), ParamMap::new(1).link(Entry::A(0), 0, 1.0)), "a prediction of anything but costs"),
    ] {
        assert_eq!(error.to_string(), format!("dys does not offer {what}"));
    }
    assert!(matches!(new(Program::linear(vec![f64::NAN]), ParamMap::costs(1)), Error::NotFinite { what: "c", .. }));
    assert!(matches!(new(top_k(4, 1), ParamMap::costs(5)), Error::Domain { .. }));
    let crossed = top_k(2, 1).with_bounds(vec![1.0; 2], vec![0.0; 2]);
    assert!(matches!(new(crossed, ParamMap::costs(2)), Error::CrossedBounds { .. }));
}

#[test]
fn malformed_calls_are_named() {
    let solver = Dys::new(top_k(4, 1), ParamMap::costs(4), DysOptions::default()).unwrap();
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let nan = solver.solve(&[0.0, 1.0, f64::NAN, 0.0], None, &mut ws, &mut out).unwrap_err();
    assert!(matches!(nan, Error::NotFinite { what: "theta", column: 2, .. }), "{nan}");
    let short = solver.solve(&[0.0; 3], None, &mut ws, &mut out).unwrap_err();
    assert!(matches!(short, Error::Dimension { what: "theta", expected: 4, got: 3 }), "{short}");
    let other = solver.solve(&[0.0; 4], Some(&Solution::zeros(5, 1)), &mut ws, &mut out).unwrap_err();
    assert!(matches!(other, Error::Dimension { what: "from.x", .. }), "{other}");
    let mut info = solver.solve(&[0.1, 0.2, 0.3, 0.4], None, &mut ws, &mut out).unwrap();
    let tape = solver.tape(&[], &out, &mut ws, &mut info).unwrap();
    let pull = |cotangent: Cotangent<'_>| solver.vjp(&tape, cotangent, &mut Adjoint::default(), &mut [0.0; 4]).unwrap_err();
    assert!(matches!(pull(Cotangent { x: &[1.0; 3], ..Default::default() }), Error::Dimension { what: "cotangent on x", .. }));
    let on_rows = pull(Cotangent { x: &[1.0; 4], rows: &[1.0], ..Default::default() });
    assert!(matches!(on_rows, Error::Unsupported { what: "a derivative of the multipliers", .. }), "{on_rows}");
}

/// What a workspace solved before, and a start that is not finite, leave no trace.
#[test]
fn each_solve_is_for_itself() {
    let mut rng = Rng::seeded(13);
    for case in cases(&mut rng) {
        let solver = case.solver(DysOptions { mu: 0.3, ..Default::default() });
        let (fresh, info) = solve(&solver, &case.theta, None);
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let other: Vec<f64> = case.theta.iter().map(|t| -t).collect();
        solver.solve(&other, None, &mut ws, &mut out).unwrap();
        let mut broken = fresh.clone();
        broken.x[0] = f64::NAN;
        assert_eq!(solver.solve(&case.theta, Some(&broken), &mut ws, &mut out).unwrap(), info, "{}", case.name);
        assert_eq!(out, fresh, "{}", case.name);
    }
}
