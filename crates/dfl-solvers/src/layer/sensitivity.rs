//! The sensitivities of an answer, by its KKT system.

use std::sync::Arc;

use dfl_core::{Adjoint, Cotangent, Error, Result, Solution, Status, check_len};
use good_lp::Variable;

use super::answer::Answer;
use super::model::ConstraintReference;
use super::names::{NamedMatrix, refuse};
use super::parameter::Parameter;
use super::span::{eigen, reduced};
use crate::kkt::{Entries, Linearised, Matrices, Numbering, Parts, Symbolic, System};

/// Curvature up to this share of the largest one is none.
const FLAT: f64 = 1e-10;
/// Variables that move less than this along a flat direction do not.
const STILL: f64 = 1e-7;

/// The factorised system, and how parameters enter it.
pub(super) struct Tangents {
    system: System,
    numbering: Numbering,
    entries: Entries,
}

/// Tangents along each component of `theta`.
pub(super) struct Jacobian {
    pub(super) x: Vec<Vec<f64>>,
    pub(super) rows: Vec<Vec<f64>>,
}

/// The quadratic term of the objective within the tight constraints.
#[derive(Clone, Debug, PartialEq)]
pub struct ReducedHessian {
    /// An orthonormal basis $Z$ of the directions that the constraints with a multiplier leave, each over all variables.
    pub basis: Vec<Vec<f64>>,
    /// $Z^\top \nabla^2 f Z$, row by row, in the model's own sense: at most 0 for a maximum.
    pub matrix: Vec<f64>,
    /// Its eigenvalues, least first; they do not depend on the basis.
    pub eigenvalues: Vec<f64>,
}

/// The optimum after a step in the parameters, estimated from the one before it and solved.
#[derive(Debug)]
pub struct Resolved {
    /// $x + (\mathrm d x / \mathrm d p)\,\Delta p$.
    pub estimate: Vec<f64>,
    /// The answer there.
    pub answer: Answer,
    /// The largest distance between the two in a variable.
    pub error: f64,
}

impl Answer {
    fn tangents(&self) -> Result<&Tangents> {
        if let Some(made) = self.tangents.get() {
            return Ok(made);
        }
        let at = Linearised::of(&self.program, &self.solution, Arc::new(Matrices::of(&self.program)))?;
        let made = Tangents {
            system: System::new(at, &Symbolic::default())?,
            numbering: Numbering::of(&self.program),
            entries: Entries::of(&self.program, &self.params),
        };
        Ok(self.tangents.get_or_init(|| made))
    }

