//! What is wrong with a model is told by name.
#![cfg(feature = "modelling")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_solvers::layer::{self, Bound, ConstraintReference, Model, Target, at_least, at_most, good_lp};
use good_lp::{Variable, constraint, variable, variables};

/// min x + 2 y, x + y >= 1, y <= 3.
fn model() -> (Model, Variable, Variable, ConstraintReference) {
    let mut vars = variables!();
    let (x, y) = (vars.add(variable().min(0).name("x")), vars.add(variable().min(0).max(3).name("y")));
    let mut model = layer::minimise(vars, x + 2 * y);
    let row = model.add_constraint(constraint!(x + y >= 1).set_name("need".into()));
    (model, x, y, row)
}

/// A variable that no small model has.
fn stranger() -> Variable {
    let mut vars = variables!();
    vars.add_vector(variable(), 9)[8]
}

fn says<T: std::fmt::Debug>(result: dfl_core::Result<T>, text: &str) {
    assert_eq!(result.unwrap_err().to_string(), text);
}

const OTHER_ROW: &str = "a constraint of another model: number 0; use what add_constraint of this model returned";
const OTHER_PARAMETER: &str = "a parameter of another model: number 0; use what naming it in this model returned";

/// Copies of a model share what it had when they were made, and nothing that came later.
#[test]
fn a_copy_knows_only_what_the_model_had() {
    let (mut model, x, y, row) = model();
    let price = model.cost_of("price", &[x]).unwrap();
    let mut copy = model.clone();
    let (cap, most) = (model.add_constraint(constraint!(x <= 9)), model.bound_of("most", Bound::Upper, &[y]).unwrap());
    let copied = (copy.add_constraint(constraint!(y <= 2)), copy.cost_of("other", &[y]).unwrap());
    let [layer, copy] = [model, copy].map(|model| model.layer().unwrap());
    let [answer, other] = [&layer, &copy].map(|layer| layer.solve(&layer.nominal().unwrap()).unwrap());
    for answer in [&answer, &other] {
        assert_eq!((answer.dual(row).unwrap(), answer.envelope_gradient(price).unwrap()), (1.0, vec![1.0]));
    }
    assert!(answer.dual(cap).is_ok() && other.dual(copied.0).is_ok());
    let (other_row, other_parameter) = (OTHER_ROW.replace('0', "1"), OTHER_PARAMETER.replace('0', "1"));
    says(other.dual(cap), &other_row);
    says(answer.dual(copied.0), &other_row);
    says(other.envelope_gradient(most), &other_parameter);
    says(layer.theta(&[(copied.1, &[1.0])]), &other_parameter);
}

#[test]
fn parameters_that_cannot_be() {
    let (mut model, x, y, row) = model();
    model.cost_of("price", &[x]).unwrap();
    says(model.cost_of("price", &[y]), "two parameters of one name: price; choose another name");
    says(model.cost_of("cost", &[y, x]), "a number is a parameter twice: x (price and cost); name it once");
    says(model.cost_of("cost", &[y, y]), "a number is a parameter twice: y (cost and cost); name it once");
    says(model.cost_of("none", &[]), "a parameter that is no number of the model: none; name at least one number");
    says(model.cost_of("cost", &[stranger()]), "a variable of another model: v8; take variables of one model");
    let direction =
        "good_lp does not tell whether an inequality was written with <= or >=: need; say at_most(constraint) or at_least(constraint)";
    says(model.rhs_of("rhs", &[row]), direction);
    says(model.coefficient("a", row, x), direction);
    says(model.coefficient("a", at_least(row), stranger()), "a variable of another model: v8; take variables of one model");
    let (.., other) = self::model();
    says(model.rhs_of("rhs", &[at_least(other)]), OTHER_ROW);
    says(model.affine("w", 0.0, &[(Target::Upper(x), 1.0)]), "an infinite bound cannot be moved: x is inf; give it a finite bound first");
    says(model.affine("w", f64::NAN, &[(Target::Cost(x), 1.0)]), "a factor or nominal value is not finite: w (x); write a number");
    says(model.affine("w", 0.0, &[]), "a parameter that is no number of the model: w; name at least one number");
    // None of these has left anything behind.
    let layer = model.layer().unwrap();
    assert_eq!(layer.parameter_names(), ["price"]);
}

