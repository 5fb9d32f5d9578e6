//! Trained on a distribution that is known.

use dfl_core::{Batch, Generative, Parameters, Rng, Sampler, Stream};
use dfl_models::torch::{Device, Diffusion, DiffusionConfig, DiffusionSampler};

/// With probability 0.7 the outcome is $0.6x + 0.8$, else $0.6x - 1.2$, plus $\mathcal N(0, 0.25^2)$, in each coordinate the same mode.
struct Mixture {
    outputs: usize,
}

impl Mixture {
    const SHARE: f64 = 0.7;
    const MODES: [f64; 2] = [0.8, -1.2];
    const SPREAD: f64 = 0.25;

    fn draw(&self, x: f64, rng: &mut Rng) -> Vec<f64> {
        let mode = Self::MODES[usize::from(rng.uniform() >= Self::SHARE)];
        (0..self.outputs).map(|_| 0.6 * x + mode + Self::SPREAD * rng.normal()).collect()
    }

    /// A Gaussian with the moments of the mixture: what a model without modes would give.
    fn gaussian(&self, x: f64, rng: &mut Rng) -> Vec<f64> {
        let (mean, variance) = Self::moments(x);
        let shared = rng.normal() * (variance - Self::SPREAD.powi(2)).sqrt();
        (0..self.outputs).map(|_| mean + shared + Self::SPREAD * rng.normal()).collect()
    }

    fn moments(x: f64) -> (f64, f64) {
        let [a, b] = Self::MODES;
        (0.6 * x + Self::SHARE * a + (1.0 - Self::SHARE) * b, Self::SHARE * (1.0 - Self::SHARE) * (a - b).powi(2) + Self::SPREAD.powi(2))
    }

    fn trained(&self, velocity: bool) -> Diffusion {
        let config = DiffusionConfig { hidden: vec![64; 2], velocity, draws: 1, ..DiffusionConfig::new(1, self.outputs) };
        let mut model = Diffusion::new(config, 1, Device::Cpu).unwrap();
        let mut rng = Rng::seeded(2);
        for step in 0..STEPS {
            let x: Vec<f64> = (0..ROWS).map(|_| 2.0 * rng.uniform() - 1.0).collect();
            let y = x.iter().flat_map(|x| self.draw(*x, &mut rng)).collect();
            let weights = vec![-1.0 / ROWS as f64; ROWS];
            let batch = |cols, values| Batch::from_vec(ROWS, cols, values).unwrap();
            model.zero_grad();
            let stream = Stream { seed: 1, step };
            model.add_log_likelihood(&batch(1, x), &batch(self.outputs, y), &batch(1, weights), stream).unwrap();
            // The rate falls to zero, as in any training run that settles.
            let share = step as f64 / STEPS as f64;
            model.step(5e-3 * 0.5 * (1.0 + (std::f64::consts::PI * share).cos())).unwrap();
        }
        model
    }
}

const STEPS: u64 = 1000;
const ROWS: usize = 256;
/// Samples of each side of a test.
const N: usize = 200;

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// All distances within the pooled samples.
fn distances(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let all: Vec<&Vec<f64>> = a.iter().chain(b).collect();
    all.iter().map(|p| all.iter().map(|q| distance(p, q)).collect()).collect()
}

/// $2 E|a - b| - E|a - a'| - E|b - b'|$ of the split `left`, `right` of the pooled samples.
fn energy(distances: &[Vec<f64>], left: &[usize], right: &[usize]) -> f64 {
    let mean = |p: &[usize], q: &[usize]| {
        p.iter().map(|&i| q.iter().map(|&j| distances[i][j]).sum::<f64>()).sum::<f64>() / (p.len() * q.len()) as f64
    };
    2.0 * mean(left, right) - mean(left, left) - mean(right, right)
}

/// Whether the energy distance lies below the largest over 99 splits of the pooled samples at random (1 % level), with distance and
/// threshold.
fn same(a: &[Vec<f64>], b: &[Vec<f64>], rng: &mut Rng) -> (bool, f64, f64) {
    let (table, mut index) = (distances(a, b), (0..a.len() + b.len()).collect::<Vec<_>>());
    let found = energy(&table, &index[..a.len()], &index[a.len()..]);
    let threshold = (0..99)
        .map(|_| {
            rng.shuffle(&mut index);
            energy(&table, &index[..a.len()], &index[a.len()..])
        })
        .fold(0.0, f64::max);
    (found <= threshold, found, threshold)
}

