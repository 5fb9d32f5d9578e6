//! What every model with a density promises, whatever it is.

use std::io::{self, Write};

use dfl_core::{Batch, Error, Generative, Stream};
use dfl_models::torch::{
    Activation, Covariance, Device, Flow, FlowConfig, Gaussian, GaussianConfig, Gru, GruConfig, Mixture, MixtureConfig, Precision, tch,
};

use super::{STREAM, filled};
use crate::common::{assert_close, normals};

const INPUTS: usize = 3;
const OUTPUTS: usize = 2;

/// One of each kind, with dropout where there is such.
fn models(precision: Precision, device: Device) -> Vec<Box<dyn Generative>> {
    let hidden = vec![8, 6];
    let gaussian = |covariance, activation| {
        let config = GaussianConfig {
            hidden: hidden.clone(),
            activation,
            covariance,
            dropout: 0.2,
            precision,
            ..GaussianConfig::new(INPUTS, OUTPUTS)
        };
        Box::new(Gaussian::new(config, 1, device).unwrap())
    };
    let mixture = MixtureConfig { hidden: hidden.clone(), dropout: 0.2, precision, ..MixtureConfig::new(INPUTS, OUTPUTS) };
    let flow = FlowConfig { hidden: hidden.clone(), precision, ..FlowConfig::new(INPUTS, OUTPUTS) };
    let gru = GruConfig { hidden: hidden.clone(), precision, ..GruConfig::new(INPUTS, INPUTS, OUTPUTS) };
    let mut all: Vec<Box<dyn Generative>> = vec![
        gaussian(Covariance::Diagonal, Activation::Relu),
        gaussian(Covariance::Full, Activation::Silu),
        Box::new(Mixture::new(mixture, 1, device).unwrap()),
        Box::new(Flow::new(flow, 1, device).unwrap()),
        Box::new(Gru::new(gru, 1, device).unwrap()),
    ];
    for model in &mut all {
        let moved: Vec<f64> = model.values().iter().zip(normals(1, 4000, 2).as_slice()).map(|(v, z)| v + 0.2 * z).collect();
        model.set_values(&moved).unwrap();
    }
    all
}

/// Everything a model computes: values and gradients of a likelihood and of a draw, a step, then densities, samples and predictions.
fn run(model: &mut dyn Generative) -> Vec<Vec<f64>> {
    let (x, y, w) = (normals(6, INPUTS, 3), normals(6, 4 * OUTPUTS, 4), normals(6, 4, 5));
    model.zero_grad();
    let value = model.add_log_likelihood(&x, &y, &w, STREAM).unwrap();
    let likelihood = model.gradient();
    model.zero_grad();
    let drawn = model.draw(&x, 4, STREAM).unwrap();
    model.pull_samples(&y).unwrap();
    let through = model.gradient();
    model.step(1e-3).unwrap();
    let density = model.log_density(&x, &y).unwrap();
    let (sample, mean) = (model.sample(&x, 4, STREAM).unwrap(), model.predict(&x).unwrap());
    vec![vec![value], likelihood, drawn.into_vec(), through, density.into_vec(), sample.into_vec(), mean.into_vec()]
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    for (mut a, mut b) in models(Precision::Single, Device::Cpu).into_iter().zip(models(Precision::Single, Device::Cpu)) {
        assert_eq!(run(&mut *a), run(&mut *b), "{}", a.name());
        let x = normals(2, INPUTS, 1);
        assert_ne!(a.sample(&x, 1, STREAM).unwrap(), a.sample(&x, 1, Stream { step: 2, ..STREAM }).unwrap());
        assert_ne!(a.sample(&x, 1, STREAM).unwrap(), a.sample(&x, 1, Stream { seed: 4, ..STREAM }).unwrap());
    }
}

/// Single precision is 6e-8; sums over a few dozen terms and a step of Adam, whose direction is that of a ratio, cost the rest.
#[test]
fn single_precision_is_close_to_double() {
    for (mut a, mut b) in models(Precision::Single, Device::Cpu).into_iter().zip(models(Precision::Double, Device::Cpu)) {
        for (a, b) in run(&mut *a).iter().zip(&run(&mut *b)) {
            assert_close(a, b, 1e-3, 1e-3);
        }
    }
}

#[test]
fn a_gpu_gives_the_answers_of_the_cpu() {
    if !tch::Cuda::is_available() {
        // Past the capture of the test harness, which hides what passing tests print.
        let _ = writeln!(io::stderr(), "skipped: density::contract::a_gpu_gives_the_answers_of_the_cpu: no CUDA device");
        return;
    }
    for (mut a, mut b) in models(Precision::Double, Device::Cpu).into_iter().zip(models(Precision::Double, Device::Cuda(0))) {
        for (a, b) in run(&mut *a).iter().zip(&run(&mut *b)) {
            assert_close(a, b, 1e-8, 1e-8);
        }
    }
}

