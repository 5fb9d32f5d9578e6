//! Generative models of this crate: densities, samples and gradients against closed forms, quadrature and differences.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use dfl_core::testkit::gradient_error;
use dfl_core::{
    Batch, Centre, Error, Frame, Generative, Instances, Linear, LinearGaussian, Parameters, Predictor, Rng, Sampler, Spread, Standardised,
    Stream,
};

const STREAM: Stream = Stream { seed: 4, step: 2 };

fn normals(rows: usize, cols: usize, seed: u64) -> Batch {
    let mut rng = Rng::seeded(seed);
    Batch::from_vec(rows, cols, (0..rows * cols).map(|_| rng.normal()).collect()).unwrap()
}

/// Two features, two outputs, weights from the normal distribution.
fn gaussian(spread: Spread, seed: u64) -> LinearGaussian {
    let mut model = LinearGaussian::new(2, 2, spread);
    let values = normals(1, model.values().len(), seed);
    model.set_values(values.as_slice()).unwrap();
    model
}

/// The same in coordinates that are not the standard ones.
fn standardised(seed: u64) -> Standardised {
    let mut centre = Linear::new(2, 2);
    centre.set_values(&[0.5, -1.0, 2.0, 0.1, 0.3, -4.0]).unwrap();
    Standardised::new(Box::new(gaussian(Spread::Affine, seed)), Frame::new(centre, vec![3.0, 0.2]).unwrap()).unwrap()
}

fn every_model() -> Vec<Box<dyn Generative>> {
    vec![Box::new(gaussian(Spread::Constant, 1)), Box::new(gaussian(Spread::Affine, 2)), Box::new(standardised(3))]
}

fn dot(a: &Batch, b: &Batch) -> f64 {
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a * b).sum()
}

/// N(1, 2^2) at 3: -1/2 - ln 2 - ln(2 pi)/2; the second output adds that of N(0, 1) at 0.
#[test]
fn the_density_by_hand() {
    let mut model = LinearGaussian::new(1, 2, Spread::Constant);
    model.set_values(&[2.0, -1.0, 0.0, 0.0, 2f64.ln(), 0.0]).unwrap();
    let at = model.log_density(&Batch::from_rows(&[[1.0]]).unwrap(), &Batch::from_rows(&[[3.0, 0.0]]).unwrap()).unwrap();
    let expected = -0.5 - 2f64.ln() - std::f64::consts::TAU.ln();
    assert!((at.row(0)[0] - expected).abs() < 1e-14, "{at:?}");
}

/// The trapezium rule in two dimensions over 12 deviations about the mean, 400 steps each: right to rounding for a smooth function that has
/// died out.
#[test]
fn densities_integrate_to_one() {
    for model in every_model() {
        let x = normals(1, 2, 7);
        let draws = model.sample(&x, 2000, STREAM).unwrap();
        let centre = model.predict(&x).unwrap();
        let spread = |j: usize| {
            let all = draws.as_slice().iter().skip(j).step_by(2);
            (all.map(|y| (y - centre.row(0)[j]).powi(2)).sum::<f64>() / 2000.0).sqrt()
        };
        let (step, side) = ([spread(0) * 0.06, spread(1) * 0.06], 200_i32);
        let grid: Vec<f64> = (-side..=side)
            .flat_map(|i| (-side..=side).map(move |j| [i, j]))
            .flat_map(|[i, j]| [centre.row(0)[0] + step[0] * f64::from(i), centre.row(0)[1] + step[1] * f64::from(j)])
            .collect();
        let log = model.log_density(&x, &Batch::from_vec(1, grid.len(), grid).unwrap()).unwrap();
        let integral = log.as_slice().iter().map(|l| l.exp()).sum::<f64>() * step[0] * step[1];
        assert!((integral - 1.0).abs() < 1e-9, "{integral}");
    }
}

/// Mean and variance of 40000 draws within 5 standard errors of the model's.
#[test]
fn samples_have_their_moments() {
    let (model, count) = (gaussian(Spread::Affine, 5), 40_000);
    let x = Batch::from_rows(&[[0.4, -0.3]]).unwrap();
    let (draws, mean, v) = (model.sample(&x, count, STREAM).unwrap(), model.predict(&x).unwrap(), model.values());
    for j in 0..2 {
        let log_deviation = v[6 + 3 * j] * 0.4 - v[7 + 3 * j] * 0.3 + v[8 + 3 * j];
        let variance = (2.0 * log_deviation).exp();
        let off: Vec<f64> = draws.as_slice().iter().skip(j).step_by(2).map(|y| y - mean.row(0)[j]).collect();
        let found = [off.iter().sum::<f64>(), off.iter().map(|o| o * o).sum::<f64>()].map(|s| s / count as f64);
        assert!(found[0].abs() < 5.0 * (variance / count as f64).sqrt(), "mean {}", found[0]);
        assert!((found[1] - variance).abs() < 5.0 * variance * (2.0 / count as f64).sqrt(), "variance {} of {variance}", found[1]);
    }
}

