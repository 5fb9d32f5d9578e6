//! From a nearly optimal point to an optimal one: the KKT equations of the constraints held for tight, corrected until they are right.
//!
//! OSQP's own polish tries one guess and prints when there is nothing to do; this one changes its guess (a primal-dual active-set
//! method: Hintermueller, Ito & Kunisch (2002), SIAM J. Optim. 13) and says whether it got there.

mod certificate;
mod stack;

use dfl_core::{Csc, Error, Program, Result, Side, Solution, SolveInfo, Status};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::cholesky::ldlt::factor::LdltRegularization;
use faer::sparse::linalg::cholesky::{CholeskySymbolicParams, LdltRef, SymbolicCholesky, SymmetricOrdering, factorize_symbolic_cholesky};
use faer::sparse::{SparseColMatRef, SymbolicSparseColMatRef};
use faer::{Conj, MatMut, Par};

use crate::instance::has_zero_dual;
use crate::limits::Deadline;
pub(crate) use certificate::{proves_infeasible, proves_unbounded};
pub(crate) use stack::{Layout, Point, Stack};

/// Added to the diagonal so that any set of tight constraints can be factored; refinement takes it out again.
const SHIFT: f64 = 1e-8;
/// A pivot that rounding has left below the first, or with the wrong sign, becomes the second.
const PIVOT: [f64; 2] = [1e-13, 1e-6];
/// A violation or a wrong sign below this, relative to its terms, is rounding.
const ROUNDING: f64 = 1e-10;
/// Refinement ends here, relative to the right-hand side.
const REFINED: f64 = 1e-15;
const REFINEMENTS: usize = 12;
/// Equations whose error stays above this contradict each other.
const CONSISTENT: f64 = 1e-6;
/// From this guess on only the worst constraint changes sides, since changing all of them may go in circles; so it is also where the
/// tight constraints contradict each other, since the multipliers of all that take part are then large.
const ONE_BY_ONE: usize = 10;
const GUESSES: usize = 40;

/// The structure of `[P + s, A'; A, -s]` and where its numbers come from; shared by all workspaces.
#[derive(Debug)]
pub(crate) struct Pattern {
    upper: Csc,
    /// Positions in `upper` of the values of P, of those of the stacked A, and of the diagonal.
    p: Vec<usize>,
    a: Vec<usize>,
    diagonal: Vec<usize>,
    symbolic: SymbolicCholesky<usize>,
    /// Of the pivots.
    signs: Vec<i8>,
}

impl Pattern {
    pub(crate) fn new(p: &Csc, a: &Csc) -> Result<Self> {
        let (n, size) = (p.cols(), p.cols() + a.rows());
        let mut triplets: Vec<_> = p.triplets().collect();
        triplets.extend(a.triplets().map(|(i, j, v)| (j, n + i, v)));
        triplets.extend((0..size).map(|k| (k, k, 0.0)));
        let upper = Csc::from_triplets(size, size, &triplets)?;
        let place = |i, j| upper.position(i, j).expect("every entry is in the pattern");
        let structure = SymbolicSparseColMatRef::new_checked(size, size, upper.col_ptr(), None, upper.row_idx());
        let symbolic = factorize_symbolic_cholesky(structure, faer::Side::Upper, SymmetricOrdering::Amd, CholeskySymbolicParams::default());
        Ok(Self {
            p: p.triplets().map(|(i, j, _)| place(i, j)).collect(),
            a: a.triplets().map(|(i, j, _)| place(j, n + i)).collect(),
            diagonal: (0..size).map(|k| place(k, k)).collect(),
            symbolic: symbolic.map_err(|source| Error::Backend { backend: "faer", source: Box::new(source) })?,
            signs: (0..size).map(|k| if k < n { 1 } else { -1 }).collect(),
            upper,
        })
    }
}

