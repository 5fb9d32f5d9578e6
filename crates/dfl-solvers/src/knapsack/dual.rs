//! Multipliers of the capacities: an upper bound on the value, and what each item is worth beyond its weight.

/// All capacities are 1, up to this: decimals such as 0.1 do not add up exactly.
pub(super) const FULL: f64 = 1.0 + 1e-9;
/// Violations, as fractions of an item or of a capacity, and rates up to these count as zero.
const VIOLATED: f64 = 1e-9;
const RATE: f64 = 1e-12;

/// Where an item stands in the linear relaxation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    In,
    Out,
    /// Taken in part.
    Basic,
}

/// The Lagrangian dual of a knapsack whose capacities are 1, over multipliers $\lambda \ge 0$:
///
/// $$\min_\lambda\ \mathbf 1^\top \lambda + \sum_j \max(0, r_j), \qquad r_j = v_j - w_j^\top \lambda$$
///
/// It is piecewise linear, and its minimum is the optimum of the linear relaxation. The dual simplex method walks down its edges from
/// $\lambda = 0$: each step goes along one edge as far as the slope is negative, past as many kinks (items that change their place) as
/// that takes. Any $\lambda$ gives a valid bound, so it may stop anywhere, and rounding costs sharpness, never validity.
#[derive(Clone, Debug)]
pub(super) struct Dual {
    rows: usize,
    pub(super) lambda: Vec<f64>,
    /// $r$: the loss from deciding otherwise than its sign says is $|r_j|$.
    pub(super) reduced: Vec<f64>,
    place: Vec<Place>,
    /// The hyperplanes through $\lambda$: item `j` ($r_j = 0$), or `n + i` ($\lambda_i = 0$).
    basis: Vec<usize>,
    /// Edge `k` leaves hyperplane `k` and stays on the others, `[rows, rows]`: the columns of the inverse basis.
    edges: Vec<f64>,
    /// Capacity that the items inside leave.
    room: Vec<f64>,
    direction: Vec<f64>,
    /// How fast each item's $r$ falls along `direction`.
    rate: Vec<f64>,
    /// How far along `direction` each item or bound is met.
    kinks: Vec<(f64, usize)>,
}

impl Dual {
    /// Memory for up to `rows` capacities.
    pub(super) fn new(items: usize, rows: usize) -> Self {
        Self {
            rows,
            lambda: Vec::with_capacity(rows),
            reduced: Vec::with_capacity(items),
            place: Vec::with_capacity(items),
            basis: Vec::with_capacity(rows),
            edges: Vec::with_capacity(rows * rows),
            room: Vec::with_capacity(rows),
            direction: Vec::with_capacity(rows),
            rate: vec![0.0; items],
            kinks: Vec::with_capacity(items + rows),
        }
    }

    /// Begins at $\lambda = 0$, where every item is worth taking. `weights`: `[items, rows]`.
    pub(super) fn start(&mut self, values: &[f64], weights: &[f64], rows: usize) {
        let (n, m) = (values.len(), rows);
        self.rows = rows;
        refill(&mut self.lambda, m, 0.0);
        self.reduced.clear();
        self.reduced.extend_from_slice(values);
        self.place.clear();
        self.place.resize(n, Place::In);
        self.basis.clear();
        self.basis.extend(n..n + m);
        refill(&mut self.edges, m * m, 0.0);
        self.edges.iter_mut().step_by(m + 1).for_each(|e| *e = 1.0);
        refill(&mut self.direction, m, 0.0);
        refill(&mut self.room, m, FULL);
        weights.chunks_exact(m).for_each(|w| add(&mut self.room, -1.0, w));
    }

    /// Goes on down the edges of the first `priced` hyperplanes of the start and those that replaced them; returns the bound.
    pub(super) fn descend(&mut self, values: &[f64], weights: &[f64], priced: usize) -> f64 {
        // Twice what hard instances take; a tie that cycles ends here.
        for _ in 0..20 + 20 * self.rows {
            if !self.step(weights, priced) {
                break;
            }
        }
        let (bound, without) = (self.bound(values, weights), values.iter().sum());
        // An ill-conditioned basis has no answer; no multipliers always have one.
        if bound <= without {
            return bound;
        }
        self.lambda.fill(0.0);
        self.bound(values, weights)
    }

    fn bound(&mut self, values: &[f64], weights: &[f64]) -> f64 {
        let mut bound = FULL * self.lambda.iter().sum::<f64>();
        for ((r, v), w) in self.reduced.iter_mut().zip(values).zip(weights.chunks_exact(self.rows)) {
            *r = v - dot(&self.lambda, w);
            bound += r.max(0.0);
        }
        bound
    }

