//! Regularised decisions over the hull of what an oracle can return.

mod hull;
mod row;

use dfl_core::{Batch, Call, Decider, Decisions, Dims, Error, Key, Pullback, Result};
use rayon::prelude::*;

use crate::checks::{check_batch, check_cotangent, check_linear, check_positive};
use hull::Hull;
use row::Row;

/// How strongly [`FrankWolfe`] regularises, and when it stops.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrankWolfeOptions {
    /// $\lambda$ of the term $\tfrac\lambda2 \|w\|^2$, in units of the cost over those of the decision.
    pub lambda: f64,
    /// Largest gap, relative to $\sum_j |\theta_j w_j| + \tfrac\lambda2 (\|w\|^2 + \|v\|^2)$ with the oracle's last answer $v$.
    pub tolerance: f64,
    /// Largest number of oracle calls per row.
    pub iterations: usize,
}

impl Default for FrankWolfeOptions {
    fn default() -> Self {
        Self { lambda: 1.0, tolerance: 1e-9, iterations: 10_000 }
    }
}

/// Regularises a black box by a quadratic term, from its answers alone, and gives it the derivative; minimises.
///
/// $$w(\theta) = \arg\min_{w \in \operatorname{conv} F} \theta^\top w + \tfrac\lambda2 \|w\|^2, \qquad
/// J = -\tfrac1\lambda \Pi$$
///
/// where $F$ is what the inner decider can return and $\Pi$ the orthogonal projector onto the directions within the affine hull of the
/// points of $F$ that $w$ is a mean of. This is the exact derivative wherever those points span the face of the hull that $w$ lies in
/// and no other is about to join, which is almost everywhere; at a $\theta$ with ties (all costs equal) they may span less of it, and
/// $\Pi$ is then too small. A mean with a weight near zero is flagged degenerate. $J$ is zero where $w$ is a single point of $F$: at
/// large costs, or for a small $\lambda$. The objective is the regularised optimum, whose gradient is $w$: with $\Omega =
/// \tfrac\lambda2 \|\cdot\|^2$ on the hull it makes a Fenchel-Young loss, no derivative needed.
///
/// The method is the fully corrective one: after each call of the oracle, at $\theta + \lambda w$, the best mean of all points held is
/// found exactly, by Wolfe's method for the point of least norm. It ends after finitely many calls, with the optimum to rounding; the
/// gap $(\theta + \lambda w)^\top (w - v)$ to the oracle's last answer $v$ bounds the error of the objective, and $\|w - w^\star\|^2$
/// is at most $2 / \lambda$ times as much. A row is optimal if its gap is within the tolerance and the oracle's last answer was
/// optimal, else inexact with the gap. Rows advance together, so the oracle is called on batches of all rows that are not done; it is
/// asked under the row's own key each time.
///
/// # Shapes
/// `theta`, `x`: `[n]`; memory of a tape with $k$ points $O(kn + k^2)$, a pullback costs as much.
///
/// # References
/// Wolfe (1976), Finding the nearest point in a polytope, Math. Program. 11; Lacoste-Julien & Jaggi (2015), On the global linear
/// convergence of Frank-Wolfe optimization variants, NeurIPS (fully corrective and away steps); Dalle et al. (2022), Learning with
/// combinatorial optimization layers: a probabilistic approach (regularised layers by Frank-Wolfe).
///
/// # Differences
/// `PyEPO` takes away steps, which converge linearly, and stops at an absolute gap of 1e-6.
#[derive(Clone, Debug)]
pub struct FrankWolfe<D> {
    inner: D,
    options: FrankWolfeOptions,
}

impl<D: Decider> FrankWolfe<D> {
    /// Wraps a decider whose `theta` is the linear cost of its decision.
    ///
    /// # Errors
    /// [`Error::Domain`] for an option outside its domain, [`Error::Dimension`] unless `theta` and `x` have one length.
    pub fn new(inner: D, options: FrankWolfeOptions) -> Result<Self> {
        check_linear(&inner)?;
        check_positive("lambda", options.lambda)?;
        check_positive("tolerance", options.tolerance)?;
        if options.iterations == 0 {
            return Err(Error::Domain { what: "iterations", value: 0.0, need: "at least 1" });
        }
        Ok(Self { inner, options })
    }

    /// Advances all rows until each is done or the limit is reached.
    fn run(&self, thetas: &Batch, call: &Call<'_>) -> Result<Vec<Row>> {
        let mut open: Vec<Row> = (0..thetas.rows()).map(|i| Row::new(i, thetas.row(i))).collect();
        let mut done = Vec::with_capacity(open.len());
        for _ in 0..self.options.iterations {
            if open.is_empty() {
                break;
            }
            let keys: Vec<Key> = open.iter().map(|row| call.keys[row.index]).collect();
            let at: Vec<&[f64]> = open.iter().map(|row| &row.gradient[..]).collect();
            let found = self.inner.forward(&Batch::from_rows(&at)?, &Call { keys: &keys, backward: false, ..*call })?;
            open.par_iter_mut().enumerate().for_each(|(k, row)| {
                row.advance(thetas.row(row.index), &self.options, found.x.row(k), found.info[k].status);
            });
            done.extend(open.extract_if(.., |row| row.is_done()));
        }
        done.extend(open);
        done.sort_unstable_by_key(|row| row.index);
        Ok(done)
    }
}

impl<D: Decider> Decider for FrankWolfe<D> {
    fn name(&self) -> &'static str {
        "frank_wolfe"
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        true
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        check_batch(self.dims(), thetas, call)?;
        let rows = self.run(thetas, call)?;
        let (b, n) = (thetas.rows(), thetas.cols());
        let info = rows.iter().map(Row::info).collect();
        let (mut x, mut objective) = (Batch::zeros(b, n), vec![0.0; b]);
        for (i, hull) in rows.iter().enumerate().filter_map(|(i, row)| Some((i, row.answer()?))) {
            x.row_mut(i).copy_from_slice(hull.point());
            objective[i] = row::objective(thetas.row(i), self.options.lambda, hull.point());
        }
        let hulls = || rows.into_iter().map(Row::into_answer).collect();
        let back = call.backward.then(|| Box::new(Projection { hulls: hulls(), lambda: self.options.lambda, n }) as Box<dyn Pullback>);
        Ok(Decisions { x, objective, info, back })
    }
}

/// The active points of each row that has an answer.
struct Projection {
    hulls: Vec<Option<Hull>>,
    lambda: f64,
    n: usize,
}

impl Pullback for Projection {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        check_cotangent(cotangent, (self.hulls.len(), self.n))?;
        let mut out = Batch::zeros(self.hulls.len(), self.n);
        out.as_mut_slice().par_chunks_mut(self.n.max(1)).zip(&self.hulls).enumerate().for_each(|(i, (to, hull))| {
            if let Some(hull) = hull {
                hull.project(cotangent.row(i), to);
                to.iter_mut().for_each(|v| *v /= -self.lambda);
            }
        });
        Ok(out)
    }
}
