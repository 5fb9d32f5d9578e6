use dfl_core::{Error, Result, Risk};
use serde::Deserialize;

/// Which rows a coin of the solution cache is tossed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coin {
    /// Each row has its own, as in the paper.
    #[default]
    Row,
    /// One for all rows of a batch, as in PyEPO.
    Batch,
}

impl From<Coin> for dfl_solvers::Coin {
    fn from(coin: Coin) -> Self {
        match coin {
            Coin::Row => Self::Row,
            Coin::Batch => Self::Batch,
        }
    }
}

/// Which curvature a derivative through samples takes at kinks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "those of `dfl_core::Curvature`")]
pub enum Bend {
    SampleAverage,
    Density,
    Ignored,
}

/// What corrects score weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "those of `dfl_losses::Correction`")]
pub enum Corrected {
    Plain,
    LeaveOneOut,
    Resolved,
}

/// How the likelihood is scaled that a decision loss is anchored by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "those of `dfl_losses::Balance`")]
pub enum Balanced {
    None,
    Likelihood,
    Decision,
}

/// How the costs of samples become one number, other than by their mean or the mean of the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "those of `dfl_core::Risk`")]
pub enum Averse {
    MeanVariance,
    Entropic,
}

/// What decision `gen_dfl` should find best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Targeted {
    /// That for samples of a distribution fitted beforehand, as published.
    Proxy,
    /// The optimum under the observed cost.
    Observed,
}

/// What candidates of an energy model are drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "those of `dfl_losses::ProposalKind`")]
pub enum Proposed {
    Joint,
    Coordinatewise,
}

/// What a model of a distribution is judged by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JudgedBy {
    /// The decision that is best for the expected cost in closed form.
    ClosedForm,
    /// The decision that is best for samples.
    Samples,
}

