//! Models with integers: derivatives with the integers held, inside one region of the parameters, and two estimates that are none.
#![cfg(all(feature = "modelling", feature = "highs"))]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::{Batch, Key, Status, Stream};
use dfl_solvers::Deciding;
use dfl_solvers::layer::{self, Bound, Layer, Reason, at_most, good_lp};
use good_lp::{Variable, constraint, variable, variables};

/// Two sources of which each has to be switched on: 10 a unit and 50 to start, up to 8; 20 a unit and 5 to start, up to 6. The load is 4.
fn sources() -> (Layer, [Variable; 4]) {
    let mut vars = variables!();
    let [u, v] = ["u", "v"].map(|name| vars.add(variable().binary().name(name)));
    let [p, q] = ["p", "q"].map(|name| vars.add(variable().min(0).name(name)));
    let mut model = layer::minimise(vars, 10 * p + 20 * q + 50 * u + 5 * v);
    let cap = model.add_constraint(constraint!(p - 8 * u <= 0).set_name("cap p".into()));
    model.add_constraint(constraint!(q - 6 * v <= 0).set_name("cap q".into()));
    let load = model.add_constraint(constraint!(p + q == 4).set_name("load".into()));
    model.rhs_of("load", &[load]).unwrap();
    model.cost_of("price", &[p, q, u, v]).unwrap();
    model.coefficient("size", at_most(cap), u).unwrap();
    (model.layer().unwrap(), [u, v, p, q])
}

/// Up to a load of 4.5 the second source alone is the cheapest; then the first.
#[test]
fn value_and_dispatch_have_derivatives_with_the_commitment_held() {
    let (layer, x) = sources();
    for (load, [u, v, p, q], value, slope) in [(4.0, [0.0, 1.0, 0.0, 4.0], 85.0, 20.0), (5.0, [1.0, 0.0, 5.0, 0.0], 100.0, 10.0)] {
        let mut theta = layer.nominal().unwrap();
        theta[0] = load;
        let answer = layer.solve(&theta).unwrap();
        assert_eq!(x.map(|x| answer.x(x).unwrap()), [u, v, p, q]);
        assert_eq!(answer.objective(), value);
        let gradient = answer.envelope_gradients().unwrap();
        assert_eq!(gradient[..5], [slope, p, q, u, v]);
        let found = answer.status().unwrap();
        let held = Reason::FixedIntegers(vec!["u".into(), "v".into()]);
        assert!(found.is_derivative() && found.reasons().contains(&held), "{found}");
        for (k, &ours) in gradient.iter().enumerate() {
            let at = |step: f64| {
                let mut moved = theta.clone();
                moved[k] += step;
                layer.solve(&moved).unwrap()
            };
            let (more, less) = (at(1e-3), at(-1e-3));
            assert!((ours - (more.objective() - less.objective()) / 2e-3).abs() < 1e-7, "{k}");
            for (j, name) in layer.variable_names().iter().enumerate() {
                let d = answer.sensitivity_matrix().unwrap().get(name, &layer.parameter_names()[k]).unwrap();
                assert!((d - (more.decision()[j] - less.decision()[j]) / 2e-3).abs() < 1e-7, "{name} by {k}");
            }
        }
    }
    // Across the border between the regions the gradient of one of them is none.
    let at = |load: f64| {
        let theta = layer.theta(&[(layer.parameter("load").unwrap(), &[load])]).unwrap();
        layer.solve(&theta).unwrap()
    };
    let estimate = at(4.0).objective() + 20.0;
    assert!(estimate - at(5.0).objective() > 4.9);
}