#[test]
fn unknown_names_list_the_known_ones() {
    let (mut model, x, _, row) = model();
    let price = model.cost_of("price", &[x]).unwrap();
    let layer = model.layer().unwrap();
    says(layer.variable("z").map(|_| ()), "unknown variable `z`; known are x, y");
    says(layer.constraint("c0"), "unknown constraint `c0`; known are need");
    says(layer.parameter("cost"), "unknown parameter `cost`; known are price");
    let answer = layer.solve(&[1.0]).unwrap();
    says(answer.x(stranger()), "a variable of another model: v8; take variables of one model");
    says(answer.sensitivity_matrix().unwrap().get("x", "cost"), "unknown column `cost`; known are price");
    let (mut other, x, ..) = self::model();
    other.cost_of("price", &[x]).unwrap();
    let other = other.layer().unwrap();
    says(other.solve(&[1.0]).unwrap().dual(row), OTHER_ROW);
    says(other.solve(&[1.0]).unwrap().envelope_gradient(price), OTHER_PARAMETER);
    says(other.solve(&[1.0]).unwrap().status().unwrap().is_derivative_by(price), OTHER_PARAMETER);
    says(other.theta(&[(price, &[1.0])]), OTHER_PARAMETER);
    let wrong = "a parameter with a wrong number of values: price has 1, not 2; give one for each component";
    says(layer.theta(&[(price, &[1.0, 2.0])]), wrong);
    says(layer.theta(&[(price, &[1.0]), (price, &[2.0])]), "a parameter is given twice: price; give it once");
    says(layer.solve(&[1.0, 2.0]), "theta: expected length 1, got 2");
    says(layer.solve(&[f64::NAN]), "a value is not finite: NaN for price; clean or drop this instance");
}

#[test]
fn numbers_and_variables_that_cannot_be() {
    let built = |change: &dyn Fn(Model, Variable) -> Model| {
        let (model, x, ..) = model();
        change(model, x).layer()
    };
    says(built(&|m, x| m.with(constraint!(f64::NAN * x <= 1))), "a number of the model is not finite: NaN for x in c1; write a number");
    let infinite = "a number of the model is not finite: the right-hand side inf of c1; write a number, or leave the constraint out";
    says(built(&|m, x| m.with(constraint!(x <= f64::INFINITY))), infinite);
    let odd = "a variable of another model: v8 in odd; take variables of one model";
    says(built(&|m, _| m.with(constraint!(stranger() <= 1).set_name("odd".into()))), odd);
    says(built(&|m, x| m.quadratic(x, x, f64::NAN)), "a number of the model is not finite: NaN for x * x; write a number");
    let product = "a variable of another model: v8 in a quadratic term; take variables of one model";
    says(built(&|m, x| m.quadratic(x, stranger(), 1.0)), product);
    let curved = |name: &str, pivot: &str| {
        let problem = "the quadratic term is not convex (for a maximum: not concave)";
        format!("{problem}: {name} (pivot {pivot}); a minimum needs positive curvature, a maximum negative")
    };
    says(built(&|m, x| m.quadratic(x, x, -1.0)), &curved("x", "-2.000e0"));
    let variables = |lo: f64, up: f64| {
        let mut vars = variables!();
        let z = vars.add(variable().min(lo).max(up).name("z"));
        layer::maximise(vars, z)
    };
    says(variables(f64::NAN, 1.0).layer(), "a bound is no number: NaN <= z <= 1; write a number, or leave the bound out");
    says(variables(2.0, 1.0).layer(), "a lower bound exceeds the upper one: 2 <= z <= 1; swap or widen them");
    let objective = "a variable of another model: v8 in the objective; take variables of one model";
    says(layer::maximise(variables!(), stranger()).layer(), objective);
    // A maximum wants the other sign, and a parameter may turn it.
    let mut vars = variables!();
    let z = vars.add(variable().max(4).name("z"));
    says(layer::maximise(vars.clone(), z).quadratic(z, z, 1.0).layer(), &curved("z", "-2.000e0"));
    let mut model = layer::maximise(vars, z).quadratic(z, z, -1.0);
    model.quadratic_of("bend", z, z).unwrap();
    let layer = model.layer().unwrap();
    assert!((layer.solve(&[-0.5]).unwrap().x(z).unwrap() - 1.0).abs() < 1e-12);
    says(layer.solve(&[0.5]), &curved("z", "-1.000e0"));
}

