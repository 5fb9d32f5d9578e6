//! The graph network: its output and gradients against another way to compute them, samples of a point, and what is refused.

use std::sync::Arc;

use dfl_core::{Batch, Error, Generative, Parameters, PointLikelihood, Predictor, Result, Sampler, Stream};
use dfl_models::torch::{Device, Gcn, GcnConfig, Precision};

use crate::common::{assert_close, normals};

const NODES: usize = 6;
const STREAM: Stream = Stream { seed: 5, step: 3 };

/// $-\tfrac12 \|y - \hat y\|^2$.
#[derive(Debug)]
struct Square;

impl PointLikelihood for Square {
    fn add_grad(&self, truth: &[f64], prediction: &[f64], weight: f64, grad: &mut [f64]) -> Result<f64> {
        let mut value = 0.0;
        for ((y, p), g) in truth.iter().zip(prediction).zip(grad) {
            value -= 0.5 * weight * (y - p).powi(2);
            *g += weight * (y - p);
        }
        Ok(value)
    }
}

/// A ring with a chord.
fn config() -> GcnConfig {
    let ring = (0..NODES).map(|v| [v, (v + 1) % NODES]).chain([[0, 3]]).collect();
    GcnConfig { convolutions: vec![4, 3], hidden: vec![3], precision: Precision::Double, ..GcnConfig::new(NODES, ring, 2) }
}

fn model() -> Gcn {
    Gcn::new(config(), Arc::new(Square), 3, Device::Cpu).unwrap()
}

fn softplus(x: f64) -> f64 {
    x.exp().ln_1p()
}

/// One affine layer of `[outputs, inputs]` weights behind its bias, as the values of a model hold them.
fn affine(values: &mut std::slice::Iter<'_, f64>, inputs: usize, outputs: usize, x: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let bias: Vec<f64> = values.by_ref().take(outputs).copied().collect();
    let weight: Vec<f64> = values.by_ref().take(outputs * inputs).copied().collect();
    let row = |j: usize, x: &[f64]| bias[j] + weight[j * inputs..].iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
    x.iter().map(|x| (0..outputs).map(|j| row(j, x)).collect()).collect()
}

/// Two convolutions over the means of neighbours and two layers, written with loops.
fn by_loops(values: &[f64], features: &[f64]) -> Vec<f64> {
    let config = config();
    let around = |v: usize| config.edges.iter().filter_map(move |&[a, b]| if a == v { Some(b) } else { (b == v).then_some(a) });
    let mut values = values.iter();
    let mut x: Vec<Vec<f64>> = features.chunks(2).map(<[f64]>::to_vec).collect();
    for outputs in [4, 3] {
        let inputs = x[0].len();
        let mean = |v: usize, i: usize| around(v).map(|w| x[w][i]).sum::<f64>() / around(v).count() as f64;
        let both: Vec<Vec<f64>> = (0..NODES).map(|v| x[v].iter().copied().chain((0..inputs).map(|i| mean(v, i))).collect()).collect();
        x = affine(&mut values, 2 * inputs, outputs, &both);
        x.iter_mut().flatten().for_each(|v| *v = softplus(*v));
    }
    x = affine(&mut values, 3, 3, &x);
    x.iter_mut().flatten().for_each(|v| *v = softplus(*v));
    x = affine(&mut values, 3, 1, &x);
    let mean = x.iter().flatten().sum::<f64>() / NODES as f64;
    x.iter().flatten().map(|v| v - mean).collect()
}

#[test]
fn predictions_are_those_of_the_formulas() {
    let (model, features) = (model(), normals(3, 2 * NODES, 1));
    let found = model.predict(&features).unwrap();
    for (found, features) in found.iter().zip(features.iter()) {
        assert_close(found, &by_loops(&model.values(), features), 1e-12, 1e-13);
    }
}

