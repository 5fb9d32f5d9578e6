//! HiGHS against another simplex method, `microlp`, behind another way of writing a program, `good_lp`.
#![cfg(feature = "highs")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::{Csc, ParamMap, Program, Rng, Solution, Solver, Status};
use dfl_solvers::{Highs, HighsOptions};
use good_lp::{Expression, ResolutionError, Solution as _, SolverModel, Variable, constraint, microlp, variable, variables};

/// Rows of every kind, boxes and half-lines, and costs of both signs; about half of them have an optimum.
fn random_program(rng: &mut Rng, integers: bool) -> Program {
    let (n, m) = (2 + rng.below(7), 1 + rng.below(6));
    let mut triplets = Vec::new();
    for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
        if rng.uniform() < 0.6 {
            triplets.push((i, j, (4.0 * rng.normal()).round()));
        }
    }
    let (mut row_lo, mut row_up) = (vec![f64::NEG_INFINITY; m], vec![f64::INFINITY; m]);
    for i in 0..m {
        let at = (5.0 * rng.normal()).round();
        match rng.below(8) {
            0 => (row_lo[i], row_up[i]) = (at, at),
            1..4 => row_lo[i] = at - 4.0,
            4..7 => row_up[i] = at + 4.0,
            _ => (row_lo[i], row_up[i]) = (at - 3.0, at + 3.0),
        }
    }
    let up = (0..n).map(|_| if rng.below(4) == 0 { f64::INFINITY } else { rng.below(6) as f64 }).collect();
    Program::linear((0..n).map(|_| rng.normal() + 0.5).collect())
        .with_rows(Csc::from_triplets(m, n, &triplets).unwrap(), row_lo, row_up)
        .with_bounds(vec![0.0; n], up)
        .with_integers((0..n).map(|j| integers && j % 3 != 2).collect())
}

/// The program as `good_lp` has it, with one inequality or equality a row, and its optimal value by `microlp`.
fn by_good_lp(program: &Program) -> Result<f64, ResolutionError> {
    let mut all = variables!();
    let define = |j: usize| {
        let (lo, up) = (program.lo[j], program.up[j]);
        let v = variable().min(lo).max(up);
        if program.integer[j] { v.integer() } else { v }
    };
    let x: Vec<Variable> = (0..program.n()).map(|j| all.add(define(j))).collect();
    let objective: Expression = program.c.iter().zip(&x).map(|(&c, &x)| c * x).sum();
    let mut rows = vec![Expression::from(0.0); program.m()];
    for j in 0..program.n() {
        for k in program.a.col_ptr()[j]..program.a.col_ptr()[j + 1] {
            rows[program.a.row_idx()[k]].add_mul(program.a.values()[k], x[j]);
        }
    }
    let mut model = microlp(all.minimise(objective.clone()));
    for ((row, &lo), &up) in rows.into_iter().zip(&program.row_lo).zip(&program.row_up) {
        if lo == up {
            model.add_constraint(constraint!(row == lo));
            continue;
        }
        if lo.is_finite() {
            model.add_constraint(constraint!(row.clone() >= lo));
        }
        if up.is_finite() {
            model.add_constraint(constraint!(row <= up));
        }
    }
    Ok(model.solve()?.eval(objective))
}

/// Whether `value` is that of `out`, to 1e-7 relative.
fn same(out: &Solution, value: f64) -> bool {
    (out.objective - value).abs() <= 1e-7 * (1.0 + value.abs())
}

/// Linear and mixed-integer programs have the same value either way, and none has one where ours is infeasible. An unbounded one is
/// compared only if it is linear: `microlp` holds integers to 32 bits and so finds an optimum of an unbounded integer program.
#[test]
fn good_lp_finds_the_same_optima() {
    let mut rng = Rng::seeded(9);
    let mut answers = [0, 0];
    for k in 0..300 {
        let program = random_program(&mut rng, k % 2 == 1);
        let solver = Highs::new(program.clone(), ParamMap::new(0), HighsOptions::default()).unwrap();
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        let status = solver.solve(&[], None, &mut ws, &mut out).unwrap().status;
        let other = by_good_lp(&program);
        match status {
            Status::Optimal => {
                let value = other.unwrap_or_else(|e| panic!("program {k}: {e}"));
                assert!(same(&out, value), "program {k}: {} and {value}", out.objective);
                answers[k % 2] += 1;
            }
            Status::Unbounded if k % 2 == 1 => {}
            Status::Infeasible | Status::Unbounded => assert!(other.is_err(), "program {k}: {status:?} and {other:?}"),
            other => panic!("program {k}: {other:?}"),
        }
    }
    println!("of 150 each, {} linear and {} mixed-integer programs have an optimum", answers[0], answers[1]);
    assert!(answers.iter().all(|&a| a > 50), "{answers:?}");
}
