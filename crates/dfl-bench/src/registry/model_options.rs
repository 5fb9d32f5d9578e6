use dfl_core::{Error, Result};
use serde::Deserialize;

use super::options::refuse;

/// Settings of a predictor, as the `model` of a run gives them; what is not given has the default of the predictor that reads it.
///
/// | option | read by | default |
/// | --- | --- | --- |
/// | `hidden` | all networks: widths of the hidden layers; `[]` makes the parameters affine, and a `gaussian` of independent outcomes one \
///   in pure Rust and `f64` (unless `precision` is `single`) | `mlp`: the power network of SO-EBM, 200 and 200 with batch normalisation \
///   and dropout 0.2; `gaussian`, `mixture`: 64 and 64; `gru`: 32 and 32, one GRU each; `flow`, `diffusion`: 128 and 128 |
/// | `days` | `gru`: steps in time that the features are cut into | 21 |
/// | `activation` | `gaussian`, `mixture`: `relu` or `silu` | `relu` |
/// | `batch_norm` | `gaussian`: whether hidden layers are normalised over the batch | no |
/// | `skip` | `gaussian`, `mixture`: whether an affine map of the features is added to the network | yes |
/// | `dropout` | `mlp` with `hidden`, `gaussian`, `mixture` | 0 |
/// | `covariance` | `gaussian`: `diagonal` or `full` | `diagonal` |
/// | `deviation` | `gaussian`: how the network gives deviations, `exp` or `softplus` | `exp` |
/// | `components` | `mixture`: number of Gaussians | 5 |
/// | `couplings` | `flow`: number of affine couplings | 4 |
/// | `steps` | `diffusion`: $T$, steps of the noise: the published linear one for 1000, else its limit for many steps, which ends alike | 1000 |
/// | `sampler` | `diffusion`: `ancestral`, or one that is deterministic given the first noise: `ddim` or `multistep` | `multistep` |
/// | `sampler_steps` | `diffusion` with one of those: how many of the steps it takes | 20 |
/// | `checkpoint` | `diffusion`: whether pathwise derivatives compute the chain twice to keep $O(\sqrt T)$ of it | no |
/// | `elbo` | `diffusion`: `simple` or `weighted`, of the bound that stands for the likelihood | `simple` |
/// | `timesteps` | `diffusion`: how the steps of that bound are drawn: `uniform`, `all`, `loss` or `gradient` | `uniform` |
/// | `draws` | `diffusion`: how many of them for each outcome | the model's |
/// | `centre` | all distributions but `gcn`: what the truth is measured from, `mean` or `least_squares`; its scale is the deviation about that, both \
///   of the training rows | `mean` |
/// | `precision` | all networks: `single` or `double` | `single` |
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "described above")]
pub struct ModelOptions {
    pub hidden: Option<Vec<usize>>,
    pub days: Option<usize>,
    pub activation: Option<Activation>,
    pub batch_norm: Option<bool>,
    pub skip: Option<bool>,
    pub dropout: Option<f64>,
    pub covariance: Option<Covariance>,
    pub deviation: Option<Deviation>,
    pub components: Option<usize>,
    pub couplings: Option<usize>,
    pub steps: Option<usize>,
    pub sampler: Option<Sampler>,
    pub sampler_steps: Option<usize>,
    pub checkpoint: Option<bool>,
    pub elbo: Option<Elbo>,
    pub timesteps: Option<Timesteps>,
    pub draws: Option<usize>,
    pub centre: Option<Centring>,
    pub precision: Option<Width>,
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($word:ident),* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "described at `ModelOptions`")]
        pub enum $name { $($word),* }
    )*};
}
words! {
    /// What follows a hidden layer.
    Activation { Relu, Silu }
    /// Which entries of a covariance are free.
    Covariance { Diagonal, Full }
    /// How a network gives deviations.
    Deviation { Exp, Softplus }
    /// How a diffusion model samples.
    Sampler { Ddim, Multistep, Ancestral }
    /// Weights of the steps in the bound on the likelihood.
    Elbo { Simple, Weighted }
    /// How the steps in that bound are drawn.
    Timesteps { Uniform, All, Loss, Gradient }
    /// What the truth is measured from.
    Centring { Mean, LeastSquares }
    /// Width of a network's numbers.
    Width { Single, Double }
}

