use std::sync::Arc;

use dfl_core::{Batch, Call, Counters, Counts, Decider, Decisions, Dims, Error, Key, Pool, Result, SolveInfo, Status, check_len};
use rayon::prelude::*;

/// Solves only a share of the rows, and answers the others with the best decision of a pool; minimises $\theta^\top x$.
///
/// Each row is solved by the inner decider with probability `ratio`, and its decision joins the pool, unless it is
/// [`Status::Inexact`] and so maybe infeasible; otherwise its decision is
/// $\arg\min_{w \in \text{pool}} \theta^\top w$ (the earliest of equals), feasible and of a value no better than the optimum. Which of the two
/// is drawn from the call's stream and the row's key. Rows of one batch see the pool as it was before the batch, and its new
/// decisions join in row order: the answers depend on earlier batches, as the only decider here to do so, but not on the number
/// of threads. Only for a linear objective without a constant whose cost is `theta`: equal lengths are checked, the rest is the caller's.
///
/// A black box: a pool's answer is piecewise constant in `theta`. Rows from the pool end as [`Status::Feasible`] with an
/// infinite gap, since nothing is known about it.
///
/// # Shapes
/// `theta`, `x`: `[n]`; cost of a row from the pool $O(kn)$ for $k$ decisions.
///
/// # References
/// Mulamba et al. (2021), Contrastive losses and solution caching for predict-and-optimize, IJCAI, Alg. 1.
///
/// # Differences
/// The coin is tossed per row, as in the paper; PyEPO tosses one per batch.
#[derive(Clone, Debug)]
pub struct Cached<D> {
    inner: D,
    pool: Arc<Pool>,
    ratio: f64,
    counters: Arc<Counters>,
}

impl<D: Decider> Cached<D> {
    /// Wraps a decider; the pool begins with the optimal decisions of the training rows and may be shared with losses.
    ///
    /// # Errors
    /// [`Error::Domain`] for a ratio outside `[0, 1]`, [`Error::Dimension`] unless `theta`, `x` and the pool's decisions have one length.
    pub fn new(inner: D, pool: Arc<Pool>, ratio: f64) -> Result<Self> {
        let dims = inner.dims();
        check_len("theta of a cached decider, whose cost it must be", dims.x, dims.theta)?;
        check_len("decision of the pool", dims.x, pool.snapshot().cols())?;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(Error::Domain { what: "solve ratio", value: ratio, need: "between 0 and 1" });
        }
        Ok(Self { inner, pool, ratio, counters: Arc::default() })
    }

    /// Counts the rows answered from the pool in `counters`; solves are counted by the inner decider, which may share them.
    pub fn counted(self, counters: Arc<Counters>) -> Self {
        Self { counters, ..self }
    }

    fn solve(&self, thetas: &Batch, call: &Call<'_>, rows: &[usize]) -> Result<Decisions<'_>> {
        let keys: Vec<Key> = rows.iter().map(|&i| call.keys[i]).collect();
        self.inner.forward(&thetas.select(rows), &Call { keys: &keys, backward: false, ..*call })
    }
}

impl<D: Decider> Decider for Cached<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        false
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        check_len("theta", self.dims().theta, thetas.cols())?;
        check_len("keys", thetas.rows(), call.keys.len())?;
        thetas.check_finite("theta")?;
        let drawn = |i: &usize| call.stream.rng("cache", call.keys[*i]).uniform() < self.ratio;
        let (solve, look): (Vec<usize>, Vec<usize>) = (0..thetas.rows()).partition(drawn);
        let pool = self.pool.snapshot();
        let solved = self.solve(thetas, call, &solve)?;
        let found: Vec<(usize, f64)> = look.par_iter().map(|&i| best(&pool, thetas.row(i))).collect();
        let mut out = Decisions {
            x: Batch::zeros(thetas.rows(), self.dims().x),
            objective: vec![0.0; thetas.rows()],
            info: vec![SolveInfo { status: Status::Feasible { gap: f64::INFINITY }, iterations: 0, degenerate: false }; thetas.rows()],
            back: None,
        };
        for (k, &i) in solve.iter().enumerate() {
            out.x.row_mut(i).copy_from_slice(solved.x.row(k));
            (out.objective[i], out.info[i]) = (solved.objective[k], solved.info[k]);
        }
        for (&i, (k, value)) in look.iter().zip(found) {
            out.x.row_mut(i).copy_from_slice(pool.row(k));
            out.objective[i] = value;
        }
        let feasible: Vec<usize> = (0..solve.len()).filter(|&k| is_feasible(solved.info[k].status)).collect();
        self.pool.extend(&solved.x.select(&feasible))?;
        self.counters.add(Counts { cache_hits: look.len() as u64, ..Counts::default() });
        Ok(out)
    }
}

/// Whether a decision satisfies all constraints; an inexact one may violate some.
fn is_feasible(status: Status) -> bool {
    matches!(status, Status::Optimal | Status::Feasible { .. })
}

/// Index and value of the cheapest decision, the first of equals.
fn best(pool: &Batch, cost: &[f64]) -> (usize, f64) {
    let value = |w: &[f64]| w.iter().zip(cost).map(|(w, c)| w * c).sum::<f64>();
    pool.iter().map(value).enumerate().fold((0, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best })
}