/// The likelihood of two outcomes of each row, and a linear function of three samples, by central differences of h = 1e-5, which leave 1e-10.
#[test]
fn gradients_match_central_differences() {
    let (features, outcomes, weights) = (normals(4, 2 * NODES, 1), normals(4, 2 * NODES, 2), normals(4, 2, 3));
    let cotangent = normals(4, 3 * NODES, 4);
    let likelihood = |model: &mut Gcn| model.add_log_likelihood(&features, &outcomes, &weights, STREAM).unwrap();
    let through = |model: &mut Gcn| -> f64 {
        let drawn = model.draw(&features, 3, STREAM).unwrap();
        model.pull_samples(&cotangent).unwrap();
        drawn.as_slice().iter().zip(cotangent.as_slice()).map(|(a, b)| a * b).sum()
    };
    let ways: [&dyn Fn(&mut Gcn) -> f64; 2] = [&likelihood, &through];
    for run in ways {
        let mut model = model();
        run(&mut model);
        let (gradient, values, h) = (model.gradient(), model.values(), 1e-5);
        let mut at = |k: usize, by: f64| {
            let mut moved = values.clone();
            moved[k] += by;
            model.set_values(&moved).unwrap();
            run(&mut model)
        };
        let differences: Vec<f64> = (0..gradient.len()).map(|k| (at(k, h) - at(k, -h)) / (2.0 * h)).collect();
        assert!(gradient.iter().filter(|g| g.abs() > 1e-3).count() > gradient.len() / 2, "the check must not compare zeros");
        assert_close(&gradient, &differences, 1e-6, 1e-8);
    }
}

#[test]
fn samples_are_the_prediction_and_a_file_keeps_it() {
    let (mut model, features) = (model(), normals(2, 2 * NODES, 1));
    let predicted = model.predict(&features).unwrap();
    let drawn = model.draw(&features, 2, STREAM).unwrap();
    assert_eq!(drawn, model.sample(&features, 2, STREAM).unwrap());
    for (drawn, predicted) in drawn.iter().zip(predicted.iter()) {
        assert_eq!(drawn, predicted.repeat(2));
        assert!(predicted.iter().sum::<f64>().abs() < 1e-12);
    }
    assert!(!model.has_density() && model.log_density(&features, &predicted).is_err());
    let folder = std::env::temp_dir().join(format!("dfl-gcn-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    model.save(&folder.join("gcn")).unwrap();
    let loaded = Gcn::load(&folder.join("gcn"), Arc::new(Square), Device::Cpu).unwrap();
    assert_eq!((loaded.config(), loaded.predict(&features).unwrap()), (model.config(), predicted));
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The loss of a regression on one row falls to nothing, by smaller steps in the end.
#[test]
fn it_learns() {
    let (mut model, features) = (model(), normals(1, 2 * NODES, 1));
    let truth = Batch::from_rows(&[[1.0, -1.0, 0.5, -0.5, 2.0, -2.0]]).unwrap();
    let one = Batch::from_rows(&[[-1.0]]).unwrap();
    let mut last = f64::INFINITY;
    for step in 0..1000 {
        model.zero_grad();
        last = model.add_log_likelihood(&features, &truth, &one, STREAM).unwrap();
        model.step(if step < 600 { 0.02 } else { 0.002 }).unwrap();
    }
    assert!(last < 1e-3, "{last}");
}

#[test]
fn bad_input_is_named() {
    let make = |config| Gcn::new(config, Arc::new(Square), 0, Device::Cpu).map(drop).unwrap_err().to_string();
    assert!(make(GcnConfig { edges: vec![[0, 6]], ..config() }).starts_with("end of an edge: 6"));
    assert!(make(GcnConfig { hidden: vec![0], ..config() }).contains("0 is not accepted"));
    let (mut model, features) = (model(), normals(2, 2 * NODES, 1));
    assert!(matches!(model.predict(&normals(2, 5, 1)), Err(Error::Dimension { what: "features", .. })));
    assert!(matches!(model.draw(&features, 0, STREAM), Err(Error::Domain { what: "samples", .. })));
    assert!(model.pull_samples(&normals(2, NODES, 1)).is_err());
    assert!(matches!(model.add_log_likelihood(&features, &normals(2, 5, 1), &normals(2, 1, 1), STREAM), Err(Error::Dimension { .. })));
}
