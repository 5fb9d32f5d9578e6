//! What is refused, what is written to files, and what stays the same.

use std::error::Error as _;
use std::fs;
use std::io::{self, Write};

use dfl_core::{Batch, Error, Generative, Parameters, Predictor, Sampler, Stream};
use dfl_models::torch::{Architecture, Device, Diffusion, DiffusionConfig, DiffusionSampler, Network, NoiseSchedule, Timesteps, tch};

use super::{FEW, model, small};
use crate::common::{assert_close, normals};

const STREAM: Stream = Stream { seed: 1, step: 2 };

#[test]
fn impossible_configurations_name_their_field() {
    let refused = |config: DiffusionConfig| match Diffusion::new(config, 0, Device::Cpu) {
        Err(Error::Domain { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(DiffusionConfig { steps: 1, ..small() }), "steps of the diffusion");
    assert_eq!(refused(DiffusionConfig { inputs: 0, ..small() }), "inputs");
    assert_eq!(refused(DiffusionConfig { outputs: 0, ..small() }), "outputs");
    assert_eq!(refused(DiffusionConfig { hidden: vec![4, 0], ..small() }), "hidden width");
    assert_eq!(refused(DiffusionConfig { embedding: 5, ..small() }), "embedding");
    assert_eq!(refused(DiffusionConfig { draws: 0, ..small() }), "draws");
    for steps in [0, 11] {
        for sampler in [DiffusionSampler::Ddim { steps }, DiffusionSampler::Multistep { steps }] {
            assert_eq!(refused(DiffusionConfig { sampler, ..small() }), "steps of the sampler");
        }
    }
    for noise in [NoiseSchedule::Linear { first: 0.0, last: 0.1 }, NoiseSchedule::VariancePreserving { first: f64::NAN, last: 1.0 }] {
        assert_eq!(refused(DiffusionConfig { noise, ..small() }), "first rate of the noise schedule");
    }
    for noise in [NoiseSchedule::Linear { first: 0.1, last: 1.0 }, NoiseSchedule::VariancePreserving { first: 2.0, last: 1.0 }] {
        assert_eq!(refused(DiffusionConfig { noise, ..small() }), "last rate of the noise schedule");
    }
    // The published noise is made for 1000 steps; 50 of them leave 61 % of the data.
    assert!(refused(DiffusionConfig { noise: NoiseSchedule::PUBLISHED, steps: 50, ..small() }).contains("alpha bar"));
    assert!(DiffusionConfig::published(5, 3).check().is_ok() && DiffusionConfig::new(5, 3).check().is_ok());
    assert!(DiffusionConfig { noise: FEW, steps: 2, ..small() }.check().is_ok());
}

#[test]
fn malformed_input_is_named() {
    let mut model = model(small());
    let (x, y, w) = (normals(3, 2, 0), normals(3, 4, 1), normals(3, 2, 2));
    let mut bad = x.clone();
    bad.row_mut(1)[1] = f64::NAN;
    let errors = [
        model.predict(&bad).unwrap_err(),
        model.sample(&bad, 2, STREAM).unwrap_err(),
        model.draw(&bad, 2, STREAM).unwrap_err(),
        model.add_log_likelihood(&bad, &y, &w, STREAM).unwrap_err(),
        model.elbo(&bad, &y, 1, STREAM).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::NotFinite { what: "features", row: 1, column: 1, .. }), "{error}");
    }
    let mut bad = y.clone();
    bad.row_mut(2)[3] = f64::INFINITY;
    let error = model.add_log_likelihood(&x, &bad, &w, STREAM).unwrap_err();
    assert!(matches!(error, Error::NotFinite { what: "outcomes", row: 2, column: 3, .. }), "{error}");
    let mut bad = w.clone();
    bad.row_mut(0)[1] = f64::NAN;
    let error = model.add_log_likelihood(&x, &y, &bad, STREAM).unwrap_err();
    assert!(matches!(error, Error::NotFinite { what: "weights", row: 0, column: 1, .. }), "{error}");
    assert!(matches!(model.add_log_likelihood(&x, &normals(3, 5, 0), &w, STREAM), Err(Error::Dimension { what: "outcomes", .. })));
    assert!(matches!(model.add_log_likelihood(&x, &normals(2, 4, 0), &w, STREAM), Err(Error::Dimension { what: "outcome rows", .. })));
    assert!(matches!(model.predict(&normals(3, 1, 0)), Err(Error::Dimension { what: "features", expected: 2, got: 1 })));
    assert!(matches!(model.log_density(&x, &y), Err(Error::Unsupported { who: "diffusion", .. })));
    assert!(!model.has_density());
    assert_eq!(model.gradient_norm(), 0.0, "what was refused left no gradient");
}

