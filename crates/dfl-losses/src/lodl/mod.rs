mod fit;

use std::collections::HashMap;

use dfl_core::{Batch, Decider, Dims, Error, Found, Key, Loss, Needs, Result, Rng, Row, Stream, check_len, decide};

use crate::kernels::{add_scaled, count, dot, dot_difference, not_negative, positive};

/// What a local loss looks like, with $d = \hat y - y$.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalShape {
    /// $\sum_j a_j d_j^2$.
    Weighted,
    /// $\sum_j a_j^+ \max(d_j, 0)^2 + a_j^- \min(d_j, 0)^2$: too high is not as bad as too low.
    Directed,
    /// $\epsilon \|d\|^2 + \|L^\top d\|^2$ with $L$ of `rank` columns: errors of several entries together.
    #[allow(missing_docs, reason = "named in the sentence above")]
    Quadratic { rank: usize },
}

/// How local losses are fitted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LodlOptions {
    /// Solves per row.
    pub samples: usize,
    /// Standard deviation of the sampled predictions around the truth, in units of the cost: about that of a prediction's error.
    pub sigma: f64,
    /// $\epsilon$, the least weight of a squared error, in units of regret over squared cost: keeps every local loss strictly convex.
    pub floor: f64,
    /// Of every local loss.
    pub shape: LocalShape,
    /// Of the samples.
    pub seed: u64,
}

impl Default for LodlOptions {
    fn default() -> Self {
        Self { samples: 200, sigma: 0.5, floor: 1e-3, shape: LocalShape::Directed, seed: 0 }
    }
}

/// Locally optimised decision losses: for each training row a convex function of the prediction, fitted to regrets around the truth. Minimises.
///
/// $$\psi_i \in \arg\min_{\psi} \sum_k \big(\psi(y_i + \sigma\xi_k) - y_i^\top (w(y_i + \sigma\xi_k) - w(y_i))\big)^2, \qquad \ell(\hat y) = \psi_i(\hat y)$$
///
/// with $w$ an exact decider and $\psi$ of the chosen [`LocalShape`], zero at the truth. All solving is done once, in [`fit`](Self::fit); training solves
/// nothing. Weights are at least `floor`; those of the weighted shapes are the least-squares optimum under that bound, the factor $L$ is a local
/// optimum that Levenberg-Marquardt steps reach from the largest weights.
///
/// A row is found by its id: predictions for rows it was not fitted to are refused.
///
/// # Shapes
/// `pred`, `truth`: `[p]`. Kept per row: `p`, `2 p` or `p rank` numbers.
/// # References
/// Shah, Wang, Wilder, Perrault & Tambe (2022), Decision-focused learning without decision-making: learning locally optimized decision losses,
/// NeurIPS, section 4.
/// # Differences
/// Fitted by least squares instead of stochastic gradients; the quadratic's floor is $\epsilon$ and not learnt.
#[derive(Clone, Debug)]
pub struct Lodl {
    options: LodlOptions,
    cols: usize,
    /// Of each row by its id, in the layout of the shape.
    parameters: HashMap<u64, Vec<f64>>,
}

impl Lodl {
    /// Samples, solves and fits every row: truths `[b, p]` named by `ids`.
    ///
    /// # Errors
    /// [`Error::Domain`] for an option or a row named twice, [`Error::Dimension`] unless `theta` is the cost of the decision, [`Error::NotFinite`],
    /// [`Error::NotSolved`], or the decider's error.
    pub fn fit(ids: &[u64], truths: &Batch, decider: &dyn Decider, options: LodlOptions) -> Result<Self> {
        options.check()?;
        let Dims { theta, x, .. } = decider.dims();
        check_len("theta of a decider with local losses, whose cost it must be", x, theta)?;
        check_len("truth", theta, truths.cols())?;
        check_len("ids", truths.rows(), ids.len())?;
        let best = decide(decider, truths, ids)?.0;
        let mut out = Self { options, cols: theta, parameters: HashMap::with_capacity(ids.len()) };
        for (i, &id) in ids.iter().enumerate() {
            let mut rng = Stream { seed: options.seed, step: 0 }.rng("local loss", Key { id, slot: 0 });
            let errors = sample(&options, theta, &mut rng);
            let regrets = regrets(decider, id, truths.row(i), best.row(i), &errors)?;
            let parameters = fit::fit(&options, &errors, &regrets, &mut rng);
            if out.parameters.insert(id, parameters).is_some() {
                return Err(Error::Domain { what: "id of two rows", value: id as f64, need: "the name of one row" });
            }
        }
        Ok(out)
    }

    /// What was fitted for a row: weights `[p]`; weights for errors above, then below, `[2 p]`; or the columns of $L$, `[rank, p]`.
    pub fn parameters(&self, id: u64) -> Option<&[f64]> {
        self.parameters.get(&id).map(Vec::as_slice)
    }
}

impl LodlOptions {
    fn check(&self) -> Result<()> {
        count("samples of a local loss", self.samples)?;
        positive("sigma of a local loss", self.sigma)?;
        not_negative("floor of a local loss", self.floor)?;
        if let LocalShape::Quadratic { rank } = self.shape {
            count("rank of a local loss", rank)?;
        }
        Ok(())
    }
}

/// Errors of sampled predictions, `[samples, p]`.
fn sample(options: &LodlOptions, p: usize, rng: &mut Rng) -> Batch {
    let mut errors = Batch::zeros(options.samples, p);
    errors.as_mut_slice().iter_mut().for_each(|d| *d = options.sigma * rng.normal());
    errors
}

/// Regret of deciding with each error, `[samples]`.
fn regrets(decider: &dyn Decider, id: u64, truth: &[f64], best: &[f64], errors: &Batch) -> Result<Vec<f64>> {
    let mut at = errors.clone();
    (0..at.rows()).for_each(|k| add_scaled(at.row_mut(k), 1.0, truth));
    let found = decide(decider, &at, &vec![id; at.rows()])?.0;
    Ok(found.iter().map(|x| dot_difference(truth, x, best)).collect())
}

impl Loss for Lodl {
    fn name(&self) -> &'static str {
        "lodl"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, paired: true, ..Needs::default() }
    }
    fn probes(&self) -> usize {
        0
    }
    fn check(&self, preds: &Batch, ids: &[u64]) -> Result<()> {
        check_len("prediction", self.cols, preds.cols())?;
        let known = ids.iter().all(|id| self.parameters.contains_key(id));
        if known {
            Ok(())
        } else {
            Err(Error::Missing { loss: "lodl", what: "rows that it was fitted to; fit it to the ids of all training rows" })
        }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, _found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        let Some(parameters) = self.parameters.get(&row.id) else { return 0.0 };
        let (p, mut value) = (row.pred.len(), 0.0);
        for j in 0..p {
            let d = row.pred[j] - row.truth[j];
            let weight = match self.options.shape {
                LocalShape::Weighted => parameters[j],
                LocalShape::Directed => parameters[if d > 0.0 { j } else { p + j }],
                LocalShape::Quadratic { .. } => self.options.floor,
            };
            value += weight * d * d;
            grad[j] += 2.0 * weight * d;
        }
        if matches!(self.options.shape, LocalShape::Quadratic { .. }) {
            for column in parameters.chunks(p.max(1)) {
                let along = dot_difference(column, row.pred, row.truth);
                value += along * along;
                add_scaled(grad, 2.0 * along, column);
            }
        }
        value
    }
}

/// $\epsilon\|d\|^2$.
fn least(options: &LodlOptions, error: &[f64]) -> f64 {
    options.floor * dot(error, error)
}