/// Settings of a method and of the solver inside it, as the `options` of a run give them; what is not given has the default of the
/// method or solver that reads it.
///
/// | option | read by | default |
/// | --- | --- | --- |
/// | `mu` | `quadratic`, `quadratic_tight`, `barrier`, `dys*`: weight of the smoothing, in units of the cost | 1 |
/// | `tight` | `barrier`, `dys*`: whether the task's tighter relaxation is smoothed, as by `quadratic_tight` | no |
/// | `step`, `iterations`, `tolerance` | `dys*`: length of a step, most steps, residual at which to stop (0: never) | the solver's |
/// | `ratio` | `exact`, `highs`: share of the rows that are solved, the others are answered from a pool; with losses on a pool, \
///   the share that is solved for the pool to grow | 1 |
/// | `coin` | with `ratio`: `row` or `batch` | `row` |
/// | `pool_size` | with `ratio`: most decisions in the pool | no limit |
/// | `nodes` | `exact`, `highs`: most nodes of one search | no limit |
/// | `sigma` | `pfy*`, `dpo`, `sfge`: size of the noise on the cost; `pg*`: length of the difference; `lodl`: spread of its samples | 1, 0.1, 0.5 |
/// | `samples` | `pfy*`, `dpo`, `imle`, `aimle`, `sfge`: solves per row and step; `lodl`: once per row | 1 or 2, 10, 200 |
/// | `lambda` | `dbb`, `imle`: length of the step that is differenced; `rfy`: weight of the regulariser | 10, 1 |
/// | `temperature` | `imle`, `aimle`: of the noise; `ltr_list`: of the ranking; `so_ebm*`: of the energy, in units of the cost | 1 |
/// | `mle` | `so_ebm` with a point predictor: weight of the likelihood of the optimal decision | 1 |
/// | `margin` | `ltr_pair`, in units of the cost | 0 |
/// | `samples` | `dfl_rp`, `dfl_sf`: $M$, samples of the predicted distribution that a decision in training is made for | 25 |
/// | `test_samples` | all methods with distributions: samples of each decision that is judged | `samples` |
/// | `tail` | all methods with distributions: share of the worst samples that the decision minimises (CVaR) | 1, the mean |
/// | `risk` | `two_stage`, `dfl_rp`, `dfl_sf` in place of `tail`: `mean_variance` or `entropic`, see [`dfl_core::Risk`] | the mean |
/// | `risk_weight` | needed by `risk = "mean_variance"`: of the variance, in 1 / cost | |
/// | `risk_temperature` | needed by `risk = "entropic"`, in units of cost | |
/// | `curvature` | `dfl_rp`, `dfl_sf`, solver `stochastic`: `sample_average`, `density` or `ignored`, see [`dfl_core::Curvature`]; a \
///   row's solver says which | `density` for `dfl_sf`, else `sample_average` |
/// | `bandwidth` | with `curvature = "density"`, in deviations | [`dfl_core::Curvature::rule_of_thumb`] |
/// | `correction` | `dfl_sf`: `plain`, `leave_one_out` (with `curvature = "ignored"`) or `resolved`, see [`dfl_losses::Correction`] | `plain` |
/// | `anchor` | `dfl_rp`, `dfl_sf`: share of the likelihood in each step, see [`dfl_losses::Anchor`] | 0 |
/// | `balance` | with `anchor`: `none`, `likelihood` or `decision`, whose gradient takes the norm of the other's | `likelihood` |
/// | `samples`, `beta`, `gamma` | `gen_dfl`: $M$, weights of decisions and likelihood, see [`dfl_losses::Contrastive`] | 200, 10, 1 |
/// | `loss_tail` | `gen_dfl`: share of the worst samples by which decisions are compared in training | `tail` |
/// | `target` | `gen_dfl`: `proxy`, a model of the same class fitted to the training rows beforehand, or `observed` | `proxy` |
/// | `samples` | `dfl_sqp`, `dfl_kkt`, `dfl_block`, `dfl_surrogate`: samples that the expected cost is a mean over | the closed form; 25 where \
///   there is none |
/// | `block` | `dfl_block`: share of the variables in a block | 0.25 |
/// | `width`, `step` | `dfl_surrogate`: variables that describe a decision, and step size of what they mean | 10, 0.01 |
/// | `proxy_epochs` | with `target = "proxy"`: passes by which it is fitted, by 1e-3 a step of 32 rows | 30 |
/// | `judge` | all methods with distributions: `closed_form`, where task and model have one, or `samples` | `closed_form` where a method \
///   trains by it, else `samples` |
/// | `candidates` | `so_ebm*`: $M$, decisions that stand for all in a step | 128 |
/// | `kl` | `so_ebm*`: $\lambda$, weight of the divergence from the posterior | 0.01 |
/// | `proposal` | `so_ebm*`: `joint` or `coordinatewise` mixture | `joint` |
/// | `proposal_scale` | `so_ebm*`: what the deviations .1, .05 and .02 of the mixture are multiplied by | 1 |
/// | `energy_samples` | `so_ebm*`: samples that the energy is a mean over; 0 for the closed form | 0 where there is one, else 100 |
/// | `langevin_steps`, `langevin_step`, `langevin_noise` | `so_ebm_langevin`: number and length of the steps, deviation of the noise | \
///   the loss's |
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "described above")]
pub struct MethodOptions {
    pub mu: Option<f64>,
    pub tight: Option<bool>,
    pub step: Option<f64>,
    pub iterations: Option<usize>,
    pub tolerance: Option<f64>,
    pub ratio: Option<f64>,
    pub coin: Option<Coin>,
    pub pool_size: Option<usize>,
    pub nodes: Option<usize>,
    pub sigma: Option<f64>,
    pub samples: Option<usize>,
    pub lambda: Option<f64>,
    pub temperature: Option<f64>,
    pub margin: Option<f64>,
    pub mle: Option<f64>,
    pub test_samples: Option<usize>,
    pub tail: Option<f64>,
    pub risk: Option<Averse>,
    pub risk_weight: Option<f64>,
    pub risk_temperature: Option<f64>,
    pub curvature: Option<Bend>,
    pub bandwidth: Option<f64>,
    pub correction: Option<Corrected>,
    pub anchor: Option<f64>,
    pub balance: Option<Balanced>,
    pub loss_tail: Option<f64>,
    pub beta: Option<f64>,
    pub gamma: Option<f64>,
    pub target: Option<Targeted>,
    pub proxy_epochs: Option<usize>,
    pub judge: Option<JudgedBy>,
    pub candidates: Option<usize>,
    pub kl: Option<f64>,
    pub proposal: Option<Proposed>,
    pub proposal_scale: Option<f64>,
    pub energy_samples: Option<usize>,
    pub langevin_steps: Option<usize>,
    pub langevin_step: Option<f64>,
    pub langevin_noise: Option<f64>,
    pub block: Option<f64>,
    pub width: Option<usize>,
}

