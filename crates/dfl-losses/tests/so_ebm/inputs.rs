//! Moments and samples as what an energy reads.

use std::sync::Arc;

use dfl_core::testkit::gradient_error;
use dfl_core::{Batch, Energy, Generative, LinearGaussian, Parameters, SampleEnergy, Sampler, Spread, Stream};
use dfl_losses::{Input, SoEbm, SoEbmOptions};

use crate::{DEMAND, Expected, Rows, everywhere, mean_and_error, normal, options, so_ebm};

const STREAM: Stream = Stream { seed: 21, step: 3 };

fn features() -> Batch {
    Batch::from_rows(&[[0.4, -0.3], [1.0, 0.2], [-0.6, 0.9]]).unwrap()
}

fn model() -> LinearGaussian {
    let mut model = LinearGaussian::new(2, 2, Spread::Affine);
    let values: Vec<f64> = (0..model.values().len()).map(|k| 0.3 * (k as f64).sin()).collect();
    model.set_values(&values).unwrap();
    model
}

#[test]
fn both_inputs_are_differentiated_as_they_are_evaluated() {
    for input in [Input::Moments, Input::Samples { count: 3 }] {
        let (mut model, x) = (model(), features());
        let phi = input.forward(&mut model, &x, STREAM).unwrap();
        assert_eq!(phi, input.predict(&model, &x, STREAM).unwrap());
        assert_eq!(phi.cols(), input.len(2).unwrap());
        let weights: Vec<f64> = (0..phi.as_slice().len()).map(|k| (k as f64).cos()).collect();
        let cotangent = Batch::from_vec(phi.rows(), phi.cols(), weights.clone()).unwrap();
        input.pull(&mut model, &cotangent).unwrap();
        let (start, gradient) = (model.values(), model.gradient());
        let error = gradient_error(&start, &gradient, 1e-5, |at| {
            model.set_values(at).unwrap();
            let phi = input.predict(&model, &x, STREAM).unwrap();
            phi.as_slice().iter().zip(&weights).map(|(p, w)| p * w).sum()
        });
        assert!(error < 1e-7, "{input:?}: {error:.1e}");
    }
    assert!(Input::Samples { count: 0 }.len(2).is_err());
}

/// Mean over 2000 sets of 10 samples, within 5 standard errors; for the values of two decisions and both weights' gradient.
#[test]
fn an_energy_of_samples_is_unbiased_for_the_closed_form() {
    let (model, sets, samples, points) = (normal(&[0.3], &[0.5]), 2000, 10, [0.7, -0.4]);
    let drawn = model.sample(&Batch::zeros(sets, 0), samples, STREAM).unwrap();
    let (closed, sampled) = (Expected(DEMAND, 1), SampleEnergy::new(DEMAND, samples, 1, 1).unwrap());
    let (mut exact, mut values) = ([0.0; 2], vec![[0.0; 2]; sets]);
    closed.values(&[0.3, 0.5], &points, &mut exact).unwrap();
    values.iter_mut().enumerate().for_each(|(i, v)| sampled.values(drawn.row(i), &points, v).unwrap());
    for k in 0..2 {
        let (mean, error) = mean_and_error(&values.iter().map(|v| v[k]).collect::<Vec<_>>());
        assert!((mean - exact[k]).abs() < 5.0 * error, "{mean} +- {error}, exact {}", exact[k]);
    }
    let mut slopes = [0.0; 2];
    closed.add_grad_prediction(&[0.3, 0.5], &points, &[1.0, -0.3], &mut slopes).unwrap();
    // In the mean a sample moves by 1, in the deviation by its noise.
    let found: Vec<[f64; 2]> = (0..sets)
        .map(|i| {
            let mut of_samples = vec![0.0; samples];
            sampled.add_grad_prediction(drawn.row(i), &points, &[1.0, -0.3], &mut of_samples).unwrap();
            let along_noise = of_samples.iter().zip(drawn.row(i)).map(|(g, y)| g * (y - 0.3) / 0.5).sum();
            [of_samples.iter().sum(), along_noise]
        })
        .collect();
    for k in 0..2 {
        let (mean, error) = mean_and_error(&found.iter().map(|g| g[k]).collect::<Vec<_>>());
        assert!((mean - slopes[k]).abs() < 5.0 * error, "{mean} +- {error}, exact {}", slopes[k]);
    }
}

