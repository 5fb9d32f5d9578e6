//! A test program finds libtorch when it runs, without any variable: the rest of the torch tests rely on it.
#![cfg(feature = "torch")]

use tch::{Kind, Tensor};

#[test]
fn two_tensors_are_added() {
    let sum = Tensor::from_slice(&[1.0_f64, 2.0]) + Tensor::from_slice(&[3.0_f64, 4.0]);
    assert_eq!(sum.kind(), Kind::Double);
    assert_eq!(Vec::<f64>::try_from(sum).unwrap(), [4.0, 6.0]);
}
