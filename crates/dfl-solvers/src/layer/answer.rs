use std::fmt;
use std::sync::OnceLock;

use dfl_core::{ParamMap, Program, Result, Solution, Status};
use good_lp::Variable;

use super::built::Layer;
use super::model::ConstraintReference;
use super::parameter::Parameter;
use super::sensitivity::{Jacobian, Tangents};
use super::tight::Tight;
use crate::value_gradient;

/// The optimum of a model at some values of its parameters: results, multipliers and sensitivities, by variable, constraint and parameter.
///
/// Everything is in the model's own sense: for a maximum, [`objective`](Self::objective) is the maximum and gradients are its gradients.
/// With integer variables, multipliers and sensitivities are those of the model with the integers held at their optimum.
pub struct Answer {
    pub(super) layer: Layer,
    pub(super) theta: Vec<f64>,
    /// That was differentiated: without integers.
    pub(super) program: Program,
    pub(super) params: ParamMap,
    pub(super) solution: Solution,
    /// How the solve ended, with integers if there are any.
    pub(super) ended: Status,
    /// With integers, if there are any.
    pub(super) whole: Option<Program>,
    /// Whether the integers are not held but relaxed.
    pub(super) relaxed: bool,
    pub(super) tangents: OnceLock<Tangents>,
    pub(super) jacobian: OnceLock<Jacobian>,
    pub(super) tight: OnceLock<Tight>,
}

impl Answer {
    pub(super) fn new(layer: &Layer, theta: &[f64], program: Program, params: ParamMap, (solution, ended): (Solution, Status)) -> Self {
        Self {
            layer: layer.clone(),
            theta: theta.to_vec(),
            program,
            params,
            solution,
            ended,
            whole: None,
            relaxed: false,
            tangents: OnceLock::new(),
            jacobian: OnceLock::new(),
            tight: OnceLock::new(),
        }
    }

    /// The model that was solved.
    pub fn layer(&self) -> &Layer {
        &self.layer
    }

    /// How the solve ended: [`Status::Optimal`], or [`Status::Feasible`] at a limit on the search for integers.
    pub fn ended(&self) -> Status {
        self.ended
    }

    /// The optimal value of the objective.
    pub fn objective(&self) -> f64 {
        self.sense() * self.solution.objective
    }

    /// The value of a variable.
    ///
    /// # Errors
    /// [`Error::Model`](dfl_core::Error::Model) for a variable of another model, which is told only by its number.
    pub fn x(&self, variable: Variable) -> Result<f64> {
        Ok(self.solution.x[self.layer.place(variable)?])
    }

    /// All variables, in their order.
    pub fn decision(&self) -> &[f64] {
        &self.solution.x
    }

    /// The values of the parameters.
    pub fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// What was solved, in its own terms: a minimisation, with the multipliers of [`Solution`].
    pub fn solution(&self) -> &Solution {
        &self.solution
    }

    /// The shadow price of a constraint.
    ///
    /// Of an inequality it is what the value loses for each unit by which the constraint is tightened (a minimum rises, a maximum
    /// falls): at least 0 whichever way it was written. Of an equality it is the derivative of the value in its right-hand side, where it
    /// is `left - right = 0`: of `4 == x` that in -4. Of dependent constraints it is one of several; see
    /// [`duals_are_unique`](super::SensitivityStatus::duals_are_unique).
    ///
    /// # Errors
    /// [`Error::Model`](dfl_core::Error::Model) for a constraint of another model.
    pub fn dual(&self, constraint: ConstraintReference) -> Result<f64> {
        let i = self.layer.row(constraint)?;
        Ok(self.dual_sign(i) * self.solution.row_dual[i])
    }

    /// What turns the multiplier of a row into its shadow price.
    pub(super) fn dual_sign(&self, i: usize) -> f64 {
        if self.layer.named.equality.get(i) == Some(&true) { -self.sense() } else { 1.0 }
    }

