//! The backward pass of a black box by solving again: the decision at a cost moved along the cotangent, less the decision at the cost.

use dfl_core::{Batch, Call, Decider, Decisions, Key, Pullback, Result, Stream};

use super::samples::{Slots, mean_of_samples};
use crate::checks::{check_cotangent, check_linear};

/// How often a wrapper solves for each row, and whether it moves the cost to both sides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    samples: usize,
    two_sided: bool,
    /// Solves of the forward pass, then those ahead, then those behind.
    slots: Slots,
}

impl Plan {
    /// Checks that the decider's `theta` can be its cost.
    pub(super) fn new(inner: &dyn Decider, samples: usize, two_sided: bool) -> Result<Self> {
        check_linear(inner)?;
        Ok(Self { samples, two_sided, slots: Slots::new(samples, 3)? })
    }

    /// The mean decision at `costs`, `[b samples, n]`, and what the backward pass needs.
    pub(super) fn forward<'d>(self, inner: &'d dyn Decider, costs: Batch, call: &Call<'_>) -> Result<(Decisions<'d>, Difference<'d>)> {
        let keys = self.slots.keys(call.keys.iter().copied(), 0..self.samples)?;
        let solved = inner.forward(&costs, &Call { keys: &keys, backward: false, ..*call })?;
        let found = mean_of_samples(&solved, self.samples);
        let usable = found.info.iter().map(|i| i.status.usable()).collect();
        Ok((found, Difference { plan: self, inner, keys: call.keys.to_vec(), stream: call.stream, costs, x: solved.x, usable }))
    }
}

/// What was solved.
pub(super) struct Difference<'d> {
    plan: Plan,
    inner: &'d dyn Decider,
    keys: Vec<Key>,
    stream: Stream,
    /// `[b samples, n]`, as their decisions.
    costs: Batch,
    x: Batch,
    /// `[b]`.
    usable: Vec<bool>,
}

impl Difference<'_> {
    /// $\tfrac1{K\lambda_i} \sum_k x^\star(\theta_{ik} + \lambda_i g_i) - x^\star(\theta_{ik})$, or with $x^\star(\theta_{ik} -
    /// \lambda_i g_i)$ and twice the step. Rows are passed over, and so have the gradient 0, that have no decision, whose cotangent or
    /// step is 0, or of which a moved cost has no optimum.
    pub(super) fn pull(&self, cotangent: &Batch, step: impl Fn(usize) -> f64) -> Result<Batch> {
        let (b, n, samples) = (self.usable.len(), self.costs.cols(), self.plan.samples);
        check_cotangent(cotangent, (b, n))?;
        let asked = |i: &usize| self.usable[*i] && cotangent.row(*i).iter().any(|&g| g != 0.0);
        let steps = (0..b).filter(asked).map(|i| (i, step(i))).filter(|&(_, step)| step > 0.0 && step.is_finite());
        let steps: Vec<(usize, f64)> = steps.collect();
        let ahead = self.solve(cotangent, &steps, 1.0, samples)?;
        let behind = if self.plan.two_sided { Some(self.solve(cotangent, &steps, -1.0, 2 * samples)?) } else { None };
        let mut out = Batch::zeros(b, n);
        for (m, &(i, step)) in steps.iter().enumerate() {
            let solves = m * samples..(m + 1) * samples;
            if [Some(&ahead), behind.as_ref()].into_iter().flatten().any(|d| d.info[solves.clone()].iter().any(|i| !i.status.usable())) {
                continue;
            }
            let scale = 1.0 / (samples as f64 * if behind.is_some() { 2.0 * step } else { step });
            for k in 0..samples {
                let from = behind.as_ref().map_or_else(|| self.x.row(i * samples + k), |d| d.x.row(m * samples + k));
                let to = ahead.x.row(m * samples + k);
                out.row_mut(i).iter_mut().zip(to).zip(from).for_each(|((g, to), from)| *g += scale * (to - from));
            }
        }
        Ok(out)
    }

    /// Solves the given rows with their costs moved by `sign` times their step.
    fn solve(&self, cotangent: &Batch, steps: &[(usize, f64)], sign: f64, slot: usize) -> Result<Decisions<'_>> {
        let samples = self.plan.samples;
        let mut costs = Batch::zeros(0, self.costs.cols());
        let mut row = vec![0.0; self.costs.cols()];
        for &(i, step) in steps {
            for k in i * samples..(i + 1) * samples {
                let from = self.costs.row(k).iter().zip(cotangent.row(i));
                row.iter_mut().zip(from).for_each(|(to, (cost, g))| *to = cost + sign * step * g);
                costs.push(&row)?;
            }
        }
        let keys = self.plan.slots.keys(steps.iter().map(|&(i, _)| self.keys[i]), slot..slot + samples)?;
        self.inner.forward(&costs, &Call { keys: &keys, stream: self.stream, backward: false })
    }
}

/// A pullback with one step for all rows.
pub(super) struct FixedStep<'d> {
    pub(super) difference: Difference<'d>,
    pub(super) lambda: f64,
}

impl Pullback for FixedStep<'_> {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        self.difference.pull(cotangent, |_| self.lambda)
    }
}
