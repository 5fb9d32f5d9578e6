//! The derivative of an answer from the factors that found it, where they serve.

use std::sync::Arc;

use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, ProgramSolver, Result, Solution, SolveInfo, Solver, check_len};

use super::model::Model;
use super::range_space::RangeSpace;
use super::work::Work;
use super::{ActiveSet, ActiveSetWorkspace};
use crate::kkt::{Linearised, Matrices, Numbering, Parts, System, has_weak_dual, responds};

/// Least product of the relative pivots of `H` and of the Gram matrix: as many digits are lost in their factors, and one step of
/// refinement gains the rest of sixteen.
const LEAST_PIVOT: f64 = 1e-8;

/// What the backward pass of one instance needs; made by [`ActiveSet`].
pub struct ActiveSetTape {
    factor: Factor,
    solution: Solution,
}

enum Factor {
    Range(RangeSpace),
    /// Where `P` is only semidefinite or the factor of the solve has too few digits.
    General(System, Numbering),
}

impl DifferentiableSolver for ActiveSet {
    type Tape = ActiveSetTape;

    /// As that of [`Kkt`](crate::Kkt).
    fn differentiable(&self) -> bool {
        responds(&self.instance.base, &self.instance.params)
    }

    fn tape(&self, _theta: &[f64], solution: &Solution, ws: &mut ActiveSetWorkspace, info: &mut SolveInfo) -> Result<ActiveSetTape> {
        let ActiveSetWorkspace { program, model, work } = ws;
        info.degenerate |= has_weak_dual(program, solution);
        let mut range = None;
        if is_accurate(model.as_ref().unwrap_or(&self.model), work) {
            let model = model.as_ref().map_or_else(|| self.model.clone(), |own| Arc::new(own.clone()));
            range = RangeSpace::new(model, work, self.dims());
        }
        let factor = match range {
            Some(range) => {
                info.degenerate |= range.dependent();
                Factor::Range(range)
            }
            None => {
                let fixed = || Arc::clone(self.matrices.get_or_init(|| Arc::new(Matrices::of(&self.instance.base))));
                let matrices = if self.entries.move_matrices() { Arc::new(Matrices::of(program)) } else { fixed() };
                let system = System::new(Linearised::of(program, solution, matrices)?, &self.symbolic)?;
                info.degenerate |= system.degenerate();
                Factor::General(system, Numbering::of(program))
            }
        };
        Ok(ActiveSetTape { factor, solution: self.entries.keep(solution) })
    }

    fn vjp(&self, tape: &ActiveSetTape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        check_len("grad_theta", self.dims().theta, grad_theta.len())?;
        match &tape.factor {
            Factor::Range(range) => range.adjoint(cotangent, u),
            Factor::General(system, numbering) => numbering.adjoint(system, cotangent, u),
        }?;
        grad_theta.fill(0.0);
        self.params().pull(|entry| self.entries.gradient(&tape.solution, u, entry), grad_theta);
        Ok(())
    }

    fn jvp(&self, tape: &ActiveSetTape, dtheta: &[f64], u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        check_len("dtheta", self.dims().theta, dtheta.len())?;
        check_len("dx", self.dims().x, dx.len())?;
        let tangent =
            |rhs: &mut Parts<'_>| self.params().tangent(dtheta, |entry, d| self.entries.add_tangent(&tape.solution, entry, d, rhs));
        match &tape.factor {
            Factor::Range(range) => range.solve_into(u, |rhs| {
                tangent(rhs);
                Ok(())
            }),
            Factor::General(system, numbering) => numbering.tangent(system, tangent, u),
        }?;
        dx.copy_from_slice(&u.x);
        Ok(())
    }
}

/// Whether the factors of the last solve are those of the program's KKT matrix, to enough digits.
fn is_accurate(model: &Model, work: &Work) -> bool {
    let (metric, tight, gram) = (&model.metric, &work.tight, &work.gram);
    let gram_pivot = || tight.ldl.least_pivot(|k| gram.column(tight.index[k])[tight.index[k]]);
    model.own_units && metric.shift == 0.0 && metric.least_pivot() * gram_pivot() > LEAST_PIVOT
}