    /// The derivative of the value in the bound at which a variable rests, 0 for a variable between its bounds: of a minimum, at least 0 at
    /// a lower bound and at most 0 at an upper one. Of an integer variable, which is held at its value, and of one whose bounds meet, it is
    /// the derivative in that value, of either sign.
    ///
    /// # Errors
    /// As [`x`](Self::x).
    pub fn reduced_cost(&self, variable: Variable) -> Result<f64> {
        let j = self.layer.place(variable)?;
        let rows = self.layer.named.bound_rows.iter().filter(|row| row.variable == j).map(|row| self.solution.row_dual[row.row]);
        Ok(0.0 - self.sense() * (self.solution.bound_dual[j] + rows.sum::<f64>()))
    }

    /// The gradient of the optimal value in a parameter, by the multipliers alone (the envelope theorem):
    /// $\mathrm d V / \mathrm d p = \partial L / \partial p$ at the optimum; see [`value_gradient`].
    ///
    /// # Errors
    /// [`Error::Model`](dfl_core::Error::Model) for a parameter of another model.
    pub fn envelope_gradient(&self, parameter: Parameter) -> Result<Vec<f64>> {
        let range = self.layer.named.range(parameter)?;
        Ok(self.envelope_gradients()?[range].to_vec())
    }

    /// The same in all components of all parameters.
    ///
    /// # Errors
    /// None that a model of this module can cause.
    pub fn envelope_gradients(&self) -> Result<Vec<f64>> {
        let mut gradient = vec![0.0; self.theta.len()];
        value_gradient(&self.program, &self.params, &self.solution, &mut gradient)?;
        let sense = self.sense();
        gradient.iter_mut().for_each(|g| *g *= sense);
        Ok(gradient)
    }

    /// The gradient of the optimal value in a parameter through the decision:
    /// $\mathrm d V / \mathrm d p = \partial f / \partial p + (\nabla_x f)^\top \mathrm d x / \mathrm d p$ with the sensitivity of the KKT system. It
    /// uses no multiplier of a bound or right-hand side, and agrees with [`envelope_gradient`](Self::envelope_gradient) where both
    /// are derivatives.
    ///
    /// # Errors
    /// As [`sensitivity`](Self::sensitivity).
    pub fn implicit_gradient(&self, parameter: Parameter) -> Result<Vec<f64>> {
        let range = self.layer.named.range(parameter)?;
        let mut slope = self.program.c.clone();
        self.program.p.symmetric_mul_add(1.0, &self.solution.x, &mut slope);
        // Without multipliers the gradient of the value is what the objective moves by at a fixed decision.
        let (row_dual, bound_dual) = (vec![0.0; self.program.m()], vec![0.0; self.program.n()]);
        let fixed = Solution { row_dual, bound_dual, ..self.solution.clone() };
        let mut direct = vec![0.0; self.theta.len()];
        value_gradient(&self.program, &self.params, &fixed, &mut direct)?;
        let jacobian = self.jacobian()?;
        let through = |k: usize| slope.iter().zip(&jacobian.x[k]).map(|(s, dx)| s * dx).sum::<f64>();
        Ok(range.map(|k| self.sense() * (direct[k] + through(k))).collect())
    }

    pub(super) fn tight(&self) -> &Tight {
        self.tight.get_or_init(|| Tight::of(&self.program, &self.solution))
    }

    pub(super) fn sense(&self) -> f64 {
        self.layer.named.sense()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("theta", &self.theta).field("objective", &self.objective()).field("x", &self.solution.x).finish()
    }
}

/// What reads results of `good_lp` reads these: `answer.value(x)`, `expression.eval_with(&answer)`.
impl good_lp::Solution for Answer {
    fn status(&self) -> good_lp::SolutionStatus {
        if self.ended == Status::Optimal { good_lp::SolutionStatus::Optimal } else { good_lp::SolutionStatus::GapLimit }
    }

    /// As `good_lp` does, panics for a variable that the model does not have; [`Answer::x`] returns an error.
    fn value(&self, variable: Variable) -> f64 {
        self.x(variable).unwrap_or_else(|e| panic!("{e}"))
    }
}
