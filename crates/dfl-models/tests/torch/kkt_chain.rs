//! The whole chain with the real parts: torch predictor, a QP solved by OSQP and differentiated by its KKT conditions, a decision loss.

use dfl_core::{Cost, CostGrad, Csc, Decider, DecisionLoss, Entry, Loss, ParamMap, Parameters, Program, Stream, Targets, Trainable};
use dfl_losses::TaskCost;
use dfl_models::torch::{Architecture, Network};
use dfl_solvers::{Batched, Kkt, Osqp, OsqpOptions};

use crate::common::{Simplex, assert_close, double, normals};

const ROWS: usize = 12;
const STREAM: Stream = Stream { seed: 5, step: 3 };

/// 1/2 |x - y|^2 + sum x^3.
struct CubicCost;

impl Cost for CubicCost {
    fn value(&self, y: &[f64], x: &[f64]) -> f64 {
        x.iter().zip(y).map(|(x, y)| 0.5 * (x - y).powi(2) + x.powi(3)).sum()
    }
}

impl CostGrad for CubicCost {
    fn grad_z(&self, y: &[f64], x: &[f64], out: &mut [f64]) {
        for ((g, x), y) in out.iter_mut().zip(x).zip(y) {
            *g = x - y + 3.0 * x * x;
        }
    }
}

/// min 1/2 |x|^2 - theta'x, sum x = 1, x >= 0: the projection of theta onto the simplex, as a program.
fn projection() -> Batched<Kkt<Osqp>> {
    let ones: Vec<_> = (0..5).map(|j| (0, j, 1.0)).collect();
    let program = Program::linear(vec![0.0; 5])
        .with_quadratic(Csc::diagonal(&[1.0; 5]))
        .with_rows(Csc::from_triplets(1, 5, &ones).unwrap(), vec![1.0], vec![1.0])
        .with_bounds(vec![0.0; 5], vec![f64::INFINITY; 5]);
    let params = (0..5).fold(ParamMap::new(5), |map, j| map.link(Entry::C(j), j, -1.0));
    Batched::new(Kkt::new(Osqp::new(program, params, OsqpOptions::default()).unwrap()))
}

fn network() -> Network {
    double(Architecture::mlp(4, &[7, 6], 5), 11)
}

/// Mean loss of a pass, with its gradient added to the model's.
fn pass<L: Loss, D: Decider>(model: &mut Network, loss: &DecisionLoss<L, D>) -> f64 {
    let ids: Vec<u64> = (0..ROWS as u64).collect();
    let targets = Targets { truth: Some(normals(ROWS, 5, 2)), ..Targets::default() };
    let predictions = model.forward(&normals(ROWS, 4, 1), STREAM).unwrap();
    let mut out = loss.evaluate(&predictions, &targets, &ids, STREAM).unwrap();
    out.grads.as_mut_slice().iter_mut().for_each(|g| *g /= ROWS as f64);
    model.zero_grad();
    model.backward(&out.grads).unwrap();
    out.values.iter().sum::<f64>() / ROWS as f64
}

#[test]
fn predictor_solver_loss_matches_central_differences_in_every_weight() {
    let (mut model, loss) = (network(), DecisionLoss::new(TaskCost::new(CubicCost), projection()).unwrap());
    pass(&mut model, &loss);
    let (gradient, values, h) = (model.gradient(), model.values(), 1e-5);
    let mut at = |k: usize, by: f64| {
        let mut moved = values.clone();
        moved[k] += by;
        model.set_values(&moved).unwrap();
        pass(&mut model, &loss)
    };
    let differences: Vec<f64> = (0..gradient.len()).map(|k| (at(k, h) - at(k, -h)) / (2.0 * h)).collect();
    assert!(gradient.iter().filter(|g| g.abs() > 1e-3).count() > gradient.len() / 2, "the check must not compare zeros");
    assert_close(&gradient, &differences, 1e-6, 1e-9);
}

/// The projection by sorting, with its Jacobian in closed form, gives the same gradients.
#[test]
fn the_kkt_derivative_of_the_program_is_that_of_the_closed_form() {
    let (mut by_program, mut by_formula) = (network(), network());
    let value = pass(&mut by_program, &DecisionLoss::new(TaskCost::new(CubicCost), projection()).unwrap());
    let expected = pass(&mut by_formula, &DecisionLoss::new(TaskCost::new(CubicCost), Simplex(5)).unwrap());
    assert!((value - expected).abs() < 1e-12, "{value} {expected}");
    assert_close(&by_program.gradient(), &by_formula.gradient(), 1e-9, 1e-12);
}
