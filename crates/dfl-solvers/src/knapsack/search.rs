//! Depth-first search over the items that the multipliers leave open.

use super::dual::{Dual, FULL, add};

/// Values that differ by less than this, relative to the bound, are held for equal.
const TIE: f64 = 1e-11;
/// A common divisor of the values below this part of the largest does not pay.
const COARSE: f64 = 1e-4;

/// The best set of items, by penalties.
///
/// For any multipliers with the bound $U$, a set $x$ that fits has the value $U - \sum_j |r_j|\,[x_j \ne [r_j > 0]] - \lambda^\top s$ with
/// $s \ge 0$ the capacity that it leaves. So a better set than the incumbent decides otherwise than the sign of $r$ says on items whose
/// $|r_j|$ sum to less than the gap between bound and incumbent: the others are settled, and those left, the core, are decided from the largest
/// $|r_j|$ to the smallest, first as the sign says. A branch ends where its penalties, and those of the capacity that all items left could
/// not fill, reach the gap. Where the values have a common divisor, the next better value is that far away.
#[derive(Clone, Debug)]
pub(super) struct Search {
    rows: usize,
    /// The best set so far.
    pub(super) chosen: Vec<bool>,
    pub(super) best: f64,
    bound: f64,
    /// How much better a set has to be.
    margin: f64,
    pub(super) nodes: usize,
    order: Vec<usize>,
    core: Core,
    path: Path,
}

/// The open items by falling penalty.
#[derive(Clone, Debug)]
struct Core {
    weights: Vec<f64>,
    values: Vec<f64>,
    penalty: Vec<f64>,
    /// What the sign of $r$ says.
    inside: Vec<bool>,
    /// Weight of all items from each on, `[items + 1, rows]`.
    tail: Vec<f64>,
}

/// The decisions on the items of the core up to some depth, and what they amount to before each.
#[derive(Clone, Debug)]
struct Path {
    taken: Vec<bool>,
    /// Whether the other decision is done or cannot be.
    last: Vec<bool>,
    penalty: Vec<f64>,
    value: Vec<f64>,
    room: Vec<f64>,
}

impl Search {
    /// Memory for up to `rows` capacities.
    pub(super) fn new(items: usize, rows: usize) -> Self {
        let (each, level) = (vec![0.0; items], vec![0.0; (items + 1) * rows]);
        let core =
            Core { weights: vec![0.0; items * rows], values: each.clone(), penalty: each, inside: vec![false; items], tail: level.clone() };
        let path = Path {
            taken: vec![false; items],
            last: vec![false; items],
            penalty: vec![0.0; items + 1],
            value: vec![0.0; items + 1],
            room: level,
        };
        let (chosen, order) = (Vec::with_capacity(items), Vec::with_capacity(items));
        Self { rows, chosen, best: 0.0, bound: 0.0, margin: 0.0, nodes: 0, order, core, path }
    }

    /// Begins with the empty set.
    pub(super) fn start(&mut self, items: usize) {
        self.chosen.clear();
        self.chosen.resize(items, false);
        (self.best, self.nodes) = (0.0, 0);
    }

    /// Takes `bound` and what fits in the order of the reduced values, if that is better than what there was.
    pub(super) fn greedy(&mut self, values: &[f64], weights: &[f64], dual: &Dual, bound: f64) {
        (self.bound, self.rows) = (bound, dual.lambda.len());
        self.margin = (TIE * bound).max(common_divisor(values) - TIE * bound);
        let (m, r) = (self.rows, &dual.reduced);
        let (room, taken) = (&mut self.path.room[..m], &mut self.path.taken);
        room.fill(FULL);
        self.order.clear();
        self.order.extend(0..values.len());
        self.order.sort_unstable_by(|&a, &b| r[b].total_cmp(&r[a]).then(a.cmp(&b)));
        let mut total = 0.0;
        for &j in &self.order {
            let w = &weights[j * m..][..m];
            taken[j] = fits(w, room);
            if taken[j] {
                total += values[j];
                add(room, -1.0, w);
            }
        }
        if total > self.best {
            self.best = total;
            self.chosen.copy_from_slice(&taken[..values.len()]);
        }
    }

    /// Whether the values have a common divisor: they are on a lattice, and the search knows.
    pub(super) fn whole(&self) -> bool {
        self.margin > TIE * self.bound
    }

    /// What penalties a better set may have, strictly less than this.
    fn gap(&self) -> f64 {
        self.bound - self.best - self.margin
    }

    /// Searches until about `limit` nodes were seen since the start, and returns a bound on the value of any set: that of the best set
    /// found if it is proven optimal. A node is one decision on one item.
    pub(super) fn run(&mut self, values: &[f64], weights: &[f64], dual: &Dual, limit: usize) -> f64 {
        if self.gap() <= 0.0 || !self.open(values, weights, &dual.reduced) {
            return self.best;
        }
        let mut depth = 0;
        loop {
            if self.nodes >= limit {
                let bound = self.bound - self.least_open(depth);
                return if bound - self.best > self.margin { bound } else { self.best };
            }
            depth = self.descend(depth, &dual.lambda);
            if depth == self.order.len() && self.path.value[depth] > self.best {
                self.record(&dual.reduced);
            }
            let Some(next) = self.turn(depth) else { return self.best };
            depth = next;
        }
    }

