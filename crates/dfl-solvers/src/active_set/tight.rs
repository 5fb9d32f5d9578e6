//! The set of tight constraints: its members, their multipliers and the factor of their Gram matrix.

use super::gram::Gram;
use super::kernels::axpy;
use super::ldl::Ldl;

/// Least pivot, relative to the diagonal, of a member that was found independent but is so no more by the Gram matrix's rounding.
pub(super) const LEAST_PIVOT: f64 = 1e-14;

/// Parallel lists in order of entry.
///
/// Multipliers are $\bar\lambda + \delta$ with $\bar\lambda$ from the start of the round and $G_{WW} \delta = e$, $e = $ (value at
/// $\bar\lambda$) $-$ (bound); `partial` is $L^{-1} e$. The change is kept apart because the point moves by $H^{-1} A^\top \delta$, which
/// would see the rounding of a sum.
#[derive(Clone, Debug)]
pub(super) struct Tight {
    pub(super) index: Vec<usize>,
    /// 1 at the upper side, -1 at the lower one, 0 for an equality, which never leaves.
    pub(super) side: Vec<f64>,
    /// The multipliers $\bar\lambda$ that this round began with.
    pub(super) start: Vec<f64>,
    /// Their change $\delta$ since.
    pub(super) delta: Vec<f64>,
    /// The change they are headed for.
    target: Vec<f64>,
    rhs: Vec<f64>,
    partial: Vec<f64>,
    pub(super) ldl: Ldl,
    /// Whether members have left since the factor was made.
    worn: bool,
    /// Whether `target` is that of the present members.
    aimed: bool,
    /// One column of the Gram matrix, restricted to the set; then scratch.
    pub(super) column: Vec<f64>,
    /// Combination of the set that a dependent constraint is.
    pub(super) combination: Vec<f64>,
}

impl Tight {
    pub(super) fn new(capacity: usize) -> Self {
        let list = || Vec::with_capacity(capacity);
        let fixed = || vec![0.0; capacity];
        Self {
            index: Vec::with_capacity(capacity),
            side: list(),
            start: list(),
            delta: list(),
            target: fixed(),
            rhs: fixed(),
            partial: fixed(),
            ldl: Ldl::new(capacity),
            worn: false,
            aimed: false,
            column: fixed(),
            combination: fixed(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.index.clear();
        self.side.clear();
        self.start.clear();
        self.delta.clear();
        self.ldl.clear();
        (self.worn, self.aimed) = (false, false);
    }

    /// Multiplier of member `k`.
    #[inline(always)]
    pub(super) fn dual(&self, k: usize) -> f64 {
        self.start[k] + self.delta[k]
    }

    /// Begins a round at the present multipliers.
    #[inline(always)]
    pub(super) fn restart(&mut self) {
        axpy(1.0, &self.delta, &mut self.start);
        self.delta.fill(0.0);
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no other constraint can be independent of these, or none fits.
    #[inline(always)]
    pub(super) fn full(&self) -> bool {
        self.len() == self.target.len()
    }

    /// Prepares the factor for constraint `i`; returns the share of its normal's square that is not in the span of the set.
    #[inline(always)]
    pub(super) fn prepare(&mut self, i: usize, gram: &Gram) -> f64 {
        let column = gram.column(i);
        for (to, &w) in self.column.iter_mut().zip(&self.index) {
            *to = column[w];
        }
        self.ldl.prepare(&self.column[..self.index.len()], column[i])
    }

    /// Adds the prepared constraint.
    #[inline(always)]
    pub(super) fn push(&mut self, i: usize, side: f64, (start, delta): (f64, f64), pivot: f64) {
        self.ldl.accept(pivot);
        self.index.push(i);
        self.side.push(side);
        self.start.push(start);
        self.delta.push(delta);
    }

    /// Factorises anew if members have left since, which forgets the rounding errors of the updates.
    #[inline(always)]
    pub(super) fn refactor(&mut self, gram: &Gram) {
        if !std::mem::take(&mut self.worn) {
            return;
        }
        self.ldl.clear();
        for k in 0..self.len() {
            let column = gram.column(self.index[k]);
            for (to, &w) in self.column.iter_mut().zip(&self.index[..k]) {
                *to = column[w];
            }
            let whole = column[self.index[k]];
            let pivot = self.ldl.prepare(&self.column[..k], whole);
            self.ldl.accept(pivot.max(LEAST_PIVOT * whole));
        }
    }

    /// Takes member `r` out and returns its index and the multiplier it began with.
    #[inline(always)]
    pub(super) fn remove(&mut self, r: usize) -> (usize, f64) {
        self.worn = true;
        self.ldl.remove(r, &mut self.partial);
        self.side.remove(r);
        self.delta.remove(r);
        self.rhs.copy_within(r + 1.., r);
        (self.index.remove(r), self.start.remove(r))
    }

    /// Sets `e` from entry `from` on, given the value of every constraint at the start of the round and its bounds.
    #[inline(always)]
    pub(super) fn aim(&mut self, from: usize, base: &[f64], lo: &[f64], up: &[f64]) {
        for k in from..self.len() {
            let i = self.index[k];
            self.rhs[k] = base[i] - if self.side[k] < 0.0 { lo[i] } else { up[i] };
        }
        self.ldl.resume(&self.rhs, &mut self.partial, from);
    }

    /// Heads for the multipliers at which every member is tight.
    #[inline(always)]
    pub(super) fn solve(&mut self) {
        let k = self.len();
        if !std::mem::take(&mut self.aimed) {
            self.ldl.finish(&self.partial, &mut self.target[..k]);
        }
    }

    /// The same after one constraint has joined members that were all tight, at the price of one vector.
    #[inline(always)]
    pub(super) fn solve_for_last(&mut self, step: f64) {
        let k = self.len();
        self.target[..k].copy_from_slice(&self.delta);
        self.ldl.follow(step, &mut self.target[..k]);
        self.aimed = true;
    }

    /// The first multiplier to reach zero on the way to `target`, and the share of the way until then.
    #[inline(always)]
    pub(super) fn blocking(&self) -> Option<(usize, f64)> {
        let (mut first, mut share) = (None, f64::INFINITY);
        for k in 0..self.len() {
            if self.side[k] * (self.start[k] + self.target[k]) < 0.0 {
                let reached = self.dual(k) / (self.delta[k] - self.target[k]);
                if reached < share {
                    (first, share) = (Some((k, reached)), reached);
                }
            }
        }
        first
    }

    /// Goes `share` of the way.
    #[inline(always)]
    pub(super) fn advance(&mut self, share: f64) {
        for (d, t) in self.delta.iter_mut().zip(&self.target) {
            *d += share * (t - *d);
        }
    }

    /// Goes all the way.
    #[inline(always)]
    pub(super) fn arrive(&mut self) {
        let k = self.len();
        self.delta.copy_from_slice(&self.target[..k]);
    }
}
