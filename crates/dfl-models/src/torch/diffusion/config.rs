use dfl_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::super::Precision;
use super::schedule::{NoiseSchedule, NoiseTable};

/// How the reverse chain is walked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DiffusionSampler {
    /// All $T$ steps, each with fresh noise of variance $\sigma_t^2 = \beta_t$, the last one included: the distribution that the bound
    /// bounds.
    Ancestral,
    /// Deterministic steps ($\eta = 0$; Song, Meng & Ermon 2021) from the first noise, over a part of the $T$ steps: $\tau_i = \max(i,
    /// \operatorname{round}(T (i/S)^2))$, close together where little noise is left. The predicted $y_0$ is not clipped.
    Ddim {
        /// $S$, between 1 and $T$.
        steps: usize,
    },
    /// The same steps with the predicted $y_0$ extrapolated from the last two (DPM-Solver++ 2M; Lu et al. 2022). At the same cost it is
    /// exact to second order: of a Gaussian's standard deviation, 20 plain steps lose 8 to 13 %, 20 of these are off by 1 to 2.5 %. Not
    /// part of the published method.
    Multistep {
        /// $S$, between 1 and $T$.
        steps: usize,
    },
}

impl DiffusionSampler {
    /// How often the network is asked for one sample, of a chain of `steps`.
    fn evaluations(self, steps: usize) -> usize {
        match self {
            Self::Ancestral => steps,
            Self::Ddim { steps } | Self::Multistep { steps } => steps,
        }
    }
}

/// What stands for the log-likelihood. Both are minus a sum over steps of $e_t \|\epsilon - \hat\epsilon\|^2$ plus a constant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Elbo {
    /// $e_t = 1/T$, without constant: the denoising error that is usually trained. Its gradient is not that of a bound.
    #[default]
    Simple,
    /// $e_t = \beta_t^2 / (2\sigma_t^2 \alpha_t (1 - \bar\alpha_t))$ and all constants: a lower bound on $\log p$ in nats.
    Weighted,
}

/// Which steps the sum over steps is estimated from. Every choice is unbiased: a step drawn with probability $p_t$ counts $1/p_t$.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Timesteps {
    /// All with probability $1/T$.
    #[default]
    Uniform,
    /// Every step once, with noise of its own; `draws` is not read.
    All,
    /// In proportion to the root mean square of the last 10 losses at a step, mixed with 0.1 % of uniform; uniform until every step has
    /// 10 (the resampler of Nichol & Dhariwal 2021). A loss here is $T e_t \|\epsilon - \hat\epsilon\|^2 |w| / \operatorname{rms}(w)$:
    /// the weight that the score function puts on a sample belongs to the variance as much as its error does.
    LossSecondMoment,
    /// In proportion to the root mean square of the gradient at a step, the choice of least variance, mixed with 5 % of uniform.
    ///
    /// Each call looks at one of at most 32 ranges of steps, in turn, at one step of it: with random signs $s_{im}$ the gradient of $\sum
    /// s_{im} w_{im} \mathrm{ELBO}_t(y_{im})$ has a squared norm whose mean is $\sum w_{im}^2 \|\nabla \mathrm{ELBO}_t(y_{im})\|^2$.
    /// That, over $\sum w_{im}^2$, enters a running mean (over about 10 visits). Uniform until every range was seen. Costs one more pass
    /// with one step a sample.
    GradientNorm,
}

