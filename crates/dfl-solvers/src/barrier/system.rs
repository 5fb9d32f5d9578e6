//! The Newton matrix of the barrier problem, sparse, with rows kept as unknowns of their own so that dense ones cost no fill-in.

use dfl_core::{Csc, Error, Program, Result};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::ldlt::factor::LdltRegularization;
use faer::sparse::linalg::cholesky::{CholeskySymbolicParams, LdltRef, SymbolicCholesky, SymmetricOrdering, factorize_symbolic_cholesky};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par};

/// Added to the diagonal, relative to the largest entry, so that every pivot has its sign; refinement takes it out again.
const SHIFT: f64 = 1e-9;
/// Refinement ends here, relative to the right-hand side.
const REFINED: f64 = 1e-15;
const REFINEMENTS: usize = 12;

/// What holds a variable or the value of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing: no finite side.
    Free,
    /// Both sides are the same.
    Fixed,
    /// The barrier of one or two finite sides.
    Inside,
}

/// The structure of `[P + D, A'; A, -E]` and where its numbers come from.
#[derive(Debug)]
pub(super) struct Structure {
    upper: Csc,
    /// Positions in `upper` of the values of P, of those of A, and of the diagonal.
    p: Vec<usize>,
    a: Vec<usize>,
    diagonal: Vec<usize>,
    /// Row and column of the values of P and of A.
    pub(super) entries_p: Vec<(usize, usize)>,
    pub(super) entries_a: Vec<(usize, usize)>,
    symbolic: SymbolicCholesky<usize>,
}

impl Structure {
    pub(super) fn new(program: &Program) -> Result<Self> {
        let (n, size) = (program.n(), program.n() + program.m());
        let mut triplets: Vec<_> = program.p.triplets().collect();
        triplets.extend(program.a.triplets().map(|(i, j, v)| (j, n + i, v)));
        triplets.extend((0..size).map(|k| (k, k, 0.0)));
        let upper = Csc::from_triplets(size, size, &triplets)?;
        let place = |i, j| upper.position(i, j).expect("every entry is in the pattern");
        let pattern = SymbolicSparseColMatRef::new_checked(size, size, upper.col_ptr(), None, upper.row_idx());
        let symbolic = factorize_symbolic_cholesky(pattern, faer::Side::Upper, SymmetricOrdering::Amd, CholeskySymbolicParams::default());
        Ok(Self {
            p: program.p.triplets().map(|(i, j, _)| place(i, j)).collect(),
            a: program.a.triplets().map(|(i, j, _)| place(j, n + i)).collect(),
            diagonal: (0..size).map(|k| place(k, k)).collect(),
            entries_p: program.p.positions(),
            entries_a: program.a.positions(),
            symbolic: symbolic.map_err(|source| Error::Backend { backend: "faer", source: Box::new(source) })?,
            upper,
        })
    }

    pub(super) fn memory(&self) -> MemBuffer {
        let factor = self.symbolic.factorize_numeric_ldlt_scratch::<f64>(Par::Seq, Default::default());
        MemBuffer::new(factor.or(self.symbolic.solve_in_place_scratch::<f64>(1, Par::Seq)))
    }
}

/// A right-hand side or an answer of the Newton equations.
#[derive(Clone, Debug, Default)]
pub(super) struct Vector {
    pub(super) x: Vec<f64>,
    pub(super) rows: Vec<f64>,
}

impl Vector {
    pub(super) fn zeros(n: usize, m: usize) -> Self {
        Self { x: vec![0.0; n], rows: vec![0.0; m] }
    }

    pub(super) fn largest(&self) -> f64 {
        largest(&self.x, largest(&self.rows, 0.0))
    }
}

/// The largest magnitude of `values` and `floor`; NaN if any is NaN.
pub(super) fn largest(values: &[f64], floor: f64) -> f64 {
    values.iter().fold(floor, |a, v| if v.abs() > a || v.is_nan() { v.abs() } else { a })
}

/// What the matrix is made of, borrowed: `kind` and the curvature `weight` of the barrier are those of the variables, then of the rows.
#[derive(Clone, Copy)]
pub(super) struct Matrix<'a> {
    pub(super) p: &'a Csc,
    pub(super) a: &'a Csc,
    pub(super) kind: &'a [Kind],
    pub(super) weight: &'a [f64],
}

impl Matrix<'_> {
    fn n(&self) -> usize {
        self.p.cols()
    }

    /// `rhs` minus the matrix times `at`; 0 in rows that say nothing (`x` fixed, a row without sides).
    pub(super) fn residual(&self, rhs: &Vector, at: &Vector, out: &mut Vector) {
        let n = self.n();
        out.x.copy_from_slice(&rhs.x);
        out.rows.copy_from_slice(&rhs.rows);
        self.p.symmetric_mul_add(-1.0, &at.x, &mut out.x);
        self.a.mul_t_add(-1.0, &at.rows, &mut out.x);
        self.a.mul_add(-1.0, &at.x, &mut out.rows);
        for j in 0..n {
            out.x[j] = if self.kind[j] == Kind::Fixed { 0.0 } else { out.x[j] - self.weight[j] * at.x[j] };
        }
        for i in 0..out.rows.len() {
            match self.kind[n + i] {
                Kind::Free => out.rows[i] = 0.0,
                Kind::Fixed => {}
                Kind::Inside => out.rows[i] += at.rows[i] / self.weight[n + i],
            }
        }
    }
}

