//! Branch and bound: against the dynamic program, at its limit, and what it does with its memory.

use dfl_core::{Rng, Solution, Solver, Status};
use dfl_solvers::{ShortestTour, TourOptions};

use crate::tours::{KINDS, Kind, costs};
use crate::{check, solve, solver, tour};

/// Branch and bound may stop 1e-9 above; in fact the tours are the same, up to ties.
#[test]
fn branch_and_bound_agrees_with_the_dynamic_program() {
    let mut rng = Rng::seeded(2);
    for nodes in 9..=13 {
        let (tour, dynamic, search) = (tour(nodes), solver(nodes, true), solver(nodes, false));
        for k in 0..120 {
            let unit = [1.0, 0.25, 1024.0, 0.1][k / 4 % 4];
            let whole = |rng: &mut Rng| (0..tour.edges()).map(|_| unit * (rng.below(4) as f64 - 1.0)).collect();
            let theta = if k % 4 == 3 { whole(&mut rng) } else { costs(tour, KINDS[k % 4], &mut rng) };
            let ((exact, _), (found, info)) = (solve(&dynamic, &theta), solve(&search, &theta));
            assert_eq!(info.status, Status::Optimal);
            let size: f64 = theta.iter().zip(&exact.x).map(|(c, x)| c.abs() * x).sum();
            let error = (found.objective - exact.objective).abs();
            assert!(error <= 1e-13 * size, "{nodes} nodes, instance {k}: {} instead of {}", found.objective, exact.objective);
        }
    }
}

#[test]
fn all_equal_costs_need_one_subproblem() {
    for nodes in [9, 20, 40] {
        for value in [0.0, 0.1, -3.0] {
            let (out, info) = solve(&solver(nodes, false), &vec![value; tour(nodes).edges()]);
            assert_eq!((info.status, info.iterations), (Status::Optimal, 1));
            assert!((out.objective - value * nodes as f64).abs() <= 1e-13);
        }
    }
}

/// Ties without a tour of the bound: only that integers differ by one saves branch and bound from looking at every one of them.
#[test]
fn integer_costs_are_proven_in_few_subproblems() {
    let (mut rng, mut most) = (Rng::seeded(7), 0);
    for nodes in [15, 20, 25] {
        for k in 0..20 {
            let rare = |rng: &mut Rng| if rng.uniform() < 2.5 / nodes as f64 { 1.0 } else { 2.0 };
            let draw = |rng: &mut Rng| if k % 2 == 0 { rare(rng) } else { rng.below(3) as f64 };
            let theta: Vec<f64> = (0..tour(nodes).edges()).map(|_| draw(&mut rng)).collect();
            let options = TourOptions { nodes: Some(1000), dynamic: 0 };
            let (_, info) = solve(&ShortestTour::new(tour(nodes), options).unwrap(), &theta);
            assert_eq!(info.status, Status::Optimal, "{nodes} nodes, instance {k}");
            most = most.max(info.iterations);
        }
    }
    println!("most subproblems: {most}");
}

/// Large integers whose tours differ by one, a billionth of their length: the shortest is the shortest.
#[test]
fn large_integers_are_told_apart() {
    let mut rng = Rng::seeded(8);
    for nodes in [9, 10] {
        let (tour, dynamic, search) = (tour(nodes), solver(nodes, true), solver(nodes, false));
        for _ in 0..100 {
            let theta: Vec<f64> = (0..tour.edges()).map(|_| 2e8 + rng.below(12) as f64).collect();
            assert_eq!(solve(&search, &theta).0.objective, solve(&dynamic, &theta).0.objective);
        }
    }
}

/// Missing edges as costs that nobody would pay: what they are, up to 1e15 times as much as the others, leaves the rest as exact.
#[test]
fn missing_edges_do_not_blur_the_others() {
    let (mut rng, mut split) = (Rng::seeded(10), 0);
    for nodes in [10, 13] {
        let (tour, dynamic, search) = (tour(nodes), solver(nodes, true), solver(nodes, false));
        for k in 0..400 {
            let (large, spread, share) = ([1e6, 1e9, 1e12, 1e15][k % 4], [1.0, 1e-2, 1e-5][k / 4 % 3], [0.05, 0.15, 0.3][k / 12 % 3]);
            let mut order: Vec<usize> = (0..nodes).collect();
            rng.shuffle(&mut order);
            let mut cost = |likely: f64| if rng.uniform() < likely { 1.0 + spread * rng.uniform() } else { large };
            let mut theta: Vec<f64> = (0..tour.edges()).map(|_| cost(share)).collect();
            (0..nodes).for_each(|i| theta[tour.edge(order[i], order[(i + 1) % nodes])] = cost(1.0));
            let ((exact, _), (found, info)) = (solve(&dynamic, &theta), solve(&search, &theta));
            split += usize::from(info.iterations > 1);
            let error = (found.objective - exact.objective).abs();
            assert!(error <= 1e-9 * exact.objective, "{nodes} nodes, {large:e}, {k}: {} instead of {}", found.objective, exact.objective);
        }
    }
    println!("split: {split} of 800");
}

