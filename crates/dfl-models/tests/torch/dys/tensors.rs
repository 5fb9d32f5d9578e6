use dfl_core::{Batch, Call, Decider, Error, Key, Rng, Stream};
use dfl_models::torch::tch::{self, Kind, Tensor};
use dfl_models::torch::{Device, Dys as Layer, Precision, bridge};
use dfl_solvers::{DysDerivative, DysOptions};

use super::{Case, knapsack, tell};
use crate::common::{assert_close, normals};

const HOST: bridge::Place = (Kind::Double, tch::Device::Cpu);
const DERIVATIVES: [DysDerivative; 3] = [DysDerivative::Implicit, DysDerivative::JacobianFree, DysDerivative::Unrolled];

fn case() -> Case {
    knapsack(&mut Rng::seeded(51))
}

fn options(derivative: DysDerivative) -> DysOptions {
    DysOptions::fixed(0.5, 0.7, 60, derivative)
}

fn tensor(batch: &Batch) -> Tensor {
    bridge::to_tensor("batch", batch, HOST).unwrap()
}

/// theta = F W', loss = sum of G * x: torch's gradient in W is (J'G)' F, with the solver's J'G.
#[test]
fn gradients_flow_through_the_layer_into_what_made_the_cost() {
    let (case, features, on_x) = (case(), normals(12, 3, 1), normals(12, 40, 2));
    for derivative in DERIVATIVES {
        let layer = case.layer(&options(derivative), Precision::Double, Device::Cpu);
        let weights = tensor(&normals(40, 3, 4)).set_requires_grad(true);
        let theta = tensor(&features).matmul(&weights.tr());
        let found = layer.forward(&theta).unwrap();
        (found.x * tensor(&on_x)).sum(Kind::Double).backward();
        let thetas = bridge::from_tensor("theta", &theta).unwrap();
        let pulled = tell(&case.host(&options(derivative)), &thetas, &on_x).gradient;
        let expected = bridge::from_tensor("gradient", &tensor(&pulled).tr().matmul(&tensor(&features))).unwrap();
        assert_close(bridge::from_tensor("gradient", &weights.grad()).unwrap().as_slice(), expected.as_slice(), 1e-10, 1e-10);
    }
}

/// Nothing is recorded where nothing is asked for, and whether torch records is as it was.
#[test]
fn graphs_are_made_where_they_are_wanted() {
    let case = case();
    let theta = tensor(&case.thetas);
    let records = || (Tensor::from(1.0).set_requires_grad(true) * 2.0).requires_grad();
    for derivative in DERIVATIVES {
        let layer = case.layer(&options(derivative), Precision::Double, Device::Cpu);
        assert!(!layer.forward(&theta).unwrap().x.requires_grad());
        let leaf = theta.copy().set_requires_grad(true);
        let found = layer.forward(&leaf).unwrap();
        assert!(found.x.requires_grad() && !found.residual.requires_grad() && !found.objective.requires_grad());
        assert!(records());
        let guard = tch::no_grad_guard();
        assert!(!layer.forward(&leaf).unwrap().x.requires_grad());
        let decider = case.decider(&options(derivative), Precision::Double);
        let cotangent = normals(12, 40, 2);
        let expected = tell(&case.host(&options(derivative)), &case.thetas, &cotangent).gradient;
        assert_close(tell(&decider, &case.thetas, &cotangent).gradient.as_slice(), expected.as_slice(), 1e-10, 1e-10);
        assert!(!records());
        drop(guard);
        assert!(records());
    }
}

