//! From values of the parameters to an answer.

use dfl_core::{Entry, Error, Formulation, ParamMap, Program, Result, Solution, Status};

use super::answer::Answer;
use super::build::name_curved;
use super::built::Layer;
use super::explain::{Unsolved, explain};
use super::names::refuse;

impl Layer {
    /// Solves the model at these values.
    ///
    /// # Errors
    /// [`Error::Dimension`] or [`Error::Model`] for values that are not as they should be; [`Error::Model`] for a model that has no
    /// optimum there, naming the constraints that contradict each other or the variables that grow without bound;
    /// [`Error::NotSolved`] for one that was not solved within its limits; what the backend refuses.
    pub fn solve(&self, theta: &[f64]) -> Result<Answer> {
        match self.attempt(theta)? {
            Ok(answer) => Ok(answer),
            Err(unsolved) => explain(self, &self.program(theta)?, unsolved),
        }
    }

    /// An answer, or why there is none.
    pub(super) fn attempt(&self, theta: &[f64]) -> Result<std::result::Result<Answer, Unsolved>> {
        let program = self.program(theta)?;
        if !program.has_integers() {
            let params = self.formulation().params.clone();
            let found = self.solve_program(&program)?.map_err(Unsolved::Ended);
            return Ok(found.map(|found| Answer::new(self, theta, program, params, found)));
        }
        match self.solve_program(&program)? {
            Err(status) => Ok(Err(Unsolved::Ended(status))),
            Ok((found, status)) => self.with_integers_of(&found.x, status, theta, program),
        }
    }

    /// The answer with the integers held at their values in `x`, with which a search ended like `status`.
    fn with_integers_of(
        &self,
        x: &[f64],
        status: Status,
        theta: &[f64],
        program: Program,
    ) -> Result<std::result::Result<Answer, Unsolved>> {
        let (held, params) = self.hold_integers(&program, x);
        let found = match self.solve_program(&held)? {
            // The integers were whole within a tolerance: that they leave the others no point says nothing of the model.
            Err(Status::Infeasible) => return Ok(Err(Unsolved::Rounded)),
            Err(other) => return Ok(Err(Unsolved::Ended(other))),
            Ok((solution, ended)) => (solution, if ended == Status::Optimal { status } else { ended }),
        };
        Ok(Ok(Answer { whole: Some(program), ..Answer::new(self, theta, held, params, found) }))
    }

    /// The continuous program with the integers held at their values in `x`, and nothing left of their bounds and the links to these.
    fn hold_integers(&self, program: &Program, x: &[f64]) -> (Program, ParamMap) {
        let integer = |j: usize| program.integer[j];
        let mut held = program.clone();
        for j in (0..program.n()).filter(|&j| integer(j)) {
            (held.lo[j], held.up[j]) = (x[j].round(), x[j].round());
        }
        for row in self.named.bound_rows.iter().filter(|row| integer(row.variable)) {
            (held.row_lo[row.row], held.row_up[row.row]) = (f64::NEG_INFINITY, f64::INFINITY);
        }
        let of_integer = |entry: Entry| self.named.bound_of(entry).is_some_and(|(j, _)| integer(j));
        let params = self.formulation().params.redirect(|entry| if of_integer(entry) { Vec::new() } else { vec![entry] });
        held.integer.clear();
        (held, params)
    }

    /// The program at these values.
    pub(super) fn program(&self, theta: &[f64]) -> Result<Program> {
        let Formulation { program, params, .. } = self.formulation();
        if let Some(k) = theta.iter().position(|v| !v.is_finite()) {
            let names = self.named.theta_names();
            let name = names.get(k).map_or("one too many", String::as_str);
            return refuse("a value is not finite", format!("{} for {name}", theta[k]), "clean or drop this instance");
        }
        let mut out = program.clone();
        params.push(theta, program, &mut out)?;
        Ok(out)
    }

    /// The answer of a program and how it ended, or why there is none.
    pub(super) fn solve_program(&self, program: &Program) -> Result<std::result::Result<(Solution, Status), Status>> {
        let answer = match self.backend.solve(program, &self.limits) {
            Err(Error::CrossedBounds { .. }) => return Ok(Err(Status::Infeasible)),
            other => name_curved(other, &self.named.variables)?,
        };
        let status = answer.info.status;
        Ok(if status.usable() { Ok((answer.solution, status)) } else { Err(status) })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use good_lp::{constraint, variable, variables};

    use super::*;
    use crate::layer::minimise;

    /// 1 <= y <= 1e8 u: u = 1e-8 is whole within the tolerance of a search, and rounded it leaves y no point.
    #[test]
    fn integers_that_rounding_breaks_are_told() {
        let mut vars = variables!();
        let (u, y) = (vars.add(variable().binary().name("u")), vars.add(variable().min(1).name("y")));
        let layer = minimise(vars, u + y).with(constraint!(y <= 1e8 * u)).layer().unwrap();
        let held = |u: f64| layer.with_integers_of(&[u, 1.0], Status::Feasible { gap: 0.5 }, &[], layer.program(&[]).unwrap()).unwrap();
        let unsolved = held(1e-8).unwrap_err();
        assert_eq!(unsolved.status(), Status::Failed);
        assert_eq!(
            explain::<()>(&layer, &layer.program(&[]).unwrap(), unsolved).unwrap_err().to_string(),
            "the integers that were found leave the other variables no point once they are rounded: u; \
             multiply them by smaller numbers, or rescale the model"
        );
        let answer = held(1.0 - 1e-8).unwrap();
        assert_eq!((answer.decision(), answer.ended()), (&[1.0, 1.0][..], Status::Feasible { gap: 0.5 }));
    }
}
