//! Properties of the data structures for random sizes and contents.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use dfl_core::testkit::random_qp;
use dfl_core::{Batch, Csc, Entry, Key, ParamMap, Program, Residuals, Rng, Side, Stream, metrics};
use proptest::collection::vec;
use proptest::prelude::*;

type Triplet = (usize, usize, f64);

/// A matrix of up to 6x6 as triplets, with repeated positions; the values are whole, so sums and products are exact.
fn triplets() -> impl Strategy<Value = (usize, usize, Vec<Triplet>)> {
    (1_usize..7, 1_usize..7).prop_flat_map(|(m, n)| {
        let entry = (0..m, 0..n, -9_i32..10).prop_map(|(i, j, v)| (i, j, f64::from(v)));
        (Just(m), Just(n), vec(entry, 0..20))
    })
}

fn whole(rng: &mut Rng, n: usize) -> Vec<f64> {
    (0..n).map(|_| rng.below(19) as f64 - 9.0).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + b.abs())
}

/// 3 variables and 2 rows, every entry of it finite.
fn program() -> Program {
    let upper: Vec<Triplet> = (0..3).flat_map(|j| (0..=j).map(move |i| (i, j, 1.0 + (i + 2 * j) as f64))).collect();
    let full: Vec<Triplet> = (0..3).flat_map(|j| (0..2).map(move |i| (i, j, 0.5 * (i + j) as f64 - 1.0))).collect();
    Program::linear(vec![1.0, -2.0, 0.25])
        .with_quadratic(Csc::from_triplets(3, 3, &upper).unwrap())
        .with_rows(Csc::from_triplets(2, 3, &full).unwrap(), vec![-1.0, -2.0], vec![3.0, 4.0])
        .with_bounds(vec![-5.0; 3], vec![6.0; 3])
}

/// All entries of [`program`].
fn entries() -> Vec<Entry> {
    let matrices = (0..6).flat_map(|k| [Entry::P(k), Entry::A(k)]);
    let columns = (0..3).flat_map(|j| [Entry::C(j), Entry::Lo(j), Entry::Up(j)]);
    let rows = (0..2).flat_map(|i| [Entry::RowLo(i), Entry::RowUp(i)]);
    matrices.chain(columns).chain(rows).collect()
}

fn values(program: &Program) -> Vec<f64> {
    entries().into_iter().map(|e| e.get(program).unwrap()).collect()
}

const THETA: usize = 4;

/// Up to 30 links among 25 entries and 4 parameters: several links share an entry, and many a parameter.
fn map() -> impl Strategy<Value = ParamMap> {
    let link = (0..entries().len(), 0..THETA, -2.0_f64..2.0);
    vec(link, 1..30)
        .prop_map(|links| links.into_iter().fold(ParamMap::new(THETA), |map, (e, index, coef)| map.link(entries()[e], index, coef)))
}

fn theta() -> impl Strategy<Value = Vec<f64>> {
    vec(-3.0_f64..3.0, THETA)
}

/// What `theta` adds to each entry.
fn moved(map: &ParamMap, theta: &[f64]) -> Vec<f64> {
    let (base, mut out) = (program(), program());
    map.push(theta, &base, &mut out).unwrap();
    values(&out).iter().zip(values(&base)).map(|(to, from)| to - from).collect()
}

