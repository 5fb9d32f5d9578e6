//! Programs whose optimum is known because they were built around it, of the kinds that are hard: semidefinite and no `P`, many more
//! constraints tight than variables, repeated rows, scales from 1e-6 to 1e6, free and fixed variables.

use dfl_core::{Csc, Program, Rng, Status};
use dfl_solvers::Backend;

use super::solve;

/// What makes a program hard.
#[derive(Clone, Copy, Debug)]
struct Kind {
    name: &'static str,
    /// Rank of `P`, as a share of `n`; above 1 with a diagonal added.
    rank: f64,
    /// Rows, as a share of `n`.
    rows: f64,
    /// Share of the entries of `A`.
    dense: f64,
    /// Share of the rows that are tight, and of those how many have a multiplier.
    tight: f64,
    multiplier: f64,
    /// Share of the rows that are equalities.
    equal: f64,
    /// Share of the variables that are at a bound; of the others, half have bounds.
    bound: f64,
    /// Share of rows that repeat another, at another scale.
    repeated: f64,
    /// Columns, rows and the objective are scaled by up to 10 to this power, up or down.
    scale: f64,
}

const PLAIN: Kind = Kind {
    name: "plain",
    rank: 1.5,
    rows: 1.0,
    dense: 0.3,
    tight: 0.3,
    multiplier: 1.0,
    equal: 0.1,
    bound: 0.2,
    repeated: 0.0,
    scale: 0.0,
};

const KINDS: [Kind; 12] = [
    PLAIN,
    Kind { name: "semidefinite", rank: 0.4, ..PLAIN },
    Kind { name: "nearly linear", rank: 0.05, bound: 0.5, tight: 0.4, ..PLAIN },
    Kind { name: "linear", rank: 0.0, bound: 0.6, tight: 0.4, ..PLAIN },
    Kind { name: "linear, degenerate", rank: 0.0, rows: 2.0, bound: 0.6, tight: 0.6, multiplier: 0.4, ..PLAIN },
    Kind { name: "degenerate", rank: 0.5, rows: 2.0, tight: 0.8, multiplier: 0.3, ..PLAIN },
    Kind { name: "repeated rows", rank: 0.5, rows: 1.5, repeated: 0.5, equal: 0.2, ..PLAIN },
    Kind { name: "equalities", rank: 0.5, rows: 0.6, equal: 1.0, tight: 1.0, bound: 0.0, ..PLAIN },
    Kind { name: "sparse", rank: 0.5, dense: 0.03, rows: 1.0, ..PLAIN },
    Kind { name: "scaled", scale: 3.0, ..PLAIN },
    Kind { name: "scaled, semidefinite", rank: 0.4, scale: 3.0, ..PLAIN },
    Kind { name: "scaled, linear", rank: 0.0, bound: 0.6, tight: 0.4, scale: 3.0, ..PLAIN },
];

/// A program with its optimal value.
fn program(kind: &Kind, n: usize, seed: u64) -> (Program, f64) {
    let mut rng = Rng::seeded(seed);
    let m = (kind.rows * n as f64).ceil() as usize;
    let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let p = quadratic(kind, n, &mut rng);
    let a = rows(kind, m, n, &mut rng);
    let mut value = vec![0.0; m];
    a.mul_add(1.0, &x, &mut value);
    let (row_lo, row_up, row_dual) = around(&value, kind.equal, kind.tight, kind.multiplier, 1.0, &mut rng);
    let (lo, up, bound_dual) = around(&x, 0.05, kind.bound, kind.multiplier, 0.5, &mut rng);
    // The gradient of the Lagrangian is zero at x.
    let mut c: Vec<f64> = bound_dual.iter().map(|v| 0.0 - v).collect();
    a.mul_t_add(-1.0, &row_dual, &mut c);
    p.symmetric_mul_add(-1.0, &x, &mut c);
    let program = Program::linear(c).with_quadratic(p).with_rows(a, row_lo, row_up).with_bounds(lo, up);
    let best = program.objective(&x);
    let power = |rng: &mut Rng| 10.0_f64.powf(kind.scale * (2.0 * rng.uniform() - 1.0));
    let columns: Vec<f64> = (0..n).map(|_| power(&mut rng)).collect();
    let sides: Vec<f64> = (0..m).map(|_| power(&mut rng)).collect();
    let all = power(&mut rng);
    (scaled(&program, &columns, &sides, all), all * best)
}

fn quadratic(kind: &Kind, n: usize, rng: &mut Rng) -> Csc {
    let rank = (kind.rank.min(1.0) * n as f64).round() as usize;
    let factors: Vec<Vec<f64>> = (0..rank).map(|_| (0..n).map(|_| rng.normal() / (n as f64).sqrt()).collect()).collect();
    let entry = |i: usize, j: usize| factors.iter().map(|f| f[i] * f[j]).sum::<f64>() + if i == j && kind.rank > 1.0 { 0.1 } else { 0.0 };
    let entries: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, entry(i, j))).collect();
    Csc::from_triplets(n, n, if rank == 0 { &[] } else { &entries }).unwrap()
}

