use crate::kernels::{add_scaled, dot};

/// A generator pulls on the residual if their cosine is above this.
const PULL: f64 = 1e-12;
/// A generator whose part outside the span of those in use is below this share of its length depends on them.
const DEPENDENT: f64 = 1e-10;

/// Where a generator stands.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Outside,
    /// Rounding keeps it out until the set has changed.
    Blocked,
    InUse,
    /// In use with a coefficient of any sign, as its opposite follows it.
    Free,
    /// Never to be used: the opposite of a free one, or in the span of such.
    Spare,
}

/// Non-negative least squares $\min_{\lambda \ge 0} \tfrac12 \|\sum_k \lambda_k n_k - q\|^2$ by Lawson and Hanson's active sets, with an orthonormal basis of
/// the generators in use that is updated by one column at a time. A generator that its opposite follows, as for an equality, spans a line:
/// all those are in use from the start, whatever the sign of their coefficient. The memory is kept from call to call.
///
/// # References
/// Lawson & Hanson (1974), Solving least squares problems, chapter 23.
#[derive(Debug, Default)]
pub(crate) struct ActiveSet {
    n: usize,
    /// Orthonormal basis, column after column, `[used, n]`.
    basis: Vec<f64>,
    /// Upper triangle $R$ with the generators in use $= QR$, column after column, `[used, n]`.
    r: Vec<f64>,
    /// $Q^\top q$.
    rhs: Vec<f64>,
    used: Vec<usize>,
    /// Coefficients of the generators in use, if they had no sign.
    wanted: Vec<f64>,
    lambda: Vec<f64>,
    residual: Vec<f64>,
    norms: Vec<f64>,
    state: Vec<State>,
}

impl ActiveSet {
    /// Writes to `projection` the point of the cone of `generators` `[m, n]` that is nearest to `target` `[n]`, and returns its
    /// coefficients $\lambda$ `[m]`.
    pub(crate) fn project(&mut self, generators: &[f64], target: &[f64], projection: &mut [f64]) -> &[f64] {
        self.start(generators, target);
        self.use_lines(generators, target);
        let scale = dot(target, target).sqrt();
        // Every change of the set brings the point nearer, so this ends by itself; the limit is for rounding.
        for _ in 0..3 * (self.lambda.len() + self.n) {
            let Some(k) = self.strongest(generators, scale) else { break };
            if !self.append(k, generators, target) || !self.accept() {
                self.state[k] = State::Blocked;
                continue;
            }
            self.state.iter_mut().filter(|s| **s == State::Blocked).for_each(|s| *s = State::Outside);
            self.update_residual(target);
        }
        for k in 0..self.lambda.len() {
            if self.state[k] == State::Free && self.lambda[k] < 0.0 {
                (self.lambda[k], self.lambda[k + 1]) = (0.0, -self.lambda[k]);
            }
        }
        projection.iter_mut().zip(target).zip(&self.residual).for_each(|((p, q), r)| *p = q - r);
        &self.lambda
    }

    fn start(&mut self, generators: &[f64], target: &[f64]) {
        let n = target.len();
        let m = generators.len() / n.max(1);
        self.n = n;
        self.used.clear();
        for (memory, len) in [
            (&mut self.basis, n * n.min(m)),
            (&mut self.r, n * n.min(m)),
            (&mut self.rhs, n),
            (&mut self.wanted, n),
            (&mut self.lambda, m),
            (&mut self.norms, m),
        ] {
            memory.clear();
            memory.resize(len, 0.0);
        }
        self.state.clear();
        self.state.resize(m, State::Outside);
        self.residual.clear();
        self.residual.extend_from_slice(target);
        self.norms.iter_mut().zip(generators.chunks(n.max(1))).for_each(|(norm, g)| *norm = dot(g, g).sqrt());
    }