#[test]
fn no_samples_are_refused_and_no_rows_are_not() {
    let mut model = model(small());
    let (x, nothing) = (normals(3, 2, 0), Batch::zeros(3, 0));
    let errors = [
        model.sample(&x, 0, STREAM).unwrap_err(),
        model.draw(&x, 0, STREAM).unwrap_err(),
        model.add_log_likelihood(&x, &nothing, &nothing, STREAM).unwrap_err(),
        model.elbo(&x, &nothing, 1, STREAM).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, Error::Domain { what: "number of samples", value: 0.0, .. }), "{error}");
    }
    let no_rows = Batch::zeros(0, 2);
    assert_eq!(model.sample(&no_rows, 3, STREAM).unwrap().rows(), 0);
    assert_eq!(model.predict(&no_rows).unwrap().rows(), 0);
    assert_eq!(model.add_log_likelihood(&no_rows, &no_rows, &Batch::zeros(0, 1), STREAM).unwrap(), 0.0);
}

#[test]
fn a_cotangent_needs_samples_of_these_weights() {
    for checkpoint in [false, true] {
        let mut model = model(DiffusionConfig { checkpoint, ..small() });
        let cotangent = normals(3, 4, 0);
        assert!(matches!(model.pull_samples(&cotangent), Err(Error::Dimension { .. })), "nothing was drawn");
        model.draw(&normals(3, 2, 0), 2, STREAM).unwrap();
        assert!(matches!(model.pull_samples(&normals(3, 2, 0)), Err(Error::Dimension { .. })));
        assert!(matches!(model.pull_samples(&normals(2, 4, 0)), Err(Error::Dimension { .. })));
        model.pull_samples(&cotangent).unwrap();
        model.step(0.1).unwrap();
        assert!(matches!(model.pull_samples(&cotangent), Err(Error::Dimension { .. })), "the weights have moved");
    }
}

#[test]
fn a_saved_model_samples_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    for config in [DiffusionConfig::new(3, 2), DiffusionConfig { timesteps: Timesteps::GradientNorm, checkpoint: true, ..small() }] {
        let model = model(config);
        model.save(&path).unwrap();
        let read = Diffusion::load(&path, Device::Cpu).unwrap();
        assert_eq!((read.config(), read.values()), (model.config(), model.values()));
        let x = normals(4, model.inputs(), 1);
        assert_eq!(read.sample(&x, 3, STREAM).unwrap(), model.sample(&x, 3, STREAM).unwrap());
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
}

