//! A proof that sides conflict, as the solution of a linear program.

use dfl_core::{Csc, Entry, Program, Result};

use crate::{Backend, Limits};

/// Weights below this share of the largest are zero.
const NOISE: f64 = 1e-9;

/// The sides that a proof of the relaxation's infeasibility uses; none if there is no proof.
///
/// Each side is a row $g_s^\top x \le h_s$, scaled to $\|g_s\|_\infty = 1$. By Farkas no point satisfies all of them if and only if
///
/// $$\min_y \mathbf 1^\top y \quad\text{s.t. } \sum_s y_s g_s = 0,\ \sum_s y_s h_s = -1,\ y \ge 0$$
///
/// has a solution, and the sides with $y_s > 0$ conflict. At a vertex they are a smallest conflict, and that with the smallest sum is one of
/// few sides mostly.
///
/// # References
/// Gleeson & Ryan (1990), Identifying minimally infeasible subsystems of inequalities, ORSA Journal on Computing: vertices are smallest
/// conflicts.
pub(super) fn certificate(program: &Program, sides: &[Entry], backend: Backend, limits: &Limits) -> Result<Option<Vec<Entry>>> {
    let answer = backend.solve(&alternative(program, sides), limits)?;
    if !answer.info.status.usable() {
        return Ok(None);
    }
    let weights = &answer.solution.x;
    let most = weights.iter().copied().fold(0.0, f64::max);
    Ok(Some(sides.iter().zip(weights).filter(|(_, weight)| **weight > NOISE * most).map(|(side, _)| *side).collect()))
}

/// The program above.
fn alternative(program: &Program, sides: &[Entry]) -> Program {
    let n = program.n();
    let mut rows = vec![Vec::new(); program.m()];
    program.a.triplets().for_each(|(i, j, v)| rows[i].push((j, v)));
    let mut entries = Vec::new();
    for (s, &side) in sides.iter().enumerate() {
        let (row, limit, sign) = match side {
            Entry::RowLo(i) => (rows[i].clone(), program.row_lo[i], -1.0),
            Entry::RowUp(i) => (rows[i].clone(), program.row_up[i], 1.0),
            Entry::Lo(j) => (vec![(j, 1.0)], program.lo[j], -1.0),
            Entry::Up(j) => (vec![(j, 1.0)], program.up[j], 1.0),
            Entry::P(_) | Entry::C(_) | Entry::A(_) => unreachable!("only sides are searched"),
        };
        let size = row.iter().map(|(_, v)| v.abs()).fold(0.0, f64::max);
        let scale = if size > 0.0 { sign / size } else { sign };
        entries.extend(row.iter().map(|&(j, v)| (j, s, scale * v)));
        entries.push((n, s, scale * limit));
    }
    let a = Csc::from_triplets(n + 1, sides.len(), &entries).expect("indices are those of the program");
    let mut right = vec![0.0; n];
    right.push(-1.0);
    let (lo, up) = (vec![0.0; sides.len()], vec![f64::INFINITY; sides.len()]);
    Program::linear(vec![1.0; sides.len()]).with_rows(a, right.clone(), right).with_bounds(lo, up)
}
