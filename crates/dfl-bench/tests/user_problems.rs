//! Problems of a user: which variables' costs are predicted, in whose sense, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::PathBuf;

use dfl_bench::user::{Predicted, Table, UserProblem, read_table, read_user_problem};
use dfl_core::Result;
use dfl_solvers::{Backend, Limits};
use tempfile::TempDir;

/// Three goods of which two may be bought, at least 4 units in all, 3 of each at the most.
const MPS: &str = "NAME shop
ROWS
 N COST
 G need
 L room
COLUMNS
 apple COST 2 need 1
 apple room 1
 bread COST 5 need 1
 candy COST 1 need 1
 candy room 2
RHS
 R need 4 room 5
BOUNDS
 UP B apple 3
 UP B bread 3
 UP B candy 3
ENDATA
";

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    fn problem(&self, costs: Option<&[&str]>) -> Result<UserProblem> {
        let costs: Option<Vec<String>> = costs.map(|names| names.iter().map(ToString::to_string).collect());
        read_user_problem(&self.write("shop.mps", MPS), costs.as_deref())
    }

    fn table(&self, text: &str) -> Table {
        read_table(&self.write("C.csv", text), "costs").unwrap()
    }
}

#[track_caller]
fn refused<T>(result: Result<T>, words: &[&str]) {
    let Err(error) = result else { panic!("accepted, where {words:?} was to be said") };
    let text = error.to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "`{word}` is not in: {text}"));
}

/// The optimal value and each variable's value by name.
fn optimum(problem: &UserProblem, theta: &[f64]) -> (f64, Vec<(String, f64)>) {
    let answer = Backend::Auto.solve(&problem.at(theta).unwrap(), &Limits::default()).unwrap();
    let mut named: Vec<_> = problem.variables.iter().cloned().zip(answer.solution.x).collect();
    named.sort_by(|a, b| a.0.cmp(&b.0));
    (problem.in_own_sense(answer.solution.objective), named)
}

#[test]
fn all_costs_are_predicted_without_a_choice() {
    let problem = Files::new().problem(None).unwrap();
    assert_eq!(problem.parameters, ["apple", "bread", "candy"]);
    assert_eq!((problem.rows.join(" "), problem.predicted, problem.params.theta()), ("need room".into(), Predicted::Costs, 3));
    assert_eq!((problem.given.as_deref(), problem.program.c.as_slice()), (Some([2.0, 5.0, 1.0].as_slice()), [0.0; 3].as_slice()));
}

/// By hand, with the file's costs: apple + candy + bread >= 4, apple + 2 candy <= 5. Replacing bread by apple saves 3, by candy 4 for twice the
/// room: apple = 3, candy = 1, cost 7.
#[test]
fn named_costs_come_first_and_the_others_stay() {
    let files = Files::new();
    let whole = files.problem(None).unwrap();
    let part = files.problem(Some(&["candy", "apple"])).unwrap();
    assert_eq!((part.variables.join(" "), part.parameters.join(" ")), ("candy apple bread".into(), "candy apple".into()));
    assert_eq!(part.program.c, [0.0, 0.0, 5.0]);
    let expected = [("apple".to_owned(), 3.0), ("bread".to_owned(), 0.0), ("candy".to_owned(), 1.0)];
    for (problem, theta) in [(&whole, [2.0, 5.0, 1.0].as_slice()), (&part, &[1.0, 2.0])] {
        let (value, decision) = optimum(problem, theta);
        assert!((value - 7.0).abs() < 1e-9, "{value}");
        decision.iter().zip(&expected).for_each(|(got, want)| assert!(got.0 == want.0 && (got.1 - want.1).abs() < 1e-9, "{decision:?}"));
    }
    // Other costs, another decision: apples are dear now, so candy takes the room (2.5) and bread the rest (1.5).
    let (value, _) = optimum(&part, &[1.0, 9.0]);
    assert!((value - (2.5 + 7.5)).abs() < 1e-9, "{value}");
}