/// The whole gradient with the same candidates: what an energy of S samples is off the closed form falls like $1/\sqrt S$ (4 times from 100 to
/// 1600, each root mean square over 64 rows known to 9 %), and at the end its mean is not off by more than 5 standard errors.
#[test]
fn gradients_of_a_sample_energy_reach_those_of_the_closed_form() {
    let proposal = everywhere(&[1.0, 0.3]);
    // A step for each repeat, since the samples of a model belong to the row's position.
    let of = |objective: &SoEbm, step| {
        Rows::new([0], &[0.8], &[0.6]).evaluate(&mut normal(&[0.3], &[0.5]), objective, Stream { step, ..STREAM }).1
    };
    let closed = so_ebm(options(200, proposal.clone()), 1);
    let off = |samples: usize| -> Vec<Vec<f64>> {
        let energy = SampleEnergy::new(DEMAND, samples, 1, 1).unwrap();
        let settings = SoEbmOptions { input: Input::Samples { count: samples }, ..options(200, proposal.clone()) };
        let objective = SoEbm::new(Arc::new(energy), Arc::new(DEMAND), settings).unwrap();
        (0..64).map(|step| of(&objective, step).iter().zip(of(&closed, step)).map(|(s, c)| s - c).collect()).collect()
    };
    let (few, many) = (off(100), off(1600));
    let size = |all: &[Vec<f64>]| (all.iter().flatten().map(|d| d * d).sum::<f64>() / 128.0).sqrt();
    println!("off the closed form: {:.4} with 100 samples, {:.4} with 1600", size(&few), size(&many));
    assert!((2.6..6.2).contains(&(size(&few) / size(&many))));
    for k in 0..2 {
        let (mean, error) = mean_and_error(&many.iter().map(|d| d[k]).collect::<Vec<_>>());
        assert!(mean.abs() < 5.0 * error, "entry {k}: {mean} +- {error}");
    }
}

/// Rows on one thread and on four, and twice.
#[test]
fn the_same_seed_gives_the_same_bits() {
    let objective = so_ebm(options(50, everywhere(&[1.0, 0.3])), 2);
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let rows = Rows::new(0..40, &[0.8, 0.1], &[0.6, 0.2]);
        pool.install(|| (rows.evaluate(&mut normal(&[0.3, -0.2], &[0.5, 0.8]), &objective, STREAM), objective.meter().take()))
    };
    let ((loss, gradient), sizes) = run(1);
    assert_eq!(run(4), ((loss, gradient.clone()), sizes));
    let rows = Rows::new(0..40, &[0.8, 0.1], &[0.6, 0.2]);
    let later = rows.evaluate(&mut normal(&[0.3, -0.2], &[0.5, 0.8]), &objective, Stream { step: 4, ..STREAM });
    assert_ne!(later, (loss, gradient), "another step has other candidates");
    let alone = Rows::new([3], &[0.8, 0.1], &[0.6, 0.2]).evaluate(&mut normal(&[0.3, -0.2], &[0.5, 0.8]), &objective, STREAM);
    let pair = Rows::new([9, 3], &[0.8, 0.1], &[0.6, 0.2]).evaluate(&mut normal(&[0.3, -0.2], &[0.5, 0.8]), &objective, STREAM);
    let other = Rows::new([9], &[0.8, 0.1], &[0.6, 0.2]).evaluate(&mut normal(&[0.3, -0.2], &[0.5, 0.8]), &objective, STREAM);
    assert!((pair.0 - 0.5 * (alone.0 + other.0)).abs() < 1e-12, "a row's candidates are its own, wherever it stands");
}

#[test]
fn moments_come_from_the_model() {
    assert_eq!(normal(&[0.3], &[0.5]).moments(&Batch::zeros(1, 0)).unwrap().row(0), [0.3, 0.5_f64.ln().exp()]);
}
