use dfl_core::{Batch, Result, Status};

use super::answer::Answer;
use super::built::Layer;
use super::explain::Unsolved;

/// The answers to a batch of `theta`, one a row.
#[derive(Debug)]
pub struct Answers {
    rows: Vec<std::result::Result<Answer, Status>>,
}

/// How many rows of a batch have what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub rows: usize,
    /// With an optimum.
    pub solved: usize,
    /// Of these, with sensitivities that are derivatives in every parameter.
    pub differentiable: usize,
    /// Of these, with a gradient of the value that is a derivative in every parameter.
    pub value_differentiable: usize,
}

impl Layer {
    /// Solves the model for each row `[b, theta]`, one after the other, to look at the answers; [`decider`](Self::decider) is for training.
    ///
    /// # Errors
    /// As [`solve`](Self::solve) for malformed rows and those whose quadratic term is not convex, with the row; a row without an optimum is
    /// a [`Status`].
    pub fn solve_batch(&self, thetas: &Batch) -> Result<Answers> {
        let row = |b: usize| Ok(self.attempt(thetas.row(b)).map_err(|e| e.in_row(b as u64))?.map_err(Unsolved::status));
        Ok(Answers { rows: (0..thetas.rows()).map(row).collect::<Result<_>>()? })
    }
}

impl Answers {
    /// Row `b`: the answer, or why there is none.
    pub fn row(&self, b: usize) -> std::result::Result<&Answer, Status> {
        self.rows[b].as_ref().map_err(|status| *status)
    }

    /// How many rows were solved, and were differentiable there. Takes the [`status`](Answer::status) of each, which solving does not.
    ///
    /// # Errors
    /// As [`Answer::status`], with the row.
    pub fn counts(&self) -> Result<Counts> {
        let mut counts = Counts { rows: self.rows.len(), ..Counts::default() };
        for (b, row) in self.rows.iter().enumerate() {
            if let Ok(answer) = row {
                let status = answer.status().map_err(|e| e.in_row(b as u64))?;
                counts.solved += 1;
                counts.differentiable += usize::from(status.is_derivative());
                counts.value_differentiable += usize::from(status.value_is_derivative());
            }
        }
        Ok(counts)
    }
}
