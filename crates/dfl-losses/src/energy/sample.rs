use dfl_core::{Batch, Energy, Generative, Key, Result, Rng, Stream, check_len};

use super::weights::normalise;
use super::{Input, Proposal};
use crate::kernels::count;

/// Settings of [`sample_decisions`].
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionSampling {
    /// What the energy reads of the distribution.
    pub input: Input,
    /// Where candidates are drawn from.
    pub proposal: Proposal,
    /// $M$, candidates per row.
    pub candidates: usize,
    /// Decisions to return for each row.
    pub count: usize,
}

/// Decisions drawn from $q(a \mid x) \propto e^{-E(\phi, a)}$, `[b, count * decision]`, each row's together: candidates of the proposal around
/// a centre of each row, drawn again with replacement by their weights $e^{-E}/\pi$ (sampling importance resampling).
///
/// They are draws from $q$ in the limit of many candidates, and only where the proposal reaches; a good centre is the decision that the
/// energy's solver finds. The model is read in evaluation mode; row $i$'s noise is a function of the stream and $i$.
///
/// # Errors
/// [`dfl_core::Error::Domain`] for a count of 0 or a proposal that cannot be; [`dfl_core::Error::Dimension`] if centres are not decisions;
/// [`dfl_core::Error::NotFinite`] with the row for an energy that is not finite; [`dfl_core::Error::Row`] for what the energy refuses, or a
/// centre outside the support.
/// # References
/// Kong et al. (2022), NeurIPS: decisions are drawn from $q$ at test time. Rubin (1988), sampling importance resampling.
pub fn sample_decisions<M: Generative + ?Sized>(
    model: &M,
    energy: &dyn Energy,
    features: &Batch,
    centres: &Batch,
    sampling: &DecisionSampling,
    stream: Stream,
) -> Result<Batch> {
    let (m, n) = (count("candidates of an energy model", sampling.candidates)?, energy.decision());
    count("decisions for each row", sampling.count)?;
    sampling.proposal.check(n)?;
    check_len("centres", n, centres.cols())?;
    check_len("rows of centres", features.rows(), centres.rows())?;
    centres.check_finite("centres")?;
    let phi = sampling.input.predict(model, features, stream)?;
    check_len("prediction that the energy reads", energy.prediction(), phi.cols())?;
    let (mut candidates, mut log_density, mut weights) = (vec![0.0; m * n], vec![0.0; m], Batch::zeros(1, m));
    let mut out = Batch::zeros(features.rows(), sampling.count * n);
    for i in 0..features.rows() {
        let mut rng = stream.rng("decisions of an energy model", Key { id: i as u64, slot: 0 });
        let located = |e: dfl_core::Error| e.in_row(i as u64);
        sampling.proposal.at(centres.row(i)).map_err(located)?.draw(&mut rng, &mut candidates, &mut log_density).map_err(located)?;
        energy.values(phi.row(i), &candidates, weights.row_mut(0)).map_err(located)?;
        weights.check_finite("energy of a candidate").map_err(located)?;
        weights.row_mut(0).iter_mut().zip(&log_density).for_each(|(w, p)| *w = -*w - p);
        normalise(weights.row_mut(0));
        resample(&mut rng, weights.row_mut(0), &candidates, out.row_mut(i));
    }
    Ok(out)
}

/// Independent choices by weights that sum to 1, which become their sums from the left.
fn resample(rng: &mut Rng, weights: &mut [f64], candidates: &[f64], out: &mut [f64]) {
    let n = candidates.len() / weights.len();
    let mut sum = 0.0;
    for w in weights.iter_mut() {
        sum += *w;
        *w = sum;
    }
    for chosen in out.chunks_exact_mut(n.max(1)) {
        let at = rng.uniform() * sum;
        let k = weights.partition_point(|w| *w <= at).min(weights.len() - 1);
        chosen.copy_from_slice(&candidates[k * n..(k + 1) * n]);
    }
}