impl ModelOptions {
    /// Refuses a value that no predictor takes, and options that contradict each other.
    ///
    /// # Errors
    /// [`Error::Domain`] or [`Error::Unsupported`] naming the option.
    pub fn check(&self) -> Result<()> {
        let counts = [
            ("model option days", self.days),
            ("model option components", self.components),
            ("model option couplings", self.couplings),
            ("model option steps", self.steps),
            ("model option sampler_steps", self.sampler_steps),
            ("model option draws", self.draws),
            ("model option hidden", self.hidden.as_ref().and_then(|widths| widths.iter().copied().min())),
        ];
        refuse(&counts.map(|(what, count)| (what, count.map(|c| c as f64))), "at least 1", |v| v >= 1.0)?;
        refuse(&[("model option dropout", self.dropout)], "at least 0 and below 1", |v| (0.0..1.0).contains(&v))?;
        let of_layers = [
            ("activation", self.activation.is_some()),
            ("batch_norm", self.batch_norm.is_some()),
            ("skip", self.skip.is_some()),
            ("dropout", self.dropout.is_some()),
        ];
        if let Some((what, _)) = of_layers.iter().find(|(_, given)| *given && self.hidden.as_ref().is_some_and(Vec::is_empty)) {
            return Err(Error::Unsupported { who: "a model without hidden layers", what });
        }
        match self.sampler_steps {
            Some(_) if self.sampler == Some(Sampler::Ancestral) => {
                Err(Error::Unsupported { who: "sampler `ancestral`", what: "option sampler_steps; it takes every step" })
            }
            Some(taken) => match self.steps {
                Some(steps) if taken > steps => {
                    Err(Error::Domain { what: "model option sampler_steps", value: taken as f64, need: "at most the number of steps" })
                }
                _ => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Names of the options that are given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("hidden", self.hidden.is_some()),
            ("days", self.days.is_some()),
            ("activation", self.activation.is_some()),
            ("batch_norm", self.batch_norm.is_some()),
            ("skip", self.skip.is_some()),
            ("dropout", self.dropout.is_some()),
            ("covariance", self.covariance.is_some()),
            ("deviation", self.deviation.is_some()),
            ("components", self.components.is_some()),
            ("couplings", self.couplings.is_some()),
            ("steps", self.steps.is_some()),
            ("sampler", self.sampler.is_some()),
            ("sampler_steps", self.sampler_steps.is_some()),
            ("checkpoint", self.checkpoint.is_some()),
            ("elbo", self.elbo.is_some()),
            ("timesteps", self.timesteps.is_some()),
            ("draws", self.draws.is_some()),
            ("centre", self.centre.is_some()),
            ("precision", self.precision.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }

    /// Refuses an option that is not among `known`.
    ///
    /// # Errors
    /// [`Error::Unknown`] naming it.
    pub(crate) fn check_read(&self, known: &[&'static str]) -> Result<()> {
        match self.given().find(|name| !known.contains(name)) {
            Some(name) => Err(crate::tasks::unknown("model option of this predictor", name, known.iter().copied())),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        match toml::from_str::<ModelOptions>(text) {
            Ok(options) => options.check().unwrap_err().to_string(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_no_predictor_takes_is_refused_by_name() {
        for (text, named) in [
            ("hiden = [8]", "hiden"),
            ("hidden = [8, 0]", "model option hidden: 0 is not accepted"),
            ("dropout = 1.0", "model option dropout: 1 is not accepted"),
            ("hidden = []\nskip = true", "a model without hidden layers does not offer skip"),
            ("hidden = []\nbatch_norm = true", "a model without hidden layers does not offer batch_norm"),
            ("deviation = 'relu'", "relu"),
            ("steps = 0", "model option steps"),
            ("sampler_steps = 30\nsteps = 20", "model option sampler_steps: 30 is not accepted; it must be at most the number of steps"),
            ("sampler_steps = 30\nsampler = 'ancestral'", "option sampler_steps"),
            ("covariance = 'half'", "half"),
        ] {
            assert!(refused(text).contains(named), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn an_option_that_the_predictor_does_not_read_is_refused() {
        let options: ModelOptions = toml::from_str("hidden = [8]\ndraws = 3").unwrap();
        options.check().unwrap();
        let error = options.check_read(&["hidden", "skip"]).unwrap_err().to_string();
        assert_eq!(error, "unknown model option of this predictor `draws`; known are hidden, skip");
    }
}
