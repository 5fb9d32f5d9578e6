//! Models by hand: the examples of `docs/files.md` against known and enumerated optima, what parameters move, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::error::Error as _;
use std::fs;
use std::path::Path;

use dfl_bench::user::{Predicted, UserProblem, read_table, read_user_problem};
use dfl_core::{Entry, Program, Result, Status};
use dfl_solvers::{Backend, Limits};

fn read(text: &str) -> Result<UserProblem> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plant.toml");
    fs::write(&path, text).unwrap();
    read_user_problem(&path, None)
}

/// The models in the documentation, in order.
fn documented() -> Vec<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/files.md")).unwrap();
    text.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

fn solve(problem: &UserProblem, theta: &[f64]) -> f64 {
    let answer = Backend::Auto.solve(&problem.at(theta).unwrap(), &Limits::default()).unwrap();
    assert_eq!(answer.info.status, Status::Optimal);
    problem.in_own_sense(answer.solution.objective)
}

/// All that the error and its causes say has `words`.
#[track_caller]
fn refused<T>(result: Result<T>, words: &[&str]) {
    let Err(error) = result else { panic!("accepted, where {words:?} was to be said") };
    let (mut text, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        text += &format!("\n{error}");
        cause = error.source();
    }
    words.iter().for_each(|word| assert!(text.contains(word), "`{word}` is not in: {text}"));
}

/// 153.675, as published with this example.
#[test]
fn the_transport_of_the_documentation() {
    let problem = read(&documented()[0]).unwrap();
    assert_eq!((problem.predicted, problem.parameters.len(), problem.name.as_str()), (Predicted::Costs, 6, "transport"));
    assert_eq!(problem.rows[1], "supply[san_diego]");
    assert_eq!(problem.variables[..2], ["ship[s,n]", "ship[s,c]"]);
    assert_eq!(problem.parameters[5], "rate[d,t]");
    let given = problem.given.clone().unwrap();
    assert_eq!(given, [0.225, 0.153, 0.162, 0.225, 0.162, 0.126]);
    assert!((solve(&problem, &given) - 153.675).abs() < 1e-9);
}

/// Least cost by going through all commitments: the coal runs full before the gas, as far as the least powers allow.
fn enumerated(demand: [f64; 3]) -> f64 {
    let hour = |d: f64, runs: bool, burns: bool| {
        let [coal_least, coal_most] = [40.0, 100.0].map(|v| if runs { v } else { 0.0 });
        let [gas_least, gas_most] = [10.0, 50.0].map(|v| if burns { v } else { 0.0 });
        let coal = f64::min(coal_most, d - gas_least);
        let gas = d - coal;
        let feasible = coal >= coal_least && gas >= gas_least && gas <= gas_most;
        feasible.then_some(10.0 * coal + 30.0 * gas + 200.0 * f64::from(runs) + 50.0 * f64::from(burns))
    };
    let plan = |bits: u32| {
        let runs = |t: usize| (bits >> t) & 1 == 1;
        let costs: Option<f64> = (0..3).map(|t| hour(demand[t], runs(t), (bits >> (3 + t)) & 1 == 1)).sum();
        let starts = (0..3).filter(|&t| runs(t) && (t == 0 || !runs(t - 1))).count();
        costs.map(|costs| costs + 500.0 * starts as f64)
    };
    (0..64).filter_map(plan).fold(f64::INFINITY, f64::min)
}

#[cfg(feature = "highs")]
#[test]
fn the_unit_commitment_of_the_documentation() {
    let problem = read(&documented()[1]).unwrap();
    assert_eq!((problem.predicted, problem.program.n(), problem.program.m()), (Predicted::Parameters, 15, 18));
    assert!(problem.params.moves(|e| matches!(e, Entry::RowLo(_))) && !problem.params.moves(|e| matches!(e, Entry::C(_))));
    assert_eq!(problem.given.as_deref(), Some([30.0, 90.0, 130.0].as_slice()));
    for demand in [[30.0, 90.0, 130.0], [45.0, 45.0, 45.0], [10.0, 150.0, 20.0], [60.0, 40.0, 101.0]] {
        let (got, expected) = (solve(&problem, &demand), enumerated(demand));
        assert!((got - expected).abs() < 1e-6 * expected, "{demand:?}: {got}, not {expected}");
    }
    let text = problem.explain_infeasible(&[30.0, 90.0, 151.0]).unwrap().unwrap();
    for part in ["row `balance[3]`: coal[3] + gas[3] >= 151", "`most[3]`", "`most_gas[3]`", "bound runs[3] <= 1", "bound burns[3] <= 1"] {
        assert!(text.contains(part), "{part} is not in: {text}");
    }
    assert_eq!(text.matches(" and ").count(), 4, "{text}");
    assert_eq!(problem.explain_infeasible(&[30.0, 90.0, 130.0]).unwrap(), None);
}