#[test]
fn a_model_without_optimum_says_what_contradicts_or_grows() {
    let (mut model, x, y, row) = model();
    model.add_constraint(constraint!(x + 2 * y <= 20).set_name("slack".into()));
    let cap = model.add_constraint(constraint!(x + y <= 8).set_name("cap".into()));
    let need = model.rhs_of("needed", &[at_least(row)]).unwrap();
    model.rhs_of("cap", &[at_most(cap)]).unwrap();
    model.cost_of("cost", &[x, y]).unwrap();
    model.bound_of("most", Bound::Upper, &[y]).unwrap();
    let layer = model.layer().unwrap();
    says(layer.solve(&layer.theta(&[(need, &[9.0])]).unwrap()), "no point satisfies these together: need, cap; relax one of them");
    let negative = "no point satisfies these together: cap, lower bound of x, lower bound of y; relax one of them";
    says(layer.solve(&[-5.0, -2.0, 1.0, 2.0, 3.0]), negative);
    says(layer.solve(&[1.0, 8.0, 1.0, 2.0, -1.0]), "no point satisfies these together: 0 <= y <= -1; relax one of them");
    let mut vars = variables!();
    let (a, b, c) = (vars.add(variable().name("a")), vars.add(variable().min(0).name("b")), vars.add(variable().name("c")));
    let model = layer::maximise(vars, a + b).quadratic(c, c, -1.0).with(constraint!(a + 2 * b <= 3)).with(constraint!(b <= 9));
    let solved = model.solve().unwrap();
    assert!((solved.objective() - 3.0).abs() < 1e-12 && (solved.x(a).unwrap() - 3.0).abs() < 1e-12);
    let mut vars = variables!();
    let (a, b, c) = (vars.add(variable().name("a")), vars.add(variable().min(0).name("b")), vars.add(variable().name("c")));
    let model = layer::maximise(vars, a + b).quadratic(c, c, -1.0).with(constraint!(a - b <= 3)).with(constraint!(c <= 9));
    says(model.solve(), "the objective has no bound as these grow: a, b; bound them");
}

/// A placeholder without a number has to be given one.
#[test]
fn a_parameter_without_a_number_is_asked_for() {
    let mut vars = variables!();
    let (x, d) = (vars.add(variable().name("x")), vars.add(variable().name("d")));
    let mut model = layer::minimise(vars, x).with(constraint!(x >= 2 * d - 1));
    let demand = model.bound_of("demand", Bound::Both, &[d]).unwrap();
    let layer = model.layer().unwrap();
    says(layer.nominal(), "the model has no number for a parameter: demand; give its value");
    let answer = layer.solve(&layer.theta(&[(demand, &[4.0])]).unwrap()).unwrap();
    assert_eq!((answer.x(x).unwrap(), answer.envelope_gradient(demand).unwrap()), (7.0, vec![2.0]));
}

/// The rest of a good_lp program goes on as it was: `value`, `eval_with`, names that repeat or are missing, constants.
#[test]
fn a_model_of_good_lp_is_handed_over_by_one_line() {
    use good_lp::{Solution as _, SolverModel as _, microlp};
    let build = || {
        variables! { vars: 0 <= a <= 1; 2 <= b[2] <= 4; }
        (vars, a, b)
    };
    let (vars, a, b) = build();
    let objective = 10 * (a - b[0] / 5) - b[1] + 3;
    let rows = || [constraint!(a + 2 <= b[0]), constraint!(1 + a >= 4. - b[1])];
    let theirs = vars.maximise(objective.clone()).using(microlp).with_all(rows()).solve().unwrap();
    let (vars, ..) = build();
    let ours = layer::maximise(vars, objective.clone()).with_all(rows()).solve().unwrap();
    for x in [a, b[0], b[1]] {
        assert!((ours.value(x) - theirs.value(x)).abs() < 1e-12);
    }
    assert!((objective.eval_with(&ours) - ours.objective()).abs() < 1e-12);
    assert!((objective.eval_with(&theirs) - ours.objective()).abs() < 1e-12);
    assert_eq!(ours.layer().variable_names(), ["a", "b[0]", "b[1]"]);
    assert_eq!(ours.layer().constraint_names(), ["c0", "c1"]);
    // One parameter that is both bounds of a variable has two components, and they have two names.
    let (vars, a, b) = build();
    let mut model = layer::minimise(vars, a);
    model.set("box", &[Target::Lower(a), Target::Upper(a), Target::Upper(b[1])]).unwrap();
    assert_eq!(model.layer().unwrap().parameter_names(), ["box[lower bound of a]", "box[upper bound of a]", "box[b[1]]"]);
}
