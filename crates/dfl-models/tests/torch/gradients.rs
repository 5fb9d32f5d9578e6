//! Predictor -> solver -> loss in f64, through the bridge, against two independent answers.

use dfl_core::{Batch, Call, Decider, DecisionLoss, Key, Parameters, Stream, Targets, Trainable};
use dfl_models::torch::tch::{Kind, Tensor};
use dfl_models::torch::{Architecture, Mode, Network, bridge};

use crate::common::{Cubic, Simplex, assert_close, double, normals};

const ROWS: usize = 12;
const STREAM: Stream = Stream { seed: 5, step: 3 };

fn network() -> Network {
    // Everything that has a derivative of its own: hidden layers, batch statistics, dropout.
    double(Architecture { batch_norm: true, dropout: 0.25, ..Architecture::mlp(4, &[7, 6], 5) }, 11)
}

fn features() -> Batch {
    normals(ROWS, 4, 1)
}

fn targets() -> Targets {
    Targets { truth: Some(normals(ROWS, 5, 2)), ..Targets::default() }
}

/// Mean loss of a training-mode pass, and its gradient in the predictions.
fn mean_loss(model: &mut Network) -> (f64, Batch) {
    let loss = DecisionLoss::new(Cubic, Simplex(5)).unwrap();
    let ids: Vec<u64> = (0..ROWS as u64).collect();
    let predictions = model.forward(&features(), STREAM).unwrap();
    let mut out = loss.evaluate(&predictions, &targets(), &ids, STREAM).unwrap();
    out.grads.as_mut_slice().iter_mut().for_each(|g| *g /= ROWS as f64);
    (out.values.iter().sum::<f64>() / ROWS as f64, out.grads)
}

fn bridge_gradient(model: &mut Network) -> Vec<f64> {
    model.zero_grad();
    let (_, cotangent) = mean_loss(model);
    model.backward(&cotangent).unwrap();
    model.gradient()
}

/// All gradients equal central differences of the loss in the weights: h = 1e-5 leaves 1e-10 from truncation and rounding.
#[test]
fn the_bridge_matches_central_differences_in_every_weight() {
    let mut model = network();
    let gradient = bridge_gradient(&mut model);
    let (values, h) = (model.values(), 1e-5);
    let mut at = |k: usize, by: f64| {
        let mut moved = values.clone();
        moved[k] += by;
        model.set_values(&moved).unwrap();
        mean_loss(&mut model).0
    };
    let differences: Vec<f64> = (0..gradient.len()).map(|k| (at(k, h) - at(k, -h)) / (2.0 * h)).collect();
    assert!(gradient.iter().filter(|g| g.abs() > 1e-3).count() > gradient.len() / 2, "the check must not compare zeros");
    assert_close(&gradient, &differences, 1e-6, 1e-9);
}

/// The same chain written in torch alone, the projection included.
fn torch_loss(output: &Tensor) -> Tensor {
    let descending = output.sort(-1, true).0;
    let counts = Tensor::arange_start(1, 6, (Kind::Double, output.device()));
    let thresholds = (descending.cumsum(-1, Kind::Double) - 1.0) / counts;
    let x = (output - thresholds.amax([-1_i64].as_slice(), true)).relu();
    let truth = bridge::to_tensor("truth", targets().truth.as_ref().unwrap(), bridge::place(output)).unwrap();
    ((&x - truth).square() * 0.5 + &x * &x * &x).sum(Kind::Double) / ROWS as f64
}

#[test]
fn the_bridge_matches_plain_autograd() {
    let mut model = network();
    let expected = bridge_gradient(&mut model);
    model.zero_grad();
    let input = bridge::to_tensor("features", &features(), model.place()).unwrap();
    let loss = torch_loss(&model.output(&input, Mode::Train(STREAM)).unwrap());
    assert!((loss.double_value(&[]) - mean_loss(&mut model).0).abs() < 1e-13);
    model.add_gradient_of(&loss).unwrap();
    assert_close(&model.gradient(), &expected, 1e-10, 1e-14);
}

/// The loss after the decision in torch, the solver outside it: cut, pull, inject.
#[test]
fn cut_and_inject_carry_a_torch_loss_through_a_solver() {
    let mut model = network();
    let expected = bridge_gradient(&mut model);
    model.zero_grad();
    let predictions = model.forward(&features(), STREAM).unwrap();
    let keys: Vec<Key> = (0..ROWS as u64).map(|id| Key { id, slot: 0 }).collect();
    let solver = Simplex(5);
    let found = solver.forward(&predictions, &Call { keys: &keys, stream: STREAM, backward: true }).unwrap();
    let truth = bridge::to_tensor("truth", targets().truth.as_ref().unwrap(), model.place()).unwrap();
    let after = |x: &Tensor| Ok(((x - &truth).square() * 0.5 + x * x * x).sum(Kind::Double) / ROWS as f64);
    let (value, cotangent) = bridge::cut(&found.x, model.place(), after).unwrap();
    assert!((value - mean_loss(&mut model).0).abs() < 1e-13);
    model.backward(&found.back.unwrap().pull(&cotangent).unwrap()).unwrap();
    assert_close(&model.gradient(), &expected, 1e-12, 1e-15);
}

/// Two backward passes over one forward pass add up, as two losses on one prediction need.
#[test]
fn gradients_accumulate_until_they_are_cleared() {
    let mut model = network();
    let once = bridge_gradient(&mut model);
    let (_, cotangent) = mean_loss(&mut model);
    model.backward(&cotangent).unwrap();
    model.add_gradient(-0.5, &once).unwrap();
    assert_close(&model.gradient(), &once.iter().map(|g| 1.5 * g).collect::<Vec<_>>(), 1e-12, 1e-15);
    model.zero_grad();
    assert_eq!(model.gradient_norm(), 0.0);
    assert_eq!(model.gradient().len(), once.len());
}
