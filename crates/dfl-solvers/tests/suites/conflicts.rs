//! Conflicts of the infeasible instances that come with HiGHS: each solver finds them infeasible, and feasible once any one side is dropped.

use dfl_core::{Csc, Entry, Program, Status};
use dfl_solvers::{Backend, ConflictOptions, irreducible_infeasible_subset, read_problem};

use super::highs_instances::{folder, table};
use super::solve;

/// Rows and variables together up to which an instance is taken.
const SMALL: usize = 500;
/// A subset of this one is found infeasible by one solver alone; the others end without an answer.
const ALONE: &str = "klein1.mps";

/// The program with these sides only, and without an objective.
fn only(program: &Program, sides: &[Entry]) -> Program {
    let has = |side: Entry| sides.contains(&side);
    let keep = |values: &[f64], side: fn(usize) -> Entry, none: f64| {
        values.iter().enumerate().map(|(k, &v)| if has(side(k)) { v } else { none }).collect()
    };
    let (inf, n) = (f64::INFINITY, program.n());
    Program {
        p: Csc::empty(n, n),
        c: vec![0.0; n],
        row_lo: keep(&program.row_lo, Entry::RowLo, -inf),
        row_up: keep(&program.row_up, Entry::RowUp, inf),
        lo: keep(&program.lo, Entry::Lo, -inf),
        up: keep(&program.up, Entry::Up, inf),
        ..program.clone()
    }
}

#[test]
fn every_side_of_a_conflict_is_needed() {
    let (folder, mut taken) = (folder(), 0);
    let small = |row: &&Vec<String>| row[2].parse::<usize>().unwrap() + row[3].parse::<usize>().unwrap() <= SMALL;
    for row in table().iter().filter(|row| row[6] == "Infeasible").filter(small) {
        let program = read_problem(&folder.join(&row[0])).unwrap().program;
        let conflict = irreducible_infeasible_subset(&program, &ConflictOptions::default()).unwrap().expect(&row[0]);
        println!("{:<20} {} sides of {} solves, integer {}", row[0], conflict.sides.len(), conflict.solves, conflict.integrality);
        // Whoever takes such programs and comes to an end, all of whom have to agree: for linear programs two at the least, but for one.
        let all = [Backend::Highs, Backend::Clarabel, Backend::ActiveSet, Backend::Osqp];
        let others = if program.has_integers() { &all[..1] } else { &all };
        let enough = if program.has_integers() || row[0] == ALONE { 1 } else { 2 };
        let feasible = |sides: &[Entry]| {
            let program = only(&program, sides);
            let said = others.iter().map(|backend| solve(*backend, &program).unwrap().info.status);
            let said: Vec<bool> = said.filter(|s| s.usable() || *s == Status::Infeasible).map(Status::usable).collect();
            assert!(said.len() >= enough && said.iter().all(|s| *s == said[0]), "{}: {said:?} of {sides:?}", row[0]);
            said[0]
        };
        assert!(conflict.irreducible, "{}", row[0]);
        assert!(!feasible(&conflict.sides), "{}", row[0]);
        for k in 0..conflict.sides.len() {
            let mut fewer = conflict.sides.clone();
            let side = fewer.remove(k);
            assert!(feasible(&fewer), "{}: not needed is {side:?}", row[0]);
        }
        taken += 1;
    }
    println!("{taken} instances");
}