impl MethodOptions {
    /// Refuses a value that no method takes, and options of a solution cache where there is none.
    ///
    /// # Errors
    /// [`Error::Domain`] or [`Error::Unsupported`] naming the option.
    pub fn check(&self) -> Result<()> {
        let positive = [
            ("option mu", self.mu),
            ("option step", self.step),
            ("option sigma", self.sigma),
            ("option lambda", self.lambda),
            ("option temperature", self.temperature),
            ("option bandwidth", self.bandwidth),
            ("option tail", self.tail),
            ("option loss_tail", self.loss_tail),
            ("option proposal_scale", self.proposal_scale),
            ("option langevin_step", self.langevin_step),
            ("option block", self.block),
            ("option risk_temperature", self.risk_temperature),
        ];
        let counts = [
            ("option iterations", self.iterations),
            ("option pool_size", self.pool_size),
            ("option nodes", self.nodes),
            ("option samples", self.samples),
            ("option test_samples", self.test_samples),
            ("option proxy_epochs", self.proxy_epochs),
            ("option candidates", self.candidates),
            ("option langevin_steps", self.langevin_steps),
            ("option width", self.width),
        ];
        let counts = counts.map(|(what, count)| (what, count.map(|c| c as f64)));
        refuse(&positive, "positive and finite", |v| v > 0.0 && v.is_finite())?;
        refuse(&counts, "at least 1", |v| v >= 1.0)?;
        let shares = [
            ("option ratio", self.ratio),
            ("option tolerance", self.tolerance),
            ("option tail", self.tail),
            ("option anchor", self.anchor),
            ("option loss_tail", self.loss_tail),
            ("option block", self.block),
        ];
        refuse(&shares, "between 0 and 1", |v| (0.0..=1.0).contains(&v))?;
        let weights = [
            ("option margin", self.margin),
            ("option mle", self.mle),
            ("option beta", self.beta),
            ("option gamma", self.gamma),
            ("option kl", self.kl),
            ("option langevin_noise", self.langevin_noise),
            ("option risk_weight", self.risk_weight),
        ];
        refuse(&weights, "at least 0 and finite", |v| v >= 0.0 && v.is_finite())?;
        let bend = |only| self.curvature.is_none_or(|given| given == only);
        let alone = [
            ("a run without option ratio, which solves every row,", "option coin", self.coin.is_some() && self.ratio.is_none()),
            ("a run without option ratio, which solves every row,", "option pool_size", self.pool_size.is_some() && self.ratio.is_none()),
            (
                "a target other than the proxy",
                "option proxy_epochs",
                self.proxy_epochs.is_some() && self.target == Some(Targeted::Observed),
            ),
            ("a run with option risk, which takes the place of the tail,", "option tail", self.risk.is_some() && self.tail.is_some()),
            (
                "a run without risk = \"mean_variance\"",
                "option risk_weight",
                self.risk_weight.is_some() && self.risk != Some(Averse::MeanVariance),
            ),
            (
                "a run without risk = \"entropic\"",
                "option risk_temperature",
                self.risk_temperature.is_some() && self.risk != Some(Averse::Entropic),
            ),
            (
                "a run without option risk_weight",
                "risk = \"mean_variance\"",
                self.risk == Some(Averse::MeanVariance) && self.risk_weight.is_none(),
            ),
            (
                "a run without option risk_temperature",
                "risk = \"entropic\"",
                self.risk == Some(Averse::Entropic) && self.risk_temperature.is_none(),
            ),
            ("a curvature without a kernel", "option bandwidth", self.bandwidth.is_some() && !bend(Bend::Density)),
            ("a run without option anchor", "option balance", self.balance.is_some() && self.anchor.is_none()),
            (
                "a curvature other than `ignored`, whose weights leave samples out already,",
                "option correction = \"leave_one_out\"",
                self.correction == Some(Corrected::LeaveOneOut) && self.curvature != Some(Bend::Ignored),
            ),
            (
                "correction = \"resolved\", which needs no derivative,",
                "option curvature",
                self.correction == Some(Corrected::Resolved) && self.curvature.is_some(),
            ),
        ];
        match alone.into_iter().find(|(.., refused)| *refused) {
            Some((who, what, _)) => Err(Error::Unsupported { who, what }),
            None => Ok(()),
        }
    }

