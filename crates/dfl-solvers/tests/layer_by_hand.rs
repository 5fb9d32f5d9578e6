//! Small models written in good_lp against formulas, and against a program made by hand.
#![cfg(feature = "modelling")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::{Adjoint, Batch, Csc, DifferentiableSolver, Entry, ParamMap, Program, Solution, Solver, Status, decide};
use dfl_solvers::layer::{self, Bound, Row, Target, at_least, good_lp};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Backend, Deciding, Kkt};
use good_lp::{constraint, variable, variables};

fn close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: {a} and {b}");
}

/// min x^2 + 2 y^2 + c x, x + y >= b and y <= u, as a program made by hand under `Kkt`.
#[test]
fn the_sensitivity_is_that_of_kkt_on_a_program_made_by_hand() {
    let mut vars = variables!();
    let (x, y) = (vars.add(variable().name("x")), vars.add(variable().max(0.3).name("y")));
    let mut model = layer::minimise(vars, 0.5 * x).quadratic(x, x, 1.0).quadratic(y, y, 2.0);
    let row = model.add_constraint(constraint!(x + y >= 1));
    model.cost_of("c", &[x]).unwrap();
    model.rhs_of("b", &[at_least(row)]).unwrap();
    model.bound_of("u", Bound::Upper, &[y]).unwrap();
    let layer = model.layer().unwrap();

    let program = Program::linear(vec![0.0, 0.0])
        .with_quadratic(Csc::diagonal(&[2.0, 4.0]))
        .with_rows(Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap(), vec![0.0], vec![f64::INFINITY])
        .with_bounds(vec![f64::NEG_INFINITY; 2], vec![f64::INFINITY, 0.0]);
    let map = ParamMap::new(3).link(Entry::C(0), 0, 1.0).link(Entry::RowLo(0), 1, 1.0).link(Entry::Up(1), 2, 1.0);
    let kkt = Kkt::new(ActiveSet::new(program, map, ActiveSetOptions::default()).unwrap());
    let (mut ws, mut out) = (kkt.workspace().unwrap(), Solution::default());
    for theta in [[0.5, 1.0, 0.3], [0.5, 1.0, 5.0], [4.0, -3.0, 2.0]] {
        let answer = layer.solve(&theta).unwrap();
        let mut info = kkt.solve(&theta, None, &mut ws, &mut out).unwrap();
        assert_eq!(info.status, Status::Optimal);
        let tape = kkt.tape(&theta, &out, &mut ws, &mut info).unwrap();
        answer.decision().iter().zip(&out.x).for_each(|(a, b)| close(*a, *b, 1e-12, "x"));
        close(answer.dual(row).unwrap(), -out.row_dual[0], 1e-12, "dual");
        let matrix = answer.sensitivity_matrix().unwrap();
        for k in 0..3 {
            let (mut direction, mut dx, mut u) = ([0.0; 3], [0.0; 2], Adjoint::default());
            direction[k] = 1.0;
            kkt.jvp(&tape, &direction, &mut u, &mut dx).unwrap();
            (0..2).for_each(|j| close(matrix.row(j)[k], dx[j], 1e-12, "dx"));
            close(answer.dual_sensitivity_matrix().unwrap().row(0)[k], -u.rows[0], 1e-12, "ddual");
        }
    }
}

/// min x^2 + y^2, x + y = s, y - x >= g: V = (s^2 + g^2) / 2. Written either way round, with the numbers read off the same form.
#[test]
fn a_constraint_may_be_written_either_way_round() {
    for turned in [false, true] {
        let mut vars = variables!();
        let [x, y] = ["x", "y"].map(|name| vars.add(variable().name(name)));
        let mut model = layer::minimise(vars, 0.0 * x).quadratic(x, x, 1.0).quadratic(y, y, 1.0);
        let sum = model.add_constraint(if turned { constraint!(4 == x + y) } else { constraint!(x + y == 4) });
        let gap = model.add_constraint(if turned { constraint!(1 <= y - x) } else { constraint!(y - x >= 1) });
        let as_kept = model.clone();
        let row: Row = if turned { at_least(sum) } else { sum.into() };
        model.rhs_of("sides", &[row, at_least(gap)]).unwrap();
        let shares = [(row, x), (at_least(gap), y)].map(|(row, x)| Target::Coefficient(row, x));
        model.set("shares", &shares).unwrap();
        let layer = model.layer().unwrap();
        assert_eq!(layer.nominal().unwrap(), [4.0, 1.0, 1.0, 1.0]);
        let answer = layer.solve(&[4.0, 1.0, 1.0, 1.0]).unwrap();
        assert_eq!(answer.decision(), [1.5, 2.5]);
        let gradient = answer.envelope_gradients().unwrap();
        // Of the coefficients: minus the price of the side times the variable.
        gradient.iter().zip([4.0, 1.0, -6.0, -2.5]).for_each(|(a, b)| close(*a, b, 1e-12, "by hand"));
        // Without a direction the equality is left - right.
        let mut model = as_kept;
        model.rhs_of("side", &[sum]).unwrap();
        let sign = if turned { -1.0 } else { 1.0 };
        let answer = model.layer().unwrap().solve(&[sign * 4.0]).unwrap();
        close(answer.envelope_gradients().unwrap()[0], sign * 4.0, 1e-12, "as kept");
        close(answer.dual(sum).unwrap(), sign * 4.0, 1e-12, "dual");
        close(answer.dual(gap).unwrap(), 1.0, 1e-12, "dual");
    }
}

