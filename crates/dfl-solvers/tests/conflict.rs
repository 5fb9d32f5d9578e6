//! Smallest conflicts of programs made by hand, in which what contradicts what is known.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use dfl_core::{Csc, Entry, Program};
use dfl_solvers::{Backend, Conflict, ConflictOptions, irreducible_infeasible_subset};

const INF: f64 = f64::INFINITY;

/// Rows of `[coefficients, lower, upper]` in three variables within [0, 10].
fn program(rows: &[([f64; 3], f64, f64)]) -> Program {
    let entries: Vec<_> = rows.iter().enumerate().flat_map(|(i, row)| row.0.iter().enumerate().map(move |(j, &v)| (i, j, v))).collect();
    let (lo, up) = rows.iter().map(|row| (row.1, row.2)).unzip();
    Program::linear(vec![1.0; 3])
        .with_rows(Csc::from_triplets(rows.len(), 3, &entries).unwrap(), lo, up)
        .with_bounds(vec![0.0; 3], vec![10.0; 3])
}

fn conflict(program: &Program) -> Option<Conflict> {
    irreducible_infeasible_subset(program, &ConflictOptions::default()).unwrap()
}

fn names(stem: &str, count: usize) -> Vec<String> {
    (0..count).map(|k| format!("{stem}{k}")).collect()
}

/// Rows 1 and 3 say x + y >= 5 and x + y <= 4; the others say nothing against them.
#[test]
fn two_rows() {
    let p = program(&[([1.0, 0.0, 0.0], 1.0, INF), ([1.0, 1.0, 0.0], 5.0, INF), ([0.0, 1.0, 1.0], -INF, 9.0), ([1.0, 1.0, 0.0], 1.0, 4.0)]);
    let found = conflict(&p).unwrap();
    assert_eq!((found.sides.as_slice(), found.irreducible), ([Entry::RowLo(1), Entry::RowUp(3)].as_slice(), true));
    let text = found.sentence(&p, &names("x", 3), &names("r", 4));
    assert_eq!(text, "no point satisfies row `r1`: x0 + x1 >= 5 and row `r3`: x0 + x1 <= 4 together; each is needed");
}

/// x + y + z = 31 needs all upper bounds to fail, and of the equality only its lower side.
#[test]
fn a_row_and_bounds() {
    let p = program(&[([1.0, 1.0, 0.0], -INF, 100.0), ([1.0, 1.0, 1.0], 31.0, 31.0)]);
    let found = conflict(&p).unwrap();
    assert_eq!(found.sides, [Entry::RowLo(1), Entry::Up(0), Entry::Up(1), Entry::Up(2)]);
    let parts: Vec<String> = found.parts(&p, &names("x", 3), &names("r", 2)).iter().map(ToString::to_string).collect();
    assert_eq!(parts, ["row `r1`: x0 + x1 + x2 >= 31", "bound x0 <= 10", "bound x1 <= 10", "bound x2 <= 10"]);
}

/// A chain x <= y - 1 <= z - 2 <= x - 3 of rows: all three. (x >= 11 against x <= 10 is another conflict, and a smaller one.)
#[test]
fn one_of_two_conflicts() {
    let p = program(&[
        ([1.0, -1.0, 0.0], -INF, -1.0),
        ([0.0, 1.0, -1.0], -INF, -1.0),
        ([-1.0, 0.0, 1.0], -INF, -1.0),
        ([1.0, 0.0, 0.0], 11.0, INF),
    ]);
    let found = conflict(&p).unwrap().sides;
    let chain = [Entry::RowUp(0), Entry::RowUp(1), Entry::RowUp(2)];
    assert!(found == chain || found == [Entry::RowLo(3), Entry::Up(0)], "{found:?}");
}

#[test]
fn every_backend_finds_the_same() {
    let p = program(&[([1.0, 1.0, 0.0], 5.0, INF), ([1.0, 1.0, 0.0], 1.0, 4.0), ([0.0, 0.0, 1.0], 2.0, 2.0)]);
    for backend in Backend::ALL.into_iter().filter(|b| b.built_in() && *b != Backend::Separable) {
        let options = ConflictOptions { backend, ..ConflictOptions::default() };
        let found = irreducible_infeasible_subset(&p, &options).unwrap().unwrap();
        assert_eq!(found.sides, [Entry::RowLo(0), Entry::RowUp(1)], "{backend}");
    }
}

