//! Every kind of parameter of a model written in good_lp: the model at other values is the model written with those values, and its
//! derivatives are central differences and agree by a second route.
#![cfg(feature = "modelling")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::{Batch, Call, Key, Stream};
use dfl_solvers::layer::{self, Answer, Bound, ConstraintReference, Layer, Model, Parameter, Target, at_least, at_most, good_lp};
use dfl_solvers::{Backend, Deciding};
use good_lp::{Expression, Variable, constraint, variable, variables};

/// Names of the parameters, their values, and those that the model is written with.
const PARAMETERS: [(&str, f64); 12] = [
    ("cost[x0]", -1.0),
    ("cost[x3]", -4.0),
    ("total", 4.0),
    ("demand", 0.7),
    ("capacity", 1.1),
    ("share", 1.3),
    ("use", 0.9),
    ("least", 0.2),
    ("most", 0.5),
    ("placeholder", 0.6),
    ("curvature", 1.2),
    ("interaction", 0.4),
];

struct Written {
    model: Model,
    x: Vec<Variable>,
    placeholder: Variable,
    /// `total` (=), `demand` (>=), `capacity` (<=), `floor` (>=).
    rows: [ConstraintReference; 4],
}

/// With these numbers in place: a minimum, or the maximum of the opposite.
fn written(v: &[f64], maximise: bool) -> Written {
    let mut vars = variables!();
    let mut add = |j: usize| {
        let one = variable().name(format!("x{j}"));
        vars.add(match j {
            5 => one.max(v[8]),
            6 => one.min(v[7]),
            _ => one,
        })
    };
    let x: Vec<Variable> = (0..7).map(&mut add).collect();
    let placeholder = vars.add(variable().min(v[9]).max(v[9]).name("d"));
    let costs = [v[0], 1.5, 1.8, v[1], 3.0, -4.0, 5.0];
    let cost: Expression = costs.iter().zip(&x).map(|(&c, &x)| c * x).sum::<Expression>() + 0.25;
    let mut model = if maximise { layer::maximise(vars, -cost) } else { layer::minimise(vars, cost) };
    let sign = if maximise { -1.0 } else { 1.0 };
    for (j, curvature) in [v[10], 1.0, 0.8, 1.1, 0.9, 1.0, 0.7].into_iter().enumerate() {
        model.add_quadratic(x[j], x[j], sign * curvature);
    }
    model.add_quadratic(x[1], x[0], sign * v[11]);
    let rows = [
        constraint!(x.iter().sum::<Expression>() + (v[5] - 1.0) * x[1] == v[2]).set_name("total".into()),
        constraint!(2.0 * x[1] + x[2] >= v[3] - x[6]).set_name("demand".into()),
        constraint!(x[1] + v[6] * x[3] <= v[4]).set_name("capacity".into()),
        constraint!(x[4] >= 0.5 * placeholder + 0.1).set_name("floor".into()),
    ];
    let rows = rows.map(|row| model.add_constraint(row));
    Written { model, x, placeholder, rows }
}

/// The same with the numbers named.
fn named(maximise: bool) -> (Layer, Vec<Parameter>, Vec<Variable>, [ConstraintReference; 4]) {
    let nominal: Vec<f64> = PARAMETERS.iter().map(|p| p.1).collect();
    let Written { mut model, x, placeholder, rows } = written(&nominal, maximise);
    let [total, demand, capacity, _] = rows;
    let parameters = vec![
        model.cost_of("cost", &[x[0], x[3]]).unwrap(),
        model.rhs_of("total", &[total]).unwrap(),
        model.rhs_of("demand", &[at_least(demand)]).unwrap(),
        model.rhs_of("capacity", &[at_most(capacity)]).unwrap(),
        model.coefficient("share", total, x[1]).unwrap(),
        model.coefficient("use", at_most(capacity), x[3]).unwrap(),
        model.bound_of("least", Bound::Lower, &[x[6]]).unwrap(),
        model.bound_of("most", Bound::Upper, &[x[5]]).unwrap(),
        model.bound_of("placeholder", Bound::Both, &[placeholder]).unwrap(),
        model.quadratic_of("curvature", x[0], x[0]).unwrap(),
        model.quadratic_of("interaction", x[0], x[1]).unwrap(),
    ];
    (model.layer().unwrap(), parameters, x, rows)
}