/// In all weights, for three outcomes per row with weights of both signs; h = 1e-5 leaves about 1e-9.
#[test]
fn likelihood_gradients_match_differences() {
    let (x, outcomes, weights) = (normals(4, 2, 11), normals(4, 6, 12), normals(4, 3, 13));
    for mut model in every_model() {
        let start = model.values();
        let value = model.add_log_likelihood(&x, &outcomes, &weights, STREAM).unwrap();
        assert!((value - dot(&model.log_density(&x, &outcomes).unwrap(), &weights)).abs() < 1e-10 * value.abs());
        let gradient = model.gradient();
        let error = gradient_error(&start, &gradient, 1e-5, |at| {
            model.set_values(at).unwrap();
            dot(&model.log_density(&x, &outcomes).unwrap(), &weights)
        });
        assert!(error < 1e-7, "{error:.1e}");
    }
}

/// Of moments in all weights, and the moments of 20000 draws within 5 standard errors.
#[test]
fn moments_are_those_of_the_samples_and_their_gradients_match_differences() {
    let (x, cotangent, count) = (normals(4, 2, 31), normals(4, 4, 32), 20_000);
    for mut model in every_model() {
        let (start, moments) = (model.values(), model.forward_moments(&x, STREAM).unwrap());
        assert_eq!(moments, model.moments(&x).unwrap());
        model.pull_moments(&cotangent).unwrap();
        let gradient = model.gradient();
        let draws = model.sample(&x, count, STREAM).unwrap();
        for (moments, draws) in moments.iter().zip(draws.iter()) {
            for j in 0..2 {
                let (mean, deviation, all) = (moments[j], moments[2 + j], draws.iter().skip(j).step_by(2));
                let sums = all.fold([0.0; 2], |[a, b], y| [a + (y - mean), b + (y - mean).powi(2)]);
                let error = 5.0 * deviation / (count as f64).sqrt();
                assert!((sums[0] / count as f64).abs() < error, "{sums:?}");
                assert!(((sums[1] / count as f64).sqrt() - deviation).abs() < error / 2f64.sqrt(), "{sums:?}");
            }
        }
        let error = gradient_error(&start, &gradient, 1e-5, |at| {
            model.set_values(at).unwrap();
            dot(&model.moments(&x).unwrap(), &cotangent)
        });
        assert!(error < 1e-7, "{error:.1e}");
        assert!(matches!(model.pull_moments(&cotangent), Err(Error::Dimension { .. })), "the weights have changed since");
    }
}

/// With the noise held fixed, which the stream does.
#[test]
fn sample_gradients_match_differences() {
    let (x, cotangent) = (normals(4, 2, 21), normals(4, 10, 22));
    for mut model in every_model() {
        let start = model.values();
        let drawn = model.draw(&x, 5, STREAM).unwrap();
        assert_eq!(drawn, model.sample(&x, 5, STREAM).unwrap(), "draw and sample share their noise");
        model.pull_samples(&cotangent).unwrap();
        let gradient = model.gradient();
        let error = gradient_error(&start, &gradient, 1e-5, |at| {
            model.set_values(at).unwrap();
            dot(&model.sample(&x, 5, STREAM).unwrap(), &cotangent)
        });
        assert!(error < 1e-7, "{error:.1e}");
    }
}

/// A row's first samples do not depend on how many follow, nor on the other rows.
#[test]
fn noise_belongs_to_row_and_sample() {
    let (model, x) = (standardised(31), normals(3, 2, 32));
    let (few, many) = (model.sample(&x, 2, STREAM).unwrap(), model.sample(&x, 9, STREAM).unwrap());
    assert!((0..3).all(|i| few.row(i) == &many.row(i)[..4]));
    assert_eq!(model.sample(&x.select(&[0, 1]), 2, STREAM).unwrap(), few.select(&[0, 1]));
    assert_ne!(few.row(0)[0], few.row(1)[0]);
}

fn cubic(rows: usize) -> Instances {
    let (x, noise) = (normals(rows, 2, 41), normals(rows, 2, 42));
    let y = |i: usize| {
        let (x, e) = (x.row(i), noise.row(i));
        [1.0 + 2.0 * x[0] - x[1] + 0.3 * e[0], 100.0 * (x[1] + 0.2 * x[1].powi(3) + e[1])]
    };
    Instances::new(x.clone(), Batch::from_rows(&(0..rows).map(y).collect::<Vec<_>>()).unwrap()).unwrap()
}

