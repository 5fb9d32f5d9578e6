//! The Euclidean projection onto the equations, $P_1 v = v - A^+ (A v - b)$.

use dfl_core::Result;

use super::DysProjection;
use super::gram::{Factor, Gram};
use super::lines::{Lane, Lines};

/// A number of a dense matrix costs this part of one of a sparse matrix, which comes with an index.
const DENSE_COST: f64 = 0.4;
/// Relative residual of equations that have a solution.
const CONSISTENT: f64 = 1e-9;

/// The projection by $y = v - A^\top t$, $A A^\top t = A v - b$ with a sparse factor, or by the matrix $I - A^+ A$ where that is less work.
#[derive(Clone, Debug)]
pub(super) struct Projection {
    pub(super) gram: Gram,
    factor: Factor,
    /// $b$, in the order of the factor.
    b: Vec<f64>,
    /// $A^+ b$.
    pub(super) point: Vec<f64>,
    dense: Option<Dense>,
    /// If no point was found that satisfies all equations: a combination of them whose left side is nothing, or nearly, and its right not.
    pub(super) contradiction: Option<Vec<Lane<1>>>,
}

/// $I - A^+ A$: the rows four at a time, so that vectors one by one fill whole instructions too.
#[derive(Clone, Debug)]
struct Dense {
    tiles: Vec<[f64; 4]>,
}

impl Projection {
    /// # Errors
    /// As [`Gram::new`].
    pub(super) fn new(a: &Lines, b: &[f64], n: usize, kind: DysProjection) -> Result<Self> {
        let gram = Gram::new(a, n)?;
        let factor = gram.factorise(|_| 1.0);
        let b: Vec<f64> = gram.order.iter().map(|&i| b[i]).collect();
        let mut out = Self { factor, point: vec![0.0; n], dense: None, contradiction: None, b, gram };
        let (mut t, mut y) = (vec![[0.0]; out.rows()], vec![[0.0]; n]);
        out.sparse(&vec![[0.0]; n], true, &mut t, &mut y);
        out.sparse(&y.clone(), true, &mut t, &mut y);
        out.contradiction = out.contradiction(&y);
        out.point = y.as_flattened().to_vec();
        let work = 2.0 * (out.gram.a.nnz() + out.gram.fill()) as f64;
        let dense = match kind {
            DysProjection::Auto => DENSE_COST * (n * n) as f64 <= work,
            DysProjection::Dense => true,
            DysProjection::Sparse => false,
        };
        out.dense = dense.then(|| out.matrix());
        Ok(out)
    }

    /// What the equations that `y` violates say beyond those that it satisfies: the violations, less the combination of the other rows
    /// that comes nearest.
    fn contradiction(&self, y: &[Lane<1>]) -> Option<Vec<Lane<1>>> {
        let violation: Vec<Lane<1>> = (0..self.rows()).map(|k| [self.gram.a.dot(k, y)[0] - self.b[k]]).collect();
        if violation.iter().zip(&self.b).all(|(v, b)| v[0].abs() <= CONSISTENT * (1.0 + b.abs())) {
            return None;
        }
        let sum: Vec<Lane<1>> = (0..self.n()).map(|j| self.gram.at.dot(j, &violation)).collect();
        let mut w: Vec<Lane<1>> = (0..self.rows()).map(|k| self.gram.a.dot(k, &sum)).collect();
        self.factor.solve(&mut w);
        w.iter_mut().zip(&violation).for_each(|(w, v)| w[0] -= v[0]);
        Some(w)
    }

    /// Number of equations.
    pub(super) fn rows(&self) -> usize {
        self.b.len()
    }

    /// Right-hand side of equation `k`, in the order of the factor.
    pub(super) fn side(&self, k: usize) -> f64 {
        self.b[k]
    }

    fn n(&self) -> usize {
        self.point.len()
    }

    /// `y` = the projection of each vector of `q`; onto the null space of $A$, if not `affine`. May write to `t`.
    #[inline(always)]
    pub(super) fn apply<const L: usize>(&self, q: &[Lane<L>], affine: bool, t: &mut [Lane<L>], y: &mut [Lane<L>]) {
        match &self.dense {
            Some(dense) => dense.apply(q, if affine { Some(&self.point) } else { None }, y),
            None => self.sparse(q, affine, t, y),
        }
    }

    /// The same by the factor; leaves the multipliers $(A A^\top)^{-1} (A q - b)$ in `t`.
    #[inline(always)]
    pub(super) fn sparse<const L: usize>(&self, q: &[Lane<L>], affine: bool, t: &mut [Lane<L>], y: &mut [Lane<L>]) {
        for (k, t) in t.iter_mut().enumerate() {
            *t = self.gram.a.dot(k, q);
            if affine {
                t.iter_mut().for_each(|t| *t -= self.b[k]);
            }
        }
        self.factor.solve(t);
        for (j, (y, q)) in y.iter_mut().zip(q).enumerate() {
            let sum = self.gram.at.dot(j, t);
            for l in 0..L {
                y[l] = q[l] - sum[l];
            }
        }
    }

    /// `y` = the projection of `q` onto the null space, twice projected: as orthogonal to the rows as rounding allows.
    pub(super) fn twice(&self, q: &[Lane<1>], t: &mut [Lane<1>], y: &mut [Lane<1>]) {
        self.sparse(q, false, t, y);
        let once = y.to_vec();
        self.sparse(&once, false, t, y);
    }

    /// The columns of the projection.
    fn matrix(&self) -> Dense {
        let n = self.n();
        let mut tiles = vec![[0.0; 4]; n.div_ceil(4) * n];
        let (mut unit, mut t, mut y) = (vec![[0.0]; n], vec![[0.0]; self.rows()], vec![[0.0]; n]);
        for j in 0..n {
            unit[j] = [1.0];
            self.twice(&unit, &mut t, &mut y);
            unit[j] = [0.0];
            y.iter().enumerate().for_each(|(i, v)| tiles[i / 4 * n + j][i % 4] = v[0]);
        }
        Dense { tiles }
    }
}

impl Dense {
    #[inline(always)]
    fn apply<const L: usize>(&self, q: &[Lane<L>], point: Option<&[f64]>, y: &mut [Lane<L>]) {
        for (g, (rows, y)) in self.tiles.chunks_exact(q.len().max(1)).zip(y.chunks_mut(4)).enumerate() {
            let mut sum = [[0.0; L]; 4];
            for (tile, q) in rows.iter().zip(q) {
                for r in 0..4 {
                    for l in 0..L {
                        sum[r][l] += tile[r] * q[l];
                    }
                }
            }
            for (r, (y, sum)) in y.iter_mut().zip(sum).enumerate() {
                let from = point.map_or(0.0, |point| point[4 * g + r]);
                for l in 0..L {
                    y[l] = sum[l] + from;
                }
            }
        }
    }
}