/// The factorised matrix
///
/// $$K = \begin{pmatrix} P + D & A^\top \\ A & -E \end{pmatrix}$$
///
/// with $D$ the barrier's curvature in the variables, $E$ the inverse of that in the rows and 0 for equalities; fixed variables and rows
/// without sides are taken out. One factor serves any number of right-hand sides.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    kkt: Vec<f64>,
    values: Vec<f64>,
}

impl Factor {
    pub(super) fn new(structure: &Structure) -> Self {
        Self { kkt: vec![0.0; structure.upper.nnz()], values: vec![0.0; structure.symbolic.len_val()] }
    }

    /// Factorises; false if it cannot be.
    pub(super) fn fill(&mut self, structure: &Structure, matrix: Matrix<'_>, memory: &mut MemBuffer) -> bool {
        self.assemble(structure, matrix);
        let upper = &structure.upper;
        let pattern = SymbolicSparseColMatRef::new_checked(upper.rows(), upper.cols(), upper.col_ptr(), None, upper.row_idx());
        let kkt = SparseColMatRef::new(pattern, &self.kkt);
        let none = LdltRegularization {
            dynamic_regularization_signs: None,
            dynamic_regularization_delta: 0.0,
            dynamic_regularization_epsilon: 0.0,
        };
        let memory = MemStack::new(memory);
        let done =
            structure.symbolic.factorize_numeric_ldlt(&mut self.values, kkt, faer::Side::Upper, none, Par::Seq, memory, Default::default());
        done.is_ok()
    }

    fn assemble(&mut self, structure: &Structure, matrix: Matrix<'_>) {
        let (n, kind) = (matrix.n(), matrix.kind);
        let shift = SHIFT * largest(matrix.p.values(), largest(matrix.a.values(), f64::MIN_POSITIVE));
        self.kkt.fill(0.0);
        for (&k, (i, j, v)) in structure.p.iter().zip(matrix.p.triplets()) {
            self.kkt[k] = if kind[i] == Kind::Fixed || kind[j] == Kind::Fixed { 0.0 } else { v };
        }
        for (&k, (i, j, v)) in structure.a.iter().zip(matrix.a.triplets()) {
            self.kkt[k] = if kind[n + i] == Kind::Free || kind[j] == Kind::Fixed { 0.0 } else { v };
        }
        for (k, &at) in structure.diagonal.iter().enumerate() {
            self.kkt[at] += match (kind[k], k < n) {
                (Kind::Fixed, true) => 1.0,
                (_, true) => matrix.weight[k] + shift,
                (Kind::Free, false) => -1.0,
                (Kind::Fixed, false) => -shift,
                (Kind::Inside, false) => -1.0 / matrix.weight[k] - shift,
            };
        }
    }

    /// Solves `K out = rhs`, where the entry of a fixed variable is what it moves by. The rest of each refinement step is the shift's
    /// share of it; dependent equalities get the least-norm multipliers. Returns the relative residual and the steps of refinement.
    pub(super) fn solve(
        &self,
        structure: &Structure,
        matrix: Matrix<'_>,
        rhs: &Vector,
        out: &mut Vector,
        scratch: &mut Scratch,
    ) -> (f64, usize) {
        let (n, scale, factor) = (matrix.n(), rhs.largest(), LdltRef::new(&structure.symbolic, &self.values));
        out.rows.fill(0.0);
        for j in 0..n {
            out.x[j] = if matrix.kind[j] == Kind::Fixed { rhs.x[j] } else { 0.0 };
        }
        let (mut best, mut steps) = (f64::INFINITY, 0);
        loop {
            matrix.residual(rhs, out, &mut scratch.residual);
            let error = scratch.residual.largest() / scale;
            if scale == 0.0 {
                return (0.0, 0);
            }
            if error.is_nan() || error <= REFINED || steps > REFINEMENTS || error > 0.5 * best {
                if error > best {
                    out.x.iter_mut().chain(&mut out.rows).zip(&scratch.packed).for_each(|(z, step)| *z -= step);
                }
                return (error.min(best), steps.saturating_sub(1));
            }
            (best, steps) = (error, steps + 1);
            let Scratch { residual, packed, memory } = scratch;
            packed[..n].copy_from_slice(&residual.x);
            packed[n..].copy_from_slice(&residual.rows);
            let size = packed.len();
            factor.solve_in_place_with_conj(
                Conj::No,
                MatMut::from_column_major_slice_mut(packed, size, 1),
                Par::Seq,
                MemStack::new(memory),
            );
            out.x.iter_mut().chain(&mut out.rows).zip(&*packed).for_each(|(z, step)| *z += step);
        }
    }
}

/// Memory of a solve.
pub(super) struct Scratch {
    residual: Vector,
    packed: Vec<f64>,
    pub(super) memory: MemBuffer,
}

impl Scratch {
    pub(super) fn new(structure: &Structure, n: usize, m: usize) -> Self {
        Self { residual: Vector::zeros(n, m), packed: vec![0.0; n + m], memory: structure.memory() }
    }
}