fn rows(kind: &Kind, m: usize, n: usize, rng: &mut Rng) -> Csc {
    let mut rows: Vec<Vec<(usize, f64)>> = Vec::new();
    for i in 0..m {
        if i > 0 && rng.uniform() < kind.repeated {
            let (other, factor) = (rng.below(i), 10.0_f64.powf(4.0 * rng.uniform() - 2.0));
            rows.push(rows[other].iter().map(|&(j, v)| (j, factor * v)).collect());
            continue;
        }
        let mut row: Vec<_> = (0..n).filter(|_| rng.uniform() < kind.dense).map(|j| (j, 0.0)).collect();
        if row.is_empty() {
            row.push((rng.below(n), 0.0));
        }
        row.iter_mut().for_each(|(_, v)| *v = rng.normal());
        rows.push(row);
    }
    let entries: Vec<_> = rows.iter().enumerate().flat_map(|(i, row)| row.iter().map(move |&(j, v)| (i, j, v))).collect();
    Csc::from_triplets(m, n, &entries).unwrap()
}

/// Bounds around values, some tight, with multipliers of the right sign. `open` is the share of the slack ones that have no lower or no
/// upper bound, or neither.
fn around(value: &[f64], equal: f64, tight: f64, multiplier: f64, open: f64, rng: &mut Rng) -> (Vec<f64>, Vec<f64>, Vec<f64>) {
    let (mut lo, mut up, mut dual) = (Vec::new(), Vec::new(), Vec::new());
    for &v in value {
        let kind = rng.uniform();
        let strength = if rng.uniform() < multiplier { 0.1 + rng.uniform() } else { 0.0 };
        let mut far = || if rng.uniform() < open { f64::INFINITY } else { 0.1 + 3.0 * rng.uniform() };
        let (below, above) = (far(), far());
        let at_top = rng.uniform() < 0.5;
        let (l, u, y) = match kind {
            k if k < equal => (v, v, if at_top { strength } else { -strength }),
            k if k < equal + tight && at_top => (v - below, v, strength),
            k if k < equal + tight => (v, v + above, -strength),
            _ => (v - below, v + above, 0.0),
        };
        lo.push(l);
        up.push(u);
        dual.push(y);
    }
    (lo, up, dual)
}

/// The same program in variables `x / columns`, with rows and objective multiplied.
fn scaled(program: &Program, columns: &[f64], rows: &[f64], all: f64) -> Program {
    let p: Vec<_> = program.p.triplets().map(|(i, j, v)| (i, j, all * columns[i] * columns[j] * v)).collect();
    let a: Vec<_> = program.a.triplets().map(|(i, j, v)| (i, j, rows[i] * columns[j] * v)).collect();
    let divide = |bounds: &[f64]| bounds.iter().zip(columns).map(|(b, d)| b / d).collect::<Vec<_>>();
    let multiply = |bounds: &[f64]| bounds.iter().zip(rows).map(|(b, r)| b * r).collect::<Vec<_>>();
    Program::linear(program.c.iter().zip(columns).map(|(c, d)| all * c * d).collect())
        .with_quadratic(Csc::from_triplets(program.n(), program.n(), &p).unwrap())
        .with_rows(Csc::from_triplets(program.m(), program.n(), &a).unwrap(), multiply(&program.row_lo), multiply(&program.row_up))
        .with_bounds(divide(&program.lo), divide(&program.up))
}

/// How many of each kind a backend misses, and what it says of them.
fn misses(backend: Backend, kind: &Kind, sizes: &[(usize, u64)]) -> Vec<String> {
    let mut missed = Vec::new();
    for &(n, seeds) in sizes {
        for seed in 0..seeds {
            let (program, best) = program(kind, n, 1000 * n as u64 + seed);
            let Some(answer) = solve(backend, &program) else { continue };
            let error =
                (answer.solution.objective - best).abs() / best.abs().max(1e-3 * program.c.iter().fold(0.0, |a: f64, c| a.max(c.abs())));
            if answer.info.status != Status::Optimal || error > 1e-6 {
                missed
                    .push(format!("n = {n}, seed {seed}: {} after {} with error {error:.0e}", answer.info.status, answer.info.iterations));
            }
        }
    }
    missed
}

#[test]
fn the_active_set_misses_none() {
    let sizes: &[(usize, u64)] = &[(3, 40), (8, 40), (25, 20), (80, 6), (300, 1)];
    let mut all = Vec::new();
    for kind in &KINDS {
        let start = std::time::Instant::now();
        let missed = misses(Backend::ActiveSet, kind, sizes);
        println!("{}: {} missed of 107, {:.1} s", kind.name, missed.len(), start.elapsed().as_secs_f64());
        all.extend(missed.into_iter().map(|text| format!("{}: {text}", kind.name)));
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}