/// The relaxation switches a source on as far as it is used: 10 + 50 / 8 against 20 + 5 / 6 a unit, so p = 4 and u = 1/2.
#[test]
fn relaxation_and_straight_through_are_told_from_derivatives() {
    let (layer, [u, _, p, q]) = sources();
    let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
    let load = layer.parameter("load").unwrap();
    let relaxed = answer.relaxation().unwrap();
    assert_eq!((relaxed.x(u).unwrap(), relaxed.x(p).unwrap(), relaxed.objective()), (0.5, 4.0, 65.0));
    assert_eq!(relaxed.envelope_gradient(load).unwrap(), [16.25]);
    assert_eq!(relaxed.sensitivity(u, load).unwrap(), [0.125]);
    let found = relaxed.status().unwrap();
    assert!(!found.is_derivative() && !found.value_is_derivative(), "{found}");
    assert!(found.to_string().starts_with("not a derivative of the model: u, v are relaxed"), "{found}");
    // The integers as the relaxation moves them, the rest with the integers held: there q follows the load, and p rests at 0 <= p <= 8 u.
    let estimate = answer.straight_through().unwrap();
    let by_load = |name: &str| estimate.get(name, "load").unwrap();
    assert_eq!((by_load("u"), by_load("v")), (0.125, 0.0));
    assert!((answer.sensitivity(q, load).unwrap()[0] - 1.0).abs() < 1e-12);
    assert!((by_load("p") + by_load("q") - 1.0).abs() < 1e-12, "the balance holds: {estimate}");
    let solved = relaxed.resolve_estimate(&[0.1, 0.0, 0.0, 0.0, 0.0, 0.0]).unwrap();
    assert!(solved.error < 1e-12);
}

/// A unit that runs follows its own integer: p <= 8 u is tight at a load of 9, and q takes the rest.
#[test]
fn straight_through_adds_what_follows_the_integers() {
    let (layer, [u, _, p, q]) = sources();
    let load = layer.parameter("load").unwrap();
    let answer = layer.solve(&layer.theta(&[(load, &[9.0])]).unwrap()).unwrap();
    assert_eq!([u, p, q].map(|x| answer.x(x).unwrap()), [1.0, 8.0, 1.0]);
    let relaxed = answer.relaxation().unwrap();
    // There u = 1, and v = q / 6 moves by 1/6.
    assert!((relaxed.sensitivity(layer.variable("v").unwrap(), load).unwrap()[0] - 1.0 / 6.0).abs() < 1e-12);
    let estimate = answer.straight_through().unwrap();
    let by_size = |name: &str| estimate.get(name, "size").unwrap();
    // The capacity is `p + size u <= 0`, at size -8: one less of it leaves one more to p and takes it from q; v of the relaxation falls by 1/6.
    for (name, by_hand) in [("p", -1.0), ("q", 1.0), ("v", 1.0 / 6.0), ("u", 0.0)] {
        assert!((by_size(name) - by_hand).abs() < 1e-12, "{name}: {}", by_size(name));
    }
    assert!((answer.sensitivity_matrix().unwrap().get("v", "size").unwrap()).abs() < 1e-12);
}

/// A decider of it is a black box, and solves the same.
#[test]
fn a_decider_with_integers_is_a_black_box() {
    let (layer, _) = sources();
    let decider = layer.decider(&Deciding::default()).unwrap();
    assert!(!decider.differentiable());
    let theta = layer.nominal().unwrap();
    let call = dfl_core::Call { keys: &[Key { id: 0, slot: 0 }], stream: Stream::default(), backward: false };
    let found = decider.forward(&Batch::from_rows(&[&theta]).unwrap(), &call).unwrap();
    assert_eq!(found.x.row(0), layer.solve(&theta).unwrap().decision());
}

/// x whole, 2 x = 1: the relaxation has a point.
#[test]
fn integers_that_cannot_be_are_the_reason() {
    let mut vars = variables!();
    let x = vars.add(variable().integer().min(0).max(5).name("x"));
    let mut model = layer::minimise(vars, x).with(constraint!(2 * x == 1).set_name("odd".into()));
    model.bound_of("most", Bound::Upper, &[x]).unwrap();
    let text = model.solve().unwrap_err().to_string();
    assert!(text.starts_with("no point satisfies these together: the constraints and whole numbers for x"), "{text}");
}

/// Forty items that do not fit, and the room there is.
fn items() -> (Layer, [f64; 1]) {
    let mut rng = dfl_core::Rng::seeded(3);
    let mut vars = variables!();
    let x = vars.add_vector(variable().binary().name("x"), 40);
    let mut draw = || f64::from(u32::try_from(20 + rng.below(80)).unwrap());
    let total = |of: &[f64]| -> good_lp::Expression { of.iter().zip(&x).map(|(&c, &x)| c * x).sum() };
    let [value, weight, size] = [0; 3].map(|_| x.iter().map(|_| draw()).collect::<Vec<_>>());
    let mut model = layer::maximise(vars, total(&value));
    let room = model.add_constraint(constraint!(total(&weight) <= 801.5));
    model.add_constraint(constraint!(total(&size) <= 777.5));
    model.rhs_of("room", &[at_most(room)]).unwrap();
    (model.layer().unwrap(), [801.5])
}