fn close(a: f64, b: f64, tolerance: f64, what: &str) {
    assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "{what}: {a} and {b}");
}

/// Costs and curvature have the sign of the model, so that a maximum has the opposite ones.
fn theta(values: &[f64], maximise: bool) -> Vec<f64> {
    let flips = |k: usize| maximise && matches!(k, 0 | 1 | 10 | 11);
    values.iter().enumerate().map(|(k, &v)| if flips(k) { -v } else { v }).collect()
}

#[test]
fn names_and_numbers_survive() {
    for maximise in [false, true] {
        let (layer, parameters, x, rows) = named(maximise);
        assert_eq!(layer.parameter_names(), PARAMETERS.map(|p| p.0));
        assert_eq!(layer.variable_names(), ["x0", "x1", "x2", "x3", "x4", "x5", "x6", "d"]);
        assert_eq!(layer.constraint_names(), ["total", "demand", "capacity", "floor"]);
        assert_eq!(layer.nominal().unwrap(), theta(&PARAMETERS.map(|p| p.1), maximise));
        assert_eq!((layer.variable("x3").unwrap(), layer.constraint("capacity").unwrap()), (x[3], rows[2]));
        assert_eq!(layer.parameter("use").unwrap(), parameters[5]);
    }
}

/// The interesting constraints are tight with a multiplier, so that every parameter does something.
#[test]
fn the_model_at_other_values_is_the_model_written_with_them() {
    for maximise in [false, true] {
        let (layer, ..) = named(maximise);
        for shift in [0.0, 0.03, -0.05] {
            let values = PARAMETERS.map(|p| p.1 + shift);
            let ours = layer.solve(&theta(&values, maximise)).unwrap();
            let Written { model, rows, .. } = written(&values, maximise);
            let plain = model.solve().unwrap();
            close(ours.objective(), plain.objective(), 1e-12, "objective");
            ours.decision().iter().zip(plain.decision()).for_each(|(a, b)| close(*a, *b, 1e-10, "decision"));
            for (row, name) in rows.into_iter().zip(layer.constraint_names()) {
                let dual = plain.dual(row).unwrap();
                close(ours.dual(layer.constraint(name).unwrap()).unwrap(), dual, 1e-9, name);
                assert!(dual.abs() > 0.05, "{name} is not tight: {dual}");
            }
        }
    }
}

fn differences(layer: &Layer, k: usize, of: impl Fn(&Answer) -> f64) -> f64 {
    const STEP: f64 = 1e-5;
    let at = |step: f64| {
        let mut theta = layer.nominal().unwrap();
        theta[k] += step;
        of(&layer.solve(&theta).unwrap())
    };
    (at(STEP) - at(-STEP)) / (2.0 * STEP)
}

/// Central differences of step 1e-5 are off by 1e-10, and by the rounding of the solve over it, 1e-10.
#[test]
fn every_derivative_is_a_central_difference() {
    for maximise in [false, true] {
        let (layer, parameters, x, rows) = named(maximise);
        let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
        assert!(answer.status().unwrap().is_derivative() && answer.status().unwrap().reasons().is_empty());
        let (mut k, matrix) = (0, answer.sensitivity_matrix().unwrap());
        for &p in &parameters {
            let (envelope, implicit) = (answer.envelope_gradient(p).unwrap(), answer.implicit_gradient(p).unwrap());
            for (c, &gradient) in envelope.iter().enumerate() {
                let name = layer.parameter_names()[k].clone();
                assert!(gradient.abs() > 0.01, "{name} does nothing");
                close(gradient, differences(&layer, k, Answer::objective), 1e-8, &name);
                close(gradient, implicit[c], 1e-10, &name);
                for (j, &xj) in x.iter().enumerate() {
                    let d = answer.sensitivity(xj, p).unwrap()[c];
                    assert_eq!(d, matrix.get(&format!("x{j}"), &name).unwrap());
                    close(d, differences(&layer, k, |a| a.x(xj).unwrap()), 1e-7, &name);
                }
                for row in rows {
                    let d = answer.dual_sensitivity(row, p).unwrap()[c];
                    close(d, differences(&layer, k, |a| a.dual(row).unwrap()), 1e-7, &name);
                }
                k += 1;
            }
        }
        assert_eq!(k, PARAMETERS.len());
    }
}

