use std::sync::Arc;

use dfl_core::{Batch, Cost, Energy, Error, Generative, Key, Minibatch, Objective, Result, Rng, StepReport, Stream, check_len};
use rayon::prelude::*;

use super::weights::{effective, normalise};
use super::{EssMeter, Input, LangevinOptions, Proposal};
use crate::kernels::{count, not_negative};

const NAME: &str = "so_ebm";

/// Where the decisions come from whose energy is pushed up.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Negatives {
    /// Candidates of the proposal with self-normalised importance weights.
    #[default]
    Importance,
    /// The end of a Langevin chain from the label (contrastive divergence).
    Langevin(LangevinOptions),
}

/// Settings of a [`SoEbm`].
#[derive(Clone, Debug, PartialEq)]
pub struct SoEbmOptions {
    /// What the energy reads of the distribution.
    pub input: Input,
    /// Weight of $-\log q(a^\star \mid x)$.
    pub mle: f64,
    /// $\lambda$, weight of $\mathrm{KL}[p(a \mid y) \,\|\, q(a \mid x)]$.
    pub kl: f64,
    /// $M$, candidates per row.
    pub candidates: usize,
    /// Where they are drawn from.
    pub proposal: Proposal,
    /// Whose energy is pushed up.
    pub negatives: Negatives,
}

impl Default for SoEbmOptions {
    /// Those published for the power task: weights 1 and 0.01, 128 candidates.
    fn default() -> Self {
        let proposal = Proposal::published();
        Self { input: Input::Moments, mle: 1.0, kl: 0.01, candidates: 128, proposal, negatives: Negatives::Importance }
    }
}

/// Trains a distribution so that $q(a \mid x) = e^{-E(\phi, a)} / Z$, with $E$ the expected cost under it, finds the best decisions likely; no
/// solver takes part. Minimises.
///
/// $$\ell = w\, [E(\phi, a^\star) + \log Z(\phi)] + \lambda\, \mathrm{KL}[p(a \mid y) \,\|\, q(a \mid x)], \qquad p(a \mid y) \propto e^{-f(y, a)}$$
/// $$\nabla_\phi \ell = w\, [\nabla E(a^\star) - \mathbb E_q \nabla E] + \lambda\, [\mathbb E_p \nabla E - \mathbb E_q \nabla E]$$
///
/// Expectations are taken over $M$ candidates $a_m \sim \pi(\cdot \mid a^\star)$ with the weights $\bar w_m \propto e^{-E(\phi, a_m)} / \pi(a_m)$ and
/// $\bar v_m \propto e^{-f(y, a_m)} / \pi(a_m)$, which are constants of the step, in log space. All candidates and the label are one call of
/// [`Energy::add_grad_prediction`]. The bias is of order $1/M$, the noise of order $1/\sqrt M$, with the effective sample size
/// $1/\sum \bar w_m^2$ in place of $M$: see [`SoEbm::meter`]. $w$ or $\lambda$ of 0 are the ablations "w/o MLE" and "w/o KLD".
///
/// The loss reported is an estimate of $\ell$ by the same candidates: $\log Z \approx \log \tfrac1M \sum_m e^{-E(a_m)} / \pi(a_m)$, and the divergence
/// of $\bar v$ from $\bar w$, which is never negative. With [`Negatives::Langevin`] there is no estimate of $Z$, and it is the contrast whose
/// gradient is taken, $w [E(a^\star) - E(\tilde a)] + \lambda [\sum \bar v_m E(a_m) - E(\tilde a)]$, which does not fall in training.
///
/// # Shapes
/// Labels $a^\star$ (`targets.solution`) `[b, decision]`; truths of whatever length the cost takes, read if $\lambda > 0$.
/// # Errors
/// [`Error::Missing`] without labels or truths; [`Error::Row`] with a [`Error::Domain`] for a label outside the support, or a $\phi$ that the
/// energy refuses; [`Error::Diverged`] with the row for an energy or cost that is not finite; what the model reports.
/// # References
/// Kong et al. (2022), NeurIPS, End-to-end stochastic optimization with energy-based model, Eq. 6.
/// # Differences
/// The published code weighs the oracle posterior by $f / \pi$, not $e^{-f} / \pi$, draws candidates once for all rows, takes Langevin
/// samples for all terms, and the gradient of a chain from the *mean* energy of the batch, so that its steps are as much shorter as there are
/// rows. Its chains run in evaluation mode, ours at the $\phi$ that is trained. Supports other than the whole space are ours.
#[derive(Clone)]
pub struct SoEbm {
    energy: Arc<dyn Energy>,
    cost: Arc<dyn Cost>,
    options: SoEbmOptions,
    meter: Arc<EssMeter>,
}

