use dfl_core::testkit::gradient_error;
use dfl_core::{Batch, Generative, Parameters, Sampler, Stream};
use dfl_models::torch::{Diffusion, DiffusionConfig, DiffusionSampler};

use super::{model, small};
use crate::common::normals;

const STREAM: Stream = Stream { seed: 8, step: 2 };

fn velocity(steps: usize) -> DiffusionConfig {
    DiffusionConfig { velocity: true, sampler: DiffusionSampler::Ddim { steps }, ..small() }
}

/// With all weights zero the velocity is zero, and a deterministic step from t to s turns y by the angle between them:
/// y_s = cos(a_t - a_s) y_t with sin a_t = sqrt(1 - abar_t). One step over all is cos a_T = sqrt(abar_T), and has lost 1 / abar_T = 2e4 of
/// the digits, since what is left of y_T is a difference of equal numbers: 1e-10 in place of 1e-14.
#[test]
fn without_weights_a_step_is_a_rotation() {
    let features = normals(4, 2, 1);
    let samples = |steps: usize| {
        let mut model = model(velocity(steps));
        model.set_values(&vec![0.0; model.values().len()]).unwrap();
        model.sample(&features, 3, STREAM).unwrap().into_vec()
    };
    let table = small().table().unwrap();
    // The cosine of a difference, without an arc sine that loses digits where y_t is nearly all noise.
    let turn = |s: usize, t: usize| (table.alpha_bar(s) * table.alpha_bar(t)).sqrt() + table.noise(s) * table.noise(t);
    let factor = |times: &[usize]| times.windows(2).map(|pair| turn(pair[0], pair[1])).product::<f64>();
    let every: Vec<usize> = (0..=10).collect();
    for (one, all) in samples(1).iter().zip(samples(10)) {
        let noise = one / factor(&[0, 10]);
        assert!((all - factor(&every) * noise).abs() < 1e-10 * noise.abs().max(1.0), "{one} {all}");
    }
}

/// Against differences of the samples and of the bound; h = 1e-5 leaves about 1e-9 relative to the largest derivative.
#[test]
fn derivatives_match_central_differences() {
    let (features, cotangent, outcomes) = (normals(3, 2, 1), normals(3, 2 * 2, 2), normals(3, 2 * 2, 4));
    let mut model = model(velocity(10));
    let values = model.values();
    let dot = |a: &Batch| a.as_slice().iter().zip(cotangent.as_slice()).map(|(y, c)| y * c).sum::<f64>();

    model.draw(&features, 2, STREAM).unwrap();
    model.pull_samples(&cotangent).unwrap();
    let pathwise = model.gradient();
    let at = |model: &mut Diffusion, w: &[f64]| {
        model.set_values(w).unwrap();
        dot(&model.sample(&features, 2, STREAM).unwrap())
    };
    let error = gradient_error(&values, &pathwise, 1e-5, |w| at(&mut model, w));
    assert!(error < 1e-7, "samples: {error:e}");

    let weights = Batch::from_rows(&[[1.0, -0.5], [0.2, 2.0], [0.0, 1.0]]).unwrap();
    model.set_values(&values).unwrap();
    model.zero_grad();
    model.add_log_likelihood(&features, &outcomes, &weights, STREAM).unwrap();
    let bound = model.gradient();
    let error = gradient_error(&values, &bound, 1e-5, |w| {
        model.set_values(w).unwrap();
        model.add_log_likelihood(&features, &outcomes, &weights, STREAM).unwrap()
    });
    assert!(error < 1e-7, "bound: {error:e}");
}
