//! Small programs against the enumeration of every set of tight constraints.

use dfl_core::{Csc, Program, Rng, Status};
use proptest::prelude::*;

use crate::solve;

/// `A x = b` for square `A` by Gauss-Jordan elimination; `None` if it is singular.
fn eliminate(mut k: Vec<Vec<f64>>) -> Option<Vec<f64>> {
    let n = k.len();
    for c in 0..n {
        let pivot = (c..n).max_by(|&a, &b| k[a][c].abs().total_cmp(&k[b][c].abs()))?;
        if k[pivot][c].abs() < 1e-9 {
            return None;
        }
        k.swap(c, pivot);
        let row = k[c].clone();
        for (_, other) in k.iter_mut().enumerate().filter(|(r, _)| *r != c) {
            let factor = other[c] / row[c];
            other.iter_mut().zip(&row).for_each(|(v, p)| *v -= factor * p);
        }
    }
    Some((0..n).map(|c| k[c][n] / k[c][c]).collect())
}

/// One equation `a'x = b` for each finite side of each constraint, and the constraint's number.
fn sides(p: &Program) -> Vec<(usize, Vec<f64>, f64)> {
    let mut dense = vec![vec![0.0; p.n()]; p.m() + p.n()];
    p.a.triplets().for_each(|(i, j, v)| dense[i][j] = v);
    (0..p.n()).for_each(|j| dense[p.m() + j][j] = 1.0);
    let (lo, up) = ([&p.row_lo[..], &p.lo].concat(), [&p.row_up[..], &p.up].concat());
    let mut out = Vec::new();
    for i in 0..dense.len() {
        out.extend([lo[i], up[i]].into_iter().filter(|b| b.is_finite()).map(|b| (i, dense[i].clone(), b)));
    }
    out
}

/// The point that is stationary with exactly these sides tight.
fn stationary(p: &Program, tight: &[&(usize, Vec<f64>, f64)]) -> Option<Vec<f64>> {
    let (n, size) = (p.n(), p.n() + tight.len());
    let mut k = vec![vec![0.0; size + 1]; size];
    for (i, j, v) in p.p.triplets() {
        (k[i][j], k[j][i]) = (v, v);
    }
    for (t, (_, a, b)) in tight.iter().enumerate() {
        for j in 0..n {
            (k[n + t][j], k[j][n + t]) = (a[j], a[j]);
        }
        k[n + t][size] = *b;
    }
    (0..n).for_each(|j| k[j][size] = -p.c[j]);
    eliminate(k).map(|x| x[..n].to_vec())
}

/// The least objective over all points that are feasible and stationary on some set of tight sides. For a bounded convex program this
/// is its optimum: an extreme point of the optimal set is such a point. `None`: no point is feasible.
pub(crate) fn optimum(p: &Program) -> Option<f64> {
    let (sides, mut best) = (sides(p), None::<f64>);
    let mut chosen = vec![Vec::new()];
    for next in 0..=sides.len() {
        for tight in std::mem::take(&mut chosen) {
            if let Some(side) = sides.get(next) {
                let mut with: Vec<usize> = tight.clone();
                with.push(next);
                chosen.push(tight.clone());
                if with.len() <= p.n() && tight.iter().all(|&t| sides[t].0 != side.0) {
                    chosen.push(with);
                }
            } else {
                let tight: Vec<_> = tight.iter().map(|&t| &sides[t]).collect();
                if let Some(x) = stationary(p, &tight).filter(|x| dfl_core::Residuals::feasibility(p, x) <= 1e-9) {
                    best = Some(best.map_or(p.objective(&x), |b: f64| b.min(p.objective(&x))));
                }
            }
        }
    }
    best
}

#[track_caller]
fn compare(p: &Program) {
    let (out, info) = solve(p);
    match optimum(p) {
        None => assert_eq!(info.status, Status::Infeasible, "{p:?}"),
        Some(best) => {
            assert_eq!(info.status, Status::Optimal, "best {best} {p:?}");
            assert!((out.objective - best).abs() <= 1e-8 * (1.0 + best.abs()), "{} against {best}: {p:?}", out.objective);
        }
    }
}

/// `B'B` for a small integer matrix `B`, of any rank, upper triangle.
fn square(n: usize, b: &[i32]) -> Csc {
    let entry = |i: usize, j: usize| (0..b.len() / n).map(|k| f64::from(b[k * n + i] * b[k * n + j])).sum::<f64>();
    let upper: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, entry(i, j))).collect();
    Csc::from_triplets(n, n, &upper).unwrap()
}

/// Programs over a box with small integer data: ties, duplicates, dependent and zero rows, fixed variables and every rank of `P` are
/// common, and so is an empty feasible set.
fn program() -> impl Strategy<Value = Program> {
    let ints = |len: usize, max: i32| prop::collection::vec(-max..=max, len);
    (1..=3_usize, 0..=4_usize, 0..=3_usize).prop_flat_map(move |(n, m, rank)| {
        (ints(rank * n, 2), ints(n, 3), ints(m * n, 2), ints(m, 3), ints(m, 3), ints(n, 2), prop::collection::vec(0..=3, n)).prop_map(
            move |(b, c, a, low, wide, lo, width)| {
                let float = |v: &[i32]| v.iter().map(|&v| f64::from(v)).collect::<Vec<_>>();
                let entries: Vec<_> = a.iter().enumerate().map(|(k, &v)| (k / n, k % n, f64::from(v))).collect();
                let row_up = low.iter().zip(&wide).map(|(l, w)| if *w == 3 { f64::INFINITY } else { f64::from(l + w.abs()) }).collect();
                let row_lo = low.iter().zip(&wide).map(|(l, w)| if *w == -3 { f64::NEG_INFINITY } else { f64::from(*l) }).collect();
                let up = lo.iter().zip(&width).map(|(l, w)| f64::from(l + w)).collect();
                Program::linear(float(&c))
                    .with_quadratic(square(n, &b))
                    .with_rows(Csc::from_triplets(m, n, &entries).unwrap(), row_lo, row_up)
                    .with_bounds(float(&lo), up)
            },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]
    /// Convex, strictly or not, feasible or not, degenerate mostly.
    #[test]
    fn integer_programs_agree_with_enumeration(p in program()) {
        compare(&p);
    }
}

/// Random data without ties, four variables, equalities among the rows.
#[test]
fn random_programs_agree_with_enumeration() {
    let mut rng = Rng::seeded(13);
    for k in 0..60 {
        let (n, m) = (1 + k % 4, k % 3);
        let draw = |rng: &mut Rng, len: usize| (0..len).map(|_| rng.normal()).collect::<Vec<f64>>();
        let b = draw(&mut rng, n * n);
        let entry = |i: usize, j: usize| (0..n).map(|k| b[k * n + i] * b[k * n + j]).sum::<f64>() + if i == j { 0.1 } else { 0.0 };
        let upper: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, entry(i, j))).collect();
        let a: Vec<_> = draw(&mut rng, n * m).iter().enumerate().map(|(k, &v)| (k / n, k % n, v)).collect();
        let (low, lo) = (draw(&mut rng, m), draw(&mut rng, n));
        let high = low.iter().map(|v| if rng.uniform() < 0.3 { *v } else { v + rng.uniform() }).collect();
        let up = lo.iter().map(|v| v + 2.0 * rng.uniform()).collect();
        compare(
            &Program::linear(draw(&mut rng, n))
                .with_quadratic(Csc::from_triplets(n, n, &upper).unwrap())
                .with_rows(Csc::from_triplets(m, n, &a).unwrap(), low, high)
                .with_bounds(lo, up),
        );
    }
}
