use dfl_core::testkit::gradient_error;
use dfl_core::{Batch, Generative, Parameters, Sampler, Stream};
use dfl_models::torch::tch::{Kind, Tensor};
use dfl_models::torch::{Diffusion, DiffusionConfig, DiffusionSampler};

use super::by_hand::{ByHand, chain_noise};
use super::{model, small};
use crate::common::{assert_close, normals};

const STREAM: Stream = Stream { seed: 8, step: 2 };
const SAMPLERS: [DiffusionSampler; 4] = [
    DiffusionSampler::Ancestral,
    DiffusionSampler::Ddim { steps: 10 },
    DiffusionSampler::Ddim { steps: 3 },
    DiffusionSampler::Multistep { steps: 7 },
];

fn with(sampler: DiffusionSampler, checkpoint: bool) -> DiffusionConfig {
    DiffusionConfig { sampler, checkpoint, ..small() }
}

fn pulled(model: &mut Diffusion, features: &Batch, samples: usize, cotangent: &Batch) -> Vec<f64> {
    model.zero_grad();
    model.draw(features, samples, STREAM).unwrap();
    model.pull_samples(cotangent).unwrap();
    model.gradient()
}

/// Against the samples themselves: h = 1e-5 leaves about 1e-9 relative to the largest derivative.
#[test]
fn the_derivative_of_samples_matches_central_differences() {
    let (features, cotangent) = (normals(3, 2, 1), normals(3, 2 * 2, 2));
    for sampler in SAMPLERS {
        let mut model = model(with(sampler, false));
        let gradient = pulled(&mut model, &features, 2, &cotangent);
        let values = model.values();
        let error = gradient_error(&values, &gradient, 1e-5, |at| {
            model.set_values(at).unwrap();
            let samples = model.sample(&features, 2, STREAM).unwrap();
            samples.as_slice().iter().zip(cotangent.as_slice()).map(|(y, c)| y * c).sum()
        });
        assert!(error < 1e-7, "{sampler:?}: {error:e}");
    }
}

/// States kept every third of ten steps (the last group is shorter), of all (one group) and of two.
#[test]
fn checkpoints_change_the_memory_and_not_the_gradient() {
    let (features, cotangent) = (normals(3, 2, 1), normals(3, 2 * 4, 2));
    for sampler in SAMPLERS {
        let [whole, parts] = [false, true].map(|checkpoint| pulled(&mut model(with(sampler, checkpoint)), &features, 4, &cotangent));
        assert!(whole.iter().any(|g| g.abs() > 1e-2), "the check must not compare zeros");
        assert_close(&whole, &parts, 1e-10, 1e-12);
    }
}

/// The recursion of the paper, forwards: G' = A + J G with A and J of each step by torch's autograd on a denoiser written out by hand.
#[test]
fn the_derivative_matches_the_forward_recursion() {
    let (features, cotangent) = (normals(2, 2, 1), normals(2, 2 * 2, 2));
    let mut ours = model(small());
    let expected = pulled(&mut ours, &features, 2, &cotangent);
    let (hand, table) = (ByHand::of(&ours), ours.config().table().unwrap());
    let samples = ours.sample(&features, 2, STREAM).unwrap();
    let mut total = vec![0.0; expected.len()];
    for (row, sample) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
        let x = Tensor::from_slice(features.row(row));
        let (mut y, mut g) = (chain_noise(STREAM, row as u64, sample as u32, 0, 2), vec![vec![0.0; expected.len()]; 2]);
        for t in (1..=10).rev() {
            let leaf = y.detach().set_requires_grad(true);
            let (alpha, beta) = (table.alpha(t), table.beta(t));
            let mean = (&leaf - hand.noise(&leaf, t, &x) * (beta / (1.0 - table.alpha_bar(t)).sqrt())) / alpha.sqrt();
            let next = mean + chain_noise(STREAM, row as u64, sample as u32, 11 - t, 2) * beta.sqrt();
            g = step_forwards(&next, &leaf, &hand.leaves, &g);
            y = next.detach();
        }
        for i in 0..2 {
            assert!((y.double_value(&[i as i64]) - samples.row(row)[2 * sample + i]).abs() < 1e-12);
            let c = cotangent.row(row)[2 * sample + i];
            total.iter_mut().zip(&g[i]).for_each(|(sum, g)| *sum += c * g);
        }
    }
    assert_close(&expected, &total, 1e-10, 1e-12);
}

/// A + J G: one row for each outcome.
fn step_forwards(next: &Tensor, leaf: &Tensor, weights: &[Tensor], g: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let inputs: Vec<&Tensor> = weights.iter().chain([leaf]).collect();
    (0..2)
        .map(|i| {
            let found = Tensor::run_backward(&[next.select(0, i)], &inputs, true, false);
            let flat = |t: &Tensor| Vec::<f64>::try_from(t.to_kind(Kind::Double).flatten(0, -1)).unwrap();
            let mut row: Vec<f64> = found[..weights.len()].iter().flat_map(flat).collect();
            for (j, jacobian) in flat(&found[weights.len()]).into_iter().enumerate() {
                row.iter_mut().zip(&g[j]).for_each(|(a, g)| *a += jacobian * g);
            }
            row
        })
        .collect()
}

#[test]
fn draws_are_the_samples_of_the_same_stream() {
    for (sampler, checkpoint) in [(DiffusionSampler::Ancestral, false), (DiffusionSampler::Ancestral, true), (SAMPLERS[2], false)] {
        let (mut model, x) = (model(with(sampler, checkpoint)), normals(3, 2, 1));
        let (drawn, sampled) = (model.draw(&x, 4, STREAM).unwrap(), model.sample(&x, 4, STREAM).unwrap());
        assert_eq!(drawn, sampled);
        assert_eq!((sampled.rows(), sampled.cols()), (3, 8));
        let fewer = model.sample(&x, 2, STREAM).unwrap();
        (0..3).for_each(|i| assert_close(fewer.row(i), &sampled.row(i)[..4], 1e-12, 1e-12));
        assert_ne!(model.sample(&x, 4, Stream { step: 3, ..STREAM }).unwrap(), sampled);
    }
}

/// Two losses of one draw.
#[test]
fn two_pulls_of_one_draw_add_up() {
    let (features, cotangent) = (normals(3, 2, 1), normals(3, 2, 2));
    for checkpoint in [false, true] {
        let mut model = model(with(SAMPLERS[2], checkpoint));
        let once = pulled(&mut model, &features, 1, &cotangent);
        model.pull_samples(&cotangent).unwrap();
        assert_close(&model.gradient(), &once.iter().map(|g| 2.0 * g).collect::<Vec<_>>(), 1e-12, 1e-14);
    }
}