/// A maximum of the opposite has the same decision, the same prices of inequalities, and opposite values, prices of equalities and gradients.
#[test]
fn a_maximum_has_the_signs_of_a_maximum() {
    let (least, p, x, rows) = named(false);
    let (most, q, _, other_rows) = named(true);
    let [a, b] = [least, most].map(|layer| layer.solve(&layer.nominal().unwrap()).unwrap());
    close(a.objective(), -b.objective(), 1e-12, "objective");
    a.decision().iter().zip(b.decision()).for_each(|(a, b)| close(*a, *b, 1e-10, "decision"));
    for (i, row) in rows.into_iter().enumerate() {
        let other = b.dual(other_rows[i]).unwrap();
        close(a.dual(row).unwrap(), if i == 0 { -other } else { other }, 1e-9, "dual");
        assert!(i == 0 || other > 0.0, "the price of an inequality");
    }
    for (k, (p, q)) in p.into_iter().zip(q).enumerate() {
        let of_model = matches!(k, 0 | 9 | 10);
        let (ga, gb) = (a.envelope_gradient(p).unwrap(), b.envelope_gradient(q).unwrap());
        // The costs of the maximum are the opposite ones too, which turns the sign once more.
        ga.iter().zip(&gb).for_each(|(ga, gb)| close(*ga, if of_model { *gb } else { -gb }, 1e-9, "gradient"));
        let (da, db) = (a.sensitivity(x[2], p).unwrap(), b.sensitivity(x[2], q).unwrap());
        da.iter().zip(&db).for_each(|(da, db)| close(*da, if of_model { -db } else { *db }, 1e-9, "sensitivity"));
    }
    let (ha, hb) = (a.reduced_hessian().unwrap(), b.reduced_hessian().unwrap());
    assert!(ha.eigenvalues[0] > 0.0 && hb.eigenvalues.iter().all(|v| *v < 0.0));
    // At the upper bound a minimum would fall with it, a maximum rise.
    assert!(a.reduced_cost(x[5]).unwrap() < 0.0 && b.reduced_cost(x[5]).unwrap() > 0.0);
    assert!(a.reduced_cost(x[6]).unwrap() > 0.0 && a.reduced_cost(x[0]).unwrap() == 0.0);
}

/// `gradient_of` is the transpose of the matrix, the estimate its product, and the one-sided derivative the same where there is one.
#[test]
fn the_ways_to_apply_the_sensitivity_agree() {
    let (layer, _, _, _) = named(false);
    let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
    let matrix = answer.sensitivity_matrix().unwrap();
    let g: Vec<f64> = (0..8).map(|j| (1.3 * f64::from(j)).sin()).collect();
    let gradient = answer.gradient_of(&g).unwrap();
    for (k, gradient) in gradient.iter().enumerate() {
        close(*gradient, (0..8).map(|j| matrix.row(j)[k] * g[j]).sum(), 1e-11, "gradient_of");
    }
    let step: Vec<f64> = (0..12).map(|k| 1e-3 * (0.7 * f64::from(k)).cos()).collect();
    let (estimate, one_sided) = (answer.estimate(&step).unwrap(), answer.directional(&step).unwrap());
    for j in 0..8 {
        let by_matrix: f64 = matrix.row(j).iter().zip(&step).map(|(d, s)| d * s).sum();
        close(estimate[j] - answer.decision()[j], by_matrix, 1e-12, "estimate");
        close(one_sided[j], by_matrix, 1e-10, "directional");
    }
    let solved = answer.resolve_estimate(&step).unwrap();
    assert_eq!(solved.estimate, estimate);
    // Quadratic in the step: coefficients move too.
    assert!(solved.error < 2e-5 && solved.error > 1e-9, "{}", solved.error);
    let half: Vec<f64> = step.iter().map(|s| s / 2.0).collect();
    let ratio = solved.error / answer.resolve_estimate(&half).unwrap().error;
    assert!((ratio - 4.0).abs() < 0.1, "{ratio}");
}