#[test]
fn quadratic_terms_and_integers_move_with_their_variables() {
    let files = Files::new();
    let text = "min\n obj: 2 x + 3 y + z + [ 2 x^2 + 4 y * z + 6 y^2 + 8 z^2 ] / 2\nst\n c: x + y + z >= 1\nbounds\n y <= 7\nend\n";
    let path = files.write("q.lp", text);
    let [whole, part] =
        [None, Some(["z".to_owned(), "x".to_owned()])].map(|c| read_user_problem(&path, c.as_ref().map(|c| &c[..])).unwrap());
    assert_eq!(part.variables, ["z", "x", "y"]);
    // x, y, z = 1, 2, 3.
    let (one, two) = (whole.at(&[2.0, 3.0, 1.0]).unwrap(), part.at(&[1.0, 2.0]).unwrap());
    assert_eq!((one.objective(&[1.0, 2.0, 3.0]), two.objective(&[3.0, 1.0, 2.0])), (72.0, 72.0));
    assert_eq!((two.up[2], two.p.triplets().filter(|&(i, j, _)| i > j).count()), (7.0, 0));
    let integers = files.write("i.lp", "max\n x + y\nst\n x + 2 y <= 3\ngeneral\n y\nend\n");
    let moved = read_user_problem(&integers, Some(&["y".to_owned()])).unwrap();
    assert_eq!((moved.variables.join(" "), moved.program.integer), ("y x".into(), vec![true, false]));
}

/// max 3 x + 2 y for x + y <= 4, x <= 3, by hand 11: the user's table has 3 and 2, theta is -3 and -2, and values are the user's again.
#[test]
fn whoever_maximises_keeps_the_signs_of_the_own_tables() {
    let files = Files::new();
    let path = files.write("profit.lp", "maximise\n 1 x + 1 y\nst\n c: x + y <= 4\nbounds\n x <= 3\nend\n");
    let problem = read_user_problem(&path, Some(&["x".to_owned(), "y".to_owned()])).unwrap();
    let thetas = problem.thetas(&files.table("y,x\n2,3\n")).unwrap();
    assert_eq!(thetas.as_slice(), [-3.0, -2.0]);
    let (value, decision) = optimum(&problem, thetas.row(0));
    assert!((value - 11.0).abs() < 1e-9 && (decision[0].1 - 3.0).abs() < 1e-9, "{value} {decision:?}");
    assert_eq!(problem.in_tables(&thetas).unwrap().as_slice(), [3.0, 2.0]);
    assert_eq!(problem.given.unwrap(), [-1.0, -1.0]);
    // One that minimises leaves them.
    let shop = files.problem(None).unwrap();
    assert_eq!(shop.thetas(&files.table("candy,bread,apple\n1,5,2\n")).unwrap().as_slice(), [2.0, 5.0, 1.0]);
}

#[test]
fn a_wrong_number_of_costs_is_refused() {
    let files = Files::new();
    let counted = ["0", "1"];
    refused(files.problem(Some(&counted)), &["shop.mps", "3 variables", "2 columns without names", "name the columns after the variables"]);
    assert_eq!(files.problem(Some(&["0", "1", "2"])).unwrap().parameters, ["apple", "bread", "candy"]);
    let problem = files.problem(None).unwrap();
    refused(problem.thetas(&files.table("1,2\n3,4\n")), &["costs", "C.csv", "2 columns without names", "3 numbers to predict"]);
    refused(problem.thetas(&files.table("apple,candy\n3,4\n")), &["C.csv", "no column `bread`", "the file has `apple`, `candy`"]);
}

#[test]
fn a_column_that_names_no_variable_is_refused_with_those_that_are_near() {
    let files = Files::new();
    refused(files.problem(Some(&["apple", "cndy"])), &["shop.mps", "no variable is called `cndy`", "`candy`"]);
    refused(files.problem(Some(&["apple", "apple"])), &["`apple`", "twice"]);
}

#[test]
fn rows_of_a_file_without_names_are_numbered() {
    let files = Files::new();
    let path = files.write("r.lp", "min\n x\nst\n x >= 1\n lid: x <= 4\n x <= 5\nend\n");
    assert_eq!(read_user_problem(&path, None).unwrap().rows, ["row0", "lid", "row2"]);
}
