use std::sync::Arc;

use dfl_core::{
    Batch, Call, CostGrad, Decider, Error, Generative, Key, Minibatch, Objective, Pullback, Result, SolveInfo, Status, StepReport, Stream,
    check_len,
};

use super::resolved::resolved_weights;
use super::{Anchor, MaximumLikelihood, cost_of, failures, fork, truth};
use crate::kernels::count;

/// What corrects the score weights for the samples that the decision shares with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Correction {
    /// The decider's own weights: under `Curvature::Ignored` the published ones, short by about $1/M$; under another curvature each sample
    /// is taken out of the curvature, so that $w_m = M \nabla f^\top (z^\star - z^\star_{-m})$ exactly for a quadratic objective, and up to
    /// a bias of order $1/M$ elsewhere (product allocation, $M = 10$: 16 % short).
    #[default]
    Plain,
    /// The decider's weights times $M/(M-1)$; for `Curvature::Ignored` only, since other weights are corrected already. The same exact
    /// weights for the mean of costs that all have one Hessian, $\tfrac12 z^\top Q z + b(y)^\top z$, as long as leaving a sample out
    /// changes no tight constraint; the wrong factor elsewhere (product allocation, $M = 10$: 35 % short).
    LeaveOneOut,
    /// $w_m = M (f(y, z^\star) - f(y, z^\star_{-m}))$ with the decision $z^\star_{-m}$ for the other samples, by a second decider: unbiased
    /// at any $M$, for any cost and risk, at the price of $M$ more solves per row. Needs no derivative of the decision. The others take $f$
    /// for linear between the two decisions, which leaves a bias of order $1/M$ where it is not.
    Resolved,
}

/// How the gradient goes from the decision to the distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimator {
    /// Through each sample (reparameterisation): exact for the samples drawn; the model must offer `draw`.
    Pathwise,
    /// Through the likelihood of each sample (score function), weighted by what the sample does to the cost; of an ELBO, its gradient
    /// stands in for the score. Any model will do. Samples are those of evaluation mode, the likelihood is that of training mode: with
    /// dropout the two differ, and no correction is unbiased.
    Score {
        /// What the weights are corrected by.
        correction: Correction,
    },
}

/// Settings of a [`SampledDecision`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledOptions {
    /// $M$, the samples that a decision is made for.
    pub samples: usize,
    /// How the gradient goes from the decision to the distribution.
    pub estimator: Estimator,
    /// The likelihood as a regulariser.
    pub anchor: Option<Anchor>,
}

/// The expected cost of the decision that is best for samples of a predicted distribution. Minimises.
///
/// $$\ell(\theta) = \mathbb E_{y_1, \dots, y_M \sim p_\theta(\cdot \mid \phi)}\, f(y, z^\star(y_1, \dots, y_M))$$
///
/// under the truth $y$. With $u = -K^{-1} \nabla_z f(y, z^\star)$, the adjoint of the decider, the gradient is estimated by
/// $\sum_m (\partial z^\star / \partial y_m)^\top \nabla_z f$, pulled through each sample, or by
/// $\tfrac1M \sum_m w_m \nabla_\theta \log p_\theta(y_m \mid \phi)$ with the decider's score weights. The risk and the curvature at kinks
/// are the decider's. A mean baseline is not offered: since the decision is stationary for these very samples, the published weights of a
/// program without costs of its own add up to zero, and subtracting their mean changes nothing.
///
/// The value reported is the cost alone, without the anchor.
///
/// # Shapes
/// `theta` of the decider: `[M, outputs of the model]`; truths `[b, y]`, of any length that the cost takes.
/// # Errors
/// [`Error::Diverged`] for a sample that is not finite, [`Error::Missing`] without truths, [`Error::Unsupported`] for a model without
/// reparameterised samples or a decider without score weights. Rows without a usable decision are reported, have the cost 0 and add
/// nothing.
/// # References
/// Diffusion-DFL (ICLR 2026), reparameterised and weighted-ELBO gradients.
/// # Differences
/// The published weights are those of `Curvature::Ignored` and [`Correction::Plain`]; its code also averages twice in places.
#[derive(Clone)]
pub struct SampledDecision<D> {
    decider: D,
    /// Decides for one sample less.
    one_less: Option<D>,
    cost: Arc<dyn CostGrad>,
    options: SampledOptions,
}

impl<D: Decider> SampledDecision<D> {
    /// Joins a decider for `samples` samples, one for `samples - 1` if the weights are [`Correction::Resolved`], and the cost of a
    /// decision.
    ///
    /// # Errors
    /// [`Error::Domain`] for no samples, fewer than 2 for score weights (one sample is stationary by itself: its weight is zero), or a
    /// share outside `[0, 1]`; [`Error::Missing`] for a decider without a derivative where one is needed, or without the second decider;
    /// [`Error::Dimension`] if samples do not fill the decider's `theta`.
    pub fn new(decider: D, one_less: Option<D>, cost: Arc<dyn CostGrad>, options: SampledOptions) -> Result<Self> {
        let out = Self { decider, one_less, cost, options };
        out.check()?;
        Ok(out)
    }

    /// The settings.
    pub fn options(&self) -> &SampledOptions {
        &self.options
    }

    /// The decider for all samples.
    pub fn decider(&self) -> &D {
        &self.decider
    }

