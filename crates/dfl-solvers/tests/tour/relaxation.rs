//! The programs: every tour is in each relaxation, and their bounds are ordered.

use dfl_core::{Program, Residuals, Rng};
use dfl_solvers::{Tour, TourRelaxation};

use crate::tours::{KINDS, costs};
use crate::{order, solve, solver, tour};

const RELAXATIONS: [TourRelaxation; 3] = [TourRelaxation::Mtz, TourRelaxation::Flow, TourRelaxation::Subtour];

/// The point of a relaxation that a tour is: its edges, the arcs in the order of visit, and positions or flows.
fn complete(tour: Tour, relaxation: TourRelaxation, x: &[f64]) -> Vec<f64> {
    let (n, order) = (tour.nodes(), order(x));
    let mut place = vec![0; n];
    order.iter().enumerate().for_each(|(k, &v)| place[v] = k);
    let follows = |i: usize, j: usize| (place[i] + 1) % n == place[j];
    let pairs = |from: usize| (from..n).flat_map(move |i| (from..n).filter(move |&j| j != i).map(move |j| (i, j)));
    let mut point = x.to_vec();
    if relaxation == TourRelaxation::Subtour {
        return point;
    }
    point.extend(pairs(0).map(|(i, j)| f64::from(follows(i, j))));
    match relaxation {
        TourRelaxation::Mtz => point.extend((1..n).map(|i| place[i] as f64 + 1.0)),
        _ => point.extend(pairs(1).map(|(i, j)| if follows(i, j) { (n - place[j]) as f64 } else { 0.0 })),
    }
    point
}

#[test]
fn every_tour_is_in_every_relaxation() {
    let mut rng = Rng::seeded(11);
    for nodes in 3..=9 {
        let (tour, exact) = (tour(nodes), solver(nodes, true));
        tour.program().check().unwrap();
        for _ in 0..10 {
            let theta: Vec<f64> = (0..tour.edges()).map(|_| rng.normal()).collect();
            let (out, _) = solve(&exact, &theta);
            let flow = complete(tour, TourRelaxation::Flow, &out.x);
            assert_eq!(Residuals::feasibility(&tour.program(), &flow), 0.0);
            for relaxation in RELAXATIONS {
                let formulation = tour.relaxation(relaxation).unwrap();
                formulation.program.check().unwrap();
                formulation.params.check(&formulation.program).unwrap();
                assert_eq!((formulation.visible, formulation.params.theta()), (tour.edges(), tour.edges()));
                assert_eq!(Residuals::feasibility(&formulation.program, &complete(tour, relaxation, &out.x)), 0.0, "{relaxation:?}");
            }
        }
    }
}

/// Two triangles: each degree is 2, so that only the subtour rows, the flow or the positions can tell.
#[test]
fn two_triangles_are_in_no_relaxation_but_rows_of_degrees() {
    let tour = tour(6);
    let mut x = vec![0.0; tour.edges()];
    for (i, j) in [(0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)] {
        x[tour.edge(i, j)] = 1.0;
    }
    let subtour = tour.relaxation(TourRelaxation::Subtour).unwrap().program;
    assert!(Residuals::feasibility(&subtour, &x) > 0.1);
    for relaxation in [TourRelaxation::Mtz, TourRelaxation::Flow] {
        let mut program = tour.relaxation(relaxation).unwrap().program;
        program.lo[..tour.edges()].copy_from_slice(&x);
        program.up[..tour.edges()].copy_from_slice(&x);
        assert_eq!(is_feasible(&program), relaxation == TourRelaxation::Mtz, "{relaxation:?}: arcs of half a unit each way have positions");
    }
}

#[test]
fn subtour_rows_of_many_nodes_are_refused() {
    assert!(tour(12).relaxation(TourRelaxation::Subtour).is_ok());
    let text = tour(13).relaxation(TourRelaxation::Subtour).unwrap_err().to_string();
    assert!(text.contains("number of nodes of the subtour relaxation: 13") && text.contains("Flow"), "{text}");
    // 2^n - 2 sets, without single nodes and pairs and their complements, each counted twice.
    assert_eq!(tour(8).relaxation(TourRelaxation::Subtour).unwrap().program.m(), 8 + (254 - 16 - 56) / 2);
}

#[cfg(feature = "clarabel")]
fn is_feasible(program: &Program) -> bool {
    optimum(program).is_some()
}

#[cfg(not(feature = "clarabel"))]
fn is_feasible(program: &Program) -> bool {
    use dfl_core::{ParamMap, Solution, Solver, Status};
    let solver = dfl_solvers::ActiveSet::new(program.clone(), ParamMap::new(0), Default::default()).unwrap();
    let info = solver.solve(&[], None, &mut solver.workspace().unwrap(), &mut Solution::default()).unwrap();
    info.status == Status::Optimal
}

#[cfg(feature = "clarabel")]
fn optimum(program: &Program) -> Option<f64> {
    use dfl_core::{ParamMap, Solution, Solver, Status};
    let solver = dfl_solvers::Clarabel::new(program.clone(), ParamMap::new(0), Default::default()).unwrap();
    let mut out = Solution::default();
    let info = solver.solve(&[], None, &mut solver.workspace().unwrap(), &mut out).unwrap();
    match info.status {
        Status::Optimal => Some(out.objective),
        Status::Infeasible => None,
        status => panic!("ended {status}"),
    }
}

/// `Mtz <= Flow <= Subtour <=` optimum, to 1e-7 of the size of the costs, each strict somewhere.
#[cfg(feature = "clarabel")]
#[test]
fn bounds_are_ordered() {
    let mut rng = Rng::seeded(12);
    let mut strict = [0; 3];
    for nodes in 4..=8 {
        let (tour, exact) = (tour(nodes), solver(nodes, true));
        for k in 0..12 {
            let theta = costs(tour, KINDS[k % 3], &mut rng);
            let bound = |relaxation| {
                let formulation = tour.relaxation(relaxation).unwrap();
                let mut program = formulation.program.clone();
                formulation.params.push(&theta, &formulation.program, &mut program).unwrap();
                optimum(&program).unwrap()
            };
            let mut values: Vec<f64> = RELAXATIONS.into_iter().map(bound).collect();
            let (best, _) = solve(&exact, &theta);
            values.push(best.objective);
            let size: f64 = theta.iter().zip(&best.x).map(|(c, x)| c.abs() * x).sum();
            for (pair, strict) in values.windows(2).zip(&mut strict) {
                assert!(pair[0] <= pair[1] + 1e-7 * size, "{nodes} nodes, instance {k}: {values:?}");
                *strict += usize::from(pair[0] < pair[1] - 1e-6 * size);
            }
        }
    }
    println!("strict: {strict:?} of 60");
    assert!(strict.iter().all(|&s| s > 0), "{strict:?}");
}
