//! The sparse KKT matrix, regular or not, by one factor of its quasi-definite neighbour.
//!
//! With $D = \operatorname{diag}(\delta I, -\delta I)$ the matrix $K + D$ has a factor $LDL^\top$ for every set of tight constraints and
//! every order of elimination. For $r$ in the range of $K$ the steps $z \mathrel{+}= (K + D)^{-1} (r - K z)$, the proximal method of
//! multipliers, tend to a solution of $K z = r$; each shrinks the error by about $\delta / \sigma$ for a singular value $\sigma$. So for
//! any $v$ the vector $v - z$ with $K z = K v$ is in the null space of $K$, of which random $v$ give a basis $Z$, one by one until nothing
//! new comes. With it $K^+ r = (I - Z Z^\top) z$, where $K z = (I - Z Z^\top) r$.

use std::sync::Arc;

use dfl_core::{Csc, Error, Result, Rng};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::ldlt::factor::LdltRegularization;
use faer::sparse::linalg::cholesky::{CholeskySymbolicParams, LdltRef, SymbolicCholesky, SymmetricOrdering, factorize_symbolic_cholesky};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par, Side};

use super::active::{Linearised, Matrices, largest};

/// $\delta$, relative to the largest entry of $K$.
const SHIFT: f64 = 1e-8;
/// Residual up to which the equations of a vector of the null space must have been solved.
const CONSISTENT: f64 = 1e-12;
/// A random vector has at least this share in a null space that is left.
const SHARE: f64 = 1e-5;
const REFINEMENTS: usize = 12;

/// The structure of $K + D$ with all rows and bounds in it, and where its numbers come from.
#[derive(Debug)]
pub(super) struct Pattern {
    upper: Csc,
    /// Positions in `upper` of the values of `P`, of `A`, of the unit vectors of the bounds, and of the diagonal.
    p: Vec<usize>,
    a: Vec<usize>,
    bounds: Vec<usize>,
    diagonal: Vec<usize>,
    symbolic: SymbolicCholesky<usize>,
}

impl Pattern {
    pub(super) fn new(matrices: &Matrices) -> Result<Self> {
        let (n, m) = (matrices.a.cols(), matrices.a.rows());
        let size = 2 * n + m;
        let mut triplets: Vec<_> = matrices.p.triplets().collect();
        triplets.extend(matrices.a.triplets().map(|(i, j, v)| (j, n + i, v)));
        triplets.extend((0..n).map(|j| (j, n + m + j, 0.0)));
        triplets.extend((0..size).map(|k| (k, k, 0.0)));
        let upper = Csc::from_triplets(size, size, &triplets)?;
        let place = |i, j| upper.position(i, j).expect("every entry is in the pattern");
        let symbolic =
            factorize_symbolic_cholesky(structure(&upper), Side::Upper, SymmetricOrdering::Amd, CholeskySymbolicParams::default());
        Ok(Self {
            p: matrices.p.triplets().map(|(i, j, _)| place(i, j)).collect(),
            a: matrices.a.triplets().map(|(i, j, _)| place(j, n + i)).collect(),
            bounds: (0..n).map(|j| place(j, n + m + j)).collect(),
            diagonal: (0..size).map(|k| place(k, k)).collect(),
            symbolic: symbolic.map_err(backend)?,
            upper,
        })
    }
}

fn structure(matrix: &Csc) -> SymbolicSparseColMatRef<'_, usize> {
    SymbolicSparseColMatRef::new_checked(matrix.rows(), matrix.cols(), matrix.col_ptr(), None, matrix.row_idx())
}

fn backend(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Backend { backend: "faer", source: Box::new(source) }
}

/// The factor of $K + D$.
pub(super) struct Regularised {
    pattern: Arc<Pattern>,
    factor: Vec<f64>,
    shift: f64,
    /// An orthonormal basis of the null space of $K$, one vector after the other.
    null: Vec<f64>,
}

impl Regularised {
    /// `None` if it cannot be told what the null space is, as with singular values near the shift.
    pub(super) fn new(at: &Linearised, pattern: Arc<Pattern>) -> Option<Self> {
        let (p, a) = (at.matrices.p.values(), at.matrices.a.values());
        let shift = SHIFT * largest(p).max(largest(a)).max(if at.fixed.is_empty() { 0.0 } else { 1.0 });
        // Without any entry, K is zero and so is its pseudo-inverse, whatever the shift.
        let shift = if shift > 0.0 { shift } else { 1.0 };
        let mut out = Self { factor: vec![0.0; pattern.symbolic.len_val()], pattern, shift, null: Vec::new() };
        out.factorise(at)?;
        out.find_null_space(at)?;
        Some(out)
    }

    /// Constraints that are not tight become `-z = 0`.
    fn values(&self, at: &Linearised) -> Vec<f64> {
        let (n, m) = (at.n(), at.matrices.a.rows());
        let mut tight = vec![false; at.len()];
        at.places().for_each(|k| tight[k] = true);
        let mut values = vec![0.0; self.pattern.upper.nnz()];
        for (&k, v) in self.pattern.p.iter().zip(at.matrices.p.values()) {
            values[k] = *v;
        }
        for ((&k, &i), v) in self.pattern.a.iter().zip(at.matrices.a.row_idx()).zip(at.matrices.a.values()) {
            values[k] = if tight[n + i] { *v } else { 0.0 };
        }
        for (j, &k) in self.pattern.bounds.iter().enumerate() {
            values[k] = if tight[n + m + j] { 1.0 } else { 0.0 };
        }
        for (k, &d) in self.pattern.diagonal.iter().enumerate() {
            values[d] += match tight[k] {
                true if k < n => self.shift,
                true => -self.shift,
                false => -1.0,
            };
        }
        values
    }

