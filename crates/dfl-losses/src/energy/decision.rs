use std::sync::Arc;

use dfl_core::{
    Batch, Call, CostGrad, Decider, Decisions, Error, Generative, Key, Minibatch, Objective, Result, StepReport, Stream, check_len,
};

use super::Input;
use crate::sampled::{cost_of, failures, truth};

const NAME: &str = "dfl_sqp";

/// The cost under the truth of the decision of least energy, through the decision: decision-focused learning without samples of the truth's law,
/// what energy models are compared with. Minimises.
///
/// $$\ell(\theta) = \mathbb E\, f(y, a^\star(\phi_\theta)), \qquad a^\star(\phi) = \arg\min_a E(\phi, a)$$
///
/// with $\phi$ the moments or the samples of the predicted distribution ([`Input`]). What is differentiated of $a^\star$ is the decider's choice.
///
/// # Shapes
/// `theta` of the decider: $\phi$, `[b, 2 * outputs]` or `[b, S * outputs]`; truths `[b, y]`, of any length that the cost takes.
/// # Errors
/// [`Error::Missing`] without truths; [`Error::Diverged`] for a $\phi$ or a cost that is not finite, and what model and decider report. Rows without a
/// usable decision are reported, have the cost 0 and add nothing.
/// # References
/// Donti, Amos & Kolter (2017), NeurIPS; the baselines of Kong et al. (2022), NeurIPS, Section 5.
#[derive(Clone)]
pub struct EnergyDecision<D> {
    decider: D,
    cost: Arc<dyn CostGrad>,
    input: Input,
}

impl<D: Decider> EnergyDecision<D> {
    /// Joins a decider whose `theta` is what `input` reads, and the cost of a decision.
    ///
    /// # Errors
    /// [`Error::Missing`] for a decider without a derivative, [`Error::Domain`] for no samples.
    pub fn new(decider: D, cost: Arc<dyn CostGrad>, input: Input) -> Result<Self> {
        input.len(1)?;
        match decider.differentiable() {
            true => Ok(Self { decider, cost, input }),
            false => Err(Error::Missing { loss: NAME, what: "a differentiable decider" }),
        }
    }
}

impl<M: Generative + ?Sized, D: Decider> Objective<M> for EnergyDecision<D> {
    fn solver(&self) -> &'static str {
        self.decider.name()
    }

    fn accumulate(&self, model: &mut M, rows: Minibatch<'_>, stream: Stream) -> Result<StepReport> {
        check_len("theta of the decider", self.input.len(model.outputs())?, self.decider.dims().theta)?;
        let phi = read(self.input, model, &rows, stream)?;
        let step = through(&self.decider, &*self.cost, &phi, &rows, stream)?;
        self.input.pull(model, &step.on_theta)?;
        Ok(step.report)
    }
}

/// $\phi$ of each row, which is divergence if it is not finite.
pub(super) fn read<M: Generative + ?Sized>(input: Input, model: &mut M, rows: &Minibatch<'_>, stream: Stream) -> Result<Batch> {
    let phi = input.forward(model, rows.features, stream).map_err(|e| e.diverged(rows.ids))?;
    phi.check_finite("prediction").map_err(|e| e.diverged(rows.ids))?;
    Ok(phi)
}

/// What the decisions of a batch cost, and the gradient of their mean cost in `theta`.
pub(super) struct Through {
    pub(super) report: StepReport,
    pub(super) on_theta: Batch,
}

/// Decides for each row and pulls the gradient of the mean cost back.
pub(super) fn through(decider: &dyn Decider, cost: &dyn CostGrad, theta: &Batch, rows: &Minibatch<'_>, stream: Stream) -> Result<Through> {
    let truth = truth(NAME, rows)?;
    let keys: Vec<Key> = rows.ids.iter().map(|&id| Key { id, slot: 0 }).collect();
    let found = decider.forward(theta, &Call { keys: &keys, stream, backward: true })?;
    let (costs, cotangent) = cost_of(cost, truth, &found, rows.ids)?;
    let Decisions { info, back, .. } = found;
    let back = back.ok_or(Error::Unsupported { who: decider.name(), what: "a derivative of this batch" })?;
    let on_theta = back.pull(&cotangent)?;
    on_theta.check_finite("cotangent of a prediction").map_err(|e| e.diverged(rows.ids))?;
    let failed = failures(&info).into_iter().enumerate().filter_map(|(i, status)| Some((i, status?))).collect();
    Ok(Through { report: StepReport { loss: costs.iter().sum(), info, failed }, on_theta })
}
