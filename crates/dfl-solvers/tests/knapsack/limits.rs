//! A limit on nodes, and costs at the end of their range.

use dfl_core::{Rng, Solution, Solver, Status};
use dfl_solvers::{Knapsack, KnapsackOptions};

use super::{exact, hundredths, near_tens, optimum, problem, solve};

/// The incumbent is feasible, its gap covers the optimum, and both improve until they meet.
#[test]
fn a_limit_on_nodes_leaves_an_incumbent_with_a_valid_gap() {
    let (mut rng, mut limited, mut proven) = (Rng::seeded(3), 0, 0);
    for _ in 0..40 {
        let (weights, capacity) = hundredths(3, 40, &mut rng);
        let theta: Vec<f64> = (0..40).map(|_| -5.0 * rng.uniform() - 1.0).collect();
        let best = optimum(&exact(&weights, &capacity), &theta).objective;
        let mut before = 0.0;
        for nodes in [0, 40, 200, 1000, 5000] {
            let solver = Knapsack::new(problem(&weights, &capacity), KnapsackOptions { nodes: Some(nodes) });
            let (info, out) = solve(&solver, &theta);
            assert!(out.objective >= best - 1e-9 && out.objective <= before, "{nodes} nodes: {} after {before}", out.objective);
            before = out.objective;
            match info.status {
                Status::Feasible { gap } => {
                    limited += 1;
                    assert!(gap > 0.0 && out.objective - gap * out.objective.abs().max(1.0) <= best + 1e-9);
                    assert!((nodes..nodes + 41).contains(&info.iterations), "{} of {nodes} nodes", info.iterations);
                }
                Status::Optimal => {
                    proven += 1;
                    assert!((out.objective - best).abs() < 1e-9);
                }
                other => panic!("{other}"),
            }
        }
    }
    assert!(limited > 60 && proven > 20, "{limited} limited, {proven} proven: the test sees one kind only");
}

/// Costs a power of two larger or smaller change nothing but the objective.
#[test]
fn the_scale_of_costs_and_weights_does_not_matter() {
    let mut rng = Rng::seeded(4);
    let (weights, capacity) = hundredths(2, 40, &mut rng);
    let theta: Vec<f64> = (0..40).map(|_| rng.normal() - 1.0).collect();
    let base = optimum(&exact(&weights, &capacity), &theta);
    let scaled = |values: &[f64], s: i32| values.iter().map(|v| v * 2.0_f64.powi(s)).collect::<Vec<_>>();
    for s in [-900, -40, 40, 900] {
        let rows: Vec<Vec<f64>> = weights.iter().map(|row| scaled(row, s)).collect();
        assert_eq!(optimum(&exact(&rows, &scaled(&capacity, s)), &theta), base);
        let out = optimum(&exact(&weights, &capacity), &scaled(&theta, s));
        assert_eq!((out.x, out.objective), (base.x.clone(), base.objective * 2.0_f64.powi(s)));
    }
}

#[test]
fn a_sum_that_overflows_has_no_answer() {
    let solver = exact(&[vec![1.0, 1.0, 1.0]], &[2.0]);
    let (info, out) = solve(&solver, &[-1e308; 3]);
    assert_eq!((info.status, out), (Status::Failed, Solution::zeros(3, 0)));
    assert_eq!(optimum(&solver, &[-1e308, -1.0, 1e308]).x, [1.0, 1.0, 0.0]);
    assert_eq!(optimum(&solver, &[-5e-324, -5e-324, -1e-323]).objective, -1.5e-323);
}

/// A thousand items: the workspace and the search have no small bounds of their own.
#[test]
fn many_items() {
    let mut rng = Rng::seeded(5);
    let (weights, capacity) = hundredths(1, 1000, &mut rng);
    let solver = exact(&weights, &capacity);
    let mut ws = solver.workspace().unwrap();
    let theta: Vec<f64> = (0..1000).map(|_| -rng.uniform()).collect();
    let mut out = Solution::default();
    assert_eq!(solver.solve(&theta, None, &mut ws, &mut out).unwrap().status, Status::Optimal);
    // The linear relaxation takes items by value per weight, the last in part: no set is better, and one within an item.
    let mut order: Vec<usize> = (0..1000).collect();
    order.sort_by(|&a, &b| (theta[a] / weights[0][a]).total_cmp(&(theta[b] / weights[0][b])));
    let (mut room, mut bound, mut rounded) = (capacity[0], 0.0, 0.0);
    for j in order {
        bound += theta[j] * (room / weights[0][j]).clamp(0.0, 1.0);
        rounded += if weights[0][j] <= room { theta[j] } else { 0.0 };
        room = (room - weights[0][j]).max(0.0);
    }
    assert!(bound <= out.objective + 1e-9 && out.objective <= rounded + 1e-9, "{bound} {} {rounded}", out.objective);
}

/// Both are hard for branch and bound: few different values, whose penalties tie with a bound on the number of items, and values that
/// are almost the same, which need it. With the wrong one an instance takes seconds, hundreds of millions of nodes.
#[test]
fn ties_and_near_ties_do_not_explode() {
    let (mut rng, mut worst) = (Rng::seeded(9), 0);
    for _ in 0..20 {
        let (weights, capacity) = hundredths(2, 40, &mut rng);
        let solver = Knapsack::new(problem(&weights, &capacity), KnapsackOptions { nodes: Some(1_000_000) });
        for k in 0..60 {
            let few = 1 + rng.below(5);
            let one = |rng: &mut Rng| if k % 2 == 0 { -1.0 - rng.below(few) as f64 } else { -5.0 + 0.01 * rng.normal() };
            let theta: Vec<f64> = (0..40).map(|_| one(&mut rng)).collect();
            let info = solve(&solver, &theta).0;
            assert_eq!(info.status, Status::Optimal, "{theta:?}");
            worst = worst.max(info.iterations);
        }
    }
    println!("at most {worst} nodes");
}

/// What a perturbation of whole numbers leaves: which sets tie up to it, the linear relaxation does not tell. Without the bound on the sum
/// of the whole numbers the worst of these takes 600 thousand nodes, and probes seen in training 30 million.
#[test]
fn values_near_a_lattice_do_not_explode() {
    let (mut rng, mut worst) = (Rng::seeded(10), 0);
    for _ in 0..20 {
        let (weights, capacity) = hundredths(2, 40, &mut rng);
        let solver = Knapsack::new(problem(&weights, &capacity), KnapsackOptions { nodes: Some(100_000) });
        for _ in 0..30 {
            let theta: Vec<f64> = (0..40).map(|_| near_tens(&mut rng)).collect();
            let info = solve(&solver, &theta).0;
            assert_eq!(info.status, Status::Optimal, "{theta:?}");
            worst = worst.max(info.iterations);
        }
    }
    println!("at most {worst} nodes");
}