    /// Takes every generator that its opposite follows into use, unless it depends on those before.
    fn use_lines(&mut self, generators: &[f64], target: &[f64]) {
        let n = self.n.max(1);
        for k in 0..self.lambda.len().saturating_sub(1) {
            let (one, other) = generators[k * n..(k + 2) * n].split_at(n);
            if self.state[k] == State::Outside && one.iter().zip(other).all(|(a, b)| *a == -b) {
                self.state[k + 1] = State::Spare;
                self.state[k] = if self.append(k, generators, target) { State::Free } else { State::Spare };
            }
        }
        self.solve();
        self.used.iter().zip(&self.wanted).for_each(|(&k, &z)| self.lambda[k] = z);
        self.update_residual(target);
    }

    /// The generator at the smallest angle to the residual, if any is at less than a right one.
    fn strongest(&self, generators: &[f64], scale: f64) -> Option<usize> {
        let (mut best, mut strongest) = (None, PULL * scale);
        for (k, g) in generators.chunks(self.n.max(1)).enumerate() {
            if self.state[k] != State::Outside || self.norms[k] == 0.0 {
                continue;
            }
            let pull = dot(g, &self.residual) / self.norms[k];
            if pull > strongest {
                (best, strongest) = (Some(k), pull);
            }
        }
        best
    }

    /// Adds a generator to the basis, unless it depends on those that are there.
    fn append(&mut self, k: usize, generators: &[f64], target: &[f64]) -> bool {
        let (n, p) = (self.n, self.used.len());
        if p == n {
            return false;
        }
        let (basis, rest) = self.basis.split_at_mut(p * n);
        let column = &mut rest[..n];
        column.copy_from_slice(&generators[k * n..(k + 1) * n]);
        self.r[p * n..p * n + p].fill(0.0);
        // Twice: once leaves a part in the span that rounding has made.
        for _ in 0..2 {
            for (i, q) in basis.chunks(n).enumerate() {
                let h = dot(q, column);
                self.r[p * n + i] += h;
                add_scaled(column, -h, q);
            }
        }
        let norm = dot(column, column).sqrt();
        if norm <= DEPENDENT * self.norms[k] {
            return false;
        }
        column.iter_mut().for_each(|v| *v /= norm);
        self.r[p * n + p] = norm;
        self.rhs[p] = dot(column, target);
        self.used.push(k);
        self.state[k] = State::InUse;
        true
    }

    /// Moves to the best coefficients of the generators in use, leaving out those that would turn negative. False, and nothing
    /// changed, if the new one would: rounding has pulled it in.
    fn accept(&mut self) -> bool {
        self.solve();
        if self.wanted[self.used.len() - 1] <= 0.0 {
            self.remove(self.used.len() - 1);
            return false;
        }
        while self.step() {
            self.solve();
        }
        true
    }

    /// $R\,$`wanted` $= Q^\top q$.
    fn solve(&mut self) {
        let (n, p) = (self.n, self.used.len());
        self.wanted[..p].copy_from_slice(&self.rhs[..p]);
        for j in (0..p).rev() {
            let column = &self.r[j * n..j * n + j];
            let z = self.wanted[j] / self.r[j * n + j];
            self.wanted[j] = z;
            add_scaled(&mut self.wanted[..j], -z, column);
        }
    }

    /// Goes towards the wanted coefficients until one is zero, which leaves the set; says whether any did.
    fn step(&mut self) -> bool {
        let (mut share, mut first) = (1.0, None);
        for (i, (&k, &z)) in self.used.iter().zip(&self.wanted).enumerate() {
            if z <= 0.0 && self.state[k] != State::Free {
                let until = if self.lambda[k] > 0.0 { self.lambda[k] / (self.lambda[k] - z) } else { 0.0 };
                if first.is_none() || until < share {
                    (share, first) = (until, Some(i));
                }
            }
        }
        for (&k, &z) in self.used.iter().zip(&self.wanted) {
            self.lambda[k] += share * (z - self.lambda[k]);
        }
        if let Some(first) = first {
            self.remove(first);
        }
        first.is_some()
    }