/// Memory for the KKT equations of one set of tight constraints.
pub(crate) struct Polisher {
    kkt: Csc,
    factor: Vec<f64>,
    memory: MemBuffer,
    step: Vec<f64>,
    ax: Vec<f64>,
}

impl Polisher {
    pub(crate) fn new(pattern: &Pattern) -> Self {
        let symbolic = &pattern.symbolic;
        let scratch = symbolic
            .factorize_numeric_ldlt_scratch::<f64>(Par::Seq, Default::default())
            .or(symbolic.solve_in_place_scratch::<f64>(1, Par::Seq));
        Self {
            kkt: pattern.upper.clone(),
            factor: vec![0.0; symbolic.len_val()],
            memory: MemBuffer::new(scratch),
            step: vec![0.0; pattern.diagonal.len()],
            ax: Vec::new(),
        }
    }

    /// Corrects `point` and its sides; returns the number of factorisations, and whether the sides are right in the end.
    pub(crate) fn polish(
        &mut self,
        pattern: &Pattern,
        program: &Program,
        stack: &Stack,
        point: &mut Point,
        deadline: Deadline,
    ) -> (usize, bool) {
        for guess in 0..GUESSES {
            if deadline.passed() {
                return (guess, false);
            }
            let Some(consistent) = self.solve(pattern, program, stack, point) else {
                return (guess + 1, false);
            };
            if !self.correct(program, stack, point, guess >= ONE_BY_ONE || !consistent) {
                return (guess + 1, true);
            }
        }
        (GUESSES, false)
    }

    /// Solves `Px + A'y = -c` with `Ax` at its side where tight and `y = 0` elsewhere, from `point` on; returns as `refine`.
    fn solve(&mut self, pattern: &Pattern, program: &Program, stack: &Stack, point: &mut Point) -> Option<bool> {
        point.drop_free();
        self.fill(pattern, program, stack, &point.side);
        let matrix = SparseColMatRef::new(
            SymbolicSparseColMatRef::new_checked(self.kkt.rows(), self.kkt.cols(), self.kkt.col_ptr(), None, self.kkt.row_idx()),
            self.kkt.values(),
        );
        let regularization = LdltRegularization {
            dynamic_regularization_signs: Some(pattern.signs.as_slice()),
            dynamic_regularization_delta: PIVOT[1],
            dynamic_regularization_epsilon: PIVOT[0],
        };
        let memory = MemStack::new(&mut self.memory);
        let factored = pattern.symbolic.factorize_numeric_ldlt(
            &mut self.factor,
            matrix,
            faer::Side::Upper,
            regularization,
            Par::Seq,
            memory,
            Default::default(),
        );
        if factored.is_ok() { self.refine(pattern, program, stack, point) } else { None }
    }

    /// Writes the shifted matrix; rows that are not tight become `-y = 0`.
    fn fill(&mut self, pattern: &Pattern, program: &Program, stack: &Stack, sides: &[Side]) {
        let (n, values) = (program.n(), self.kkt.values_mut());
        values.fill(0.0);
        for (&k, v) in pattern.p.iter().zip(program.p.values()) {
            values[k] = *v;
        }
        for ((&k, &i), v) in pattern.a.iter().zip(stack.a.row_idx()).zip(stack.a.values()) {
            values[k] = if sides[i] == Side::Free { 0.0 } else { *v };
        }
        for (j, &k) in pattern.diagonal.iter().enumerate() {
            values[k] += match j.checked_sub(n) {
                None => SHIFT,
                Some(i) if sides[i] == Side::Free => -1.0,
                Some(_) => -SHIFT,
            };
        }
    }

