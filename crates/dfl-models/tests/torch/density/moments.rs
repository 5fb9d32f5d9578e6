//! Mean and deviation for expected costs in closed form.

use dfl_core::{Batch, Error, Generative, Parameters, Predictor, Sampler, Stream, Trainable};
use dfl_models::torch::{Architecture, Covariance, Device, Gaussian, GaussianConfig, Gru, GruConfig, Mixture, MixtureConfig, Precision};

use super::{STREAM, differences, shaken};
use crate::common::{assert_close, double, normals};

fn config(covariance: Covariance) -> GaussianConfig {
    GaussianConfig { hidden: vec![6], covariance, precision: Precision::Double, ..GaussianConfig::new(3, 2) }
}

fn gaussian(config: GaussianConfig) -> Gaussian {
    shaken(Gaussian::new(config, 0, Device::Cpu).unwrap(), 0.4, 41)
}

/// What `pull_moments` adds equals central differences of the moments in training mode.
fn check_pulled_moments<G: Generative>(model: &mut G) {
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
    let recurrent = GruConfig { hidden: vec![4], precision: Precision::Double, ..GruConfig::new(6, 3, 2) };
    check_pulled_moments(&mut shaken(Gru::new(recurrent, 0, Device::Cpu).unwrap(), 0.4, 47));
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

/// The network of the paper at toy size.
fn published(dropout: f64) -> GaussianConfig {
    GaussianConfig { hidden: vec![6, 5], dropout, precision: Precision::Double, ..GaussianConfig::so_ebm(3, 2) }
}

/// Means and `softplus + 1e-6` of what the plain network of the same weights gives, whose batch normalisation has its own tests: in training
/// mode, dropout and running statistics included, and in evaluation mode.
#[test]
fn the_published_network_is_the_plain_one_with_two_heads() {
    let mut model = gaussian(published(0.2));
    let architecture = Architecture { batch_norm: true, dropout: 0.2, ..Architecture::mlp(3, &[6, 5], 4) };
    let mut plain = double(architecture, 0);
    let mut values: Vec<f64> = model.values();
    let weights = model.gradient().len();
    // Running variances are positive; their means may be.
    values[weights..].iter_mut().for_each(|v| *v = v.abs() + 0.1);
    model.set_values(&values).unwrap();
    plain.set_values(&values).unwrap();
    let heads = |row: &[f64]| [row[0], row[1], row[2].exp().ln_1p() + 1e-6, row[3].exp().ln_1p() + 1e-6];
    let x = normals(7, 3, 47);
    for step in 0..3 {
        let stream = Stream { step, ..STREAM };
        let (moments, outputs) = (model.forward_moments(&x, stream).unwrap(), plain.forward(&x, stream).unwrap());
        for (found, outputs) in moments.iter().zip(outputs.iter()) {
            assert_close(found, &heads(outputs), 1e-12, 1e-13);
        }
        assert_close(&model.values(), &plain.values(), 1e-14, 0.0);
    }
    assert_ne!(model.values(), values, "running statistics are among the values");
    for (found, outputs) in model.moments(&x).unwrap().iter().zip(plain.predict(&x).unwrap().iter()) {
        assert_close(found, &heads(outputs), 1e-12, 1e-13);
    }
}

/// Moments, likelihood and samples with batch normalisation and softplus, by differences in every weight.
#[test]
fn gradients_of_the_published_network_match_differences() {
    for dropout in [0.0, 0.2] {
        check_pulled_moments(&mut gaussian(published(dropout)));
    }
    let full = GaussianConfig { covariance: Covariance::Full, ..published(0.2) };
    for mut model in [gaussian(published(0.2)), gaussian(full)] {
        let (x, y, w) = (normals(5, 3, 48), normals(5, 4, 49), normals(5, 2, 50));
        model.zero_grad();
        model.add_log_likelihood(&x, &y, &w, STREAM).unwrap();
        let gradient = model.gradient();
        let expected = differences(&mut model, |m| m.add_log_likelihood(&x, &y, &w, STREAM).unwrap());
        assert_close(&gradient, &expected[..gradient.len()], 1e-6, 1e-7);
        model.zero_grad();
        model.draw(&x, 2, STREAM).unwrap();
        model.pull_samples(&y).unwrap();
        let gradient = model.gradient();
        let along = |drawn: Batch| drawn.as_slice().iter().zip(y.as_slice()).map(|(d, c)| d * c).sum();
        let expected = differences(&mut model, |m| along(m.draw(&x, 2, STREAM).unwrap()));
        assert_close(&gradient, &expected[..gradient.len()], 1e-6, 1e-7);
    }
}

#[test]
fn the_published_network_starts_at_deviation_one_and_reads_back() {
    let mut model = Gaussian::new(GaussianConfig::so_ebm(3, 2), 0, Device::Cpu).unwrap();
    let x = normals(6, 3, 51);
    assert!(model.moments(&x).unwrap().iter().all(|row| row[2..].iter().all(|s| (s - 1.0).abs() < 1e-6)));
    model.forward_moments(&x, STREAM).unwrap();
    let dir = tempfile::tempdir().unwrap();
    model.save(&dir.path().join("model")).unwrap();
    let read = Gaussian::load(&dir.path().join("model"), Device::Cpu).unwrap();
    assert_eq!((read.config(), read.values()), (model.config(), model.values()));
    assert_eq!(read.moments(&x).unwrap(), model.moments(&x).unwrap());
    let one = normals(1, 3, 52);
    assert!(matches!(model.forward_moments(&one, STREAM), Err(Error::Domain { what: "rows of a training batch", .. })));
    assert!(matches!(model.draw(&one, 2, STREAM), Err(Error::Domain { .. })));
    let (y, w) = (normals(1, 2, 53), normals(1, 1, 54));
    assert!(matches!(model.add_log_likelihood(&one, &y, &w, STREAM), Err(Error::Domain { .. })));
    assert!(model.moments(&one).is_ok() && model.log_density(&one, &y).is_ok(), "evaluation takes one row");
}