/// Zeros and ones: finding a tour of cost 0 is deciding whether a graph has a Hamiltonian cycle, with ties everywhere.
#[test]
fn hidden_cycles_are_found() {
    let mut rng = Rng::seeded(3);
    for nodes in [10, 15, 20, 25] {
        for _ in 0..10 {
            let (tour, mut order) = (tour(nodes), (0..nodes).collect::<Vec<_>>());
            rng.shuffle(&mut order);
            let mut theta: Vec<f64> = (0..tour.edges()).map(|_| f64::from(rng.uniform() > 0.1)).collect();
            for k in 0..nodes {
                theta[tour.edge(order[k], order[(k + 1) % nodes])] = 0.0;
            }
            let (out, info) = solve(&solver(nodes, false), &theta);
            assert_eq!((info.status, out.objective), (Status::Optimal, 0.0));
        }
    }
}

/// With a limit the answer is a tour, not shorter than the optimum, whose gap reaches the optimum; with a large one it is the optimum.
#[test]
fn at_the_limit_the_gap_holds() {
    let (nodes, mut rng, mut stopped) = (13, Rng::seeded(4), 0);
    let exact = solver(nodes, true);
    for k in 0..90 {
        let theta = costs(tour(nodes), KINDS[k % 3], &mut rng);
        let best = solve(&exact, &theta).0.objective;
        for limit in [1, 2, 5, 20, 100_000] {
            let options = TourOptions { nodes: Some(limit), dynamic: 0 };
            let (out, info) = solve(&ShortestTour::new(tour(nodes), options).unwrap(), &theta);
            assert!(info.iterations <= limit);
            let rounding = 1e-12 * (1.0 + best.abs());
            match info.status {
                Status::Feasible { gap } => {
                    stopped += 1;
                    let lower = out.objective - gap * out.objective.abs().max(1.0);
                    assert!(out.objective >= best - rounding && lower <= best + rounding, "{lower} <= {best} <= {}", out.objective);
                }
                status => assert!(status == Status::Optimal && (out.objective - best).abs() <= rounding),
            }
            assert!(limit < 100_000 || info.status == Status::Optimal);
        }
    }
    println!("stopped at the limit: {stopped} of 450");
    assert!(stopped >= 20, "the limits are too wide to test anything: {stopped}");
}

/// Answers do not depend on what the memory held: bit for bit, after other instances and after a limit.
#[test]
fn the_memory_has_no_past() {
    let mut rng = Rng::seeded(5);
    for (nodes, dynamic) in [(8, true), (12, true), (12, false), (16, false)] {
        let solver = solver(nodes, dynamic);
        let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
        for k in 0..30 {
            let theta = costs(tour(nodes), KINDS[k % 3], &mut rng);
            let info = solver.solve(&theta, None, &mut ws, &mut out).unwrap();
            check(&theta, &out);
            assert_eq!((out.clone(), info), solve(&solver, &theta));
        }
    }
}

/// Larger tours are solved at all, and moving every cost at one node by the same amount changes nothing but the value.
#[test]
fn potentials_do_not_change_the_tour() {
    let mut rng = Rng::seeded(6);
    for nodes in [18, 22, 25] {
        let (tour, solver) = (tour(nodes), solver(nodes, false));
        for kind in [Kind::Distances, Kind::Normal] {
            let theta = costs(tour, kind, &mut rng);
            let shift: Vec<f64> = (0..nodes).map(|_| 3.0 * rng.normal()).collect();
            let moved: Vec<f64> = theta.iter().zip(tour.ends()).map(|(c, (i, j))| c + shift[i] + shift[j]).collect();
            let ((a, _), (b, _)) = (solve(&solver, &theta), solve(&solver, &moved));
            assert!((a.objective + 2.0 * shift.iter().sum::<f64>() - b.objective).abs() <= 1e-11 * (1.0 + a.objective.abs()));
            assert_eq!(a.x, b.x);
        }
    }
}