/// A parameter in each place that a program has; the program that comes of it written by hand.
#[test]
fn parameters_move_every_kind_of_entry() {
    let text = r#"
parameters = ["p", "q"]
objective = "2 p*x + 3 x + q*x*y + p*y^2 - (x - 2*y)/4 + 7"
[variables]
x = { lower = "1 - q", upper = 9 }
y = { lower = -1, upper = "2 (p + q) - 1", integer = true }
[constraints]
mixed = "2 x + p*y - q*x >= y + 3*p - 4"
range = "q <= x + y <= 5 + p"
same = "x - y = 2 q"
"#;
    let problem = read(text).unwrap();
    let (p, q) = (0.5, 1.25);
    let program = problem.at(&[p, q]).unwrap();
    let near = |got: f64, expected: f64| assert!((got - expected).abs() < 1e-12, "{got}, not {expected}");
    let (x, y) = (1.7, -0.3);
    near(program.objective(&[x, y]), 2.0 * p * x + 3.0 * x + q * x * y + p * y * y - (x - 2.0 * y) / 4.0 + 7.0);
    let mut rows = [0.0; 3];
    program.a.mul_add(1.0, &[x, y], &mut rows);
    near(rows[0], 2.0 * x + p * y - q * x - y);
    near(rows[1], x + y);
    near(rows[2], x - y);
    assert_eq!(program.row_lo, [3.0 * p - 4.0, q, 2.0 * q]);
    assert_eq!(program.row_up, [f64::INFINITY, 5.0 + p, 2.0 * q]);
    assert_eq!((program.lo, program.up, program.integer), (vec![1.0 - q, -1.0], vec![9.0, 2.0 * (p + q) - 1.0], vec![false, true]));
    assert_eq!((problem.predicted, problem.given), (Predicted::Parameters, None));
    problem.params.check(&problem.program).unwrap();
}

/// max 3 x + 2 y for x + y <= 4, x <= 3 is 11; tables have profits, theta is minus them.
#[test]
fn profits_of_a_model_that_maximises() {
    let text = "sense = \"maximise\"\nparameters = [\"py\", \"px\"]\nobjective = \"px*x + py*y\"\n\
        [variables]\nx = { lower = 0, upper = 3 }\ny = { lower = 0 }\n[constraints]\nc = \"x + y <= 4\"\n[values]\npx = 3\npy = 2\n";
    let problem = read(text).unwrap();
    assert_eq!((problem.predicted, problem.variables.join(" "), problem.maximise), (Predicted::Costs, "y x".into(), true));
    assert_eq!(problem.given.as_deref(), Some([-2.0, -3.0].as_slice()));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("C.csv");
    fs::write(&path, "px,py\n3,2\n").unwrap();
    let thetas = problem.thetas(&read_table(&path, "costs").unwrap()).unwrap();
    assert_eq!(thetas.as_slice(), [-2.0, -3.0]);
    assert!((solve(&problem, thetas.row(0)) - 11.0).abs() < 1e-9);
    assert_eq!(problem.values(&[("px".into(), 5.0)]).unwrap(), [-2.0, -5.0]);
    refused(problem.values(&[("pz".into(), 5.0)]), &["none is called `pz`", "`py`, `px`"]);
    // A share of something else makes them parameters, whose signs stay.
    let both = read(&text.replace("px*x", "px*x + 1*x")).unwrap();
    assert_eq!((both.predicted, both.given.as_deref()), (Predicted::Parameters, Some([2.0, 3.0].as_slice())));
    assert!((solve(&both, &[2.0, 3.0]) - 14.0).abs() < 1e-9);
    refused(read(&text.replace("px = 3\n", "")).map(drop), &["line", "values", "`px` has no value"]);
}

