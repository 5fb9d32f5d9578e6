//! Top k: by hand, by sorting, and as its linear program.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_core::{Error, Residuals, Rng, Solution, SolveInfo, Solver, Status};
use dfl_solvers::TopK;

fn solve(solver: TopK, theta: &[f64]) -> (SolveInfo, Solution) {
    let mut out = Solution::default();
    let info = solver.solve(theta, None, &mut solver.workspace().unwrap(), &mut out).unwrap();
    (info, out)
}

#[test]
fn the_cheapest_by_hand() {
    let (info, out) = solve(TopK::new(4, 2).unwrap(), &[3.0, -1.0, 2.0, 5.0]);
    assert_eq!((info.status, out.x, out.objective), (Status::Optimal, vec![0.0, 1.0, 1.0, 0.0], 1.0));
}

/// Of equal costs the lower index first, the two zeros being equal too.
#[test]
fn ties_go_by_index() {
    assert_eq!(solve(TopK::new(4, 2).unwrap(), &[1.0; 4]).1.x, [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(solve(TopK::new(4, 2).unwrap(), &[0.0, -0.0, -0.0, 0.0]).1.x, [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(solve(TopK::new(4, 3).unwrap(), &[2.0, 2.0, 1.0, 2.0]).1.x, [1.0, 1.0, 1.0, 0.0]);
    assert_eq!(solve(TopK::new(3, 3).unwrap(), &[2.0, -2.0, 9.0]).1.x, [1.0; 3]);
}

/// A stable sort takes the same items, from one workspace for all, with many ties.
#[test]
fn agrees_with_sorting() {
    let mut rng = Rng::seeded(1);
    for _ in 0..2000 {
        let n = 1 + rng.below(30);
        let k = 1 + rng.below(n);
        let solver = TopK::new(n, k).unwrap();
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        for ties in [true, false] {
            let theta: Vec<f64> = (0..n).map(|_| if ties { rng.below(4) as f64 - 1.0 } else { rng.normal() }).collect();
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|&a, &b| theta[a].partial_cmp(&theta[b]).unwrap());
            let mut x = vec![0.0; n];
            order[..k].iter().for_each(|&j| x[j] = 1.0);
            assert_eq!(solver.solve(&theta, None, &mut ws, &mut out).unwrap().status, Status::Optimal);
            assert_eq!(out.x, x);
            let cost: f64 = order[..k].iter().map(|&j| theta[j]).sum();
            assert!((out.objective - cost).abs() < 1e-12);
            assert_eq!(Residuals::feasibility(&solver.program(), &out.x), 0.0);
        }
    }
}

/// The linear program has the same optimum: it needs no integers.
#[cfg(feature = "clarabel")]
#[test]
fn its_linear_program_has_the_same_optimum() {
    use dfl_core::ParamMap;
    let mut rng = Rng::seeded(2);
    for (n, k) in [(1, 1), (5, 2), (20, 7), (50, 49)] {
        let top = TopK::new(n, k).unwrap();
        let linear = dfl_solvers::Clarabel::new(top.program(), ParamMap::costs(n), Default::default()).unwrap();
        let (mut ws, mut out) = (linear.workspace().unwrap(), Solution::default());
        for _ in 0..5 {
            let theta: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            assert_eq!(linear.solve(&theta, None, &mut ws, &mut out).unwrap().status, Status::Optimal);
            let ours = solve(top, &theta).1;
            assert!((ours.objective - out.objective).abs() < 1e-9, "{} against {}", ours.objective, out.objective);
            assert!(ours.x.iter().zip(&out.x).all(|(a, b)| (a - b).abs() < 1e-9));
        }
    }
}

#[test]
fn what_is_no_selection_is_refused() {
    for (n, k) in [(0, 0), (5, 0), (5, 6), (0, 1)] {
        let text = TopK::new(n, k).unwrap_err().to_string();
        assert!(text.starts_with(&format!("k of the top k: {k} is not accepted; it must be at least 1")), "{text}");
    }
    let solver = TopK::new(2, 1).unwrap();
    let solve = |theta: &[f64]| solver.solve(theta, None, &mut solver.workspace().unwrap(), &mut Solution::default());
    assert!(matches!(solve(&[1.0]), Err(Error::Dimension { expected: 2, got: 1, .. })));
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert!(matches!(solve(&[1.0, bad]), Err(Error::NotFinite { what: "theta", column: 1, .. })));
    }
}

#[test]
fn a_sum_that_overflows_has_no_answer() {
    assert_eq!(solve(TopK::new(2, 2).unwrap(), &[-1e308, -1e308]).0.status, Status::Failed);
    assert_eq!(solve(TopK::new(2, 1).unwrap(), &[-1e308, -1e308]).0.status, Status::Optimal);
}
