use dfl_core::{Batch, Call, CostGrad, Decider, Key, Minibatch, Result, Stream};

use super::decision::Decided;
use super::truth;

/// $w_m = \tfrac{M}{b} (f(y, z^\star) - f(y, z^\star_{-m}))$, `[b, M]`, by solving again without each sample; a row of which any solve has
/// no usable decision gets weights and cost of zero, and is reported.
///
/// Unbiased: given the other samples, $z^\star_{-m}$ is a constant, so that $\mathbb E f(y, z^\star_{-m}) \nabla \log p(y_m) = 0$, and what
/// is left is the score function of the cost itself.
pub(super) fn resolved_weights<D: Decider>(
    one_less: &D,
    cost: &dyn CostGrad,
    samples: &Batch,
    rows: &Minibatch<'_>,
    stream: Stream,
    decided: &mut Decided<'_>,
) -> Result<Batch> {
    let truth = truth("dfl_sf", rows)?;
    let (b, theta) = (samples.rows(), one_less.dims().theta);
    let outcome = samples.cols() - theta;
    let count = samples.cols() / outcome;
    let mut weights = Batch::zeros(b, count);
    for (i, &id) in rows.ids.iter().enumerate().filter(|(i, _)| decided.failed[*i].is_none()).collect::<Vec<_>>() {
        let keys: Vec<Key> = (0..count as u32).map(|slot| Key { id, slot }).collect();
        let others = without_each(samples.row(i), outcome, theta)?;
        let found = one_less.forward(&others, &Call { keys: &keys, stream, backward: false })?;
        decided.failed[i] = found.info.iter().map(|s| s.status).find(|s| !s.usable());
        decided.info.extend(found.info);
        if decided.failed[i].is_some() {
            decided.costs[i] = 0.0;
            continue;
        }
        for (w, z) in weights.row_mut(i).iter_mut().zip(found.x.iter()) {
            *w = count as f64 / b as f64 * (decided.costs[i] - cost.value(truth.row(i), z));
        }
    }
    Ok(weights)
}

/// The samples without the first, without the second, ...: `[M, theta]`.
fn without_each(samples: &[f64], outcome: usize, theta: usize) -> Result<Batch> {
    let count = samples.len() / outcome;
    let mut out = Vec::with_capacity(count * theta);
    for m in 0..count {
        out.extend_from_slice(&samples[..m * outcome]);
        out.extend_from_slice(&samples[(m + 1) * outcome..]);
    }
    Batch::from_vec(count, theta, out)
}