#[test]
fn files_of_something_else_say_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let refused = || match Diffusion::load(&path, Device::Cpu).unwrap_err() {
        error @ Error::File { .. } => (error.to_string(), error.source().unwrap().to_string()),
        error => panic!("{error:?}"),
    };
    Network::new(Architecture::linear(2, 2), 0, Device::Cpu).unwrap().save(&path).unwrap();
    assert!(refused().1.contains("model"), "{:?}", refused());
    model(small()).save(&path).unwrap();
    let (toml, weights) = (path.with_extension("toml"), path.with_extension("safetensors"));
    let text = fs::read_to_string(&toml).unwrap();
    let cases = [
        ("model = \"diffusion\"", "model = \"flow\"", "flow"),
        ("hidden = [5]", "hidden = [6]", "hidden0"),
        ("hidden = [5]", "hidden = [5, 5]", "hidden1"),
        ("draws", "drawn", "drawn"),
    ];
    for (from, to, word) in cases {
        assert!(text.contains(from), "{text}");
        fs::write(&toml, text.replace(from, to)).unwrap();
        let (message, cause) = refused();
        assert!(message.contains("model.") && cause.contains(word), "{to}: {message}: {cause}");
    }
    fs::write(&toml, text).unwrap();
    let bytes = fs::read(&weights).unwrap();
    for keep in [0, 4, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&weights, &bytes[..keep]).unwrap();
        assert!(refused().0.contains("damaged"), "{}", refused().0);
    }
    let error = Network::load(&path, Device::Cpu).unwrap_err();
    assert!(error.source().is_some_and(|s| s.to_string().contains("unknown field")), "a network is no diffusion model either: {error:?}");
}

/// Weights after a few steps of either gradient, single precision.
fn trained(seed: u64, noise: u64) -> Vec<f64> {
    let config = DiffusionConfig { hidden: vec![16], timesteps: Timesteps::LossSecondMoment, ..DiffusionConfig::new(3, 2) };
    let mut model = Diffusion::new(config, seed, Device::Cpu).unwrap();
    for step in 0..3 {
        let (x, stream) = (normals(8, 3, step), Stream { seed: noise, step });
        model.zero_grad();
        let drawn = model.draw(&x, 2, stream).unwrap();
        model.pull_samples(&drawn).unwrap();
        model.add_log_likelihood(&x, &drawn, &normals(8, 2, step), stream).unwrap();
        model.step(1e-2).unwrap();
    }
    model.values()
}

#[test]
fn the_same_seed_gives_the_same_bits() {
    let kept = trained(1, 2);
    assert_eq!(kept, trained(1, 2));
    assert_ne!(kept, trained(3, 2), "another seed of the weights");
    assert_ne!(kept, trained(1, 3), "another seed of the noise");
}

/// Samples, both gradients and the bound on the GPU equal those of the CPU to single precision.
#[test]
fn a_gpu_gives_the_answers_of_the_cpu() {
    if !tch::Cuda::is_available() {
        // Past the capture of the test harness, which hides what passing tests print.
        let _ = writeln!(io::stderr(), "skipped: diffusion::misuse::a_gpu_gives_the_answers_of_the_cpu: no CUDA device");
        return;
    }
    for checkpoint in [false, true] {
        let run = |device| {
            let mut model = Diffusion::new(DiffusionConfig { checkpoint, ..DiffusionConfig::new(3, 2) }, 1, device).unwrap();
            let x = normals(16, 3, 2);
            let drawn = model.draw(&x, 4, STREAM).unwrap();
            model.pull_samples(&drawn).unwrap();
            let value = model.add_log_likelihood(&x, &normals(16, 8, 3), &normals(16, 4, 4), STREAM).unwrap();
            let elbo = model.elbo(&x, &normals(16, 8, 3), 1, STREAM).unwrap();
            (drawn, model.gradient(), [value], elbo)
        };
        let (cpu, gpu) = (run(Device::Cpu), run(Device::Cuda(0)));
        assert_close(cpu.0.as_slice(), gpu.0.as_slice(), 1e-3, 1e-3);
        assert_close(&cpu.1, &gpu.1, 1e-2, 1e-2 * cpu.1.iter().fold(0.0, |m: f64, g| m.max(g.abs())));
        assert_close(&cpu.2, &gpu.2, 1e-3, 1e-3);
        assert_close(cpu.3.as_slice(), gpu.3.as_slice(), 1e-3, 1e-3);
    }
}