    /// Settles the items that decide themselves and puts the others in the core; `false` if what is settled does not fit.
    fn open(&mut self, values: &[f64], weights: &[f64], reduced: &[f64]) -> bool {
        let (m, gap) = (self.rows, self.gap());
        let Path { penalty, value, room, .. } = &mut self.path;
        (penalty[0], value[0]) = (0.0, 0.0);
        room[..m].fill(FULL);
        self.order.clear();
        for (j, r) in reduced.iter().enumerate() {
            if r.abs() < gap {
                self.order.push(j);
            } else if *r > 0.0 {
                value[0] += values[j];
                add(&mut room[..m], -1.0, &weights[j * m..]);
            }
        }
        self.order.sort_unstable_by(|&a, &b| reduced[b].abs().total_cmp(&reduced[a].abs()).then(a.cmp(&b)));
        let (core, size) = (&mut self.core, self.order.len());
        for (k, &j) in self.order.iter().enumerate() {
            core.weights[k * m..][..m].copy_from_slice(&weights[j * m..][..m]);
            (core.values[k], core.penalty[k], core.inside[k]) = (values[j], reduced[j].abs(), reduced[j] > 0.0);
        }
        core.tail[size * m..][..m].fill(0.0);
        for k in (0..size * m).rev() {
            core.tail[k] = core.tail[k + m] + core.weights[k];
        }
        self.path.room[..m].iter().all(|&room| room >= 0.0)
    }

    /// Decides as the signs say, or as the room asks, until the items end or no better set is below; returns where.
    fn descend(&mut self, mut k: usize, lambda: &[f64]) -> usize {
        let (m, gap) = (self.rows, self.gap());
        while k < self.order.len() {
            self.nodes += 1;
            let room = &self.path.room[k * m..][..m];
            let left: f64 = lambda.iter().zip(room).zip(&self.core.tail[k * m..]).map(|((l, r), t)| l * (r - t).max(0.0)).sum();
            if self.path.penalty[k] + left >= gap {
                return k;
            }
            let (inside, fits) = (self.core.inside[k], fits(&self.core.weights[k * m..][..m], room));
            self.path.last[k] = !fits;
            let penalty = if inside && !fits { self.core.penalty[k] } else { 0.0 };
            self.decide(k, inside && fits, penalty);
            k += 1;
        }
        k
    }

    /// The deepest decision that may be turned, and is: returns the depth below it, or `None` if there is none.
    fn turn(&mut self, depth: usize) -> Option<usize> {
        let gap = self.gap();
        let k = (0..depth).rev().find(|&k| !self.path.last[k] && self.path.penalty[k] + self.core.penalty[k] < gap)?;
        self.path.last[k] = true;
        self.decide(k, !self.path.taken[k], self.core.penalty[k]);
        Some(k + 1)
    }

    fn decide(&mut self, k: usize, take: bool, penalty: f64) {
        let (m, path) = (self.rows, &mut self.path);
        let share = f64::from(u8::from(take));
        path.taken[k] = take;
        path.penalty[k + 1] = path.penalty[k] + penalty;
        path.value[k + 1] = path.value[k] + share * self.core.values[k];
        let (before, after) = path.room[k * m..(k + 2) * m].split_at_mut(m);
        for ((after, before), w) in after.iter_mut().zip(before).zip(&self.core.weights[k * m..]) {
            *after = *before - share * w;
        }
    }

    fn record(&mut self, reduced: &[f64]) {
        self.best = self.path.value[self.order.len()];
        self.chosen.iter_mut().zip(reduced).for_each(|(chosen, r)| *chosen = *r > 0.0);
        for (&j, &taken) in self.order.iter().zip(&self.path.taken) {
            self.chosen[j] = taken;
        }
    }

    /// The least penalty among the branches that a search at `depth` has not ended.
    fn least_open(&self, depth: usize) -> f64 {
        let turned = (0..depth).filter(|&k| !self.path.last[k]).map(|k| self.path.penalty[k] + self.core.penalty[k]);
        turned.fold(self.path.penalty[depth], f64::min)
    }
}

fn fits(w: &[f64], room: &[f64]) -> bool {
    w.iter().zip(room).all(|(w, room)| w <= room)
}

/// The greatest number of which all values are multiples, exactly; 0 if that is small beside the largest.
fn common_divisor(values: &[f64]) -> f64 {
    let least = COARSE * values.iter().fold(0.0_f64, |a, &v| a.max(v));
    let mut divisor = 0.0;
    for &value in values {
        let mut rest = value;
        // Euclid; the remainder of two floats has no rounding.
        while rest > 0.0 {
            (divisor, rest) = (rest, if divisor > 0.0 { divisor % rest } else { 0.0 });
        }
        if divisor < least {
            return 0.0;
        }
    }
    divisor
}
