//! What can be said about decisions with integers besides the derivative with the integers held.

use dfl_core::{ParamMap, Program, Result};

use super::answer::Answer;
use super::built::Layer;
use super::explain::{Unsolved, explain};
use super::names::NamedMatrix;

impl Layer {
    /// Solves the model without the requirement that variables be integer. Its sensitivities are derivatives of the *relaxed* model, and
    /// not of this one; the status says so. Of a model without integers it is the answer itself.
    ///
    /// # Errors
    /// As [`solve`](Self::solve).
    pub fn solve_relaxed(&self, theta: &[f64]) -> Result<Answer> {
        let whole = self.program(theta)?;
        let program = Program { integer: Vec::new(), ..whole.clone() };
        match self.solve_program(&program)? {
            Ok(found) => {
                let relaxed = whole.has_integers();
                let answer = Answer::new(self, theta, program, self.formulation().params.clone(), found);
                Ok(Answer { relaxed, whole: relaxed.then_some(whole), ..answer })
            }
            Err(status) => explain(self, &program, Unsolved::Ended(status)),
        }
    }
}

impl Answer {
    /// The relaxed model at the same parameters: see [`Layer::solve_relaxed`]. **Not a derivative** of the model with integers.
    ///
    /// # Errors
    /// As [`Layer::solve`].
    pub fn relaxation(&self) -> Result<Answer> {
        self.layer.solve_relaxed(&self.theta)
    }

    /// The sensitivity of the decision as if rounding the relaxed integers were the identity (a straight-through estimate):
    ///
    /// $$\frac{\mathrm d x}{\mathrm d p} := \frac{\partial x}{\partial p}\Big|_{z} + \frac{\partial x}{\partial z}\,\frac{\mathrm d z_{\text{relaxed}}}{\mathrm d p}$$
    ///
    /// with the other variables at this answer's integers $z$, and $z$ moving as in the relaxed model. **Not a derivative**: that of $z$ is 0
    /// wherever it exists. It is 0 too where only costs of a linear model move; `docs/black-boxes.md` has estimates that are not. Of a
    /// relaxed answer it is the [`sensitivity_matrix`](Self::sensitivity_matrix), in which integers move already.
    ///
    /// # Errors
    /// As [`relaxation`](Self::relaxation) and [`sensitivity`](Self::sensitivity).
    ///
    /// # References
    /// Bengio, Leonard & Courville (2013), Estimating or propagating gradients through stochastic neurons, arXiv 1308.3432.
    pub fn straight_through(&self) -> Result<NamedMatrix> {
        let Some(whole) = self.whole.as_ref().filter(|_| !self.relaxed) else { return self.sensitivity_matrix() };
        let integers: Vec<usize> = (0..whole.n()).filter(|&j| whole.integer[j]).collect();
        let relaxed = self.relaxation()?;
        let (own, free) = (self.jacobian()?, relaxed.jacobian()?);
        // How the other variables follow each integer: a parameter that moves both of its bounds.
        let mut held = ParamMap::new(integers.len());
        for (k, &j) in integers.iter().enumerate() {
            held = held.link(dfl_core::Entry::Lo(j), k, 1.0).link(dfl_core::Entry::Up(j), k, 1.0);
        }
        let found = (self.solution.clone(), self.ended);
        let follow = Answer::new(&self.layer, &vec![0.0; integers.len()], self.program.clone(), held, found);
        let mut columns = own.x.clone();
        for (column, relaxed) in columns.iter_mut().zip(&free.x) {
            let steps: Vec<f64> = integers.iter().map(|&j| relaxed[j]).collect();
            let moved = follow.tangent(&steps)?.x;
            column.iter_mut().zip(moved).for_each(|(own, more)| *own += more);
        }
        let values = (0..whole.n()).flat_map(|j| columns.iter().map(move |column| column[j])).collect();
        Ok(NamedMatrix { rows: self.layer.variable_names().to_vec(), columns: self.layer.parameter_names(), values })
    }
}