impl SoEbm {
    /// Joins an energy with the cost that is realised.
    ///
    /// # Errors
    /// [`Error::Domain`] for no candidates, weights that are negative or both 0, or a proposal or chain that cannot be.
    pub fn new(energy: Arc<dyn Energy>, cost: Arc<dyn Cost>, options: SoEbmOptions) -> Result<Self> {
        count("candidates of an energy model", options.candidates)?;
        not_negative("weight of the likelihood", options.mle)?;
        not_negative("weight of the divergence", options.kl)?;
        if options.mle + options.kl == 0.0 {
            return Err(Error::Domain { what: "weights of likelihood and divergence", value: 0.0, need: "not both 0" });
        }
        options.proposal.check(energy.decision())?;
        if let Negatives::Langevin(chain) = options.negatives {
            chain.check()?;
        }
        Ok(Self { energy, cost, options, meter: Arc::default() })
    }

    /// The settings.
    pub fn options(&self) -> &SoEbmOptions {
        &self.options
    }

    /// Effective sample sizes of the steps so far, shared with this objective.
    pub fn meter(&self) -> Arc<EssMeter> {
        Arc::clone(&self.meter)
    }

    /// Labels, and truths if they are read.
    fn targets<'a>(&self, rows: &Minibatch<'a>) -> Result<(&'a Batch, Option<&'a Batch>)> {
        let labels = rows.targets.solution.as_ref().ok_or(Error::Missing { loss: NAME, what: "the optimal decisions as targets" })?;
        let truth = match &rows.targets.truth {
            None if self.options.kl > 0.0 => return Err(Error::Missing { loss: NAME, what: "the true parameters as a target" }),
            truth => truth.as_ref().filter(|_| self.options.kl > 0.0),
        };
        check_len("ids", rows.features.rows(), rows.ids.len())?;
        check_len("optimal decisions", self.energy.decision(), labels.cols())?;
        for (what, batch) in [("optimal decisions", Some(labels)), ("truth", truth)] {
            let Some(batch) = batch else { continue };
            check_len("rows of targets", rows.ids.len(), batch.rows())?;
            batch.check_finite(what)?;
        }
        Ok((labels, truth))
    }

    /// Writes the gradient in $\phi$ of one row, times `scale`.
    fn row(&self, row: &Given<'_>, scale: f64, scratch: &mut Scratch, gradient: &mut [f64]) -> Result<Found> {
        let found = match self.options.negatives {
            Negatives::Importance => self.importance(row, scratch),
            Negatives::Langevin(chain) => self.langevin(&chain, row, scratch),
        }?;
        scratch.weights.iter_mut().for_each(|w| *w *= scale);
        self.energy.add_grad_prediction(row.phi, &scratch.points, &scratch.weights, gradient)?;
        Ok(found)
    }

    /// Points: the label, then the candidates.
    fn importance(&self, row: &Given<'_>, s: &mut Scratch) -> Result<Found> {
        let SoEbmOptions { mle, kl, candidates: m, ref proposal, .. } = self.options;
        let n = row.label.len();
        s.resize(n, 1, m);
        s.points[..n].copy_from_slice(row.label);
        let tries = proposal.at(row.label)?.draw(&mut row.rng("candidates of so_ebm"), &mut s.points[n..], &mut s.log_density)?;
        self.energies(row, s)?;
        s.model.iter_mut().zip(&s.energies[1..]).zip(&s.log_density).for_each(|((w, e), p)| *w = -e - p);
        let log_sum = normalise(&mut s.model);
        let mut loss = mle * (s.energies[0] + log_sum - (tries as f64).ln());
        let mut oracle = f64::NAN;
        if kl > 0.0 {
            let log_oracle = self.oracle(row, n, s)?;
            let costlier: f64 = s.oracle.iter().zip(&s.energies[1..]).zip(&s.costs).map(|((v, e), f)| v * (e - f)).sum();
            loss += kl * (costlier + log_sum - log_oracle);
            oracle = effective(&s.oracle);
        }
        s.weights[0] = mle;
        let terms = s.model.iter().zip(&s.oracle);
        s.weights[1..].iter_mut().zip(terms).for_each(|(c, (w, v))| *c = kl * v - (mle + kl) * w);
        Ok(Found { loss, model: effective(&s.model), oracle })
    }

    /// Points: the label, the end of the chain, then the candidates of the oracle posterior, if it is read.
    fn langevin(&self, chain: &LangevinOptions, row: &Given<'_>, s: &mut Scratch) -> Result<Found> {
        let SoEbmOptions { mle, kl, candidates: m, ref proposal, .. } = self.options;
        let n = row.label.len();
        s.resize(n, 2, if kl > 0.0 { m } else { 0 });
        s.points[..n].copy_from_slice(row.label);
        s.points[n..2 * n].copy_from_slice(row.label);
        chain.run(&*self.energy, row.phi, &proposal.support, &mut row.rng("chain of so_ebm"), &mut s.points[n..2 * n])?;
        let mut oracle = f64::NAN;
        if kl > 0.0 {
            proposal.at(row.label)?.draw(&mut row.rng("candidates of so_ebm"), &mut s.points[2 * n..], &mut s.log_density)?;
            self.oracle(row, 2 * n, s)?;
            oracle = effective(&s.oracle);
        }
        self.energies(row, s)?;
        (s.weights[0], s.weights[1]) = (mle, -mle - kl);
        s.weights[2..].iter_mut().zip(&s.oracle).for_each(|(c, v)| *c = kl * v);
        let loss = s.weights.iter().zip(&s.energies).map(|(c, e)| c * e).sum();
        Ok(Found { loss, model: f64::NAN, oracle })
    }

    /// Energies of all points.
    fn energies(&self, row: &Given<'_>, s: &mut Scratch) -> Result<()> {
        self.energy.values(row.phi, &s.points, &mut s.energies)?;
        row.finite("energy of a candidate", &s.energies)
    }

    /// Weights of the oracle posterior of the candidates from `first` on; returns the logarithm of their sum.
    fn oracle(&self, row: &Given<'_>, first: usize, s: &mut Scratch) -> Result<f64> {
        let candidates = s.points[first..].chunks_exact(row.label.len());
        candidates.zip(&mut s.costs).for_each(|(a, f)| *f = self.cost.value(row.truth, a));
        row.finite("cost of a candidate", &s.costs)?;
        s.oracle.iter_mut().zip(&s.costs).zip(&s.log_density).for_each(|((v, f), p)| *v = -f - p);
        Ok(normalise(&mut s.oracle))
    }
}