/// Forty items that do not fit, with a search that must not branch: an answer, but no proof that its integers are the best.
#[test]
fn integers_that_were_not_proven_are_told() {
    let (layer, room) = items();
    let limits = dfl_solvers::Limits { nodes: Some(1), ..dfl_solvers::Limits::default() };
    let answer = layer.clone().with_limits(limits).solve(&room).unwrap();
    assert!(matches!(answer.ended(), Status::Feasible { gap } if gap > 0.0), "{:?}", answer.ended());
    let found = answer.status().unwrap();
    assert!(found.reasons().contains(&Reason::NotProven) && !found.is_derivative() && !found.value_is_derivative());
    let best = layer.solve(&room).unwrap();
    assert!(best.objective() >= answer.objective() && best.status().unwrap().is_derivative());
}

/// max x, x whole and at most 5: less room makes it jump to 4, more does nothing. At 5.5 it rests either way.
#[test]
fn an_integer_at_a_moved_bound_jumps() {
    for lowest in [0.0, 1.0] {
        // With a lowest value above 0 the upper bound is a row of the program.
        let mut vars = variables!();
        let x = vars.add(variable().integer().min(lowest).max(5).name("x"));
        let mut model = layer::maximise(vars, 2 * x);
        let most = model.bound_of("most", Bound::Upper, &[x]).unwrap();
        model.cost_of("price", &[x]).unwrap();
        let layer = model.layer().unwrap();
        let answer = layer.solve(&[5.0, 2.0]).unwrap();
        let found = answer.status().unwrap();
        let apart = Reason::Redundant { names: vec!["upper bound of x".into()], parameters: vec!["most".into()] };
        assert!(found.reasons().contains(&apart), "{found}");
        assert!(!found.is_derivative() && !found.value_is_derivative() && found.is_derivative_in("price").unwrap());
        let at = |most: f64| layer.solve(&[most, 2.0]).unwrap();
        assert_eq!([4.999, 5.001].map(|most| at(most).objective()), [8.0, 10.0]);
        let inside = at(5.5);
        assert!(inside.status().unwrap().is_derivative() && inside.status().unwrap().duals_are_unique());
        assert_eq!((inside.envelope_gradient(most).unwrap(), inside.sensitivity(x, most).unwrap()), (vec![0.0], vec![0.0]));
        // Held at its value it has a price of either sign.
        assert_eq!(inside.reduced_cost(x).unwrap(), 2.0);
        // Relaxed it follows the bound, once.
        let relaxed = answer.relaxation().unwrap();
        assert_eq!(relaxed.straight_through().unwrap(), relaxed.sensitivity_matrix().unwrap());
        for estimate in [relaxed.straight_through().unwrap(), answer.straight_through().unwrap()] {
            assert!((estimate.get("x", "most").unwrap() - 1.0).abs() < 1e-12, "{estimate}");
        }
    }
    let mut vars = variables!();
    let x = vars.add(variable().integer().min(3).max(3).name("x"));
    let mut model = layer::maximise(vars, 2 * x);
    model.bound_of("value", Bound::Both, &[x]).unwrap();
    let layer = model.layer().unwrap();
    assert!(!layer.solve(&[3.0]).unwrap().status().unwrap().value_is_derivative());
    assert!(layer.solve(&[3.5]).is_err());
}

/// A search that must not branch, as the layer's limits say or as the decider's do.
#[test]
fn a_decider_keeps_the_limits_of_the_layer() {
    let (layer, rows) = items();
    let limits = dfl_solvers::Limits { nodes: Some(1), ..dfl_solvers::Limits::default() };
    let decided = |layer: Layer, limits: dfl_solvers::Limits| {
        let decider = layer.decider(&Deciding { limits, ..Deciding::default() }).unwrap();
        let call = dfl_core::Call { keys: &[Key { id: 0, slot: 0 }], stream: Stream::default(), backward: false };
        decider.forward(&Batch::from_rows(&[rows]).unwrap(), &call).unwrap().info[0].status
    };
    let none = dfl_solvers::Limits::default();
    for cut in [decided(layer.clone().with_limits(limits), none), decided(layer.clone(), limits)] {
        assert!(matches!(cut, Status::Feasible { .. }), "{cut}");
    }
    assert_eq!(decided(layer, none), Status::Optimal);
}