/// The formulation under every backend that takes it, with the derivative of that backend's own decider.
#[test]
fn every_backend_takes_and_differentiates_the_formulation() {
    for (maximise, backend) in [false, true].into_iter().flat_map(|m| Backend::ALL.map(|b| (m, b))) {
        if !backend.built_in() || matches!(backend, Backend::Separable | Backend::Highs) {
            continue; // These take no products of two variables.
        }
        let (layer, ..) = named(maximise);
        let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
        let decider = layer.with_backend(backend).decider(&Deciding::default()).unwrap();
        let call = Call { keys: &[Key { id: 0, slot: 0 }], stream: Stream::default(), backward: true };
        let found = decider.forward(&Batch::from_rows(&[answer.theta()]).unwrap(), &call).unwrap();
        found.x.row(0).iter().zip(answer.decision()).for_each(|(a, b)| close(*a, *b, 1e-8, backend.id()));
        close(found.objective[0], if maximise { -answer.objective() } else { answer.objective() }, 1e-8, backend.id());
        let g: Vec<f64> = (0..8).map(|j| (1.3 * f64::from(j)).sin()).collect();
        let pulled = found.back.unwrap().pull(&Batch::from_rows(&[&g]).unwrap()).unwrap();
        pulled.row(0).iter().zip(answer.gradient_of(&g).unwrap()).for_each(|(a, b)| close(*a, b, 1e-7, backend.id()));
    }
}

/// One parameter that moves a cost, a side, a coefficient and a bound, besides another that is one of them.
#[test]
fn an_affine_parameter_moves_several_numbers() {
    let nominal = PARAMETERS.map(|p| p.1);
    let Written { mut model, x, rows, .. } = written(&nominal, false);
    let p = model.cost_of("cost", &[x[0]]).unwrap();
    let moves = [
        (Target::Cost(x[0]), 0.5),
        (Target::Rhs(at_least(rows[1])), -1.0),
        (Target::Coefficient(at_most(rows[2]), x[3]), 2.0),
        (Target::Upper(x[5]), 0.3),
        (Target::Quadratic(x[0], x[1]), 0.7),
    ];
    let q = model.affine("weather", 2.0, &moves).unwrap();
    let layer = model.layer().unwrap();
    assert_eq!(layer.nominal().unwrap(), [nominal[0], 2.0]);
    let t = layer.theta(&[(p, &[-0.9]), (q, &[2.05])]).unwrap();
    let mut values = nominal;
    for (k, change) in [(0, 0.1 + 0.5 * 0.05), (3, -0.05), (6, 0.1), (8, 0.3 * 0.05), (11, 0.7 * 0.05)] {
        values[k] += change;
    }
    let plain = written(&values, false).model.solve().unwrap();
    let ours = layer.solve(&t).unwrap();
    ours.decision().iter().zip(plain.decision()).for_each(|(a, b)| close(*a, *b, 1e-10, "decision"));
    let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
    close(answer.envelope_gradient(q).unwrap()[0], differences(&layer, 1, Answer::objective), 1e-8, "weather");
    close(answer.implicit_gradient(q).unwrap()[0], answer.envelope_gradient(q).unwrap()[0], 1e-10, "weather");
    for &x in &x {
        close(answer.sensitivity(x, q).unwrap()[0], differences(&layer, 1, |a| a.x(x).unwrap()), 1e-7, "weather");
    }
}
