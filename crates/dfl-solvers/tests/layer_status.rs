//! Why a sensitivity is not a derivative, by name; and that where the status says it is one, differences from both sides agree with it.
#![cfg(feature = "modelling")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::{Batch, Rng, Status};
use dfl_solvers::layer::{self, Answer, Bound, Layer, Reason, SensitivityStatus, at_least, at_most, good_lp};
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
        [Reason::Redundant { names, parameters }] => {
            assert_eq!(parameters, &["demand"]);
            names.clone()
        }
        other => panic!("{other:?}"),
    };
    names.sort();
    assert_eq!(names, ["first", "twin"]);
    assert!(["cost[x]", "cost[y]", "both"].iter().all(|p| found.is_derivative_in(p)) && !found.is_derivative_in("demand"));
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
    assert_eq!(status(&answer).reasons(), []);
    agrees_from_both_sides(&only_costs, &answer);
    model.rhs_of("budget", &[budget]).unwrap();
    let layer = model.layer().unwrap();
    let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
    let found = status(&answer);
    assert!(!found.is_derivative_in("budget") && found.is_derivative_in("cost[x[0]]"), "{found}");
    assert!(found.to_string().contains("upper bound of x[0]"), "{found}");
    agrees_from_both_sides(&layer, &answer);
}

#[test]
fn other_optima_and_vertices_are_told() {
    // min x + y, x + y >= 1: every point of a segment.
    let segment = |tilt: f64| {
        let mut vars = variables!();
        let (x, y) = (vars.add(variable().min(0).name("x")), vars.add(variable().min(0).name("y")));
        let z = vars.add(variable().min(1).name("z"));
        let mut model = layer::minimise(vars, (1.0 + tilt) * x + y + z).with(constraint!(x + y >= 1).set_name("row".into()));
        model.cost_of("cost", &[x, y]).unwrap();
        let layer = model.layer().unwrap();
        layer.solve(&layer.nominal().unwrap()).unwrap()
    };
    let flat = status(&segment(0.0));
    assert!(flat.reasons().contains(&Reason::NotUnique(strings(&["x", "y"]))), "{flat}");
    assert!(!flat.is_derivative() && !flat.value_is_derivative());
    let vertex = segment(0.5);
    assert_eq!(status(&vertex).reasons(), [Reason::Vertex]);
    assert!(status(&vertex).is_derivative());
    assert!(vertex.sensitivity_matrix().unwrap().values().iter().all(|d| *d == 0.0));
}

/// The rows of a batch that were solved, and that have a derivative.
#[test]
fn a_batch_is_counted() {
    let mut vars = variables!();
    let x = vars.add(variable().max(1).name("x"));
    let mut model = layer::minimise(vars, -2 * x).quadratic(x, x, 1.0);
    let floor = model.add_constraint(constraint!(x >= 0));
    model.cost_of("cost", &[x]).unwrap();
    model.rhs_of("floor", &[at_least(floor)]).unwrap();
    let layer = model.layer().unwrap();
    let rows = [[-1.0, 0.0], [-2.0, 0.0], [-3.0, 0.0], [-1.0, 2.0], [-1.0, 1.0]];
    let answers = layer.solve_batch(&Batch::from_rows(&rows).unwrap()).unwrap();
    let counts = answers.counts();
    // In the last row both bounds of x meet.
    assert_eq!((counts.rows, counts.solved, counts.differentiable, counts.value_differentiable), (5, 4, 2, 3));
    assert_eq!(answers.row(3).unwrap_err(), Status::Infeasible);
    assert_eq!(answers.row(2).unwrap().x(x).unwrap(), 1.0);
}

const STEP: f64 = 1e-4;

/// Where the status calls a component's sensitivity a derivative, differences from both sides agree with it, and where the value has one,
/// with the gradient. Returns how many components are derivatives, and how many of the others have two sides that differ.
fn agrees_from_both_sides(layer: &Layer, answer: &Answer) -> [usize; 3] {
    let (found, names) = (status(answer), layer.parameter_names());
    let (matrix, gradient) = (answer.sensitivity_matrix().unwrap(), answer.envelope_gradients().unwrap());
    let mut counts = [0; 3];
    for (k, name) in names.iter().enumerate() {
        let side = |sign: f64| {
            let mut theta = answer.theta().to_vec();
            theta[k] += sign * STEP;
            layer.solve(&theta).ok().map(|moved| {
                let slope = |a: f64, b: f64| (a - b) / (sign * STEP);
                let x: Vec<f64> = moved.decision().iter().zip(answer.decision()).map(|(a, b)| slope(*a, *b)).collect();
                (x, slope(moved.objective(), answer.objective()))
            })
        };
        let sides = (side(1.0), side(-1.0));
        if found.is_derivative_in(name) {
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

/// Small models whose numbers are small integers, so that rows repeat, bounds are met and multipliers vanish all the time; half are linear.
#[test]
fn what_is_called_a_derivative_is_one_on_degenerate_models() {
    let (mut rng, mut total, mut solved) = (Rng::seeded(5), [0; 3], 0);
    for case in 0..400 {
        let mut whole = |from: i64, count: usize| (from + rng.below(count) as i64) as f64;
        let mut vars = variables!();
        let x: Vec<Variable> = (0..3).map(|j| vars.add(variable().min(0).max(whole(1, 2)).name(format!("x{j}")))).collect();
        let costs: Vec<f64> = (0..3).map(|_| whole(-2, 5)).collect();
        let mut model = layer::minimise(vars, costs.iter().zip(&x).map(|(&c, &x)| c * x).sum::<Expression>());
        if case % 2 == 0 {
            x.iter().for_each(|&x| model.add_quadratic(x, x, 1.0));
        }
        let rows: Vec<_> = (0..2)
            .map(|_| {
                let terms: Expression = x.iter().map(|&x| whole(-1, 3) * x).sum();
                model.add_constraint(constraint!(terms <= whole(0, 3)))
            })
            .collect();
        model.cost_of("cost", &x).unwrap();
        model.rhs_of("side", &rows.iter().map(|&row| at_most(row)).collect::<Vec<_>>()).unwrap();
        model.bound_of("up", Bound::Upper, &x).unwrap();
        model.coefficient("entry", at_most(rows[0]), x[0]).unwrap();
        let layer = model.layer().unwrap();
        let Ok(answer) = layer.solve(&layer.nominal().unwrap()) else { continue };
        solved += 1;
        let counts = agrees_from_both_sides(&layer, &answer);
        (0..3).for_each(|k| total[k] += counts[k]);
    }
    println!("{solved} models: {} derivatives, {} not called so, {} of which have different sides", total[0], total[1], total[2]);
    assert!(solved > 300 && total[0] > 1000 && total[1] > 1000 && total[2] > 300, "{solved} {total:?}");
}