/// max 4 x + 6 y - x^2 - y^2 + k x y at k = -1, where 2 x - k y = 4 and 2 y - k x = 6.
#[test]
fn a_product_in_a_maximum_by_hand() {
    let mut vars = variables!();
    let [x, y] = ["x", "y"].map(|name| vars.add(variable().name(name)));
    let mut model = layer::maximise(vars, 4 * x + 6 * y).quadratic(x, x, -1.0).quadratic(y, y, -1.0).quadratic(y, x, -1.0);
    let (k, curvature) = (model.quadratic_of("k", x, y).unwrap(), model.quadratic_of("curvature", x, x).unwrap());
    let layer = model.layer().unwrap();
    assert_eq!(layer.nominal().unwrap(), [-1.0, -1.0]);
    let answer = layer.solve(&[-1.0, -1.0]).unwrap();
    let is = |ours: f64, by_hand: f64| close(ours, by_hand, 1e-12, "by hand");
    is(answer.x(x).unwrap(), 2.0 / 3.0);
    is(answer.x(y).unwrap(), 8.0 / 3.0);
    is(answer.objective(), 28.0 / 3.0);
    is(answer.envelope_gradient(k).unwrap()[0], 16.0 / 9.0);
    is(answer.implicit_gradient(k).unwrap()[0], 16.0 / 9.0);
    is(answer.sensitivity(x, k).unwrap()[0], 14.0 / 9.0);
    is(answer.sensitivity(y, k).unwrap()[0], -4.0 / 9.0);
    // x = (4 k + ..): d(2 x)/dcurvature = 4 x and 2 dy = -dx with the matrix [2 1; 1 2].
    is(answer.envelope_gradient(curvature).unwrap()[0], 4.0 / 9.0);
    is(answer.sensitivity(x, curvature).unwrap()[0], 8.0 / 9.0);
    is(answer.sensitivity(y, curvature).unwrap()[0], -4.0 / 9.0);
    // The Hessian of the maximum is [-2 -1; -1 -2].
    answer.reduced_hessian().unwrap().eigenvalues.iter().zip([-3.0, -1.0]).for_each(|(a, b)| is(*a, b));
}

/// An upper bound that is a parameter above a positive lower bound: at `theta = 0` the bounds cross, and the layer has to hold anyway, as a
/// decider too.
#[test]
fn a_bound_that_is_a_parameter_may_have_any_partner() {
    let mut vars = variables!();
    let (x, y) = (vars.add(variable().min(1).max(3).name("x")), vars.add(variable().min(2).max(9).name("y")));
    let mut model = layer::minimise(vars, -2 * x + y).quadratic(x, x, 0.1).quadratic(y, y, 0.1);
    let up = model.bound_of("up", Bound::Upper, &[x]).unwrap();
    let low = model.bound_of("low", Bound::Lower, &[y]).unwrap();
    let layer = model.layer().unwrap();
    let answer = layer.solve(&[3.0, 2.0]).unwrap();
    assert_eq!((answer.x(x).unwrap(), answer.x(y).unwrap()), (3.0, 2.0));
    // -2 + 2 * 0.1 * 3, and 1 + 2 * 0.1 * 2.
    close(answer.reduced_cost(x).unwrap(), -1.4, 1e-12, "x");
    close(answer.envelope_gradient(up).unwrap()[0], -1.4, 1e-12, "x");
    close(answer.reduced_cost(y).unwrap(), 1.4, 1e-12, "y");
    close(answer.envelope_gradient(low).unwrap()[0], 1.4, 1e-12, "y");
    assert_eq!(answer.sensitivity(x, up).unwrap(), [1.0]);
    let decider = layer.decider(&Deciding::default()).unwrap();
    let batch = Batch::from_rows(&[[3.0, 2.0], [1.5, 4.0]]).unwrap();
    assert_eq!(decide(&decider, &batch, &[0, 1]).unwrap().0.as_slice(), [3.0, 2.0, 1.5, 4.0]);
}

/// At `theta = 0`, where backends are set up, the quadratic term is not convex: that must not matter, since it is convex where it is used.
#[test]
fn a_curvature_that_is_a_parameter_may_have_any_partner() {
    let mut vars = variables!();
    let [x, y] = ["x", "y"].map(|name| vars.add(variable().min(-5).max(5).name(name)));
    let mut model = layer::minimise(vars, x - y).quadratic(x, x, 1.0).quadratic(x, y, 0.8).quadratic(y, y, 1.0);
    model.quadratic_of("bend", x, x).unwrap();
    let layer = model.layer().unwrap();
    // 2 b x + .8 y = -1 and .8 x + 2 y = 1.
    let by_hand = |b: f64| (-2.8 / (4.0 * b - 0.64), (2.0 * b + 0.8) / (4.0 * b - 0.64));
    for backend in Backend::ALL.into_iter().filter(|b| b.built_in() && !matches!(b, Backend::Separable | Backend::Highs)) {
        let decider = layer.clone().with_backend(backend).decider(&Deciding::default()).unwrap();
        for b in [0.5, 1.0, 3.0] {
            let (found, _) = decide(&decider, &Batch::from_rows(&[[b]]).unwrap(), &[0]).unwrap();
            close(found.row(0)[0], by_hand(b).0, 1e-8, backend.id());
            close(found.row(0)[1], by_hand(b).1, 1e-8, backend.id());
        }
    }
}