#[test]
fn a_pullback_may_be_used_again() {
    let case = case();
    let keys: Vec<Key> = (0..12).map(|id| Key { id, slot: 0 }).collect();
    let call = |backward| Call { keys: &keys, stream: Stream::default(), backward };
    for derivative in DERIVATIVES {
        let decider = case.decider(&options(derivative), Precision::Double);
        assert!(decider.forward(&case.thetas, &call(false)).unwrap().back.is_none());
        let back = decider.forward(&case.thetas, &call(true)).unwrap().back.unwrap();
        let (first, second) = (normals(12, 40, 2), normals(12, 40, 3));
        let once = back.pull(&first).unwrap();
        assert_ne!(back.pull(&second).unwrap(), once);
        assert_eq!(back.pull(&first).unwrap(), once);
        assert!(matches!(back.pull(&Batch::zeros(12, 39)), Err(Error::Dimension { what: "cotangent", expected: 40, got: 39 })));
        assert!(matches!(back.pull(&Batch::zeros(11, 40)), Err(Error::Dimension { what: "cotangent rows", expected: 12, got: 11 })));
    }
}

#[test]
fn malformed_input_is_named() {
    let case = case();
    let layer = case.layer(&options(DysDerivative::Implicit), Precision::Double, Device::Cpu);
    let mut bad = case.thetas.clone();
    bad.row_mut(3)[7] = f64::NAN;
    let error = layer.forward(&Tensor::from_slice(bad.as_slice()).view([12, 40])).unwrap_err();
    assert!(matches!(error, Error::NotFinite { what: "theta", row: 3, column: 7, .. }), "{error}");
    let error = layer.forward(&tensor(&normals(2, 39, 0))).unwrap_err();
    assert!(matches!(error, Error::Dimension { what: "theta", expected: 40, got: 39 }), "{error}");
    let error = layer.forward(&tensor(&case.thetas).to_kind(Kind::Float)).unwrap_err();
    assert!(matches!(error, Error::Unsupported { who: "dys_torch", .. }), "{error}");
    assert!(matches!(layer.forward(&Tensor::from_slice(&[1.0])), Err(Error::Backend { .. })));

    let decider = case.decider(&options(DysDerivative::Implicit), Precision::Double);
    let keys = [Key { id: 0, slot: 0 }; 12];
    let refused = |thetas: &Batch, keys: &[Key]| {
        let call = Call { keys, stream: Stream::default(), backward: true };
        decider.forward(thetas, &call).err().unwrap()
    };
    assert!(matches!(refused(&bad, &keys), Error::NotFinite { what: "theta", row: 3, column: 7, .. }));
    assert!(matches!(refused(&normals(12, 39, 0), &keys), Error::Dimension { what: "theta", expected: 40, got: 39 }));
    assert!(matches!(refused(&case.thetas, &keys[..3]), Error::Dimension { what: "keys", expected: 12, got: 3 }));

    let operator = case.solver(&options(DysDerivative::Implicit)).operator();
    let new = |spoil: fn(&mut dfl_core::Splitting)| {
        let mut spoilt = operator.clone();
        spoil(&mut spoilt);
        Layer::new(&spoilt, Device::Cpu, Precision::Double).unwrap_err()
    };
    assert!(matches!(new(|s| s.mu = 0.0), Error::Domain { what: "Splitting::mu", .. }));
    assert!(matches!(new(|s| *s = dfl_core::Splitting::default()), Error::Domain { what: "number of variables", .. }));
    assert!(matches!(new(|s| s.point.clear()), Error::Dimension { what: "point", .. }));
    let wide = case.layer(&options(DysDerivative::Implicit), Precision::Double, Device::Cpu).visible(43).unwrap_err();
    assert!(matches!(wide, Error::Dimension { what: "visible variables", expected: 42, got: 43 }), "{wide}");
}

#[test]
fn no_rows_are_no_error() {
    let case = case();
    for derivative in DERIVATIVES {
        let plain = DysOptions { tolerance: 1e-6, ..options(derivative) };
        let found = tell(&case.decider(&plain, Precision::Double), &Batch::zeros(0, 40), &Batch::zeros(0, 40));
        assert_eq!((found.x.rows(), found.gradient.rows(), found.info.len()), (0, 0, 0));
    }
}
