use std::sync::{Arc, OnceLock};

use dfl_core::{Error, Result};

use super::active::{Linearised, largest};
use super::dense::{LeastNorm, Reduced};
use super::regularised::{Pattern, Regularised};

/// A system with a larger relative residual was not solved.
const LARGEST_RESIDUAL: f64 = 1e-6;
/// A relative residual above this is worth a refinement step.
const REFINE_ABOVE: f64 = 1e-14;
/// From this number of unknowns on, a KKT matrix with at most this share of entries goes to the sparse factor.
const LARGE: usize = 200;
const SPARSE: f64 = 0.1;

/// The factorised KKT matrix of the tight constraints of one answer, symmetric:
///
/// $$K = \begin{pmatrix} P & A_R^\top & E_B \\ A_R & 0 & 0 \\ E_B^\top & 0 & 0\end{pmatrix}$$
///
/// with $R$ the tight rows and $B$ the variables at a bound. One factor serves any number of right-hand sides. A singular $K$ gives the
/// least-norm solution $K^+ r$.
pub(crate) struct System {
    pub(crate) at: Linearised,
    factor: Factor,
}

enum Factor {
    /// Regular and small or dense.
    Reduced(Reduced),
    /// Large and sparse, or singular.
    Regularised(Regularised),
    /// Singular, with singular values too small for the sparse factor to tell: the reference that the others are tested with.
    LeastNorm(LeastNorm),
}

/// How well a right-hand side was solved.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Solved {
    /// Relative residual; for a least-norm solution that of an equation that may have no exact solution.
    pub(crate) residual: f64,
    /// Refinement steps.
    pub(crate) refinements: usize,
}

/// The symbolic factor, made when it is first needed and shared by all systems of one structure.
#[derive(Clone, Debug, Default)]
pub(crate) struct Symbolic(OnceLock<Arc<Pattern>>);

impl Symbolic {
    fn get(&self, at: &Linearised) -> Result<Arc<Pattern>> {
        match self.0.get() {
            Some(pattern) => Ok(pattern.clone()),
            None => {
                let pattern = Arc::new(Pattern::new(&at.matrices)?);
                Ok(self.0.get_or_init(|| pattern).clone())
            }
        }
    }
}

impl System {
    /// # Errors
    /// [`Error::Domain`] if the matrix overflows.
    pub(crate) fn new(at: Linearised, symbolic: &Symbolic) -> Result<Self> {
        let factor = Self::factor(&at, symbolic)?;
        Ok(Self { at, factor })
    }

    fn factor(at: &Linearised, symbolic: &Symbolic) -> Result<Factor> {
        let finite = largest(at.matrices.p.values()) + largest(at.matrices.a.values());
        if !finite.is_finite() {
            return Err(Error::Domain { what: "KKT matrix", value: finite, need: "finite: rescale the program" });
        }
        let unknowns = at.free.len() + at.rows.len();
        let entries = 2 * (at.matrices.p.nnz() + at.matrices.a.nnz());
        let sparse = unknowns >= LARGE && entries as f64 <= SPARSE * (unknowns * unknowns) as f64;
        if !sparse && let Some(reduced) = Reduced::new(at) {
            return Ok(Factor::Reduced(reduced));
        }
        if let Some(regularised) = Regularised::new(at, symbolic.get(at)?) {
            return Ok(Factor::Regularised(regularised));
        }
        match if sparse { Reduced::new(at) } else { None } {
            Some(reduced) => Ok(Factor::Reduced(reduced)),
            None => LeastNorm::new(at).map(Factor::LeastNorm),
        }
    }

    /// Whether the derivative is one of several: a zero dual of a tight constraint, or dependent constraints.
    pub(crate) fn degenerate(&self) -> bool {
        self.at.weak
            || match &self.factor {
                Factor::Reduced(_) => false,
                Factor::Regularised(factor) => factor.singular(),
                Factor::LeastNorm(_) => true,
            }
    }

    /// Whether the matrix is known to be regular and $P$ positive definite where the tight constraints hold: $K$ then has one negative eigenvalue
    /// for each of them. What of a program that need not be convex says that a stationary point is a strict local minimum.
    pub(crate) fn is_minimum(&self) -> bool {
        match &self.factor {
            Factor::Reduced(factor) => factor.negative() == self.at.rows.len(),
            Factor::Regularised(_) | Factor::LeastNorm(_) => false,
        }
    }

    /// `out = K^-1 rhs`, refined; entries of constraints that are not tight count as zero in `rhs` and are 0 in `out`. Uses `work`.
    ///
    /// # Errors
    /// [`Error::Domain`] if a system was not solved to 1e-6: better no gradient than a wrong one.
    pub(crate) fn solve(&self, rhs: &mut [f64], out: &mut [f64], work: &mut [f64]) -> Result<Solved> {
        self.at.mask(rhs);
        let scale = largest(rhs);
        if scale == 0.0 {
            out.fill(0.0);
            return Ok(Solved::default());
        }
        let mut solved = Solved::default();
        // The residual of the part of `rhs` that has a solution.
        let error = match &self.factor {
            Factor::Reduced(factor) => {
                solved = self.solve_refined(factor, rhs, out, work);
                solved.residual
            }
            Factor::Regularised(factor) => {
                let (error, refinements) = factor.solve(&self.at, rhs, REFINE_ABOVE, out);
                self.at.residual(rhs, out, work);
                solved = Solved { residual: largest(work) / scale, refinements };
                error
            }
            Factor::LeastNorm(factor) => {
                factor.solve(&self.at, rhs, out);
                self.at.residual(rhs, out, work);
                solved.residual = largest(work) / scale;
                0.0
            }
        };
        check_residual(error)?;
        Ok(solved)
    }

    fn solve_refined(&self, factor: &Reduced, rhs: &[f64], out: &mut [f64], work: &mut [f64]) -> Solved {
        let scale = largest(rhs);
        factor.solve(&self.at, rhs, out);
        self.at.residual(rhs, out, work);
        let residual = largest(work) / scale;
        if residual <= REFINE_ABOVE {
            return Solved { residual, refinements: 0 };
        }
        let mut step = vec![0.0; out.len()];
        factor.solve(&self.at, work, &mut step);
        out.iter_mut().zip(&step).for_each(|(z, s)| *z += s);
        self.at.residual(rhs, out, work);
        Solved { residual: largest(work) / scale, refinements: 1 }
    }
}

/// Refuses what was not solved.
pub(crate) fn check_residual(value: f64) -> Result<()> {
    if value <= LARGEST_RESIDUAL {
        return Ok(());
    }
    let need = "below 1e-6: the program is too badly scaled to differentiate";
    Err(Error::Domain { what: "relative residual of the KKT system", value, need })
}
