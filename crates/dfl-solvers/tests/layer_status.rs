//! Why a sensitivity is not a derivative, by name; and that where the status says it is one, differences from both sides agree with it.
#![cfg(feature = "modelling")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::Rng;
use dfl_solvers::layer::{self, Answer, Bound, Layer, Model, Parameter, Reason, SensitivityStatus, Target, at_least, at_most, good_lp};
use good_lp::{Expression, Variable, constraint, variable, variables};

fn strings(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn status(answer: &Answer) -> SensitivityStatus {
    answer.status().unwrap()
}

/// min x^2 - c x with x <= 1, x <= cap (a row): at c = 2 and cap = 3 the bound is tight and the slope there is 0.
#[test]
fn a_weakly_active_bound_or_row_is_named() {
    for (cap, name) in [(3.0, "upper bound of x"), (0.5, "cap")] {
        let mut vars = variables!();
        let x = vars.add(variable().max(1).name("x"));
        let mut model = layer::minimise(vars, -2 * x).quadratic(x, x, 1.0).with(constraint!(x <= cap).set_name("cap".into()));
        let cost = model.cost_of("cost", &[x]).unwrap();
        let layer = model.layer().unwrap();
        let kink = if cap < 1.0 { -1.0 } else { -2.0 };
        let answer = layer.solve(&[kink]).unwrap();
        let found = status(&answer);
        assert_eq!(found.reasons(), [Reason::WeaklyActive { names: strings(&[name]), parameters: strings(&["cost"]) }]);
        assert!(!found.is_derivative() && found.value_is_derivative());
        assert_eq!(found.to_string(), format!("not a derivative in cost: {name} is tight without a multiplier (a kink)"));
        // A kink indeed: dx/dc is -1/2 on one side and 0 on the other; the sensitivity is one of them.
        let [right, left] = [1.0, -1.0].map(|d| d * answer.directional(&[d]).unwrap()[0]);
        assert!((right + 0.5).abs() < 1e-9 && left.abs() < 1e-9, "{left} {right}");
        let ours = answer.sensitivity(x, cost).unwrap()[0];
        assert!(ours == 0.0 || (ours + 0.5).abs() < 1e-12);
        // A step away on either side it is a derivative.
        assert!([kink - 0.1, kink + 0.1].iter().all(|&c| status(&layer.solve(&[c]).unwrap()).reasons().is_empty()));
    }
}

/// The same row twice, and a third that the two bounds imply: harmless for costs, not for the side of one.
#[test]
fn redundant_rows_are_named_with_the_parameters_that_part_them() {
    let mut vars = variables!();
    let (x, y) = (vars.add(variable().min(0).name("x")), vars.add(variable().min(0).name("y")));
    let mut model = layer::minimise(vars, x + 2 * y).quadratic(x, x, 1.0).quadratic(y, y, 1.0);
    let first = model.add_constraint(constraint!(x + y >= 2).set_name("first".into()));
    let twin = model.add_constraint(constraint!(2 * x + 2 * y >= 4).set_name("twin".into()));
    model.cost_of("cost", &[x, y]).unwrap();
    model.rhs_of("demand", &[at_least(first)]).unwrap();
    model.affine("both", 0.0, &[(layer::Target::Rhs(at_least(first)), 1.0), (layer::Target::Rhs(at_least(twin)), 2.0)]).unwrap();
    let layer = model.layer().unwrap();
    let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
    let found = status(&answer);
    let mut names = match found.reasons() {
        [Reason::Redundant { names, parameters }, Reason::DualsNotUnique(_)] => {
            assert_eq!(parameters, &["demand"]);
            names.clone()
        }
        other => panic!("{other:?}"),
    };
    names.sort();
    assert_eq!(names, ["first", "twin"]);
    let derivative = |name: &str| found.is_derivative_in(name).unwrap();
    assert!(["cost[x]", "cost[y]", "both"].into_iter().all(derivative) && !derivative("demand"));
    assert!(found.is_derivative_by(layer.parameter("cost").unwrap()).unwrap());
    assert!(!found.is_derivative_by(layer.parameter("demand").unwrap()).unwrap());
    assert_eq!(
        found.is_derivative_in("demnd").unwrap_err().to_string(),
        "unknown component `demnd`; known are cost[x], cost[y], demand, both"
    );
    // Of the multipliers only `first + 2 twin` is told by the optimum.
    assert!(!found.duals_are_unique() && found.reasons().iter().any(|r| matches!(r, Reason::DualsNotUnique(_))), "{found}");
    let [first, twin] = [first, twin].map(|row| answer.dual(row).unwrap());
    assert!((first + 2.0 * twin - (2.0 * answer.x(x).unwrap() + 1.0)).abs() < 1e-9);
    assert!(!found.is_derivative() && !found.value_is_derivative());
    agrees_from_both_sides(&layer, &answer);
    // Raising one of the twins moves the optimum, lowering it does not.
    let value = |demand: f64| layer.solve(&[1.0, 2.0, demand, 0.0]).unwrap().objective();
    assert!((value(2.001) - value(2.0)) / 1e-3 > 1.0 && (value(2.0) - value(1.999)).abs() < 1e-9);
}

/// All of the budget in one asset: its upper bound follows from the others and does no harm, unless the budget moves.
#[test]
fn a_bound_that_the_others_imply_does_no_harm() {
    variables! { vars: 0 <= x[3] <= 1; }
    let mut model = layer::minimise(vars, -2.0 * x[0] + 2.3 * x[1] + 0.6 * x[2]);
    x.iter().for_each(|&x| model.add_quadratic(x, x, 1.0));
    let budget = model.add_constraint(constraint!(x.iter().sum::<Expression>() == 1).set_name("budget".into()));
    model.cost_of("cost", &x).unwrap();
    let only_costs = model.clone().layer().unwrap();
    let answer = only_costs.solve(&only_costs.nominal().unwrap()).unwrap();
    assert_eq!(answer.decision(), [1.0, 0.0, 0.0]);
    // The multipliers of the budget and of the bound have a fixed sum only, whatever moves.
    let names = match status(&answer).reasons() {
        [Reason::DualsNotUnique(names)] => names.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(names, ["budget", "upper bound of x[0]", "lower bound of x[1]", "lower bound of x[2]"]);
    assert!(status(&answer).is_derivative() && status(&answer).value_is_derivative() && !status(&answer).duals_are_unique());
    agrees_from_both_sides(&only_costs, &answer);
    model.rhs_of("budget", &[budget]).unwrap();
    let layer = model.layer().unwrap();
    let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
    let found = status(&answer);
    assert!(!found.is_derivative_in("budget").unwrap() && found.is_derivative_in("cost[x[0]]").unwrap(), "{found}");
    assert!(found.to_string().contains("upper bound of x[0]"), "{found}");
    agrees_from_both_sides(&layer, &answer);
}

const STEP: f64 = 1e-4;

/// Where the status calls a component's sensitivity a derivative, differences from both sides agree with it, and where the value has one,
/// with the gradient. Returns how many components are derivatives, and how many of the others have two sides that differ.
fn agrees_from_both_sides(layer: &Layer, answer: &Answer) -> [usize; 3] {
    let (found, names) = (status(answer), layer.parameter_names());
    let (matrix, gradient) = (answer.sensitivity_matrix().unwrap(), answer.envelope_gradients().unwrap());
    let duals = answer.dual_sensitivity_matrix().unwrap();
    let mut counts = [0; 3];
    for (k, name) in names.iter().enumerate() {
        let side = |sign: f64| {
            let mut theta = answer.theta().to_vec();
            theta[k] += sign * STEP;
            layer.solve(&theta).ok().map(|moved| {
                let slope = |a: f64, b: f64| (a - b) / (sign * STEP);
                let x: Vec<f64> = moved.decision().iter().zip(answer.decision()).map(|(a, b)| slope(*a, *b)).collect();
                let duals = layer.constraint_names().iter().map(|name| {
                    let row = layer.constraint(name).unwrap();
                    slope(moved.dual(row).unwrap(), answer.dual(row).unwrap())
                });
                (x, slope(moved.objective(), answer.objective()), duals.collect::<Vec<f64>>())
            })
        };
        let sides = (side(1.0), side(-1.0));
        if found.is_derivative_in(name).unwrap() {
            let (right, left) = (sides.0.expect("a derivative has neighbours"), sides.1.expect("a derivative has neighbours"));
            for j in 0..answer.decision().len() {
                let ours = matrix.row(j)[k];
                let context = format!("{} by {name}: {ours}, {} and {}; {found}", matrix.rows()[j], right.0[j], left.0[j]);
                // A coefficient moves the decision by a curve.
                assert!(
                    (ours - right.0[j]).abs() < 0.02 * (1.0 + ours.abs()) && (ours - left.0[j]).abs() < 0.02 * (1.0 + ours.abs()),
                    "{context}"
                );
            }
            for (i, name) in layer.constraint_names().iter().enumerate().filter(|_| found.duals_are_unique()) {
                let ours = duals.row(i)[k];
                let close = |side: f64| (ours - side).abs() < 0.02 * (1.0 + ours.abs());
                assert!(close(right.2[i]) && close(left.2[i]), "dual of {name}: {ours}, {} and {}; {found}", right.2[i], left.2[i]);
            }
            let g = gradient[k];
            assert!((g - right.1).abs() < 0.02 * (1.0 + g.abs()) && (g - left.1).abs() < 0.02 * (1.0 + g.abs()), "value by {name}");
            counts[0] += 1;
        } else {
            counts[1] += 1;
            let differ = match sides {
                (Some(right), Some(left)) => right.0.iter().zip(&left.0).any(|(a, b)| (a - b).abs() > 0.02 * (1.0 + a.abs())),
                _ => true,
            };
            counts[2] += usize::from(differ);
        }
    }
    counts
}

/// A small model whose numbers are small integers, so that rows repeat, bounds meet and multipliers vanish all the time. Half are linear, a
/// third are maxima, a fifth have an equality; a bound may become a row, a placeholder stands in the second constraint.
fn degenerate(case: usize, rng: &mut Rng) -> Layer {
    let mut whole = |from: i64, count: usize| (from + rng.below(count) as i64) as f64;
    let (quadratic, maximum, equality) = (case.is_multiple_of(2), case.is_multiple_of(3), case.is_multiple_of(5));
    let mut vars = variables!();
    let mut add = |j: usize| {
        let lo = whole(-1, 3).max(0.0);
        vars.add(variable().min(lo).max(lo + whole(0, 3)).name(format!("x{j}")))
    };
    let x = [0, 1, 2].map(&mut add);
    let size = whole(0, 2);
    let d = vars.add(variable().min(size).max(size).name("d"));
    let cost: Expression = x.iter().map(|&x| whole(-2, 5) * x).sum();
    let mut model = if maximum { layer::maximise(vars, cost) } else { layer::minimise(vars, cost) };
    if quadratic {
        x.iter().for_each(|&x| model.add_quadratic(x, x, if maximum { -1.0 } else { 1.0 }));
        model.quadratic_of("bend", x[0], x[0]).unwrap();
    }
    let mut terms = || -> Expression { x.iter().map(|&x| whole(-1, 3) * x).sum() };
    let (first, second) = (terms(), terms());
    let rows = [
        model.add_constraint(constraint!(first <= whole(0, 3))),
        model.add_constraint(if equality { constraint!(second == whole(0, 3) + d) } else { constraint!(second <= whole(0, 3) + d) }),
    ];
    model.cost_of("cost", &x).unwrap();
    model.rhs_of("side", &rows.map(at_most)).unwrap();
    model.bound_of("up", Bound::Upper, &x).unwrap();
    model.bound_of("low", Bound::Lower, &x[..1]).unwrap();
    model.bound_of("d", Bound::Both, &[d]).unwrap();
    model.coefficient("entry", at_most(rows[0]), x[0]).unwrap();
    model.layer().unwrap()
}

#[test]
fn what_is_called_a_derivative_is_one_on_degenerate_models() {
    let (mut rng, mut total, mut solved, mut unique) = (Rng::seeded(5), [0; 3], 0, 0);
    for case in 0..600 {
        let layer = degenerate(case, &mut rng);
        let Ok(answer) = layer.solve(&layer.nominal().unwrap()) else { continue };
        solved += 1;
        unique += usize::from(status(&answer).duals_are_unique());
        let counts = agrees_from_both_sides(&layer, &answer);
        (0..3).for_each(|k| total[k] += counts[k]);
    }
    println!(
        "{solved} models, {unique} with unique multipliers: {} derivatives, {} not called so, {} of which have different sides",
        total[0], total[1], total[2]
    );
    assert!(solved > 300 && unique > 100 && total[0] > 1000 && total[1] > 1000 && total[2] > 300, "{solved} {unique} {total:?}");
}

/// min x, 0 <= x <= most at most = 0: one way nothing happens, the other way there is no point. Bounds that move together have a
/// derivative.
#[test]
fn bounds_that_meet_are_told_from_a_variable_that_is_held() {
    let built = |moves: fn(&mut Model, Variable) -> Parameter| {
        let mut vars = variables!();
        let (x, y) = (vars.add(variable().min(0).max(0).name("x")), vars.add(variable().name("y")));
        let mut model = layer::minimise(vars, x - y).quadratic(y, y, 1.0).quadratic(x, y, 0.5).quadratic(x, x, 1.0);
        model.cost_of("cost", &[x]).unwrap();
        moves(&mut model, x);
        let layer = model.layer().unwrap();
        let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
        agrees_from_both_sides(&layer, &answer);
        answer
    };
    let upper = built(|model, x| model.bound_of("most", Bound::Upper, &[x]).unwrap());
    let found = status(&upper);
    let apart = Reason::Redundant { names: strings(&["lower bound of x", "upper bound of x"]), parameters: strings(&["most"]) };
    assert_eq!(found.reasons(), [apart]);
    assert!(!found.is_derivative() && !found.value_is_derivative() && found.is_derivative_in("cost").unwrap());
    assert_eq!(upper.envelope_gradients().unwrap()[1], 0.0);
    let at = |most: f64| upper.layer().solve(&[1.0, most]);
    assert!(at(-1e-3).is_err() && (at(1e-3).unwrap().objective() - upper.objective()).abs() < 1e-9);
    let held = built(|model, x| model.bound_of("value", Bound::Both, &[x]).unwrap());
    assert_eq!(status(&held).reasons(), []);
    let together = built(|model, x| model.affine("shift", 0.0, &[(Target::Lower(x), 2.0), (Target::Upper(x), 2.0)]).unwrap());
    assert_eq!(status(&together).reasons(), []);
    let parting = built(|model, x| model.affine("shift", 0.0, &[(Target::Lower(x), 1.0), (Target::Upper(x), 2.0)]).unwrap());
    assert!(!status(&parting).is_derivative_in("shift").unwrap());
}
