//! Branch and cut by HiGHS against our own search, the mixed-integer program against both.

use dfl_core::{Batch, Error, NoGradient, ParamMap, Rng, Solution, Solver, Status, decide};
use dfl_solvers::{Batched, Highs, HighsOptions, Owned, TourCuts, TourCutsOptions};

use crate::tours::{KINDS, costs};
use crate::{check, solve, solver, tour};

/// One kept model for all instances of a size. HiGHS prunes within 1e-6 of its incumbent.
#[test]
fn branch_and_cut_agrees_with_our_search() {
    let mut rng = Rng::seeded(21);
    for (nodes, count) in [(3, 4), (4, 10), (5, 30), (8, 60), (12, 30), (20, 15), (25, 15)] {
        let (tour, search) = (tour(nodes), solver(nodes, false));
        let cuts = TourCuts::new(tour, TourCutsOptions::default()).unwrap();
        let (mut ws, mut out) = (cuts.workspace().unwrap(), Solution::default());
        for k in 0..count {
            let whole = |rng: &mut Rng| (0..tour.edges()).map(|_| rng.below(4) as f64 - 1.0).collect();
            let theta = if k % 4 == 3 { whole(&mut rng) } else { costs(tour, KINDS[k % 4], &mut rng) };
            let info = cuts.solve(&theta, None, &mut ws, &mut out).unwrap();
            check(&theta, &out);
            let (best, _) = solve(&search, &theta);
            assert_eq!(info.status, Status::Optimal, "{nodes} nodes, instance {k}");
            let error = (out.objective - best.objective).abs() / (1.0 + best.objective.abs());
            assert!(error <= 2e-6, "{nodes} nodes, instance {k}: {} and {}", out.objective, best.objective);
            assert!(k % 4 == 3 || out.x == best.x, "{nodes} nodes, instance {k}: another tour");
        }
    }
}

/// At the limit of one node there is a tour and a gap that reaches the optimum, and the same again in memory that was used.
#[test]
fn at_the_limit_of_nodes_the_gap_holds() {
    let (nodes, mut rng, mut stopped) = (16, Rng::seeded(22), 0);
    let (tour, search) = (tour(nodes), solver(nodes, false));
    let cuts = TourCuts::new(tour, TourCutsOptions { nodes: Some(1) }).unwrap();
    let (mut used, mut out, mut fresh) = (cuts.workspace().unwrap(), Solution::default(), Solution::default());
    for k in 0..30 {
        let theta = costs(tour, KINDS[k % 3], &mut rng);
        let info = cuts.solve(&theta, None, &mut used, &mut out).unwrap();
        check(&theta, &out);
        assert_eq!((info, &out), (cuts.solve(&theta, None, &mut cuts.workspace().unwrap(), &mut fresh).unwrap(), &fresh));
        let best = solve(&search, &theta).0.objective;
        let slack = 1e-6 * (1.0 + best.abs());
        let gap = if let Status::Feasible { gap } = info.status { gap } else { 0.0 };
        stopped += usize::from(gap > 0.0);
        let lower = out.objective - gap * out.objective.abs().max(1.0);
        assert!(lower <= best + slack && best <= out.objective + slack, "{lower} <= {best} <= {}", out.objective);
    }
    println!("stopped at one node: {stopped} of 30");
}

#[test]
fn the_mixed_integer_program_has_the_same_value() {
    let mut rng = Rng::seeded(23);
    for nodes in 3..=8 {
        let tour = tour(nodes);
        let rows: Vec<_> = (0..9).map(|k| costs(tour, KINDS[k % 3], &mut rng)).collect();
        let thetas = Batch::from_rows(&rows).unwrap();
        let highs = Highs::new(tour.program(), ParamMap::costs(tour.edges()), HighsOptions::default()).unwrap();
        let highs = Owned::new(NoGradient(highs), 1).unwrap().visible(tour.edges()).unwrap();
        let exact = Batched::new(NoGradient(solver(nodes, true)));
        let ids: Vec<u64> = (0..9).collect();
        let ((x, theirs), (y, ours)) = (decide(&highs, &thetas, &ids).unwrap(), decide(&exact, &thetas, &ids).unwrap());
        for k in 0..9 {
            assert!((theirs[k] - ours[k]).abs() <= 2e-6 * (1.0 + ours[k].abs()), "{nodes} nodes: {} and {}", theirs[k], ours[k]);
            assert_eq!(x.row(k), y.row(k));
        }
    }
}

#[test]
fn bad_input_is_refused() {
    assert!(matches!(TourCuts::new(tour(5), TourCutsOptions { nodes: Some(0) }), Err(Error::Domain { .. })));
    let cuts = TourCuts::new(tour(5), TourCutsOptions::default()).unwrap();
    let (mut ws, mut out) = (cuts.workspace().unwrap(), Solution::default());
    assert!(matches!(cuts.solve(&[1.0; 9], None, &mut ws, &mut out), Err(Error::Dimension { .. })));
    assert!(matches!(cuts.solve(&[f64::NAN; 10], None, &mut ws, &mut out), Err(Error::NotFinite { .. })));
    assert_eq!(cuts.solve(&[1.0; 10], None, &mut ws, &mut out).unwrap().status, Status::Optimal);
}