    /// Takes a generator out of the basis; rotations of the columns behind it make the rest triangular again.
    fn remove(&mut self, position: usize) {
        let (n, p) = (self.n, self.used.len());
        let gone = self.used.remove(position);
        (self.lambda[gone], self.state[gone]) = (0.0, State::Outside);
        self.r.copy_within((position + 1) * n..p * n, position * n);
        for i in position..p - 1 {
            let (a, b) = (self.r[i * n + i], self.r[i * n + i + 1]);
            let length = a.hypot(b);
            let (c, s) = (a / length, b / length);
            for column in self.r[i * n..(p - 1) * n].chunks_mut(n) {
                rotate(&mut column[i..i + 2], c, s);
            }
            rotate(&mut self.rhs[i..i + 2], c, s);
            let (left, right) = self.basis[i * n..(i + 2) * n].split_at_mut(n);
            for (x, y) in left.iter_mut().zip(right) {
                (*x, *y) = (c * *x + s * *y, c * *y - s * *x);
            }
        }
    }

    fn update_residual(&mut self, target: &[f64]) {
        self.residual.copy_from_slice(target);
        for (q, h) in self.basis.chunks(self.n).zip(&self.rhs).take(self.used.len()) {
            add_scaled(&mut self.residual, -h, q);
        }
    }
}

fn rotate(pair: &mut [f64], c: f64, s: f64) {
    (pair[0], pair[1]) = (c * pair[0] + s * pair[1], c * pair[1] - s * pair[0]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;

    fn projection(generators: &[f64], target: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let (mut solver, mut out) = (ActiveSet::default(), vec![0.0; target.len()]);
        let lambda = solver.project(generators, target, &mut out).to_vec();
        (lambda, out)
    }

    /// The cone of (1, 0) and (1, 1): (2, 1) is inside with coefficients (1, 1), (1, 2) goes to (1.5, 1.5), (-1, -1) to the tip.
    #[test]
    fn by_hand_in_the_plane() {
        let cone = [1.0, 0.0, 1.0, 1.0];
        let close = |got: Vec<f64>, expected: [f64; 2]| {
            assert!(got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{got:?} instead of {expected:?}");
        };
        let (lambda, inside) = projection(&cone, &[2.0, 1.0]);
        close(lambda, [1.0, 1.0]);
        close(inside, [2.0, 1.0]);
        close(projection(&cone, &[1.0, 2.0]).1, [1.5, 1.5]);
        assert_eq!(projection(&cone, &[-1.0, -1.0]).1, [0.0, 0.0]);
    }

    /// Optimality, which determines the projection: coefficients at least 0, the residual at no acute angle to any generator, and at
    /// a right one to the projection. Random cones, some with opposite, repeated and zero generators.
    #[test]
    fn random_projections_satisfy_the_optimality_conditions() {
        let mut rng = Rng::seeded(5);
        let mut worst = 0.0_f64;
        for round in 0..300 {
            let (n, m) = (1 + rng.below(9), 1 + rng.below(14));
            let mut cone: Vec<f64> = (0..m * n).map(|_| if round % 2 == 0 { rng.normal() } else { rng.below(3) as f64 - 1.0 }).collect();
            if round % 3 == 0 {
                let first = cone[..n].to_vec();
                cone.extend(first.iter().map(|v| -v));
                cone.extend(first);
                cone.extend(vec![0.0; n]);
            }
            let target: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let (lambda, point) = projection(&cone, &target);
            let mut sum = vec![0.0; n];
            lambda.iter().zip(cone.chunks(n)).for_each(|(l, g)| add_scaled(&mut sum, *l, g));
            let residual: Vec<f64> = target.iter().zip(&point).map(|(q, p)| q - p).collect();
            assert!(lambda.iter().all(|&l| l >= 0.0), "{lambda:?}");
            worst = cone.chunks(n).map(|g| dot(g, &residual)).fold(worst, f64::max).max(dot(&point, &residual).abs());
            worst = sum.iter().zip(&point).map(|(a, b)| (a - b).abs()).fold(worst, f64::max);
        }
        assert!(worst < 1e-11, "{worst}");
    }
}