/// The maximum of a Gaussian likelihood *is* the regression on the features and its residual deviation: Adam on the one finds the other.
#[test]
fn the_likelihood_finds_the_regression_of_the_frame() {
    let data = cubic(200);
    let frame = Frame::fit(&data, Centre::LeastSquares { ridge: 0.0 }).unwrap();
    let mut model = Standardised::fit(Box::new(LinearGaussian::new(2, 2, Spread::Constant)), &data, Centre::Mean).unwrap();
    let weights = Batch::from_vec(200, 1, vec![-1.0 / 200.0; 200]).unwrap();
    for step in 0..3000 {
        model.zero_grad();
        model.add_log_likelihood(&data.features, &data.truth, &weights, STREAM).unwrap();
        model.step(if step < 1500 { 0.02 } else { 0.02 * 0.99_f64.powi(step - 1500) }).unwrap();
    }
    assert!(model.gradient_norm() < 1e-7, "{}", model.gradient_norm());
    let (found, expected) = (model.predict(&data.features).unwrap(), frame.centre().predict(&data.features).unwrap());
    for (i, (f, e)) in found.iter().zip(expected.iter()).enumerate() {
        assert!(f.iter().zip(e).zip(frame.scale()).all(|((f, e), s)| (f - e).abs() < 1e-5 * s), "row {i}: {f:?}, {e:?}");
    }
    let inner = model.model().values();
    for j in 0..2 {
        let deviation = model.frame().scale()[j] * inner[6 + j].exp();
        assert!((deviation / frame.scale()[j] - 1.0).abs() < 1e-6, "{deviation} {}", frame.scale()[j]);
    }
}

/// x = 0, 1, 2 and y = 0, 0, 3: slope 3/2 about (1, 1), residuals 1/2, -1, 1/2. A ridge of 1/2 divides the slope by 3/2. About the mean the
/// deviation is sqrt 2.
#[test]
fn frames_by_hand() {
    let column = |v: [f64; 3]| Batch::from_vec(3, 1, v.to_vec()).unwrap();
    let data = Instances::new(column([0.0, 1.0, 2.0]), column([0.0, 0.0, 3.0])).unwrap();
    let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-14, "{a} {b}");
    let fit = |centre| Frame::fit(&data, centre).unwrap();
    for (ridge, slope) in [(0.0, 1.5), (0.5, 1.0)] {
        let frame = fit(Centre::LeastSquares { ridge });
        near(frame.centre().values()[0], slope);
        near(frame.centre().values()[1], 1.0 - slope);
    }
    near(fit(Centre::LeastSquares { ridge: 0.0 }).scale()[0], 0.5f64.sqrt());
    assert_eq!(fit(Centre::Mean).centre().values(), [0.0, 1.0]);
    near(fit(Centre::Mean).scale()[0], 2f64.sqrt());
}

/// Other units and another origin of the features, and a feature that never varies, change no prediction.
#[test]
fn units_of_the_features_do_not_matter() {
    let data = cubic(50);
    let rows: Vec<[f64; 3]> = data.features.iter().map(|x| [1e4 * x[0] - 300.0, 7.0, 1e-3 * x[1]]).collect();
    let moved = Instances::new(Batch::from_rows(&rows).unwrap(), data.truth.clone()).unwrap();
    let predict =
        |data: &Instances| Frame::fit(data, Centre::LeastSquares { ridge: 0.3 }).unwrap().centre().predict(&data.features).unwrap();
    let (a, b) = (predict(&data), predict(&moved));
    assert!(a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + a.abs())));
}

#[test]
fn what_cannot_be_scaled_is_named() {
    let mut data = cubic(20);
    (0..20).for_each(|i| data.truth.row_mut(i)[1] = 0.1);
    for centre in [Centre::Mean, Centre::LeastSquares { ridge: 0.1 }] {
        let text = Frame::fit(&data, centre).unwrap_err().to_string();
        assert!(text.starts_with("column of the truth that does not vary") && text.contains(": 1 is not accepted"), "{text}");
    }
    (0..20).for_each(|i| data.truth.row_mut(i)[1] = 3.0 * data.features.row(i)[0]);
    assert!(Frame::fit(&data, Centre::Mean).is_ok());
    assert!(matches!(Frame::fit(&data, Centre::LeastSquares { ridge: 0.0 }), Err(Error::Domain { value: 1.0, .. })));
    (0..20).for_each(|i| data.features.row_mut(i)[1] = -2.0 * data.features.row(i)[0]);
    let collinear = Frame::fit(&data, Centre::LeastSquares { ridge: 0.0 }).unwrap_err().to_string();
    assert!(collinear.contains("ridge") && collinear.contains("combinations of others"), "{collinear}");
    assert!(Frame::fit(&data, Centre::LeastSquares { ridge: 0.01 }).is_ok());
    for ridge in [-1.0, f64::NAN] {
        assert!(matches!(Frame::fit(&data, Centre::LeastSquares { ridge }), Err(Error::Domain { .. })));
    }
    assert!(Frame::fit(&Instances::default(), Centre::Mean).is_err());
    for scale in [0.0, -1.0, f64::NAN] {
        assert!(Frame::new(Linear::new(2, 1), vec![scale]).is_err());
    }
    assert!(Frame::new(Linear::new(2, 1), vec![1.0; 2]).is_err());
    let other = Frame::new(Linear::new(3, 2), vec![1.0; 2]).unwrap();
    assert!(matches!(Standardised::new(Box::new(gaussian(Spread::Constant, 1)), other), Err(Error::Dimension { .. })));
}

