use std::sync::Arc;

use dfl_core::{Batch, Call, Counters, Counts, Decider, Decisions, Dims, Error, Key, Pool, Result, SolveInfo, Status, check_len};

use super::cheapest::cheapest;
use crate::checks::{check_batch, check_linear};

/// What a cache tosses a coin for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coin {
    /// Each row.
    #[default]
    Row,
    /// Each batch: its rows are all solved or all looked up. One toss for a training step, so that all calls made in it agree.
    Batch,
}

/// Solves only a share of the rows, and answers the others with the best decision of a pool; minimises $\theta^\top x$.
///
/// Each row is solved by the inner decider with probability `ratio`, and its decision joins the pool, unless it is [`Status::Inexact`]
/// and so maybe infeasible; otherwise its decision is $\arg\min_{w \in \text{pool}} \theta^\top w$ (the first of equals), feasible and
/// of a value no better than the optimum. Which of the two is drawn from the call's stream and the row's key ([`Coin`]). Rows of one
/// batch see the pool as it was before the batch, and its new decisions join in row order: the answers depend on earlier batches,
/// unlike those of most deciders, but not on the number of threads. Only for a linear objective without a constant whose cost is
/// `theta`: equal lengths are checked, the rest is the caller's.
///
/// How large the pool may become, and what leaves it, is the [`Pool`]'s own affair.
///
/// A black box, also around a decider with a derivative: a pool's answer is piecewise constant in `theta`, and a batch of which some
/// rows had a gradient and others not would train on the solved ones alone. To smooth as well, wrap the cache: `Interpolated`, `Imle`
/// or `Perturbed` around it cost lookups in place of solves. Rows from the pool end as [`Status::Feasible`] with an infinite gap, since
/// nothing is known about it.
///
/// # Shapes
/// `theta`, `x`: `[n]`; cost of a row from the pool $O(kn)$ for $k$ decisions. An oracle that is faster than that, such as a shortest
/// path on a small grid, gains nothing from a cache.
///
/// # References
/// Mulamba et al. (2021), Contrastive losses and solution caching for predict-and-optimize, IJCAI, Alg. 1.
///
/// # Differences
/// The coin is tossed per row, as in the paper; [`Coin::Batch`] tosses as `PyEPO` does.
#[derive(Clone, Debug)]
pub struct Cached<D> {
    inner: D,
    pool: Arc<Pool>,
    ratio: f64,
    coin: Coin,
    counters: Arc<Counters>,
}

impl<D: Decider> Cached<D> {
    /// Wraps a decider; the pool begins with the optimal decisions of the training rows and may be shared with losses.
    ///
    /// # Errors
    /// [`Error::Domain`] for a ratio outside `[0, 1]`, [`Error::Dimension`] unless `theta`, `x` and the pool's decisions have one length.
    pub fn new(inner: D, pool: Arc<Pool>, ratio: f64) -> Result<Self> {
        check_linear(&inner)?;
        check_len("decision of the pool", inner.dims().x, pool.snapshot().cols())?;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(Error::Domain { what: "solve ratio", value: ratio, need: "between 0 and 1" });
        }
        Ok(Self { inner, pool, ratio, coin: Coin::Row, counters: Arc::default() })
    }

    /// Tosses the coin for each row or for each batch.
    pub fn coin(self, coin: Coin) -> Self {
        Self { coin, ..self }
    }

    /// Counts the rows answered from the pool in `counters`; solves are counted by the inner decider, which may share them.
    pub fn counted(self, counters: Arc<Counters>) -> Self {
        Self { counters, ..self }
    }

    /// The rows to solve, and those to look up.
    fn toss(&self, call: &Call<'_>) -> (Vec<usize>, Vec<usize>) {
        let rows = 0..call.keys.len();
        let solve = |purpose, key| call.stream.rng(purpose, key).uniform() < self.ratio;
        match self.coin {
            Coin::Row => rows.partition(|&i| solve("cache", call.keys[i])),
            Coin::Batch if solve("cache of a batch", Key::default()) => (rows.collect(), Vec::new()),
            Coin::Batch => (Vec::new(), rows.collect()),
        }
    }

    fn solve(&self, thetas: &Batch, call: &Call<'_>, rows: &[usize]) -> Result<Decisions<'_>> {
        let keys: Vec<Key> = rows.iter().map(|&i| call.keys[i]).collect();
        self.inner.forward(&thetas.select(rows), &Call { keys: &keys, backward: false, ..*call })
    }

    fn look_up(&self, thetas: &Batch, rows: &[usize], out: &mut Decisions<'_>) {
        let pool = self.pool.snapshot();
        for (&i, (k, value)) in rows.iter().zip(cheapest(&pool, thetas, rows)) {
            out.x.row_mut(i).copy_from_slice(pool.row(k));
            out.objective[i] = value;
        }
        self.counters.add(Counts { cache_hits: rows.len() as u64, ..Counts::default() });
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
        check_batch(self.dims(), thetas, call)?;
        let (solve, look) = self.toss(call);
        let solved = self.solve(thetas, call, &solve)?;
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
        self.look_up(thetas, &look, &mut out);
        let feasible: Vec<usize> = (0..solve.len()).filter(|&k| is_feasible(solved.info[k].status)).collect();
        self.pool.extend(&solved.x.select(&feasible))?;
        Ok(out)
    }
}

/// Whether a decision satisfies all constraints; an inexact one may violate some.
fn is_feasible(status: Status) -> bool {
    matches!(status, Status::Optimal | Status::Feasible { .. })
}
