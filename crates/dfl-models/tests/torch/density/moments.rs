//! Mean and deviation for expected costs in closed form.

use dfl_core::{Batch, Error, Generative, Parameters, Predictor, Sampler};
use dfl_models::torch::{Covariance, Device, Gaussian, GaussianConfig, Mixture, MixtureConfig, Precision};

use super::{STREAM, differences, shaken};
use crate::common::{assert_close, normals};

fn config(covariance: Covariance) -> GaussianConfig {
    GaussianConfig { hidden: vec![6], covariance, precision: Precision::Double, ..GaussianConfig::new(3, 2) }
}

fn gaussian(config: GaussianConfig) -> Gaussian {
    shaken(Gaussian::new(config, 0, Device::Cpu).unwrap(), 0.4, 41)
}

/// What `pull_moments` adds equals central differences of the moments in training mode.
pub(super) fn check_pulled_moments<G: Generative>(model: &mut G) {
    let (x, cotangent) = (normals(5, model.inputs(), 42), normals(5, 2 * model.outputs(), 43));
    let along = |y: Batch| y.as_slice().iter().zip(cotangent.as_slice()).map(|(y, c)| y * c).sum::<f64>();
    model.zero_grad();
    model.forward_moments(&x, STREAM).unwrap();
    model.pull_moments(&cotangent).unwrap();
    let gradient = model.gradient();
    let expected = differences(model, |m| along(m.forward_moments(&x, STREAM).unwrap()));
    assert!(gradient.iter().filter(|g| g.abs() > 1e-3).count() > gradient.len() / 3, "the check must not compare zeros");
    assert_close(&gradient, &expected[..gradient.len()], 1e-6, 1e-7);
}

#[test]
fn gradients_match_differences() {
    check_pulled_moments(&mut gaussian(config(Covariance::Diagonal)));
    check_pulled_moments(&mut gaussian(GaussianConfig { dropout: 0.3, ..config(Covariance::Diagonal) }));
}

/// Mean and deviation of 40000 draws within 5 standard errors.
#[test]
fn moments_are_those_of_the_samples() {
    let (model, x, count) = (gaussian(config(Covariance::Diagonal)), normals(3, 3, 44), 40_000);
    let (moments, draws) = (model.moments(&x).unwrap(), model.sample(&x, count, STREAM).unwrap());
    let (mean, deviation) = model.parameters(&x).unwrap();
    for i in 0..3 {
        assert_eq!(moments.row(i), [mean.row(i), deviation.row(i)].concat());
        for j in 0..2 {
            let (m, s) = (moments.row(i)[j], moments.row(i)[2 + j]);
            let off: Vec<f64> = draws.row(i).iter().skip(j).step_by(2).map(|y| y - m).collect();
            let error = 5.0 * s / (count as f64).sqrt();
            assert!((off.iter().sum::<f64>() / count as f64).abs() < error);
            let found = (off.iter().map(|o| o * o).sum::<f64>() / count as f64).sqrt();
            assert!((found - s).abs() < error / 2f64.sqrt(), "{found} of {s}");
        }
    }
}

/// The chain through moments equals the chain through samples of fixed noise where what follows is linear in both: y = m + s e.
#[test]
fn moments_and_samples_share_their_derivative() {
    let (mut model, x) = (gaussian(config(Covariance::Diagonal)), normals(4, 3, 45));
    let (moments, drawn, c) = (model.moments(&x).unwrap(), model.draw(&x, 1, STREAM).unwrap(), normals(4, 2, 46));
    model.zero_grad();
    model.pull_samples(&c).unwrap();
    let by_samples = model.gradient();
    let mut of_moments = Batch::zeros(4, 4);
    for i in 0..4 {
        for j in 0..2 {
            let noise = (drawn.row(i)[j] - moments.row(i)[j]) / moments.row(i)[2 + j];
            of_moments.row_mut(i)[j] = c.row(i)[j];
            of_moments.row_mut(i)[2 + j] = c.row(i)[j] * noise;
        }
    }
    model.zero_grad();
    model.forward_moments(&x, STREAM).unwrap();
    model.pull_moments(&of_moments).unwrap();
    assert_close(&model.gradient(), &by_samples, 1e-10, 1e-12);
}

#[test]
fn what_is_not_an_independent_gaussian_is_refused() {
    let x = normals(2, 3, 1);
    let unsupported = |error| assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    let mut full = gaussian(config(Covariance::Full));
    unsupported(full.moments(&x).unwrap_err());
    unsupported(full.forward_moments(&x, STREAM).unwrap_err());
    unsupported(Mixture::new(MixtureConfig::new(3, 2), 0, Device::Cpu).unwrap().moments(&x).unwrap_err());
    let mut model = gaussian(config(Covariance::Diagonal));
    assert!(matches!(model.pull_moments(&Batch::zeros(2, 4)), Err(Error::Dimension { .. })), "nothing was passed");
    model.forward_moments(&x, STREAM).unwrap();
    assert!(matches!(model.pull_moments(&Batch::zeros(2, 3)), Err(Error::Dimension { .. })));
    assert_eq!(model.predict(&x).unwrap().row(0), &model.moments(&x).unwrap().row(0)[..2]);
}