/// A row's samples are its own, the first ones do not change with their number, and densities do not know of other rows.
#[test]
fn rows_do_not_touch_each_other() {
    for model in models(Precision::Double, Device::Cpu) {
        let (x, y) = (normals(5, INPUTS, 3), normals(5, 3 * OUTPUTS, 4));
        let head = |b: &Batch| b.select(&[0, 1]);
        let few = model.sample(&head(&x), 3, STREAM).unwrap();
        let many = model.sample(&x, 7, STREAM).unwrap();
        for i in 0..2 {
            assert_close(few.row(i), &many.row(i)[..3 * OUTPUTS], 1e-12, 1e-13);
        }
        assert_eq!(model.predict(&Batch::zeros(0, INPUTS)).unwrap(), Batch::zeros(0, OUTPUTS));
        assert_eq!(model.sample(&Batch::zeros(0, INPUTS), 2, STREAM).unwrap(), Batch::zeros(0, 2 * OUTPUTS));
        let densities = model.log_density(&x, &y).unwrap();
        assert_close(model.log_density(&head(&x), &head(&y)).unwrap().as_slice(), head(&densities).as_slice(), 1e-12, 1e-13);
        assert_close(model.predict(&head(&x)).unwrap().as_slice(), head(&model.predict(&x).unwrap()).as_slice(), 1e-12, 1e-13);
    }
}

#[test]
fn bad_input_is_named() {
    let mut nan = normals(2, INPUTS, 1);
    nan.row_mut(1)[2] = f64::NAN;
    let (x, y, w) = (normals(2, INPUTS, 1), normals(2, 2 * OUTPUTS, 2), filled(2, 2, 1.0));
    for mut model in models(Precision::Single, Device::Cpu) {
        let named = |error: Error, what: &str| assert!(error.to_string().starts_with(what), "{error}");
        assert!(matches!(model.predict(&nan), Err(Error::NotFinite { what: "features", row: 1, column: 2, .. })));
        assert!(matches!(model.sample(&nan, 2, STREAM), Err(Error::NotFinite { what: "features", .. })));
        let mut bad = y.clone();
        bad.row_mut(0)[3] = f64::INFINITY;
        named(model.add_log_likelihood(&x, &bad, &w, STREAM).unwrap_err(), "outcomes, row 0, column 3");
        named(model.add_log_likelihood(&x, &y, &filled(2, 2, f64::NAN), STREAM).unwrap_err(), "weights, row 0, column 0");
        for error in [
            model.sample(&x, 0, STREAM).unwrap_err(),
            model.draw(&x, 0, STREAM).unwrap_err(),
            model.add_log_likelihood(&x, &Batch::zeros(2, 0), &Batch::zeros(2, 0), STREAM).unwrap_err(),
            model.log_density(&x, &Batch::zeros(2, 1)).unwrap_err(),
        ] {
            assert!(matches!(error, Error::Domain { what: "samples", value: 0.0, .. }), "{error}");
        }
        named(model.predict(&normals(2, 4, 1)).unwrap_err(), "features");
        named(model.log_density(&x, &normals(2, 3, 1)).unwrap_err(), "outcomes");
        named(model.log_density(&x, &normals(1, 2, 1)).unwrap_err(), "rows of outcomes");
        named(model.add_log_likelihood(&x, &y, &filled(3, 2, 1.0), STREAM).unwrap_err(), "rows of weights");
        let nothing = "cotangent rows (nothing was drawn since the weights changed)";
        named(model.pull_samples(&y).unwrap_err(), nothing);
        model.draw(&x, 2, STREAM).unwrap();
        model.step(0.0).unwrap();
        named(model.pull_samples(&y).unwrap_err(), nothing);
        model.draw(&x, 2, STREAM).unwrap();
        named(model.pull_samples(&normals(2, 3, 1)).unwrap_err(), "cotangent");
        assert_eq!(model.gradient_norm(), 0.0, "what was refused leaves no trace");
    }
}

#[test]
fn impossible_configurations_name_their_field() {
    let field = |error: Error| match error {
        Error::Domain { what, .. } => what,
        other => panic!("{other}"),
    };
    let gaussian = |config| field(Gaussian::new(config, 0, Device::Cpu).unwrap_err());
    assert_eq!(gaussian(GaussianConfig::new(0, 1)), "inputs");
    assert_eq!(gaussian(GaussianConfig { hidden: vec![3, 0], ..GaussianConfig::new(1, 1) }), "hidden width");
    assert_eq!(gaussian(GaussianConfig { dropout: 1.0, ..GaussianConfig::new(1, 1) }), "dropout");
    let none = MixtureConfig { components: 0, ..MixtureConfig::new(1, 1) };
    assert_eq!(field(Mixture::new(none, 0, Device::Cpu).unwrap_err()), "components");
    let none = FlowConfig { couplings: 0, ..FlowConfig::new(1, 1) };
    assert_eq!(field(Flow::new(none, 0, Device::Cpu).unwrap_err()), "couplings");
    assert_eq!(field(Flow::new(FlowConfig::new(1, 0), 0, Device::Cpu).unwrap_err()), "outputs");
}
