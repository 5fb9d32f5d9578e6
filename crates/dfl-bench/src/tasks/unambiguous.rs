use dfl_core::{Batch, Decider, Result, check_len};

/// To what multiples predictions are rounded, so that ties which rounding alone decides are ties.
const PRECISION: f64 = 1e-5;

/// Regret of the worst decision among those that are optimal for the prediction, PyEPO's unambiguous regret:
///
/// $$\max_{x \in X(\hat y)} y^\top x - z^\star, \qquad X(\hat y) = \arg\min_{x \in F} \operatorname{round}(10^5 \hat y)^\top x$$
///
/// A prediction that makes everything equally good is then no lucky one. Decisions are of zeros and ones, so that the values at rounded
/// predictions are whole numbers, and a decision that minimises $\operatorname{round}(10^5 \hat y) - y / (1 + \|y\|_1)$ is the worst of the
/// ties: the last term cannot make up for a difference of 1.
///
/// # Shapes
/// `predictions`, `truth`: `[b, n]`; `optimal`, $z^\star$, and the answer: `[b]`. The oracle must be exact and decide with zeros and ones.
///
/// # Errors
/// [`Error::Dimension`](dfl_core::Error::Dimension) if shapes disagree, or the oracle's.
///
/// # References
/// Elmachtoub & Grigas (2022), Management Science 68(1), Definition 2; PyEPO 2.2.7, `calUnambRegret`.
pub fn unambiguous_regret(oracle: &dyn Decider, predictions: &Batch, truth: &Batch, optimal: &[f64]) -> Result<Vec<f64>> {
    check_len("rows of the predictions", truth.rows(), predictions.rows())?;
    check_len("predictions", truth.cols(), predictions.cols())?;
    check_len("optimal values", truth.rows(), optimal.len())?;
    let mut costs = predictions.clone();
    for (i, y) in truth.iter().enumerate() {
        let scale = 1.0 + y.iter().map(|y| y.abs()).sum::<f64>();
        costs.row_mut(i).iter_mut().zip(y).for_each(|(c, y)| *c = (*c / PRECISION).round_ties_even() - y / scale);
    }
    let ids: Vec<u64> = (0..truth.rows() as u64).collect();
    let worst = dfl_core::decide(oracle, &costs, &ids)?.0;
    let value = |(y, x): (&[f64], &[f64])| y.iter().zip(x).map(|(y, x)| y * x).sum::<f64>();
    Ok(truth.iter().zip(worst.iter()).map(value).zip(optimal).map(|(value, best)| value - best).collect())
}
