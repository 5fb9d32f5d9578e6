//! The diffusion model against closed forms, hand-written torch code, and distributions that are known.

mod bound;
mod by_hand;
mod exact;
mod misuse;
mod mixture;
mod pathwise;
mod steps;

use dfl_models::torch::{Device, Diffusion, DiffusionConfig, DiffusionSampler, Elbo, NoiseSchedule, Precision, Timesteps};

const FEW: NoiseSchedule = NoiseSchedule::VariancePreserving { first: 0.1, last: 20.0 };

/// Two features, two outcomes, one hidden layer of 5 and ten steps, in double precision.
fn small() -> DiffusionConfig {
    DiffusionConfig {
        hidden: vec![5],
        embedding: 4,
        steps: 10,
        noise: FEW,
        sampler: DiffusionSampler::Ancestral,
        elbo: Elbo::Weighted,
        timesteps: Timesteps::Uniform,
        draws: 3,
        precision: Precision::Double,
        ..DiffusionConfig::new(2, 2)
    }
}

fn model(config: DiffusionConfig) -> Diffusion {
    Diffusion::new(config, 3, Device::Cpu).unwrap()
}
