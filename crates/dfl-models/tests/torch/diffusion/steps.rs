//! Which steps a bound is estimated from: unbiased whatever the rule, and with less variance than uniform for those that look at the gradient.

use dfl_core::{Batch, Generative, Parameters, Stream};
use dfl_models::torch::{Diffusion, DiffusionConfig, DiffusionSampler, Elbo, Timesteps};

use super::bound::Moments;
use super::{FEW, model, small};
use crate::common::normals;

/// One outcome, twenty steps; trained for a moment so that steps differ in their error.
fn trained(elbo: Elbo) -> Diffusion {
    let sampler = DiffusionSampler::Ancestral;
    let config = DiffusionConfig { inputs: 1, outputs: 1, hidden: vec![8], steps: 20, noise: FEW, sampler, elbo, ..small() };
    let mut model = model(config);
    for step in 0..100 {
        let (x, y) = data(step);
        model.zero_grad();
        model.add_log_likelihood(&x, &y, &Batch::from_vec(32, 1, vec![-1.0; 32]).unwrap(), Stream { seed: 3, step }).unwrap();
        model.step(0.01).unwrap();
    }
    model
}

/// y = x + N(0, 1/4).
fn data(step: u64) -> (Batch, Batch) {
    let (x, mut y) = (normals(32, 1, 2 * step), normals(32, 1, 2 * step + 1));
    y.as_mut_slice().iter_mut().zip(x.as_slice()).for_each(|(y, x)| *y = x + 0.5 * *y);
    (x, y)
}

/// Gradients of 1500 calls with one step for each of 32 samples, whose weights have either sign and size as those of a score function do.
fn gradients(model: &mut Diffusion, timesteps: Timesteps, calls: u64) -> Moments {
    model.set_timesteps(timesteps, 1).unwrap();
    let ((x, y), w) = (data(1000), normals(32, 1, 77));
    let mut moments = Moments::default();
    // The first calls fill the histories, with weights drawn like the later ones.
    for step in 0..600 + calls {
        model.zero_grad();
        model.add_log_likelihood(&x, &y, &w, Stream { seed: timesteps as u64, step }).unwrap();
        if step >= 600 {
            moments.add(&model.gradient());
        }
    }
    moments
}

/// Each mean equals that over all steps within 5 standard errors in every parameter (a bias of 5 of them, 13 % of one call's standard deviation, would be
/// seen in half of all runs), and gradient norms lower the variance.
#[test]
fn importance_sampling_is_unbiased_and_lowers_the_variance() {
    for elbo in [Elbo::Simple, Elbo::Weighted] {
        let mut model = trained(elbo);
        let exact = gradients(&mut model, Timesteps::All, 1500);
        let mut variances = Vec::new();
        for rule in [Timesteps::Uniform, Timesteps::LossSecondMoment, Timesteps::GradientNorm] {
            let found = gradients(&mut model, rule, 1500);
            let z = found.largest_z(&exact);
            assert!(z < 5.0, "{elbo:?}, {rule:?}: largest z-score of {} parameters {z}", model.gradient().len());
            variances.push(found.variance());
            let ratio = found.variance() / variances[0];
            println!("{elbo:?}, {rule:?}: variance {:.4}, {ratio:.3} of uniform, largest z {z:.2}", found.variance());
        }
        assert!(variances[2] < variances[0], "{elbo:?}: {variances:?}");
    }
}