proptest! {
    /// <Ax, y> = <x, A'y>, exact in whole numbers.
    #[test]
    fn products_are_adjoint((m, n, triplets) in triplets(), seed in any::<u64>()) {
        let (a, mut rng) = (Csc::from_triplets(m, n, &triplets).unwrap(), Rng::seeded(seed));
        let (x, y) = (whole(&mut rng, n), whole(&mut rng, m));
        let (mut ax, mut aty) = (vec![0.0; m], vec![0.0; n]);
        a.mul_add(1.0, &x, &mut ax);
        a.mul_t_add(1.0, &y, &mut aty);
        prop_assert_eq!(dot(&ax, &y), dot(&x, &aty));
        // Both sides against the triplets themselves, since a product that is always zero would be adjoint as well.
        prop_assert_eq!(dot(&ax, &y), triplets.iter().map(|&(i, j, v)| v * x[j] * y[i]).sum::<f64>());
    }

    /// The order of triplets does not matter where their sums are exact.
    #[test]
    fn triplets_come_in_any_order((m, n, triplets) in triplets(), seed in any::<u64>()) {
        let mut shuffled = triplets.clone();
        Rng::seeded(seed).shuffle(&mut shuffled);
        prop_assert_eq!(Csc::from_triplets(m, n, &shuffled).unwrap(), Csc::from_triplets(m, n, &triplets).unwrap());
    }

    /// <pull(g), d> = <g, push(d) - base>; sums of 30 terms up to 2 * 3 * 5 round to 1e-12.
    #[test]
    fn pull_is_the_transpose_of_push(map in map(), d in theta(), g in vec(-5.0_f64..5.0, 25)) {
        let mut pulled = vec![0.0; THETA];
        map.pull(|entry| g[entries().iter().position(|e| *e == entry).unwrap()], &mut pulled);
        let (left, right) = (dot(&pulled, &d), dot(&g, &moved(&map, &d)));
        prop_assert!(close(left, right, 1e-12), "{} against {}", left, right);
    }

    /// The tangents of an entry add up to what `push` adds, to the rounding of entries up to 30.
    #[test]
    fn tangent_is_the_slope_of_push(map in map(), d in theta()) {
        let (pushed, mut tangent) = (moved(&map, &d), vec![0.0; 25]);
        map.tangent(&d, |entry, t| tangent[entries().iter().position(|e| *e == entry).unwrap()] += t);
        prop_assert!(tangent.iter().zip(&pushed).all(|(a, b)| close(*a, *b, 1e-12)), "{:?} against {:?}", tangent, pushed);
    }

    /// What was pushed before leaves no trace.
    #[test]
    fn push_forgets(map in map(), first in theta(), second in theta()) {
        let (base, mut once, mut twice) = (program(), program(), program());
        map.push(&second, &base, &mut once).unwrap();
        for theta in [&first, &second, &second] {
            map.push(theta, &base, &mut twice).unwrap();
        }
        prop_assert_eq!(once, twice);
    }

    /// What `push` adds is linear in theta, to the rounding of entries up to 30 * 2 * 3 * 4.
    #[test]
    fn push_is_linear(map in map(), a in theta(), b in theta(), s in -2.0_f64..2.0, t in -2.0_f64..2.0) {
        let both: Vec<f64> = a.iter().zip(&b).map(|(a, b)| s * a + t * b).collect();
        let (whole, of_a, of_b) = (moved(&map, &both), moved(&map, &a), moved(&map, &b));
        for k in 0..whole.len() {
            let parts = s * of_a[k] + t * of_b[k];
            prop_assert!((whole[k] - parts).abs() <= 1e-11, "entry {}: {} against {}", k, whole[k], parts);
        }
    }

    /// The optimum by construction has residuals of rounding size; a step of 0.01 in any one number of it shows, far above that: P has a
    /// diagonal of at least 1 and a dual moves stationarity by its normal, relative to costs up to a hundred or so.
    #[test]
    fn residuals_vanish_at_the_optimum_alone(n in 2_usize..9, m in 0_usize..9, seed in any::<u64>(), up in any::<bool>()) {
        let q = random_qp(n, m, &mut Rng::seeded(seed));
        let mut program = q.base.clone();
        q.params.push(&q.theta, &q.base, &mut program).unwrap();
        let best = Residuals::of(&program, &q.solution).worst();
        prop_assert!(best <= 1e-10, "{}", best);
        for k in 0..2 * n + m {
            let mut bad = q.solution.clone();
            let numbers = bad.x.iter_mut().chain(&mut bad.bound_dual).chain(&mut bad.row_dual);
            *numbers.into_iter().nth(k).unwrap() += if up { 0.01 } else { -0.01 };
            let found = Residuals::of(&program, &bad);
            prop_assert!(found.worst() > 1e-8, "number {}: {:?}", k, found);
            // Where a constraint has slack, here at least 0.1, a dual shows in complementarity as well.
            let slack = q.solution.bound_side.iter().chain(&q.solution.row_side).nth(k.wrapping_sub(n)) == Some(&Side::Free);
            prop_assert!(!slack || found.complementarity > 1e-8, "number {}: {:?}", k, found);
        }
    }

    /// Row k of a selection is the row that was named, repeated or not.
    #[test]
    fn a_selection_holds_the_named_rows(rows in 1_usize..8, cols in 0_usize..4, picks in vec(any::<prop::sample::Index>(), 0..12)) {
        let batch = Batch::from_vec(rows, cols, (0..rows * cols).map(|k| k as f64).collect()).unwrap();
        let index: Vec<usize> = picks.iter().map(|p| p.index(rows)).collect();
        let selected = batch.select(&index);
        prop_assert_eq!((selected.rows(), selected.cols()), (index.len(), cols));
        for (k, &i) in index.iter().enumerate() {
            let expected: Vec<f64> = (0..cols).map(|j| (i * cols + j) as f64).collect();
            prop_assert_eq!(selected.row(k), &expected[..]);
        }
    }

    /// Names that differ in one part or several give streams without a number in common: 64 draws of 64 bits coincide by chance in one
    /// case of 10^15, and always if one stream is a shift of the other.
    #[test]
    fn streams_of_distinct_names_are_distinct(a in name(), b in name()) {
        prop_assume!(a != b);
        let mut all = [draws(a), draws(b)].concat();
        all.sort_unstable();
        all.dedup();
        prop_assert_eq!(all.len(), 64);
    }

    /// A change of currency changes neither regret: costs of three alternatives, one of them chosen, all times `scale`; 1e-12 is rounding.
    #[test]
    fn regrets_have_no_unit(table in vec((vec(0.1_f64..9.0, 3), 0_usize..3), 1..20), scale in 1e-3_f64..1e3, sign in any::<bool>()) {
        let figures = |scale: f64| {
            let costs = |row: &[f64]| -> Vec<f64> { row.iter().map(|c| if sign { c * scale } else { -c * scale }).collect() };
            let best: Vec<f64> = table.iter().map(|(row, _)| costs(row).into_iter().fold(f64::INFINITY, f64::min)).collect();
            let regret: Vec<f64> = table.iter().zip(&best).map(|((row, chosen), best)| costs(row)[*chosen] - best).collect();
            (metrics::normalized_regret(&regret, &best), metrics::mean_ratio_regret(&regret, &best))
        };
        let (one, scaled) = (figures(1.0), figures(scale));
        prop_assert!(one.0 >= 0.0 && one.1 >= 0.0, "{:?}", one);
        prop_assert!(close(scaled.0, one.0, 1e-12) && close(scaled.1, one.1, 1e-12), "{:?} against {:?}", scaled, one);
    }
}

type Name = (u64, u64, &'static str, u64, u32);

/// Small numbers, so that parts coincide and change places.
fn name() -> impl Strategy<Value = Name> {
    (0_u64..4, 0_u64..4, prop::sample::select(vec!["", "noise", "shuffle"]), 0_u64..4, 0_u32..4)
}

fn draws((seed, step, purpose, id, slot): Name) -> Vec<u64> {
    let mut rng = Stream { seed, step }.rng(purpose, Key { id, slot });
    (0..32).map(|_| rng.bits()).collect()
}
