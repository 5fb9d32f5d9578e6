//! Deciders that answer by a formula or by enumeration, and how a loss is evaluated at one row.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part of what is one module")]

pub mod pyepo;

use dfl_core::{
    Batch, Call, Decider, DecisionLoss, Decisions, Dims, Loss, NoGradient, ParamMap, Pullback, Result, Rng, SolveInfo, Status, Stream,
    Targets, decide,
};
use dfl_solvers::{Batched, Grid, Separable, SeparableOptions, ShortestPath, smooth_quadratic};

pub const SOLVED: SolveInfo = SolveInfo { status: Status::Optimal, iterations: 1, degenerate: false };

/// `min c x + mu/2 x^2` on `[0, 1]`, whose answer is a clamp: the smoothed one-dimensional problem of the plateau example.
pub struct Smoothed {
    pub mu: f64,
}

struct SmoothedBack {
    slopes: Vec<f64>,
}

impl Decider for Smoothed {
    fn name(&self) -> &'static str {
        "smoothed"
    }
    fn dims(&self) -> Dims {
        Dims { theta: 1, x: 1, rows: 0 }
    }
    fn differentiable(&self) -> bool {
        true
    }
    fn forward<'d>(&'d self, thetas: &Batch, _call: &Call<'_>) -> Result<Decisions<'d>> {
        let mut x = thetas.clone();
        x.as_mut_slice().iter_mut().for_each(|c| *c = (-*c / self.mu).clamp(0.0, 1.0));
        let slopes = x.as_slice().iter().map(|&x| if x > 0.0 && x < 1.0 { -1.0 / self.mu } else { 0.0 }).collect();
        let objective = thetas.as_slice().iter().zip(x.as_slice()).map(|(c, x)| c * x + 0.5 * self.mu * x * x).collect();
        Ok(Decisions { x, objective, info: vec![SOLVED; thetas.rows()], back: Some(Box::new(SmoothedBack { slopes })) })
    }
}

impl Pullback for SmoothedBack {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        let data = cotangent.as_slice().iter().zip(&self.slopes).map(|(c, s)| c * s).collect();
        Batch::from_vec(cotangent.rows(), 1, data)
    }
}

/// The cheapest of listed decisions, the first of equals: an exact black box of any linear problem that is small enough to list.
pub struct Listed(pub Batch);

impl Decider for Listed {
    fn name(&self) -> &'static str {
        "listed"
    }
    fn dims(&self) -> Dims {
        Dims { theta: self.0.cols(), x: self.0.cols(), rows: 0 }
    }
    fn differentiable(&self) -> bool {
        false
    }
    fn forward<'d>(&'d self, thetas: &Batch, _call: &Call<'_>) -> Result<Decisions<'d>> {
        let (mut x, mut objective) = (Batch::zeros(thetas.rows(), self.0.cols()), vec![f64::INFINITY; thetas.rows()]);
        for i in 0..thetas.rows() {
            for w in self.0.iter() {
                let value = dot(thetas.row(i), w);
                if value < objective[i] {
                    objective[i] = value;
                    x.row_mut(i).copy_from_slice(w);
                }
            }
        }
        Ok(Decisions { x, objective, info: vec![SOLVED; thetas.rows()], back: None })
    }
}

/// The three unit vectors: choose the cheapest of three items.
pub fn cheapest_of_three() -> Listed {
    Listed(rows(&[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]))
}

pub fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

pub fn rows<R: AsRef<[f64]>>(rows: &[R]) -> Batch {
    Batch::from_rows(rows).unwrap()
}

pub fn column(values: &[f64]) -> Batch {
    Batch::from_vec(values.len(), 1, values.to_vec()).unwrap()
}

pub fn targets(truth: Batch, solution: Batch) -> Targets {
    Targets { truth: Some(truth), solution: Some(solution), normals: None }
}

/// Value and gradient at one row.
pub fn evaluate<L: Loss, D: Decider>(loss: &DecisionLoss<L, D>, pred: &[f64], truth: &[f64], solution: &[f64]) -> (f64, Vec<f64>) {
    let out = loss.evaluate(&rows(&[pred]), &targets(rows(&[truth]), rows(&[solution])), &[0], Stream::default()).unwrap();
    (out.values[0], out.grads.into_vec())
}

/// As [`evaluate`], of a loss that solves nothing.
pub fn evaluate_alone(loss: impl Loss, pred: &[f64], truth: &[f64], solution: &[f64]) -> (f64, Vec<f64>) {
    evaluate(&DecisionLoss::<_, Smoothed>::without_decider(loss).unwrap(), pred, truth, solution)
}

#[track_caller]
pub fn near(got: &[f64], expected: &[f64], tolerance: f64) {
    assert_eq!(got.len(), expected.len());
    let close = got.iter().zip(expected).all(|(a, b)| (a - b).abs() <= tolerance);
    assert!(close, "{got:?} instead of {expected:?}");
}

pub fn grid() -> Grid {
    Grid::new(3, 4).unwrap()
}

pub fn exact_grid() -> Batched<NoGradient<ShortestPath>> {
    Batched::new(NoGradient(ShortestPath::new(grid())))
}

/// The grid's path with `mu/2 |x|^2` added, differentiable.
pub fn smoothed_grid(mu: f64) -> Batched<Separable> {
    let formulation = dfl_core::Formulation { program: grid().program(), params: ParamMap::costs(grid().arcs()), visible: grid().arcs() };
    let smoothed = smooth_quadratic(formulation, mu).unwrap();
    Batched::new(Separable::new(smoothed.program, smoothed.params, SeparableOptions::default()).unwrap())
}

/// Predictions, and targets with exact labels, of `b` random rows of the grid.
pub fn grid_rows(b: usize, seed: u64) -> (Batch, Targets) {
    let mut rng = Rng::seeded(seed);
    let mut draw = || Batch::from_vec(b, grid().arcs(), (0..b * grid().arcs()).map(|_| rng.normal()).collect()).unwrap();
    let (preds, truth) = (draw(), draw());
    let solution = decide(&exact_grid(), &truth, &ids(b)).unwrap().0;
    (preds, targets(truth, solution))
}

pub fn ids(b: usize) -> Vec<u64> {
    (0..b as u64).collect()
}