impl<M: Generative + ?Sized> Objective<M> for SoEbm {
    fn accumulate(&self, model: &mut M, rows: Minibatch<'_>, stream: Stream) -> Result<StepReport> {
        let (labels, truth) = self.targets(&rows)?;
        let phi = self.options.input.forward(model, rows.features, stream).map_err(|e| e.diverged(rows.ids))?;
        check_len("prediction that the energy reads", self.energy.prediction(), phi.cols())?;
        phi.check_finite("prediction").map_err(|e| e.diverged(rows.ids))?;
        let (b, mut cotangent) = (rows.ids.len(), Batch::zeros(phi.rows(), phi.cols()));
        let given = |i: usize| Given {
            index: i,
            id: rows.ids[i],
            phi: phi.row(i),
            label: labels.row(i),
            truth: truth.map_or(&[], |t| t.row(i)),
            stream,
        };
        let gradients = cotangent.as_mut_slice().par_chunks_mut(phi.cols().max(1)).enumerate();
        let work = |scratch: &mut Scratch, (i, gradient): (usize, &mut [f64])| self.row(&given(i), 1.0 / b as f64, scratch, gradient);
        let found: Vec<Result<Found>> = gradients.map_init(Scratch::default, work).collect();
        let mut loss = 0.0;
        for (found, &id) in found.into_iter().zip(rows.ids) {
            let found = found.map_err(|e| match e {
                Error::NotFinite { .. } => e.diverged(rows.ids),
                e => e.in_row(id),
            })?;
            loss += found.loss;
            self.meter.add(found.model, found.oracle);
        }
        cotangent.check_finite("gradient in the prediction").map_err(|e| e.diverged(rows.ids))?;
        self.options.input.pull(model, &cotangent)?;
        Ok(StepReport { loss, ..StepReport::default() })
    }
}

/// One row.
struct Given<'a> {
    index: usize,
    id: u64,
    phi: &'a [f64],
    label: &'a [f64],
    /// Empty where it is not read.
    truth: &'a [f64],
    stream: Stream,
}

impl Given<'_> {
    fn rng(&self, purpose: &str) -> Rng {
        self.stream.rng(purpose, Key { id: self.id, slot: 0 })
    }

    fn finite(&self, what: &'static str, values: &[f64]) -> Result<()> {
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(column) => Err(Error::NotFinite { what, row: self.index, column, value: values[column] }),
        }
    }
}

/// What one row says.
struct Found {
    loss: f64,
    /// Effective sample sizes.
    model: f64,
    oracle: f64,
}

/// Memory of a thread, kept from row to row.
#[derive(Default)]
struct Scratch {
    /// Points whose energies are weighed: leading ones, then candidates.
    points: Vec<f64>,
    energies: Vec<f64>,
    weights: Vec<f64>,
    /// Of the candidates alone.
    log_density: Vec<f64>,
    costs: Vec<f64>,
    model: Vec<f64>,
    oracle: Vec<f64>,
}

impl Scratch {
    fn resize(&mut self, n: usize, leading: usize, candidates: usize) {
        self.points.resize((leading + candidates) * n, 0.0);
        for of_points in [&mut self.energies, &mut self.weights] {
            of_points.resize(leading + candidates, 0.0);
        }
        for of_candidates in [&mut self.log_density, &mut self.costs, &mut self.model, &mut self.oracle] {
            of_candidates.resize(candidates, 0.0);
        }
    }
}
