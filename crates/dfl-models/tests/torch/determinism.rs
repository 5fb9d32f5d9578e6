use dfl_core::{Batch, Error, Parameters, Predictor, Stream, Trainable};
use dfl_models::torch::{Architecture, Device, Network};

use crate::common::normals;

fn network(seed: u64) -> Network {
    Network::new(Architecture { dropout: 0.3, ..Architecture::power(5, 3) }, seed, Device::Cpu).unwrap()
}

/// Weights after a few steps on noise, single precision.
fn trained(seed: u64, noise: u64) -> Vec<f64> {
    let mut model = network(seed);
    for step in 0..5 {
        model.zero_grad();
        let out = model.forward(&normals(16, 5, step), Stream { seed: noise, step }).unwrap();
        model.backward(&out).unwrap();
        model.step(1e-2).unwrap();
    }
    model.values()
}

#[test]
fn the_same_seed_gives_the_same_bits_whatever_other_threads_draw() {
    let busy = std::thread::spawn(|| (0..50).for_each(|i| drop(network(i))));
    assert_eq!(trained(1, 2), trained(1, 2));
    busy.join().unwrap();
    assert_ne!(trained(1, 2), trained(3, 2), "another seed of the weights");
    assert_ne!(trained(1, 2), trained(1, 3), "another seed of the dropout");
}

/// Five steps in one go, and two and three with weights and optimiser carried over to another network; before the first step the state is zero.
#[test]
fn a_network_goes_on_from_weights_and_optimiser_to_the_same_bits() {
    let steps = |model: &mut Network, steps: std::ops::Range<u64>| {
        for step in steps {
            model.zero_grad();
            let out = model.forward(&normals(16, 5, step), Stream { seed: 2, step }).unwrap();
            model.backward(&out).unwrap();
            model.step(1e-2).unwrap();
        }
    };
    let (mut first, mut second) = (network(1), network(7));
    assert!(first.optimiser_state().unwrap().iter().all(|v| *v == 0.0));
    steps(&mut first, 0..2);
    second.set_values(&first.values()).unwrap();
    second.set_optimiser_state(&first.optimiser_state().unwrap()).unwrap();
    steps(&mut second, 2..5);
    assert_eq!(second.values(), trained(1, 2));
    assert!(matches!(second.set_optimiser_state(&[0.0]), Err(Error::Dimension { .. })));
}

/// Weights are uniform on [-1/sqrt(n), 1/sqrt(n)) for n inputs: bounds kept, variance 1/(3n) within 5 standard errors.
#[test]
fn first_weights_have_the_spread_of_a_linear_layer() {
    let (n, m) = (50, 400);
    let values = Network::new(Architecture::linear(n, m), 9, Device::Cpu).unwrap().values();
    let bound = 1.0 / (n as f64).sqrt();
    assert!(values.iter().all(|w| w.abs() <= bound));
    let variance = values.iter().map(|w| w * w).sum::<f64>() / values.len() as f64;
    let error = bound * bound * (4.0 / 45.0 / values.len() as f64).sqrt();
    assert!((variance - bound * bound / 3.0).abs() < 5.0 * error, "{variance}");
}

#[test]
fn values_are_copies_and_restore_a_model_with_its_statistics() {
    let (mut model, x) = (network(4), normals(8, 5, 0));
    let (kept, before) = (model.values(), model.predict(&x).unwrap());
    model.forward(&x, Stream::default()).unwrap();
    assert_ne!(model.predict(&x).unwrap(), before, "a training pass moves the running statistics");
    model.set_values(&kept).unwrap();
    assert_eq!(model.predict(&x).unwrap(), before);
    assert_eq!(kept.len(), model.gradient().len() + 2 * (200 + 200));
}

#[test]
fn malformed_input_is_named() {
    let mut model = network(0);
    let mut bad = normals(4, 5, 0);
    bad.row_mut(2)[1] = f64::NAN;
    for error in [model.predict(&bad).unwrap_err(), model.forward(&bad, Stream::default()).unwrap_err()] {
        assert!(matches!(error, Error::NotFinite { what: "features", row: 2, column: 1, .. }), "{error}");
    }
    let error = model.predict(&Batch::zeros(4, 6)).unwrap_err();
    assert!(matches!(error, Error::Dimension { what: "features", expected: 5, got: 6 }), "{error}");
    let error = model.forward(&normals(1, 5, 0), Stream::default()).unwrap_err();
    assert!(matches!(error, Error::Domain { what: "rows of a training batch", value: 1.0, .. }), "{error}");
    assert!(matches!(model.backward(&Batch::zeros(4, 3)), Err(Error::Dimension { .. })), "backward before forward");
    model.forward(&normals(4, 5, 0), Stream::default()).unwrap();
    let error = model.backward(&Batch::zeros(4, 2)).unwrap_err();
    assert!(matches!(error, Error::Dimension { what: "cotangent", expected: 3, got: 2 }), "{error}");
    assert!(matches!(model.set_values(&[1.0]), Err(Error::Dimension { what: "weights", .. })));
    assert!(matches!(model.add_gradient(1.0, &[1.0]), Err(Error::Dimension { what: "gradient", .. })));
    assert!(matches!(Network::new(Architecture::linear(0, 1), 0, Device::Cpu), Err(Error::Domain { what: "inputs", .. })));
    assert_eq!(model.predict(&Batch::zeros(0, 5)).unwrap().rows(), 0, "no rows are no error");
}