/// A conditional diffusion model; this is what the `.toml` of a saved one holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiffusionConfig {
    /// Number of features.
    pub inputs: usize,
    /// Length of one outcome.
    pub outputs: usize,
    /// Widths of the hidden layers of the denoiser.
    pub hidden: Vec<usize>,
    /// Whether the network gives the velocity $v = \sqrt{\bar\alpha_t}\, \epsilon - \sqrt{1 - \bar\alpha_t}\, y_0$ (Salimans & Ho 2022,
    /// ICLR) in place of the noise: $\hat\epsilon = \sqrt{1 - \bar\alpha_t}\, y_t + \sqrt{\bar\alpha_t}\, \hat v$. For standard normal
    /// outcomes $v = 0$ is right, so that a network of small weights begins there. Without it a small error where $y_t$ is nearly all noise
    /// is divided by $\sqrt{\bar\alpha_t}$,
    /// 0.006 at the end, and a deterministic sampler has nothing to correct it: some samples land far away. Not part of the published
    /// network.
    pub velocity: bool,
    /// Width of the sinusoidal embedding of time, even; it passes a hidden layer of 16 times that width.
    pub embedding: usize,
    /// $T$.
    pub steps: usize,
    /// Noise of each step.
    pub noise: NoiseSchedule,
    /// How samples are made.
    pub sampler: DiffusionSampler,
    /// Whether [`draw`](dfl_core::Generative::draw) keeps only every $\sqrt S$-th state and computes the rest again on the way back: memory
    /// in proportion to $\sqrt S$ instead of $S$ for $S$ steps of the sampler, for one more forward pass.
    pub checkpoint: bool,
    /// What stands for the log-likelihood.
    pub elbo: Elbo,
    /// Which steps it is estimated from.
    pub timesteps: Timesteps,
    /// How many steps for each sample.
    pub draws: usize,
    /// Width of its numbers.
    pub precision: Precision,
}

impl DiffusionConfig {
    /// The network and chain of the published code of Diffusion-DFL (2026, ICLR): three hidden layers of 1024 (the paper says two), 1000
    /// steps of linear noise, deterministic sampling over all of them. Of its three choices, 100 steps a sample is that of the power task.
    pub fn published(inputs: usize, outputs: usize) -> Self {
        Self {
            inputs,
            outputs,
            hidden: vec![1024; 3],
            velocity: false,
            embedding: 16,
            steps: 1000,
            noise: NoiseSchedule::PUBLISHED,
            sampler: DiffusionSampler::Ddim { steps: 1000 },
            checkpoint: false,
            elbo: Elbo::Simple,
            timesteps: Timesteps::Uniform,
            draws: 100,
            precision: Precision::Single,
        }
    }

    /// A narrow network that a CPU trains in seconds: two hidden layers of 128 that give the velocity, sampled in 20 of the 1000 steps
    /// ([`DiffusionSampler::Multistep`]), 4 steps a sample in training.
    pub fn new(inputs: usize, outputs: usize) -> Self {
        Self {
            hidden: vec![128; 2],
            velocity: true,
            sampler: DiffusionSampler::Multistep { steps: 20 },
            draws: 4,
            ..Self::published(inputs, outputs)
        }
    }

    /// The constants of its chain.
    ///
    /// # Errors
    /// As [`NoiseSchedule::table`].
    pub fn table(&self) -> Result<NoiseTable> {
        self.noise.table(self.steps)
    }

    /// Refuses sizes that make no model, and a chain that ends too far from the standard normal it is started from.
    ///
    /// # Errors
    /// [`Error::Domain`] naming the field.
    pub fn check(&self) -> Result<()> {
        let sizes = [("inputs", self.inputs), ("outputs", self.outputs), ("embedding", self.embedding), ("draws", self.draws)];
        for (what, n) in sizes.into_iter().chain(self.hidden.iter().map(|&n| ("hidden width", n))) {
            if n == 0 || i32::try_from(n).is_err() {
                return Err(Error::Domain { what, value: n as f64, need: "at least 1 and at most 2^31 - 1" });
            }
        }
        if !self.embedding.is_multiple_of(2) {
            return Err(Error::Domain { what: "embedding", value: self.embedding as f64, need: "even: half cosines, half sines" });
        }
        let last = self.table()?.alpha_bar(self.steps);
        if !(1e-12..=0.05).contains(&last) {
            let need =
                "between 1e-12 and 0.05, or samples start far from where the data end, or what is left of the data is lost to rounding";
            return Err(Error::Domain { what: "share of the data in the last step (alpha bar)", value: last, need });
        }
        let taken = self.sampler.evaluations(self.steps);
        if taken == 0 || taken > self.steps {
            let need = "at least 1 and at most those of the chain";
            return Err(Error::Domain { what: "steps of the sampler", value: taken as f64, need });
        }
        Ok(())
    }
}
