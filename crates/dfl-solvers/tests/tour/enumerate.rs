//! Both methods against all permutations.

use dfl_core::{Error, Rng, Solution, Solver, Status};
use dfl_solvers::{ShortestTour, Tour, TourOptions};

use crate::tours::{KINDS, costs};
use crate::{order, solve, solver, tour};

/// The least cost of all tours: node 0 first, then every order of the others.
fn least(tour: Tour, theta: &[f64]) -> f64 {
    fn extend(tour: Tour, theta: &[f64], at: usize, left: u32, cost: f64, best: &mut f64) {
        if left == 0 {
            *best = best.min(cost + theta[tour.edge(at, 0)]);
        }
        for next in (1..tour.nodes()).filter(|next| left >> next & 1 == 1) {
            extend(tour, theta, next, left ^ (1 << next), cost + theta[tour.edge(at, next)], best);
        }
    }
    let mut best = f64::INFINITY;
    extend(tour, theta, 0, (1 << tour.nodes()) - 2, 0.0, &mut best);
    best
}

/// Both methods find the least cost, of sums of at most 8 terms: rounding is below 1e-13 of their size.
fn agree(tour: Tour, theta: &[f64], solvers: &[ShortestTour; 2], tolerance: f64) {
    let best = least(tour, theta);
    for solver in solvers {
        let (out, info) = solve(solver, theta);
        assert_eq!(info.status, Status::Optimal);
        let size: f64 = theta.iter().zip(&out.x).map(|(c, x)| c.abs() * x).sum();
        let error = (out.objective - best).abs();
        assert!(error <= tolerance * size, "{} instead of {best} for {theta:?}", out.objective);
    }
}

#[test]
fn both_methods_find_the_least_of_all_permutations() {
    let mut rng = Rng::seeded(1);
    for nodes in 3..=8 {
        let (tour, solvers) = (tour(nodes), [solver(nodes, true), solver(nodes, false)]);
        for k in 0..[0, 0, 0, 600, 600, 600, 600, 500, 300][nodes] {
            agree(tour, &costs(tour, KINDS[k % 3], &mut rng), &solvers, 1e-13);
            // Ties: few different integers, of one sign or both, sums of which are exact.
            let (values, least) = ([2, 3, 10][k % 3], [0.0, -1.0, -5.0][k / 3 % 3]);
            let whole: Vec<f64> = (0..tour.edges()).map(|_| rng.below(values) as f64 + least).collect();
            agree(tour, &whole, &solvers, 0.0);
        }
    }
}

#[test]
fn all_equal_and_extreme_costs() {
    for nodes in 3..=8 {
        let (tour, solvers) = (tour(nodes), [solver(nodes, true), solver(nodes, false)]);
        for value in [0.0, 1.0, -1.0, 0.1, -1e-300, 1e300] {
            agree(tour, &vec![value; tour.edges()], &solvers, 1e-14);
        }
        // One edge that nobody wants, and one that everybody does, beside small costs.
        let mut rng = Rng::seeded(nodes as u64);
        for large in [1e9, -1e9] {
            let mut theta: Vec<f64> = (0..tour.edges()).map(|_| rng.uniform()).collect();
            theta[rng.below(tour.edges())] = large;
            agree(tour, &theta, &solvers, 1e-12);
        }
    }
}

/// Four nodes, three tours: 0-1-2-3 costs 1 + 8 + 32 + 4, 0-1-3-2 costs 1 + 16 + 32 + 2, 0-2-1-3 costs 2 + 8 + 16 + 4.
#[test]
fn four_nodes_by_hand() {
    for dynamic in [true, false] {
        let (out, _) = solve(&solver(4, dynamic), &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0]);
        assert_eq!((out.x, out.objective), (vec![0.0, 1.0, 1.0, 1.0, 1.0, 0.0], 30.0));
    }
}

#[test]
fn edges_are_numbered_row_by_row() {
    let tour = tour(5);
    assert_eq!((tour.nodes(), tour.edges()), (5, 10));
    assert_eq!(tour.ends(), [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]);
    for (e, (i, j)) in tour.ends().into_iter().enumerate() {
        assert_eq!((tour.edge(i, j), tour.edge(j, i)), (e, e));
    }
    let (out, _) = solve(&solver(5, true), &[1.0, 9.0, 9.0, 1.0, 1.0, 9.0, 9.0, 1.0, 9.0, 1.0]);
    assert_eq!(order(&out.x), [0, 1, 2, 3, 4]);
}

#[test]
fn too_few_nodes_and_bad_options_are_refused() {
    for nodes in [0, 1, 2, 1 << 16, usize::MAX] {
        assert!(matches!(Tour::new(nodes), Err(Error::Domain { what: "number of nodes of a tour", .. })));
    }
    let refused = |options| matches!(ShortestTour::new(tour(5), options), Err(Error::Domain { .. }));
    assert!(refused(TourOptions { nodes: Some(0), ..Default::default() }));
    assert!(refused(TourOptions { dynamic: 18, ..Default::default() }));
}

#[test]
fn bad_costs_are_refused() {
    for dynamic in [true, false] {
        let solver = solver(6, dynamic);
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        assert!(matches!(solver.solve(&[1.0; 14], None, &mut ws, &mut out), Err(Error::Dimension { expected: 15, got: 14, .. })));
        let mut theta = [1.0; 15];
        theta[7] = f64::NAN;
        assert!(matches!(solver.solve(&theta, None, &mut ws, &mut out), Err(Error::NotFinite { column: 7, .. })));
        let info = solver.solve(&[1e308; 15], None, &mut ws, &mut out).unwrap();
        assert_eq!((info.status, out.x), (Status::Failed, vec![0.0; 15]));
    }
}