    fn name(&self) -> &'static str {
        match self.options.estimator {
            Estimator::Pathwise => "dfl_rp",
            Estimator::Score { .. } => "dfl_sf",
        }
    }

    fn resolved(&self) -> bool {
        self.options.estimator == Estimator::Score { correction: Correction::Resolved }
    }

    fn check(&self) -> Result<()> {
        let (samples, dims, loss) = (count("samples of a decision", self.options.samples)?, self.decider.dims(), self.name());
        if samples < 2 && self.options.estimator != Estimator::Pathwise {
            let need = "at least 2 for score weights: the decision for a single sample leaves it none";
            return Err(Error::Domain { what: "samples of a decision", value: 1.0, need });
        }
        self.options.anchor.map_or(Ok(()), |a| a.check())?;
        check_len("theta of a decider of samples", dims.theta / samples * samples, dims.theta)?;
        match (self.resolved(), &self.one_less) {
            (false, _) if !self.decider.differentiable() => {
                Err(Error::Missing { loss, what: "a differentiable decider, or re-solved weights" })
            }
            (true, None) => Err(Error::Missing { loss, what: "a decider for one sample less, for re-solved weights" }),
            (true, Some(other)) => {
                check_len("theta of the decider for one sample less", dims.theta - dims.theta / samples, other.dims().theta)?;
                check_len("decision of the decider for one sample less", dims.x, other.dims().x)
            }
            (false, _) => Ok(()),
        }
    }

    /// Adds the gradient of the mean cost; without an anchor.
    fn estimate<M: Generative + ?Sized>(&self, model: &mut M, rows: &Minibatch<'_>, stream: Stream) -> Result<StepReport> {
        match self.options.estimator {
            Estimator::Pathwise => self.pathwise(model, rows, stream),
            Estimator::Score { correction } => self.score(model, rows, stream, correction),
        }
    }

    fn pathwise<M: Generative + ?Sized>(&self, model: &mut M, rows: &Minibatch<'_>, stream: Stream) -> Result<StepReport> {
        let samples = model.draw(rows.features, self.options.samples, stream).map_err(|e| e.diverged(rows.ids))?;
        let decided = self.decide(&samples, rows, stream)?;
        let cotangent = self.back(&decided)?.pull(&decided.cotangent)?;
        cotangent.check_finite("cotangent of a sample").map_err(|e| e.diverged(rows.ids))?;
        model.pull_samples(&cotangent)?;
        Ok(decided.report())
    }

    fn score<M: Generative + ?Sized>(
        &self,
        model: &mut M,
        rows: &Minibatch<'_>,
        stream: Stream,
        correction: Correction,
    ) -> Result<StepReport> {
        let count = self.options.samples;
        let samples = model.sample(rows.features, count, stream).map_err(|e| e.diverged(rows.ids))?;
        let mut decided = self.decide(&samples, rows, stream)?;
        let mut weights = match &self.one_less {
            Some(other) if self.resolved() => resolved_weights(other, &*self.cost, &samples, rows, stream, &mut decided)?,
            _ => self.back(&decided)?.score_weights(&decided.cotangent)?,
        };
        let share = 1.0 / if correction == Correction::LeaveOneOut { count - 1 } else { count } as f64;
        weights.as_mut_slice().iter_mut().for_each(|w| *w *= share);
        weights.check_finite("score weight").map_err(|e| e.diverged(rows.ids))?;
        let noise = fork(stream, "likelihood of the samples");
        model.add_log_likelihood(rows.features, &samples, &weights, noise).map_err(|e| e.diverged(rows.ids))?;
        Ok(decided.report())
    }

    /// Decides for the samples of each row, and what that costs under its truth.
    fn decide(&self, samples: &Batch, rows: &Minibatch<'_>, stream: Stream) -> Result<Decided<'_>> {
        samples.check_finite("sample").map_err(|e| e.diverged(rows.ids))?;
        let truth = truth(self.name(), rows)?;
        let keys: Vec<Key> = rows.ids.iter().map(|&id| Key { id, slot: 0 }).collect();
        let found = self.decider.forward(samples, &Call { keys: &keys, stream, backward: !self.resolved() })?;
        let (costs, cotangent) = cost_of(&*self.cost, truth, &found, rows.ids)?;
        Ok(Decided { costs, cotangent, failed: failures(&found.info), info: found.info, back: found.back })
    }

    fn back<'d>(&self, decided: &'d Decided<'_>) -> Result<&'d dyn Pullback> {
        decided.back.as_deref().ok_or(Error::Unsupported { who: self.decider.name(), what: "a derivative of this batch" })
    }
}

impl<M: Generative + ?Sized, D: Decider> Objective<M> for SampledDecision<D> {
    fn solver(&self) -> &'static str {
        self.decider.name()
    }
    fn accumulate(&self, model: &mut M, rows: Minibatch<'_>, stream: Stream) -> Result<StepReport> {
        check_len("samples in theta of the decider", self.decider.dims().theta, self.options.samples * model.outputs())?;
        match self.options.anchor {
            None => self.estimate(model, &rows, stream),
            Some(anchor) => anchor.combine(model, |m| self.estimate(m, &rows, stream), |m| MaximumLikelihood::add(m, &rows, stream)),
        }
    }
}

/// What a batch of rows decided.
pub(super) struct Decided<'d> {
    /// Of each row, 0 without a usable decision.
    pub(super) costs: Vec<f64>,
    /// The gradient of the mean cost in each decision.
    cotangent: Batch,
    /// First status of each row that is not usable.
    pub(super) failed: Vec<Option<Status>>,
    pub(super) info: Vec<SolveInfo>,
    back: Option<Box<dyn Pullback + 'd>>,
}

impl Decided<'_> {
    fn report(self) -> StepReport {
        let failed = self.failed.iter().enumerate().filter_map(|(i, status)| Some((i, (*status)?))).collect();
        StepReport { loss: self.costs.iter().sum(), info: self.info, failed }
    }
}