/// 2 x + 2 y = 5 has solutions, but none in integers; with 2 x = 31 the relaxation is infeasible already.
#[cfg(feature = "highs")]
#[test]
fn integers_that_conflict_are_told_from_a_relaxation_that_does() {
    let whole = program(&[([0.0, 0.0, 1.0], 1.0, INF), ([2.0, 2.0, 0.0], 5.0, 5.0)]).with_integers(vec![true; 3]);
    let found = conflict(&whole).unwrap();
    assert!(found.integrality && found.irreducible);
    assert!(found.sides.contains(&Entry::RowLo(1)) && found.sides.contains(&Entry::RowUp(1)) && !found.sides.contains(&Entry::RowLo(0)));
    assert!(found.sentence(&whole, &names("x", 3), &names("r", 2)).ends_with("together, where variables are integer; each is needed"));
    let relaxed = program(&[([0.0, 0.0, 1.0], 1.0, INF), ([2.0, 0.0, 0.0], 31.0, 31.0)]).with_integers(vec![true; 3]);
    let found = conflict(&relaxed).unwrap();
    assert_eq!((found.sides.as_slice(), found.integrality), ([Entry::RowLo(1), Entry::Up(0)].as_slice(), false));
    // Where the limit leaves no question for the relaxation, nothing is said of it.
    let options = ConflictOptions { solves: 1, ..ConflictOptions::default() };
    let found = irreducible_infeasible_subset(&relaxed, &options).unwrap().unwrap();
    assert!(!found.integrality && !found.irreducible, "{found:?}");
}

#[test]
fn a_feasible_program_has_none() {
    assert_eq!(conflict(&program(&[([1.0, 1.0, 0.0], 5.0, INF)])), None);
    // Unbounded is feasible too.
    let mut free = program(&[]);
    (free.lo, free.c) = (vec![-INF; 3], vec![1.0; 3]);
    assert_eq!(conflict(&free), None);
}

#[test]
fn crossed_sides_are_a_conflict_by_themselves() {
    let mut p = program(&[([1.0, 1.0, 0.0], 5.0, INF)]);
    p.lo[2] = 11.0;
    let found = conflict(&p).unwrap();
    assert_eq!((found.sides.as_slice(), found.solves), ([Entry::Lo(2), Entry::Up(2)].as_slice(), 0));
    assert_eq!(found.parts(&p, &names("x", 3), &names("r", 1))[0].states, "x2 >= 11 and <= 10");
}

/// With too few solves there is still a conflict, which says that it may be larger than it need be.
#[test]
fn a_limit_leaves_a_larger_conflict_that_says_so() {
    let p = program(&[([1.0, 1.0, 0.0], 5.0, INF), ([1.0, 1.0, 0.0], 1.0, 4.0), ([0.0, 0.0, 1.0], 2.0, 2.0)]);
    let options = ConflictOptions { solves: 2, ..ConflictOptions::default() };
    let found = irreducible_infeasible_subset(&p, &options).unwrap().unwrap();
    assert!(!found.irreducible && found.solves <= 2 && found.sides.len() > 2);
    assert!([Entry::RowLo(0), Entry::RowUp(1)].iter().all(|side| found.sides.contains(side)));
    assert!(found.sentence(&p, &names("x", 3), &names("r", 3)).contains("reached its limit"));
    assert_eq!(irreducible_infeasible_subset(&p, &ConflictOptions { solves: 0, ..options }).unwrap(), None);
}

/// 200 variables up to 20, of which two shall have the sum 50.
fn large() -> Program {
    let n = 200;
    let rows: Vec<_> = (0..n).map(|i| (i, i, 1.0)).chain([(n, 7, 1.0), (n, 9, 1.0)]).collect();
    let lo = vec![-INF; n].into_iter().chain([50.0]).collect();
    let up = vec![20.0; n].into_iter().chain([INF]).collect();
    Program::linear(vec![0.0; n]).with_rows(Csc::from_triplets(n + 1, n, &rows).unwrap(), lo, up)
}

/// Three sides in the proof, so that each half of them and each one is asked about: not one for each of the 201.
#[test]
fn a_proof_leaves_few_questions() {
    let found = conflict(&large()).unwrap();
    assert_eq!(found.sides, [Entry::RowUp(7), Entry::RowUp(9), Entry::RowLo(200)]);
    assert!(found.solves <= 12, "{}", found.solves);
}

/// The row becomes x7 + x9 = 25.5, which no integers satisfy: two of 202 sides, found by halves.
#[cfg(feature = "highs")]
#[test]
fn without_a_proof_the_number_of_questions_grows_with_the_logarithm() {
    let mut p = large().with_integers(vec![true; 200]);
    (p.row_lo[200], p.row_up[200]) = (25.5, 25.5);
    let found = conflict(&p).unwrap();
    assert!(found.integrality && found.sides == [Entry::RowLo(200), Entry::RowUp(200)], "{found:?}");
    assert!(found.solves <= 3 + 2 * 2 * 7 + 4, "{}", found.solves);
}