#[test]
fn wrong_shapes_and_bad_numbers_are_named() {
    let x = normals(3, 2, 51);
    for mut model in every_model() {
        let ones = |rows, cols| Batch::from_vec(rows, cols, vec![1.0; rows * cols]).unwrap();
        let mut at = |outcomes: Batch, weights: Batch| model.add_log_likelihood(&x, &outcomes, &weights, STREAM);
        assert!(at(ones(3, 4), ones(3, 2)).is_ok());
        assert!(matches!(at(ones(3, 4), ones(3, 1)), Err(Error::Dimension { .. })));
        assert!(matches!(at(ones(2, 4), ones(3, 2)), Err(Error::Dimension { .. })));
        assert!(matches!(at(ones(3, 4), ones(2, 2)), Err(Error::Dimension { .. })));
        let mut bad = ones(3, 4);
        bad.row_mut(1)[2] = f64::NAN;
        assert!(matches!(at(bad, ones(3, 2)), Err(Error::NotFinite { row: 1, column: 2, .. })));
        let mut weights = ones(3, 2);
        weights.row_mut(2)[1] = f64::INFINITY;
        assert!(matches!(at(ones(3, 4), weights), Err(Error::NotFinite { what: "weights", row: 2, column: 1, .. })));
        assert!(matches!(model.log_density(&x, &ones(3, 3)), Err(Error::Dimension { .. })));
        model.draw(&x, 2, STREAM).unwrap();
        assert!(matches!(model.pull_samples(&ones(3, 6)), Err(Error::Dimension { .. })));
        assert!(model.set_values(&[0.0]).is_err() && model.add_gradient(1.0, &[0.0]).is_err());
        assert!(model.sample(&ones(3, 1), 2, STREAM).is_err());
    }
}

/// Predictions, samples and densities, all to the bit: a frame that was left out would move each of them.
#[test]
fn a_saved_model_reads_back_with_its_coordinates() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let model = standardised(4);
    model.save(&path).unwrap();
    let read = Standardised::load(&path, LinearGaussian::load).unwrap();
    let (x, y) = (Batch::from_rows(&[[0.3, -1.0], [2.0, 0.7]]).unwrap(), Batch::from_rows(&[[1.0, 0.5], [-4.0, 0.1]]).unwrap());
    assert_eq!(read.predict(&x).unwrap(), model.predict(&x).unwrap());
    assert_eq!(read.sample(&x, 3, STREAM).unwrap(), model.sample(&x, 3, STREAM).unwrap());
    assert_eq!(read.log_density(&x, &y).unwrap(), model.log_density(&x, &y).unwrap());
    assert_ne!(read.predict(&x).unwrap(), read.model().predict(&x).unwrap());
    std::fs::remove_file(path.with_extension("frame.toml")).unwrap();
    let error = Standardised::load(&path, LinearGaussian::load).err().unwrap().to_string();
    assert!(error.contains("model.frame.toml"), "{error}");
}

/// A constant deviation and an affine one are told apart by the file, and a deviation of other outputs than the mean is refused.
#[test]
fn a_saved_gaussian_reads_back_with_its_spread() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.toml");
    for spread in [Spread::Constant, Spread::Affine] {
        let model = gaussian(spread, 2);
        model.save(&path).unwrap();
        assert_eq!(LinearGaussian::load(&path).unwrap().values(), model.values());
    }
    gaussian(Spread::Constant, 2).save(&path).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find("[log_deviation]").unwrap();
    let other = format!("{}[log_deviation]\ninputs = 0\noutputs = 1\nweights = [0.5]\n", &text[..at]);
    std::fs::write(&path, other).unwrap();
    let error = LinearGaussian::load(&path).unwrap_err();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("outputs of the deviation"), "{error:?}");
}
