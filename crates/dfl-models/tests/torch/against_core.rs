//! The linear predictor in f64 against `dfl_core::Linear` and its Adam.

use dfl_core::{Batch, Linear, Parameters, Predictor, Stream, Trainable};
use dfl_models::torch::{Architecture, Network};

use crate::common::{assert_close, double, normals};

const SIZE: (usize, usize) = (6, 4);

/// Core keeps one row `[weights, bias]` per output; torch all biases, then all weights (by name).
fn as_core(flat: &[f64]) -> Vec<f64> {
    let (bias, weight) = flat.split_at(SIZE.1);
    weight.chunks(SIZE.0).zip(bias).flat_map(|(w, b)| w.iter().copied().chain([*b])).collect()
}

fn pair() -> (Network, Linear) {
    let torch = double(Architecture::linear(SIZE.0, SIZE.1), 3);
    let mut core = Linear::new(SIZE.0, SIZE.1);
    core.set_values(&as_core(&torch.values())).unwrap();
    (torch, core)
}

/// Predictions, gradients and 200 Adam steps on a changing gradient stay together.
#[test]
fn two_implementations_take_the_same_path() {
    let (mut torch, mut core) = pair();
    for step in 0..200 {
        let (x, y) = (normals(9, SIZE.0, step), normals(9, SIZE.1, 1000 + step));
        let predictions = core.forward(&x, Stream::default()).unwrap();
        assert_close(torch.forward(&x, Stream::default()).unwrap().as_slice(), predictions.as_slice(), 0.0, 1e-10);
        let difference = predictions.as_slice().iter().zip(y.as_slice()).map(|(p, y)| p - y).collect();
        let cotangent = Batch::from_vec(9, SIZE.1, difference).unwrap();
        core.zero_grad();
        torch.zero_grad();
        core.backward(&cotangent).unwrap();
        torch.backward(&cotangent).unwrap();
        assert_close(&as_core(&torch.gradient()), &core.gradient(), 1e-12, 1e-12);
        core.step(0.01).unwrap();
        torch.step(0.01).unwrap();
        assert_close(&as_core(&torch.values()), &core.values(), 0.0, 1e-10);
    }
}

#[test]
fn the_same_weights_predict_the_same() {
    let (torch, core) = pair();
    let x = normals(20, SIZE.0, 8);
    assert_close(torch.predict(&x).unwrap().as_slice(), core.predict(&x).unwrap().as_slice(), 1e-12, 1e-14);
    assert_eq!((torch.name(), torch.inputs(), torch.outputs()), ("linear", 6, 4));
}

/// A step without a backward pass moves nothing before there is momentum, as with the slices.
#[test]
fn a_step_along_no_gradient_changes_nothing() {
    let (mut torch, _) = pair();
    let before = torch.values();
    torch.step(0.1).unwrap();
    assert_eq!(torch.values(), before);
}
