//! The regularised decision over the hull of an oracle's answers, against quadratic programs and closed forms.

use dfl_core::testkit::{check_masking, gradient_error};
use dfl_core::{Batch, Call, Csc, Decider, Decisions, Dims, Error, ParamMap, Program, Result, Status};
use dfl_solvers::{ActiveSet, Batched, FrankWolfe, FrankWolfeOptions, Grid, Separable};

use super::{call, cheapest, items, keys, normal, paths, value};

fn regularised<D: Decider>(inner: D, lambda: f64) -> FrankWolfe<D> {
    FrankWolfe::new(inner, FrankWolfeOptions { lambda, ..Default::default() }).unwrap()
}

fn largest(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Decisions, objectives and products with the Jacobian of two deciders. Returns how many rows have a derivative that is not zero.
fn agree(ours: &dyn Decider, theirs: &dyn Decider, thetas: &Batch) -> usize {
    let (keys, g) = (keys(thetas.rows()), normal(thetas.rows(), thetas.cols(), 77));
    let run = |d: &dyn Decider| {
        let found = d.forward(thetas, &call(&keys)).unwrap();
        assert!(found.info.iter().all(|i| i.status == Status::Optimal));
        let pulled = found.back.as_ref().unwrap().pull(&g).unwrap();
        (found.x, found.objective, pulled)
    };
    let ((x, objective, pulled), (x2, objective2, pulled2)) = (run(ours), run(theirs));
    for i in 0..thetas.rows() {
        let errors = [largest(x.row(i), x2.row(i)), (objective[i] - objective2[i]).abs(), largest(pulled.row(i), pulled2.row(i))];
        assert!(errors.iter().all(|&e| e < 1e-10), "row {i}: decision, objective and derivative differ by {errors:?}");
    }
    pulled.iter().filter(|g| g.iter().any(|&g| g != 0.0)).count()
}

/// Flows on grids with a quadratic term, by the separable and by the active-set solver; small and large regularisation, costs of both signs.
#[test]
fn flows_agree_with_quadratic_programs() {
    for (height, width) in [(3, 4), (5, 5)] {
        let grid = Grid::new(height, width).unwrap();
        for (lambda, shift, least) in [(0.1, 0.0, 10), (1.0, 1.0, 30), (10.0, 0.0, 40)] {
            let mut thetas = normal(40, grid.arcs(), 5);
            thetas.as_mut_slice().iter_mut().for_each(|t| *t += shift);
            let smooth = Program { p: Csc::diagonal(&vec![lambda; grid.arcs()]), ..grid.program() };
            let separable = Separable::new(smooth.clone(), ParamMap::costs(grid.arcs()), Default::default()).unwrap();
            let active = ActiveSet::new(smooth, ParamMap::costs(grid.arcs()), Default::default()).unwrap();
            let ours = regularised(paths(height, width), lambda);
            let moving = agree(&ours, &Batched::new(separable), &thetas);
            assert!(moving >= least, "{height}x{width}, lambda {lambda}: {moving} rows off the vertices");
            agree(&ours, &Batched::new(active), &thetas);
        }
    }
}

/// Projection onto the simplex: entries over a threshold, and the mean of a cotangent over them taken off it.
#[test]
fn one_of_many_is_sparsemax() {
    let (n, lambda) = (30, 2.0);
    let (thetas, g, keys) = (normal(20, n, 8), normal(20, n, 9), keys(20));
    let decider = regularised(items(n), lambda);
    let found = decider.forward(&thetas, &call(&keys)).unwrap();
    let pulled = found.back.unwrap().pull(&g).unwrap();
    for i in 0..20 {
        let scores: Vec<f64> = thetas.row(i).iter().map(|t| -t / lambda).collect();
        let mut sorted = scores.clone();
        sorted.sort_unstable_by(|a, b| b.total_cmp(a));
        let threshold = |k: usize| (sorted[..k].iter().sum::<f64>() - 1.0) / k as f64;
        let support = (1..=n).filter(|&k| sorted[k - 1] > threshold(k)).max().unwrap();
        let x: Vec<f64> = scores.iter().map(|s| (s - threshold(support)).max(0.0)).collect();
        assert!(largest(found.x.row(i), &x) < 1e-12, "row {i}");
        let mean = (0..n).filter(|&j| x[j] > 0.0).map(|j| g.row(i)[j]).sum::<f64>() / support as f64;
        let expected: Vec<f64> = (0..n).map(|j| if x[j] > 0.0 { (mean - g.row(i)[j]) / lambda } else { 0.0 }).collect();
        assert!(largest(pulled.row(i), &expected) < 1e-11, "row {i}");
    }
}

/// Ten of the corners of a cube of six dimensions per entry: `x = clip(-theta / lambda, 0, 1)`, with ties at the empty set among them.
#[test]
fn a_cube_clips() {
    let corners: Vec<Vec<f64>> = (0..64_u32).map(|set| (0..6).map(|j| f64::from(set >> j & 1)).collect()).collect();
    let (lambda, thetas, keys) = (0.8, normal(50, 6, 10), keys(50));
    let decider = regularised(cheapest(&corners), lambda);
    let found = decider.forward(&thetas, &call(&keys)).unwrap();
    let ones = Batch::from_vec(50, 6, vec![1.0; 300]).unwrap();
    let pulled = found.back.unwrap().pull(&ones).unwrap();
    for (i, theta) in thetas.iter().enumerate() {
        let x: Vec<f64> = theta.iter().map(|t| (-t / lambda).clamp(0.0, 1.0)).collect();
        assert!(largest(found.x.row(i), &x) < 1e-12, "row {i}");
        let expected: Vec<f64> = x.iter().map(|&x| if x > 0.0 && x < 1.0 { -1.0 / lambda } else { 0.0 }).collect();
        assert!(largest(pulled.row(i), &expected) < 1e-11, "row {i}: {:?}", pulled.row(i));
    }
}

/// The regularised optimum has the decision for its gradient, which a Fenchel-Young loss rests on; its derivative is that of the decision.
#[test]
fn gradients_match_differences() {
    let (decider, thetas, all) = (regularised(paths(4, 4), 0.7), normal(5, 24, 12), keys(1));
    let at = |theta: &[f64]| decider.forward(&Batch::from_rows(&[theta]).unwrap(), &call(&all)).unwrap();
    for theta in thetas.iter() {
        let error = gradient_error(theta, at(theta).x.row(0), 1e-5, |t| at(t).objective[0]);
        assert!(error < 1e-8, "objective: {error:.1e}");
        let found = at(theta);
        let g = normal(1, 24, 13);
        let pulled = found.back.unwrap().pull(&g).unwrap();
        let error = gradient_error(theta, pulled.row(0), 1e-6, |t| value(at(t).x.row(0), g.row(0)));
        assert!(error < 1e-6, "decision: {error:.1e}");
    }
}

/// Costs of a million and of a millionth, ties in all costs, and a decision far from the origin: the optimum is the same up to scale.
#[test]
fn scale_and_ties_do_no_harm() {
    let grid = Grid::new(4, 4).unwrap();
    let solve = |theta: &[f64], lambda: f64| {
        let all = keys(1);
        let decider = regularised(paths(4, 4), lambda);
        let found = decider.forward(&Batch::from_rows(&[theta]).unwrap(), &call(&all)).unwrap();
        assert_eq!(found.info[0].status, Status::Optimal);
        found.x.row(0).to_vec()
    };
    let theta = normal(1, grid.arcs(), 3);
    let plain = solve(theta.row(0), 0.5);
    for scale in [1e6, 1e-6] {
        let scaled: Vec<f64> = theta.row(0).iter().map(|t| t * scale).collect();
        assert!(largest(&solve(&scaled, 0.5 * scale), &plain) < 1e-10);
    }
    // Without costs: the flow of least norm, which is that of the program.
    let least = Program { p: Csc::diagonal(&vec![1.0; grid.arcs()]), ..grid.program() };
    let reference = Batched::new(Separable::new(least, ParamMap::costs(grid.arcs()), Default::default()).unwrap());
    let expected = dfl_core::decide(&reference, &Batch::zeros(1, grid.arcs()), &[0]).unwrap().0;
    assert!(largest(&solve(&vec![0.0; grid.arcs()], 1.0), expected.row(0)) < 1e-10);
    assert!(largest(&solve(&vec![3.0; grid.arcs()], 1.0), expected.row(0)) < 1e-10);
}

/// A limit leaves a row inexact, with a gap that bounds how far the objective is from the optimum, and usable.
#[test]
fn a_limit_is_reported_with_a_gap() {
    let (thetas, keys) = (normal(10, 40, 4), keys(10));
    let exact = regularised(paths(5, 5), 1.0).forward(&thetas, &call(&keys)).unwrap().objective;
    for iterations in [1, 2, 5] {
        let limited = FrankWolfe::new(paths(5, 5), FrankWolfeOptions { iterations, ..Default::default() }).unwrap();
        let found = limited.forward(&thetas, &call(&keys)).unwrap();
        for (i, info) in found.info.iter().enumerate() {
            let above = found.objective[i] - exact[i];
            match info.status {
                Status::Optimal => assert!(info.iterations <= iterations && above.abs() < 1e-12),
                Status::Inexact { residual } => {
                    assert!(above >= -1e-12 && above <= residual, "row {i}: {above} over the optimum, gap {residual}");
                    assert_eq!(info.iterations, iterations);
                }
                other => panic!("row {i}: {other}"),
            }
        }
        assert!(found.info.iter().any(|i| i.status != Status::Optimal), "{iterations} calls are too few for some");
        assert!(found.back.unwrap().pull(&found.x).unwrap().as_slice().iter().all(|g| g.is_finite()));
    }
}

/// Its oracle calls, of flows on 5x5 with costs of order 1: each a fraction of what linear convergence would take.
#[test]
fn oracle_calls_stay_few() {
    let (thetas, keys) = (normal(100, 40, 6), keys(100));
    for (lambda, most) in [(0.1, 4.0), (1.0, 9.0), (10.0, 20.0)] {
        let info = regularised(paths(5, 5), lambda).forward(&thetas, &call(&keys)).unwrap().info;
        let mean = info.iter().map(|i| i.iterations).sum::<usize>() as f64 / 100.0;
        println!("lambda {lambda}: {mean:.1} oracle calls per row, at most {}", info.iter().map(|i| i.iterations).max().unwrap());
        assert!(mean < most, "lambda {lambda}: {mean} calls");
    }
}

#[test]
fn a_row_without_an_answer_has_no_gradient() {
    let thetas = Batch::from_rows(&[[1.0, 2.0], [3.0, 2.5]]).unwrap();
    assert_eq!(check_masking(&regularised(items(2), 1.0), &thetas, &[-2000.0, 1.0]), Status::Unbounded);
}

/// An oracle that is not sure of its answers.
struct Unsure<D>(D);

impl<D: Decider> Decider for Unsure<D> {
    fn name(&self) -> &'static str {
        "unsure"
    }
    fn dims(&self) -> Dims {
        self.0.dims()
    }
    fn differentiable(&self) -> bool {
        false
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        let mut found = self.0.forward(thetas, call)?;
        found.info.iter_mut().for_each(|i| i.status = Status::Feasible { gap: 0.1 });
        Ok(found)
    }
}

#[test]
fn an_oracle_that_proves_nothing_gives_no_optimum() {
    let keys = keys(1);
    let decider = regularised(Unsure(items(3)), 1.0);
    let info = decider.forward(&normal(1, 3, 2), &call(&keys)).unwrap().info;
    assert!(matches!(info[0].status, Status::Inexact { residual } if residual < 1e-9));
}

#[test]
fn bad_options_are_refused() {
    let refused = |options: FrankWolfeOptions| match FrankWolfe::new(items(2), options) {
        Err(Error::Domain { what, .. }) => what,
        other => panic!("accepted: {:?}", other.map(|d| d.dims())),
    };
    assert_eq!(refused(FrankWolfeOptions { lambda: 0.0, ..Default::default() }), "lambda");
    assert_eq!(refused(FrankWolfeOptions { tolerance: f64::NAN, ..Default::default() }), "tolerance");
    assert_eq!(refused(FrankWolfeOptions { iterations: 0, ..Default::default() }), "iterations");
}
