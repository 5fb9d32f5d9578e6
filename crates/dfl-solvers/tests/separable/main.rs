//! The solver of separable programs against answers found in other ways: by hand, by construction, by sorting, by the active set.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers may fail their test, and say how near they came")]

mod degenerate;
mod derivative;
mod infeasible;
mod optimum;
mod paths;
mod projection;
mod refusals;
mod warm;

use dfl_core::testkit::random_qp;
use dfl_core::{Csc, Entry, ParamMap, Program, Residuals, Rng, Side, Solution, SolveInfo, Solver, Status};
use dfl_solvers::{ActiveSet, Separable};

const INF: f64 = f64::INFINITY;

fn solver(program: Program, params: ParamMap) -> Separable {
    Separable::new(program, params, Default::default()).expect("a separable program")
}

/// Solves a program as it stands and checks that an optimum is one, by the definition of the core.
fn solve(program: &Program) -> (Solution, SolveInfo) {
    let solver = solver(program.clone(), ParamMap::new(0));
    let mut out = Solution::default();
    let info = solver.solve(&[], None, &mut solver.workspace().unwrap(), &mut out).unwrap();
    if info.status == Status::Optimal {
        let worst = Residuals::of(program, &out).worst();
        assert!(worst <= 1e-12, "residual {worst:.1e}");
        assert!((out.objective - program.objective(&out.x)).abs() <= 1e-13 * (1.0 + out.objective.abs()));
        check_sides(program, &out);
    }
    (out, info)
}

/// A multiplier belongs to a side, and an equality always has one.
fn check_sides(program: &Program, out: &Solution) {
    let check = |dual: &[f64], side: &[Side], lo: &[f64], up: &[f64]| {
        for i in 0..dual.len() {
            match side[i] {
                Side::Free => assert!(dual[i] == 0.0 && lo[i] < up[i]),
                Side::Lower => assert!(dual[i] <= 0.0 && lo[i] > -INF),
                Side::Upper => assert!((dual[i] >= 0.0 || lo[i] == up[i]) && up[i] < INF),
            }
        }
    };
    check(&out.row_dual, &out.row_side, &program.row_lo, &program.row_up);
    check(&out.bound_dual, &out.bound_side, &program.lo, &program.up);
}

/// The same by the active-set method.
fn reference(program: &Program) -> (Solution, SolveInfo) {
    let solver = ActiveSet::new(program.clone(), ParamMap::new(0), Default::default()).unwrap();
    let mut out = Solution::default();
    let info = solver.solve(&[], None, &mut solver.workspace().unwrap(), &mut out).unwrap();
    (out, info)
}

fn matrix(rows: &[&[f64]]) -> Csc {
    let n = rows.first().map_or(0, |r| r.len());
    let entries: Vec<_> = rows.iter().enumerate().flat_map(|(i, r)| r.iter().enumerate().map(move |(j, &v)| (i, j, v))).collect();
    Csc::from_triplets(rows.len(), n, &entries).unwrap()
}

fn identity(n: usize) -> Csc {
    Csc::diagonal(&vec![1.0; n])
}

#[track_caller]
fn close(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    for (k, (a, b)) in got.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= tolerance * (1.0 + b.abs()), "entry {k}: {a} against {b}");
    }
}

/// A strictly complementary optimum of equalities, one- and two-sided rows and bounds, with a diagonal `P` of the given spread.
fn known(n: usize, m: usize, spread: f64, rng: &mut Rng) -> (Program, Solution) {
    let q = random_qp(n, m, rng);
    let mut program = q.base.clone();
    q.params.push(&q.theta, &q.base, &mut program).unwrap();
    let s = q.solution;
    let p: Vec<f64> = (0..n).map(|_| (spread * rng.normal()).exp()).collect();
    program.c = (0..n).map(|j| -p[j] * s.x[j] - s.bound_dual[j]).collect();
    program.a.mul_t_add(-1.0, &s.row_dual, &mut program.c);
    let program = program.with_quadratic(Csc::diagonal(&p));
    let objective = program.objective(&s.x);
    (program, Solution { objective, ..s })
}

/// A program of random shape with a feasible point, of which many bounds may be tight: sparse rows, sides of every kind.
fn sparse(n: usize, m: usize, density: f64, rng: &mut Rng) -> Program {
    let places: Vec<usize> = (0..m * n).filter(|_| rng.uniform() < density).collect();
    let entries: Vec<_> = places.into_iter().map(|k| (k / n, k % n, rng.normal())).collect();
    let a = Csc::from_triplets(m, n, &entries).unwrap();
    let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let mut ax = vec![0.0; m];
    a.mul_add(1.0, &x, &mut ax);
    let below = |v: f64, rng: &mut Rng| v - [0.0, rng.uniform(), INF][rng.below(3)];
    let above = |v: f64, rng: &mut Rng| v + [0.0, rng.uniform(), INF][rng.below(3)];
    let c = (0..n).map(|_| 3.0 * rng.normal()).collect();
    let p: Vec<f64> = (0..n).map(|_| rng.normal().exp()).collect();
    let (row_lo, row_up) = ax.iter().map(|&v| (below(v, rng), above(v, rng))).unzip();
    let (lo, up) = x.iter().map(|&v| (below(v, rng), above(v, rng))).unzip();
    Program::linear(c).with_quadratic(Csc::diagonal(&p)).with_rows(a, row_lo, row_up).with_bounds(lo, up)
}

/// Every entry of a program that a parameter can move without changing what is tight at `s`.
fn everything(program: &Program, s: &Solution) -> ParamMap {
    let mut entries: Vec<Vec<Entry>> = (0..program.n()).flat_map(|j| [vec![Entry::C(j)], vec![Entry::P(j)]]).collect();
    entries.extend((0..program.a.nnz()).map(|k| vec![Entry::A(k)]));
    let mut sides = |lo: &[f64], up: &[f64], side: &[Side], below: fn(usize) -> Entry, above: fn(usize) -> Entry| {
        for i in 0..lo.len() {
            match side[i] {
                _ if lo[i] == up[i] => entries.push(vec![below(i), above(i)]),
                Side::Lower => entries.push(vec![below(i)]),
                Side::Upper => entries.push(vec![above(i)]),
                Side::Free if up[i] < INF => entries.push(vec![above(i)]),
                Side::Free => {}
            }
        }
    };
    sides(&program.row_lo, &program.row_up, &s.row_side, Entry::RowLo, Entry::RowUp);
    sides(&program.lo, &program.up, &s.bound_side, Entry::Lo, Entry::Up);
    let map = ParamMap::new(entries.len());
    entries.into_iter().enumerate().fold(map, |map, (k, moved)| moved.into_iter().fold(map, |map, e| map.link(e, k, 1.0)))
}