    /// Newton steps with the shifted factor until the unshifted equations hold; each leaves about `SHIFT` of the error. Says whether
    /// they hold in the end; `None` if there is no finite point.
    fn refine(&mut self, pattern: &Pattern, program: &Program, stack: &Stack, point: &mut Point) -> Option<bool> {
        let factor = LdltRef::new(&pattern.symbolic, &self.factor);
        let mut best = f64::INFINITY;
        for _ in 0..REFINEMENTS {
            let error = residual(program, stack, point, &mut self.step, &mut self.ax);
            if !error.is_finite() {
                return None;
            }
            // Where no step helps any more there is rounding, or equations that contradict each other.
            let done = error <= REFINED || error > 0.5 * best;
            best = best.min(error);
            if done {
                break;
            }
            let rhs = MatMut::from_column_major_slice_mut(&mut self.step, pattern.diagonal.len(), 1);
            factor.solve_in_place_with_conj(Conj::No, rhs, Par::Seq, MemStack::new(&mut self.memory));
            for (z, step) in point.x.iter_mut().chain(&mut point.y).zip(&self.step) {
                *z += step;
            }
        }
        Some(best <= CONSISTENT)
    }

    /// Lets go of constraints with the wrong sign and takes in violated ones; false if there are none.
    fn correct(&mut self, program: &Program, stack: &Stack, point: &mut Point, worst_only: bool) -> bool {
        self.ax.resize(stack.lo.len(), 0.0);
        self.ax.fill(0.0);
        stack.a.mul_add(1.0, &point.x, &mut self.ax);
        let scale = 1.0 + program.c.iter().fold(0.0_f64, |a, c| a.max(c.abs()));
        let (mut worst, mut change) = (0.0, None);
        for i in 0..self.ax.len() {
            let (lo, up, z, y) = (stack.lo[i], stack.up[i], self.ax[i], point.y[i] / scale);
            let (wrong, side) = match point.side[i] {
                _ if lo == up => (0.0, Side::Upper),
                Side::Upper => (-y, Side::Free),
                Side::Lower => (y, Side::Free),
                Side::Free if z > up => ((z - up) / (1.0 + up.abs()), Side::Upper),
                Side::Free => ((lo - z) / (1.0 + z.abs()), Side::Lower),
            };
            if wrong > ROUNDING {
                if !worst_only {
                    point.side[i] = side;
                }
                if wrong > worst {
                    (worst, change) = (wrong, Some((i, side)));
                }
            }
        }
        if let Some((i, side)) = change {
            point.side[i] = side;
        }
        change.is_some()
    }
}

/// An optimum, degenerate where a tight constraint has no dual.
pub(crate) fn optimal(program: &Program, out: &Solution, iterations: usize) -> SolveInfo {
    let mut ax = vec![0.0; program.m()];
    program.a.mul_add(1.0, &out.x, &mut ax);
    let degenerate = has_zero_dual(&ax, &program.row_lo, &program.row_up, &out.row_dual)
        || has_zero_dual(&out.x, &program.lo, &program.up, &out.bound_dual);
    SolveInfo { status: Status::Optimal, iterations, degenerate }
}

/// Writes the error of the equations to `out` and returns its largest entry, relative to the largest number in them.
fn residual(program: &Program, stack: &Stack, point: &Point, out: &mut [f64], ax: &mut Vec<f64>) -> f64 {
    let (stationarity, rows) = out.split_at_mut(program.n());
    for (r, c) in stationarity.iter_mut().zip(&program.c) {
        *r = -c;
    }
    program.p.symmetric_mul_add(-1.0, &point.x, stationarity);
    stack.a.mul_t_add(-1.0, &point.y, stationarity);
    ax.resize(rows.len(), 0.0);
    ax.fill(0.0);
    stack.a.mul_add(1.0, &point.x, ax);
    let mut scale = program.c.iter().fold(1.0_f64, |a, c| a.max(c.abs()));
    for i in 0..rows.len() {
        let target = match point.side[i] {
            Side::Free => ax[i],
            Side::Lower => stack.lo[i],
            Side::Upper => stack.up[i],
        };
        scale = scale.max(ax[i].abs());
        rows[i] = target - ax[i];
    }
    out.iter().fold(0.0_f64, |a, r| if r.abs() > a || r.is_nan() { r.abs() } else { a }) / scale
}