    /// Along one edge; `false` at the minimum.
    fn step(&mut self, weights: &[f64], priced: usize) -> bool {
        let Some((leaving, slope, sign)) = self.steepest(priced) else { return false };
        let m = self.rows;
        self.direction.iter_mut().zip(&self.edges[leaving * m..]).for_each(|(d, e)| *d = sign * e);
        self.find_kinks(weights);
        let Some((t, entering)) = self.pass_kinks(weights, slope) else { return false };
        for (l, d) in self.lambda.iter_mut().zip(&self.direction) {
            *l = (*l + t * d).max(0.0);
        }
        self.reduced.iter_mut().zip(&self.rate).for_each(|(r, rate)| *r -= t * rate);
        self.leave(self.basis[leaving], sign, weights);
        self.enter(leaving, entering, weights);
        true
    }

    /// The edge of most negative slope: the hyperplane that it leaves, the slope, and to which side. What an item's edge yields, its
    /// capacity shared among the basis, is the part of it that the relaxation takes; of a bound's edge, the capacity left.
    fn steepest(&self, priced: usize) -> Option<(usize, f64, f64)> {
        let (m, n) = (self.rows, self.place.len());
        let (mut slope, mut steepest) = (-VIOLATED, None);
        for k in 0..priced {
            let part = dot(&self.room, &self.edges[k * m..][..m]);
            if part < slope {
                (slope, steepest) = (part, Some((k, part, 1.0)));
            }
            if self.basis[k] < n && 1.0 - part < slope {
                (slope, steepest) = (1.0 - part, Some((k, 1.0 - part, -1.0)));
            }
        }
        steepest
    }

    fn find_kinks(&mut self, weights: &[f64]) {
        let (m, n) = (self.rows, self.place.len());
        self.kinks.clear();
        for (j, w) in weights.chunks_exact(m).enumerate() {
            let (rate, r) = (dot(&self.direction, w), self.reduced[j]);
            self.rate[j] = rate;
            match self.place[j] {
                Place::In if rate > RATE => self.kinks.push((r.max(0.0) / rate, j)),
                Place::Out if rate < -RATE => self.kinks.push((r.min(0.0) / rate, j)),
                _ => {}
            }
        }
        for i in 0..m {
            if self.direction[i] < -RATE && !self.basis.contains(&(n + i)) {
                self.kinks.push((self.lambda[i] / -self.direction[i], n + i));
            }
        }
        self.kinks.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    }

    /// Changes the place of each item that is passed before the slope turns; returns where that happens, and at what. A multiplier
    /// that falls to zero stops the walk.
    fn pass_kinks(&mut self, weights: &[f64], mut slope: f64) -> Option<(f64, usize)> {
        let (m, n) = (self.rows, self.place.len());
        for &(t, j) in &self.kinks {
            if j >= n {
                return Some((t, j));
            }
            slope += self.rate[j].abs();
            if slope >= 0.0 {
                return Some((t, j));
            }
            let w = &weights[j * m..][..m];
            if self.place[j] == Place::In {
                self.place[j] = Place::Out;
                add(&mut self.room, 1.0, w);
            } else {
                self.place[j] = Place::In;
                add(&mut self.room, -1.0, w);
            }
        }
        None
    }

    fn leave(&mut self, hyperplane: usize, sign: f64, weights: &[f64]) {
        let Some(place) = self.place.get_mut(hyperplane) else { return };
        if sign > 0.0 {
            *place = Place::Out;
        } else {
            *place = Place::In;
            add(&mut self.room, -1.0, &weights[hyperplane * self.rows..][..self.rows]);
        }
    }

    /// Puts `hyperplane` in slot `k` of the basis.
    fn enter(&mut self, k: usize, hyperplane: usize, weights: &[f64]) {
        let (m, n) = (self.rows, self.place.len());
        let normal = weights.get(hyperplane * m..).filter(|_| hyperplane < n).map(|w| &w[..m]);
        if let Some(w) = normal {
            if self.place[hyperplane] == Place::In {
                add(&mut self.room, 1.0, w);
            }
            self.place[hyperplane] = Place::Basic;
            self.reduced[hyperplane] = 0.0;
        } else {
            self.lambda[hyperplane - n] = 0.0;
        }
        self.basis[k] = hyperplane;
        let along = |edge: &[f64]| normal.map_or_else(|| edge[hyperplane - n], |w| dot(w, edge));
        let edge = &mut self.direction;
        edge.copy_from_slice(&self.edges[k * m..][..m]);
        let scale = 1.0 / along(edge);
        edge.iter_mut().for_each(|e| *e *= scale);
        for (l, other) in self.edges.chunks_exact_mut(m).enumerate() {
            if l == k {
                other.copy_from_slice(edge);
            } else {
                let share = along(other);
                add(other, -share, edge);
            }
        }
    }
}

fn refill(of: &mut Vec<f64>, len: usize, value: f64) {
    of.clear();
    of.resize(len, value);
}

pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `to += s * w`.
pub(super) fn add(to: &mut [f64], s: f64, w: &[f64]) {
    to.iter_mut().zip(w).for_each(|(to, w)| *to += s * w);
}