    fn factorise(&mut self, at: &Linearised) -> Option<()> {
        let (values, symbolic) = (self.values(at), &self.pattern.symbolic);
        let none = LdltRegularization {
            dynamic_regularization_signs: None,
            dynamic_regularization_delta: 0.0,
            dynamic_regularization_epsilon: 0.0,
        };
        let mut memory = MemBuffer::new(symbolic.factorize_numeric_ldlt_scratch::<f64>(Par::Seq, Default::default()));
        let matrix = SparseColMatRef::new(structure(&self.pattern.upper), values.as_slice());
        let stack = MemStack::new(&mut memory);
        symbolic.factorize_numeric_ldlt(&mut self.factor, matrix, Side::Upper, none, Par::Seq, stack, Default::default()).ok()?;
        Some(())
    }

    fn memory(&self) -> MemBuffer {
        MemBuffer::new(self.pattern.symbolic.solve_in_place_scratch::<f64>(1, Par::Seq))
    }

    /// `z = (K + D)^-1 z`.
    fn apply(&self, z: &mut [f64], memory: &mut MemBuffer) {
        let size = z.len();
        let rhs = MatMut::from_column_major_slice_mut(z, size, 1);
        LdltRef::new(&self.pattern.symbolic, &self.factor).solve_in_place_with_conj(Conj::No, rhs, Par::Seq, MemStack::new(memory));
    }

    /// Whether $K$ has a null space.
    pub(super) fn singular(&self) -> bool {
        !self.null.is_empty()
    }

    fn find_null_space(&mut self, at: &Linearised) -> Option<()> {
        let (size, mut rng) = (at.len(), Rng::seeded(0));
        let mut v = vec![0.0; size];
        for _ in 0..=size {
            v.iter_mut().for_each(|v| *v = rng.normal());
            at.mask(&mut v);
            self.normalise(&mut v)?;
            self.keep_null_part(at, &mut v)?;
            self.project(&mut v);
            if dot(&v, &v).sqrt() <= SHARE {
                return Some(());
            }
            // Once more, now that it is large: what is left of the range is rounding.
            self.normalise(&mut v)?;
            self.keep_null_part(at, &mut v)?;
            self.normalise(&mut v)?;
            self.null.extend_from_slice(&v);
        }
        None
    }

    /// Makes `v` orthogonal to the basis, and a unit vector; `None` if nothing is left.
    fn normalise(&self, v: &mut [f64]) -> Option<()> {
        self.project(v);
        self.project(v);
        let length = dot(v, v).sqrt();
        v.iter_mut().for_each(|v| *v /= length);
        (length > 0.0).then_some(())
    }

    /// Takes `z` with `K z = K v` out of `v`; `None` if that was not solved.
    fn keep_null_part(&self, at: &Linearised, v: &mut [f64]) -> Option<()> {
        let (mut image, mut z) = (vec![0.0; v.len()], vec![0.0; v.len()]);
        at.residual(&z, v, &mut image);
        image.iter_mut().for_each(|w| *w = -*w);
        let (error, _) = self.iterate(at, &image, 1.0, CONSISTENT, &mut z);
        v.iter_mut().zip(&z).for_each(|(v, z)| *v -= z);
        (error <= CONSISTENT).then_some(())
    }

    /// Takes out of `z` its projection onto the null space.
    fn project(&self, z: &mut [f64]) {
        for null in self.null.chunks_exact(z.len().max(1)) {
            let share = dot(null, z);
            z.iter_mut().zip(null).for_each(|(z, n)| *z -= share * n);
        }
    }

    /// `out = K^+ rhs`. Returns the residual of the part of `rhs` in the range of $K$, relative to `rhs`, and the steps after the first.
    pub(super) fn solve(&self, at: &Linearised, rhs: &[f64], goal: f64, out: &mut [f64]) -> (f64, usize) {
        let mut target = rhs.to_vec();
        self.project(&mut target);
        let solved = self.iterate(at, &target, largest(rhs), goal, out);
        self.project(out);
        solved
    }

    /// Steps until the residual, relative to `scale`, is at most `goal` or falls no more.
    fn iterate(&self, at: &Linearised, target: &[f64], scale: f64, goal: f64, out: &mut [f64]) -> (f64, usize) {
        let (mut step, mut memory) = (target.to_vec(), self.memory());
        out.fill(0.0);
        let (mut error, mut steps) = (f64::INFINITY, 0);
        loop {
            self.apply(&mut step, &mut memory);
            out.iter_mut().zip(&step).for_each(|(z, s)| *z += s);
            at.residual(target, out, &mut step);
            let now = largest(&step) / scale;
            if now <= goal || now.is_nan() || now > 0.5 * error || steps == REFINEMENTS {
                return (now, steps);
            }
            (error, steps) = (now, steps + 1);
        }
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