    /// The tangents of the decision and the multipliers along `dtheta`.
    pub(super) fn tangent(&self, dtheta: &[f64]) -> Result<Adjoint> {
        check_len("dtheta", self.theta.len(), dtheta.len())?;
        let (Tangents { system, numbering, entries }, mut u) = (self.tangents()?, Adjoint::default());
        let fill = |rhs: &mut Parts<'_>| {
            self.params.tangent(dtheta, |entry, d| entries.add_tangent(&self.solution, entry, d, rhs));
        };
        numbering.tangent(system, fill, &mut u)?;
        Ok(u)
    }

    pub(super) fn jacobian(&self) -> Result<&Jacobian> {
        if let Some(made) = self.jacobian.get() {
            return Ok(made);
        }
        let (mut made, mut dtheta) = (Jacobian { x: Vec::new(), rows: Vec::new() }, vec![0.0; self.theta.len()]);
        for k in 0..self.theta.len() {
            dtheta[k] = 1.0;
            let Adjoint { x, rows, .. } = self.tangent(&dtheta)?;
            made.x.push(x);
            made.rows.push(rows);
            dtheta[k] = 0.0;
        }
        Ok(self.jacobian.get_or_init(|| made))
    }

    /// How the optimal value of a variable moves with a parameter, $\mathrm d x_j / \mathrm d p$, one entry a component.
    ///
    /// [`status`](Self::status) says whether it is a derivative.
    ///
    /// # Errors
    /// [`Error::Model`] for a variable or parameter of another model, [`Error::Domain`] if the system is too badly scaled to be solved.
    pub fn sensitivity(&self, variable: Variable, parameter: Parameter) -> Result<Vec<f64>> {
        let (j, range) = (self.layer.place(variable)?, self.layer.named.range(parameter)?);
        Ok(self.jacobian()?.x[range].iter().map(|dx| dx[j]).collect())
    }

    /// $\mathrm d x / \mathrm d p$ for all variables and all components of all parameters, with their names.
    ///
    /// # Errors
    /// As [`sensitivity`](Self::sensitivity).
    pub fn sensitivity_matrix(&self) -> Result<NamedMatrix> {
        let jacobian = self.jacobian()?;
        let values = (0..self.program.n()).flat_map(|j| jacobian.x.iter().map(move |dx| dx[j])).collect();
        Ok(NamedMatrix { rows: self.layer.variable_names().to_vec(), columns: self.layer.parameter_names(), values })
    }

    /// How the [`dual`](Self::dual) of a constraint moves with a parameter, one entry a component.
    ///
    /// # Errors
    /// As [`sensitivity`](Self::sensitivity).
    pub fn dual_sensitivity(&self, constraint: ConstraintReference, parameter: Parameter) -> Result<Vec<f64>> {
        let (i, range) = (self.layer.row(constraint)?, self.layer.named.range(parameter)?);
        Ok(self.jacobian()?.rows[range].iter().map(|rows| self.dual_sign(i) * rows[i]).collect())
    }

    /// The same for all constraints and all components of all parameters, with their names.
    ///
    /// # Errors
    /// As [`sensitivity`](Self::sensitivity).
    pub fn dual_sensitivity_matrix(&self) -> Result<NamedMatrix> {
        let jacobian = self.jacobian()?;
        let rows = self.layer.constraint_names().to_vec();
        let values = (0..rows.len()).flat_map(|i| jacobian.rows.iter().map(move |d| self.dual_sign(i) * d[i])).collect();
        Ok(NamedMatrix { rows, columns: self.layer.parameter_names(), values })
    }

    /// The gradient in all components of all parameters of a loss whose gradient in the variables is `cotangent`: $(\mathrm d x / \mathrm d
    /// p)^\top g$, by one solve whatever the number of parameters.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a wrong length, else as [`sensitivity`](Self::sensitivity).
    pub fn gradient_of(&self, cotangent: &[f64]) -> Result<Vec<f64>> {
        check_len("cotangent", self.program.n(), cotangent.len())?;
        let (Tangents { system, numbering, entries }, mut u) = (self.tangents()?, Adjoint::default());
        numbering.adjoint(system, Cotangent { x: cotangent, ..Cotangent::default() }, &mut u)?;
        let mut gradient = vec![0.0; self.theta.len()];
        self.params.pull(|entry| entries.gradient(&self.solution, &u, entry), &mut gradient);
        Ok(gradient)
    }

    /// The optimum at `theta + dtheta` as this one and its sensitivity estimate it, $x + (\mathrm d x / \mathrm d p)\,\Delta p$: exactly, for costs
    /// and sides, while the same constraints are tight.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a wrong length, else as [`sensitivity`](Self::sensitivity).
    pub fn estimate(&self, dtheta: &[f64]) -> Result<Vec<f64>> {
        let moved = self.tangent(dtheta)?.x;
        Ok(self.solution.x.iter().zip(moved).map(|(x, dx)| x + dx).collect())
    }

    /// The [`estimate`](Self::estimate) beside the answer at `theta + dtheta`.
    ///
    /// # Errors
    /// As [`estimate`](Self::estimate) and [`Layer::solve`](super::Layer::solve).
    pub fn resolve_estimate(&self, dtheta: &[f64]) -> Result<Resolved> {
        let estimate = self.estimate(dtheta)?;
        let theta: Vec<f64> = self.theta.iter().zip(dtheta).map(|(t, d)| t + d).collect();
        let answer = if self.relaxed { self.layer.solve_relaxed(&theta)? } else { self.layer.solve(&theta)? };
        let error = estimate.iter().zip(answer.decision()).map(|(e, x)| (e - x).abs()).fold(0.0, f64::max);
        Ok(Resolved { estimate, answer, error })
    }

    /// The one-sided derivative of the decision along `dtheta`, which exists at kinks too; see [`directional`](crate::directional).
    ///
    /// # Errors
    /// As [`directional`](crate::directional), and [`Error::Model`] where there is none.
    pub fn directional(&self, dtheta: &[f64]) -> Result<Vec<f64>> {
        let mut out = Solution::default();
        match crate::directional(&self.program, &self.params, &self.solution, dtheta, &mut out)?.status {
            Status::Optimal => Ok(out.x),
            Status::Infeasible => refuse(
                "no one-sided derivative along this step",
                "the tight constraints contradict each other along it",
                "move them together; see status()",
            ),
            Status::Unbounded => refuse("no one-sided derivative along this step", "the optimum jumps", "solve at both ends instead"),
            status => Err(Error::NotSolved { index: 0, solver: "directional", status }),
        }
    }

    /// The quadratic term of the objective on the null space of the constraints with a multiplier.
    ///
    /// # Errors
    /// [`Error::Domain`] if it overflows.
    pub fn reduced_hessian(&self) -> Result<ReducedHessian> {
        let basis = self.tight().null_space(self.program.n());
        let matrix: Vec<f64> = reduced(&self.program.p, &basis).iter().map(|v| self.sense() * v).collect();
        let eigenvalues = eigen(&matrix, basis.len())?.into_iter().map(|(value, _)| value).collect();
        Ok(ReducedHessian { basis, matrix, eigenvalues })
    }

    /// Variables that move along directions in which the objective is flat.
    pub(super) fn flat(&self) -> Result<Vec<String>> {
        let basis = self.tight().null_space(self.program.n());
        let largest = self.program.p.values().iter().fold(0.0_f64, |a, v| a.max(v.abs()));
        let mut moves = vec![false; self.program.n()];
        for (value, vector) in eigen(&reduced(&self.program.p, &basis), basis.len())? {
            if value <= FLAT * largest {
                for (j, moves) in moves.iter_mut().enumerate() {
                    *moves |= basis.iter().zip(&vector).map(|(z, v)| z[j] * v).sum::<f64>().abs() > STILL;
                }
            }
        }
        let names = self.layer.variable_names().iter().zip(moves);
        Ok(names.filter(|(_, moves)| *moves).map(|(name, _)| name.clone()).collect())
    }
}