/// Mean, variance, share and width of 4000 samples have standard errors of 0.015, 0.014 (relative), 0.007 and 0.003: the tolerances, 6 to
/// 15 of them, are for what a network learns in 1000 steps. Of a Gaussian with the same moments the part above -0.2 would be 0.65 wide,
/// not 0.25.
#[allow(clippy::print_stdout, reason = "what was found stands beside what is true")]
fn matches(outputs: usize) -> Diffusion {
    let (mixture, mut rng) = (Mixture { outputs }, Rng::seeded(5));
    let model = mixture.trained(true);
    for x in [-0.8, 0.1, 0.7] {
        let samples = model.sample(&Batch::from_rows(&[[x]]).unwrap(), 4000, Stream { seed: 9, step: 0 }).unwrap();
        let samples: Vec<Vec<f64>> = samples.as_slice().chunks_exact(outputs).map(<[f64]>::to_vec).collect();
        let (mean, variance) = Mixture::moments(x);
        let (found, spread) = moments(&samples);
        let upper: Vec<f64> = samples.iter().map(|y| y[0] - 0.6 * x).filter(|y| *y > -0.2).collect();
        let share = upper.len() as f64 / samples.len() as f64;
        let width = (upper.iter().map(|y| (y - 0.8).powi(2)).sum::<f64>() / upper.len() as f64).sqrt();
        let truth: Vec<Vec<f64>> = (0..N).map(|_| mixture.draw(x, &mut rng)).collect();
        let (same_as_truth, energy, threshold) = same(&samples[..N], &truth, &mut rng);
        println!(
            "{outputs}-d, x = {x}: mean {found:.3} ({mean:.3}), variance {spread:.3} ({variance:.3}), upper mode {share:.3} (0.700) wide \
             {width:.3} (0.250), energy distance {energy:.4}, threshold {threshold:.4}"
        );
        assert!((found - mean).abs() < 0.1 && (spread / variance - 1.0).abs() < 0.1, "x = {x}: mean {found}, variance {spread}");
        assert!((share - 0.7).abs() < 0.05 && (width - 0.25).abs() < 0.05, "x = {x}: upper mode {share}, {width}");
        assert!(same_as_truth, "x = {x}: energy distance {energy}, threshold {threshold}");
    }
    model
}

/// Mean and variance of the first coordinate.
fn moments(samples: &[Vec<f64>]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = samples.iter().map(|y| y[0]).sum::<f64>() / n;
    (mean, samples.iter().map(|y| (y[0] - mean).powi(2)).sum::<f64>() / n)
}

#[test]
fn one_outcome_is_matched_in_moments_modes_and_energy_distance() {
    let model = matches(1);
    let far = farthest(&model);
    println!("with the velocity, farthest of 3000: ancestral {:.2}, DDIM {:.2}, multistep {:.2}", far[0], far[1], far[2]);
    assert!(far.iter().all(|y| *y < 3.5));
}

#[test]
fn two_outcomes_are_matched_in_moments_modes_and_energy_distance() {
    matches(2);
}

/// The largest distance from the middle of the data, of 3000 samples of the same weights by the ancestral chain and by both deterministic
/// ones; that of the data exceeds 2.5 once in 10^6 draws, and 3.5 is nine deviations from either mode.
fn farthest(trained: &Diffusion) -> [f64; 3] {
    let x = Batch::from_rows(&[[-0.8], [0.1], [0.7]]).unwrap();
    let samplers = [DiffusionSampler::Ancestral, DiffusionSampler::Ddim { steps: 20 }, DiffusionSampler::Multistep { steps: 20 }];
    samplers.map(|sampler| {
        let mut model = Diffusion::new(DiffusionConfig { sampler, ..trained.config().clone() }, 0, Device::Cpu).unwrap();
        model.set_values(&trained.values()).unwrap();
        let samples = model.sample(&x, 1000, Stream { seed: 9, step: 0 }).unwrap();
        let far = |i: usize| samples.row(i).iter().fold(0.0, |m: f64, y| m.max((y - 0.6 * x.row(i)[0]).abs()));
        (0..3).map(far).fold(0.0, f64::max)
    })
}

/// The velocity is what keeps deterministic samples where the data are.
#[test]
fn without_the_velocity_deterministic_samplers_lose_samples() {
    let [ancestral, ddim, multistep] = farthest(&Mixture { outputs: 1 }.trained(false));
    println!("without the velocity, farthest of 3000: ancestral {ancestral:.2}, DDIM {ddim:.2}, multistep {multistep:.2}");
    assert!(ancestral < 3.5 && ddim > 3.5 && multistep > 3.5);
}

/// The test has power: of 20 pairs of samples it tells a Gaussian with the same moments from the mixture in at least 18, and refuses at
/// most 2 pairs of the mixture itself (1 % each). Printed beside: a share of the modes that is off by about 0.1.
#[test]
fn the_energy_test_tells_near_distributions_apart() {
    for outputs in [1, 2] {
        let (mixture, mut rng) = (Mixture { outputs }, Rng::seeded(6));
        let mut refused = [0; 3];
        for _ in 0..20 {
            let truth: Vec<Vec<f64>> = (0..N).map(|_| mixture.draw(0.3, &mut rng)).collect();
            let again: Vec<Vec<f64>> = (0..N).map(|_| mixture.draw(0.3, &mut rng)).collect();
            let gaussian: Vec<Vec<f64>> = (0..N).map(|_| mixture.gaussian(0.3, &mut rng)).collect();
            // A draw of each mode in place of the other.
            let moved: Vec<Vec<f64>> = (0..N)
                .map(|k| if k % 20 < 3 { vec![0.18 - 1.2 + Mixture::SPREAD * rng.normal(); outputs] } else { mixture.draw(0.3, &mut rng) })
                .collect();
            for (count, other) in refused.iter_mut().zip([&again, &gaussian, &moved]) {
                *count += usize::from(!same(&truth, other, &mut rng).0);
            }
        }
        println!("{outputs}-d: refused of 20: the mixture {}, a Gaussian {}, shifted modes {}", refused[0], refused[1], refused[2]);
        assert!(refused[0] <= 2, "{refused:?}");
        assert!(refused[1] >= 18, "{refused:?}");
    }
}