/// One line of the model below replaced.
fn with(key: &str, line: &str) -> Result<Program> {
    let model = "parameters = [\"d\"]\nobjective = \"2 a + b\"\n[variables]\na = { lower = 0 }\nb = { lower = 0 }\n\
        [constraints]\nneed = \"a + b >= d\"\n";
    let text: String = model.lines().map(|old| format!("{}\n", if old.starts_with(key) { line } else { old })).collect();
    read(&text).map(|problem| problem.program)
}

#[test]
fn errors_point_at_their_place() {
    refused(with("need", "need = \"a + 3*bb - d >= 0\""), &["plant.toml, line 7, constraints.need", "`bb` is neither", "`a`, `b`, `d`"]);
    refused(with("need", "need = \"a + 3*bb - d >= 0\""), &["\n    a + 3*bb - d >= 0\n          ^^"]);
    refused(with("need", "need = \"a + b\""), &["a row without a relation"]);
    refused(with("need", "need = \"a + b >= d <= 3\""), &["do not point the same way"]);
    refused(with("need", "need = \"a*b >= d\""), &["constraints.need", "a product of variables in a row"]);
    refused(with("need", "need = \"3 >= d\""), &["a row without variables"]);
    refused(with("need", "need = \"a + b > d\""), &["`>` means nothing here", "write >="]);
    refused(with("need", "need = \"a b >= d\""), &["no sign before this", "\n    a b >= d\n      ^"]);
    for (open, close) in [("(", ")"), ("-", "")] {
        let deep = |n: usize| with("need", &format!("need = \"{}a{} + b >= d\"", open.repeat(n), close.repeat(n)));
        deep(200).unwrap();
        refused(deep(100_000), &["inside each other", "simplify it"]);
    }
    refused(with("need", "need = \"(a + b >= d\""), &["a parenthesis that is not closed"]);
    refused(with("need", "need = \"a + b >= \""), &["missing here"]);
    refused(with("need", "need = \"a / b >= d\""), &["a division by what is no number"]);
    refused(with("need", "need = \"a / 0 >= d\""), &["a division by zero"]);
    refused(with("need", "need = \"d*d*a >= 1\""), &["a product of parameters"]);
    refused(with("need", "need = '''\na\n + c >= d'''"), &["line 9, constraints.need", "`c` is neither", "\n     + c >= d\n       ^"]);
    refused(with("objective", "objective = \"a^3\""), &["a power other than 2"]);
    refused(with("objective", "objective = \"a*b*a\""), &["line 2, objective", "three variables"]);
    refused(with("objective", "objective = \"a + d\""), &["a parameter stands in the objective without a variable"]);
    refused(with("objective", "objective = \"a >= d\""), &["a relation in a sum", "[constraints]"]);
    refused(with("a =", "a = { lower = 3, upper = 2 }"), &["line 4, variables.a", "no number is between 3 and 2"]);
    refused(with("a =", "a = { lower = \"b\" }"), &["variables.a.lower", "a variable in a bound"]);
    refused(with("a =", "a = { binary = true, upper = 2 }"), &["a binary variable is 0 or 1"]);
    refused(with("a =", "\"a+\" = { lower = 0 }"), &["line 4", "`a+` cannot stand in an expression"]);
    refused(with("a =", "d = { lower = 0 }"), &["`d` is declared twice"]);
    refused(with("need", "need = \"a + b >= 2\""), &["`d` occurs in no expression"]);
}

#[test]
fn unknown_keys_are_refused_with_the_known_ones() {
    refused(with("parameters", "parameter = [\"d\"]"), &["plant.toml", "unknown field `parameter`", "`parameters`"]);
    refused(with("a =", "a = { low = 0 }"), &["unknown field `low`", "`lower`"]);
    refused(with("parameters", "sense = \"best\""), &["unknown variant `best`", "`minimise`"]);
    refused(with("need", "need = \"a + b >= d\"\n[values]\ne = 1"), &["no parameter is called `e`", "`d`"]);
    refused(with("objective", ""), &["missing field `objective`"]);
}