    /// How the costs of samples become one number; options that pass [`check`](Self::check) give a risk its parameter.
    pub(super) fn risk(&self) -> Risk {
        match (self.risk, self.tail) {
            (Some(Averse::MeanVariance), _) => Risk::MeanVariance { weight: self.risk_weight.unwrap_or_default() },
            (Some(Averse::Entropic), _) => Risk::Entropic { temperature: self.risk_temperature.unwrap_or_default() },
            (None, Some(tail)) => Risk::Cvar { tail },
            (None, None) => Risk::Mean,
        }
    }

    /// Names of the options that are given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("mu", self.mu.is_some()),
            ("tight", self.tight.is_some()),
            ("step", self.step.is_some()),
            ("iterations", self.iterations.is_some()),
            ("tolerance", self.tolerance.is_some()),
            ("ratio", self.ratio.is_some()),
            ("coin", self.coin.is_some()),
            ("pool_size", self.pool_size.is_some()),
            ("nodes", self.nodes.is_some()),
            ("sigma", self.sigma.is_some()),
            ("samples", self.samples.is_some()),
            ("lambda", self.lambda.is_some()),
            ("temperature", self.temperature.is_some()),
            ("margin", self.margin.is_some()),
            ("mle", self.mle.is_some()),
            ("test_samples", self.test_samples.is_some()),
            ("tail", self.tail.is_some()),
            ("risk", self.risk.is_some()),
            ("risk_weight", self.risk_weight.is_some()),
            ("risk_temperature", self.risk_temperature.is_some()),
            ("curvature", self.curvature.is_some()),
            ("bandwidth", self.bandwidth.is_some()),
            ("correction", self.correction.is_some()),
            ("anchor", self.anchor.is_some()),
            ("balance", self.balance.is_some()),
            ("loss_tail", self.loss_tail.is_some()),
            ("beta", self.beta.is_some()),
            ("gamma", self.gamma.is_some()),
            ("target", self.target.is_some()),
            ("proxy_epochs", self.proxy_epochs.is_some()),
            ("judge", self.judge.is_some()),
            ("candidates", self.candidates.is_some()),
            ("kl", self.kl.is_some()),
            ("proposal", self.proposal.is_some()),
            ("proposal_scale", self.proposal_scale.is_some()),
            ("energy_samples", self.energy_samples.is_some()),
            ("langevin_steps", self.langevin_steps.is_some()),
            ("langevin_step", self.langevin_step.is_some()),
            ("langevin_noise", self.langevin_noise.is_some()),
            ("block", self.block.is_some()),
            ("width", self.width.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }
}

pub(super) fn refuse(options: &[(&'static str, Option<f64>)], need: &'static str, accepted: fn(f64) -> bool) -> Result<()> {
    match options.iter().find_map(|&(what, value)| Some((what, value.filter(|v| !accepted(*v))?))) {
        Some((what, value)) => Err(Error::Domain { what, value, need }),
        None => Ok(()),
    }
}
