//! Problems and costs that are none.

use dfl_core::{Batch, Error, Result, Solution, Solver};
use dfl_solvers::KnapsackProblem;

use super::{exact, problem};

fn refused(weights: Batch, capacity: &[f64]) -> String {
    let made: Result<KnapsackProblem> = KnapsackProblem::new(weights, capacity.to_vec());
    made.unwrap_err().to_string()
}

#[test]
fn what_is_no_problem_is_named() {
    let two = |weight: f64| Batch::from_rows(&[[1.0, 2.0], [3.0, weight]]).unwrap();
    assert!(refused(Batch::zeros(1, 0), &[1.0]).starts_with("number of knapsack items: 0 is not accepted"));
    assert!(refused(Batch::zeros(0, 3), &[]).starts_with("number of knapsack capacities: 0 is not accepted"));
    assert_eq!(refused(two(1.0), &[1.0]), "capacity: expected length 2, got 1");
    assert!(refused(two(f64::NAN), &[1.0; 2]).starts_with("weights, row 1, column 1: NaN is not finite"));
    assert!(refused(two(f64::INFINITY), &[1.0; 2]).starts_with("weights, row 1, column 1: inf is not finite"));
    assert!(refused(two(-0.5), &[1.0; 2]).starts_with("knapsack weight: -0.5 is not accepted; it must be at least 0"));
    assert!(refused(two(1.0), &[1.0, f64::NAN]).starts_with("capacity, row 0, column 1: NaN is not finite"));
    assert!(refused(two(1.0), &[1.0, -2.0]).starts_with("knapsack capacity: -2 is not accepted; it must be at least 0"));
}

#[test]
fn costs_that_are_no_numbers_are_refused() {
    let solver = exact(&[vec![1.0; 2]], &[1.0]);
    let solve = |theta: &[f64]| solver.solve(theta, None, &mut solver.workspace().unwrap(), &mut Solution::default());
    assert!(matches!(solve(&[1.0; 3]), Err(Error::Dimension { expected: 2, got: 3, .. })));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(solve(&[-1.0, bad]), Err(Error::NotFinite { what: "theta", column: 1, .. })));
    }
}

/// In both programs as in the solver, what does not fit alone is never taken.
#[test]
fn an_item_that_does_not_fit_is_fixed() {
    let (weights, capacity) = ([vec![1.0, 9.0, 2.0], vec![1.0, 1.0, 7.0]], [8.0, 7.0]);
    let problem = problem(&weights, &capacity);
    let (whole, part) = (problem.program(), problem.relaxation());
    whole.check().unwrap();
    part.check().unwrap();
    assert_eq!((whole.up.as_slice(), part.up.as_slice()), (&[1.0, 0.0, 1.0][..], &[1.0, 0.0, 1.0][..]));
    assert_eq!((whole.integer, part.integer), (vec![true; 3], vec![]));
    assert_eq!((part.row_up, part.a.triplets().count()), (capacity.to_vec(), 6));
    assert_eq!(super::optimum(&exact(&weights, &capacity), &[-1.0, -100.0, -2.0]).x, [0.0, 0.0, 1.0]);
}
