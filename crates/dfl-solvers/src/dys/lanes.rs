//! The iteration, for several rows of a batch at once.

use super::form::{Form, clamp};
use super::lines::Lane;
use super::mixer::Mixer;
use crate::active_set::kernels::vectorised;

/// The state of `L` rows. Lanes that nobody uses go on with what was left in them.
#[derive(Clone, Debug)]
pub(super) struct Lanes<const L: usize> {
    pub(super) z: Vec<Lane<L>>,
    /// $c$.
    pub(super) cost: Vec<Lane<L>>,
    /// What is projected onto the equations, and its projection.
    pub(super) q: Vec<Lane<L>>,
    pub(super) y: Vec<Lane<L>>,
    /// Scratch of the projection: $\alpha$ times the multipliers of the rows, if it is by the factor.
    pub(super) t: Vec<Lane<L>>,
    /// The steps $y - P_2 z$ of the present cycle; the last evaluated is at `phase`.
    pub(super) steps: Vec<Vec<Lane<L>>>,
    pub(super) phase: usize,
    /// Which variables of `z` are off their bounds, a bit each.
    pub(super) free: Vec<[u64; L]>,
    pub(super) alpha: Lane<L>,
    /// Largest entry of the step, and its square length.
    pub(super) distance: Lane<L>,
    pub(super) square: Lane<L>,
}

impl<const L: usize> Lanes<L> {
    /// With cycles of so many steps.
    pub(super) fn new(form: &Form, cycle: usize) -> Self {
        let zeros = vec![[0.0; L]; form.n()];
        Self {
            z: zeros.clone(),
            cost: zeros.clone(),
            q: zeros.clone(),
            y: zeros.clone(),
            t: vec![[0.0; L]; form.projection.rows()],
            steps: vec![zeros; cycle],
            phase: cycle - 1,
            free: vec![[0; L]; form.n().div_ceil(64)],
            alpha: [0.0; L],
            distance: [0.0; L],
            square: [0.0; L],
        }
    }

    /// Whether the step that was evaluated is the last of a cycle.
    pub(super) fn at_end(&self) -> bool {
        self.phase + 1 == self.steps.len()
    }

    /// Makes the next step leave lane `l` where it is.
    pub(super) fn hold(&mut self, l: usize) {
        self.steps[self.phase].iter_mut().for_each(|step| step[l] = 0.0);
    }

    /// Copies lane `l` of `from` into the first lane, to be evaluated.
    pub(super) fn take<const M: usize>(&mut self, from: &Lanes<M>, l: usize) {
        let copy = |to: &mut [Lane<L>], from: &[Lane<M>]| to.iter_mut().zip(from).for_each(|(to, from)| to[0] = from[l]);
        copy(&mut self.z, &from.z);
        copy(&mut self.cost, &from.cost);
        self.alpha[0] = from.alpha[l];
        self.hold(0);
    }

    /// Writes `free`.
    #[inline(always)]
    pub(super) fn record(&mut self, form: &Form) {
        let bounds = form.lo.chunks(64).zip(form.up.chunks(64));
        for ((free, z), (lo, up)) in self.free.iter_mut().zip(self.z.chunks(64)).zip(bounds) {
            *free = [0; L];
            for (k, ((z, lo), up)) in z.iter().zip(lo).zip(up).enumerate() {
                for l in 0..L {
                    free[l] |= (u64::from(*lo < z[l]) & u64::from(z[l] < *up)) << k;
                }
            }
        }
    }

    /// Takes the step that was evaluated, and evaluates the next: with $x = P_2 z$ it is $y - x$ for
    /// $y = P_1((2 - \alpha\mu) x - z - \alpha c)$.
    #[inline(always)]
    fn step(&mut self, form: &Form, multipliers: bool) {
        let mut ratio = [0.0; L];
        for l in 0..L {
            ratio[l] = 2.0 - self.alpha[l] * form.mu;
        }
        let bounds = form.lo.iter().zip(&form.up);
        let vectors = self.z.iter_mut().zip(&mut self.q).zip(&self.steps[self.phase]).zip(&self.cost);
        for ((((z, q), step), cost), (&lo, &up)) in vectors.zip(bounds) {
            for l in 0..L {
                z[l] += step[l];
                q[l] = ratio[l] * clamp(z[l], lo, up) - z[l] - self.alpha[l] * cost[l];
            }
        }
        if multipliers {
            form.projection.sparse(&self.q, true, &mut self.t, &mut self.y);
        } else {
            form.projection.apply(&self.q, true, &mut self.t, &mut self.y);
        }
        self.phase = if self.at_end() { 0 } else { self.phase + 1 };
        let (mut distance, mut square) = ([0.0; L], [0.0; L]);
        let bounds = form.lo.iter().zip(&form.up);
        for (((z, y), step), (&lo, &up)) in self.z.iter().zip(&self.y).zip(&mut self.steps[self.phase]).zip(bounds) {
            for l in 0..L {
                step[l] = y[l] - clamp(z[l], lo, up);
                square[l] += step[l] * step[l];
                let d = step[l].abs();
                distance[l] = if distance[l] >= d { distance[l] } else { d };
            }
        }
        (self.distance, self.square) = (distance, square);
    }
}

vectorised! {
    /// One step of a single row; leaves its multipliers in `t`.
    pub(super) fn step_for_answer(form: &Form, lanes: &mut Lanes<1>) -> () = with_multipliers
}

vectorised! {
    /// One step of a single row.
    pub(super) fn step_one(form: &Form, lanes: &mut Lanes<1>, mixer: &mut Mixer<1>) -> () = any
}

vectorised! {
    /// One step of eight rows.
    pub(super) fn step_eight(form: &Form, lanes: &mut Lanes<8>, mixer: &mut Mixer<8>) -> () = any
}

#[inline(always)]
fn with_multipliers(form: &Form, lanes: &mut Lanes<1>) {
    lanes.step(form, true);
    lanes.record(form);
}

#[inline(always)]
fn any<const L: usize>(form: &Form, lanes: &mut Lanes<L>, mixer: &mut Mixer<L>) {
    lanes.step(form, false);
    if mixer.records {
        lanes.record(form);
    }
    mixer.mix(lanes);
}
