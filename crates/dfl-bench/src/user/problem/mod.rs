//! A user's problem and which of its numbers are predicted.

mod costs;

use std::path::{Path, PathBuf};

use dfl_core::{Batch, Error, ParamMap, Program, Result, check_len};
use dfl_solvers::{ConflictOptions, irreducible_infeasible_subset, read_problem};

use super::near::near;
use super::{Table, model};
pub(super) use costs::{Parts, costs_first};

/// What the predicted numbers are in the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicted {
    /// Linear costs of the first so many variables of the decision, one each: every loss applies.
    Costs,
    /// Any entries of the program: losses that need the cost of each variable do not apply.
    Parameters,
}

/// A problem of a user's file whose `theta` is predicted. Minimises.
///
/// A file that maximises is minimised with all signs of its objective turned, predicted costs among them. So where
/// [`Predicted::Costs`] are those of a file that maximises, `theta` is minus what the user's tables have, and
/// [`thetas`](Self::thetas) and [`in_tables`](Self::in_tables) are where signs turn, nowhere else. Other parameters keep theirs: the map
/// from them to the program has the signs.
#[derive(Clone, Debug)]
pub struct UserProblem {
    /// Its name, for tables and pages.
    pub name: String,
    /// Where it was read, for messages.
    pub path: PathBuf,
    /// The program at `theta = 0`. Variables whose costs are predicted come first, in the order of `parameters`; costs of others are those
    /// of the file.
    pub program: Program,
    /// What `theta` moves.
    pub params: ParamMap,
    /// What `theta` is.
    pub predicted: Predicted,
    /// Name of each number of `theta`, `[theta]`: what a column of costs must be called.
    pub parameters: Vec<String>,
    /// `theta` as the file itself has it, `[theta]`, if it says so.
    pub given: Option<Vec<f64>>,
    /// Names of the variables, `[n]`.
    pub variables: Vec<String>,
    /// Where each variable of the file, in its order, stands among `variables`, `[n]`.
    pub in_file: Vec<usize>,
    /// Names of the rows, `[m]`.
    pub rows: Vec<String>,
    /// Whether the file maximises.
    pub maximise: bool,
}

/// Reads a problem and says what is predicted of it.
///
/// Of a file as [`read_problem`] takes it (`.mps`, `.qps`, `.lp`, `.json`) linear costs are predicted, in place of those in the file: of the
/// variables that `costs` names, of all of them without it or where `costs` are just `0`, `1`, ... (a table without names). Variables are
/// reordered so that these come first.
///
/// A `.toml` file names its parameters itself, and `costs` says nothing: `docs/files.md` has what it may hold.
///
/// # Errors
/// Those of [`read_problem`]; [`Error::Input`] for a name that no variable has, for a table without names of another
/// width than the problem, and for an expression that makes no sense, with its line.
pub fn read_user_problem(path: &Path, costs: Option<&[String]>) -> Result<UserProblem> {
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) {
        return model::read(path);
    }
    costs::predict(path, read_problem(path)?, costs)
}

impl UserProblem {
    /// The `theta` of each row of a table: its columns of the parameters' names, or in their order if it has no names, with signs turned
    /// where the file maximises and costs are predicted.
    ///
    /// # Errors
    /// [`Error::Input`] for a missing column or, without names, another number of columns.
    pub fn thetas(&self, table: &Table) -> Result<Batch> {
        let mut values = if table.named { table.select(&self.parameters)?.values } else { table.values.clone() };
        if values.cols() != self.parameters.len() {
            return Err(table.fault("", self.count(values.cols()), "name the columns in its first line, or give all of them"));
        }
        self.turn(&mut values);
        Ok(values)
    }

    /// The decision of each row of a table: its columns of the variables' names, or in the order of the file if it has no names.
    ///
    /// # Errors
    /// [`Error::Input`] for a missing column or, without names, another number of columns.
    pub fn decisions(&self, table: &Table) -> Result<Batch> {
        if table.named {
            return Ok(table.select(&self.variables)?.values);
        }
        let (columns, n) = (table.values.cols(), self.variables.len());
        if columns != n {
            let problem = format!("{columns} columns without names, where {} has {n} variables", self.path.display());
            return Err(table.fault("", problem, "name the columns in its first line, or give all of them"));
        }
        let mut values = Batch::zeros(table.values.rows(), n);
        for (i, row) in table.values.iter().enumerate() {
            self.in_file.iter().zip(row).for_each(|(&j, value)| values.row_mut(i)[j] = *value);
        }
        Ok(values)
    }

    /// What a user's tables have for each row of `theta`, as predicted: the other way of [`thetas`](Self::thetas).
    ///
    /// # Errors
    /// [`Error::Dimension`] for another width.
    pub fn in_tables(&self, thetas: &Batch) -> Result<Batch> {
        check_len("theta", self.parameters.len(), thetas.cols())?;
        let mut values = thetas.clone();
        self.turn(&mut values);
        Ok(values)
    }

    /// An objective of the program as the file counts it, and back.
    pub fn in_own_sense(&self, objective: f64) -> f64 {
        if self.maximise { 0.0 - objective } else { objective }
    }

    /// The program at this `theta`.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another length.
    pub fn at(&self, theta: &[f64]) -> Result<Program> {
        let mut program = self.program.clone();
        self.params.push(theta, &self.program, &mut program)?;
        Ok(program)
    }

    /// `theta` from numbers by name, in the sense of the tables, and from the file for the names that are not among them.
    ///
    /// # Errors
    /// [`Error::Input`] for a name that no parameter has, and for a parameter without a number.
    pub fn values(&self, given: &[(String, f64)]) -> Result<Vec<f64>> {
        let fault = |problem: String, remedy: String| Error::Input {
            what: "problem",
            path: self.path.clone(),
            place: "parameters".into(),
            problem,
            remedy,
        };
        if let Some((name, _)) = given.iter().find(|(name, _)| !self.parameters.contains(name)) {
            return Err(fault(format!("none is called `{name}`"), format!("there are {}", near(name, &self.parameters))));
        }
        let sign = if self.turned() { -1.0 } else { 1.0 };
        let number = |(k, name): (usize, &String)| {
            let own = || self.given.as_ref().map(|given| given[k]);
            let found = given.iter().rev().find(|(given, _)| given == name).map(|(_, value)| sign * value).or_else(own);
            found.ok_or_else(|| fault(format!("`{name}` has no value"), format!("write --parameters {name}=..., or [values] in the file")))
        };
        self.parameters.iter().enumerate().map(number).collect()
    }

    /// Which rows and bounds contradict each other at this `theta`, in a sentence; `None` unless there is proof that no point satisfies all.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another length, and what the solver refuses.
    pub fn explain_infeasible(&self, theta: &[f64]) -> Result<Option<String>> {
        let program = self.at(theta)?;
        let conflict = irreducible_infeasible_subset(&program, &ConflictOptions::default())?;
        Ok(conflict.map(|conflict| conflict.sentence(&program, &self.variables, &self.rows)))
    }

    /// Whether `theta` is minus what tables have.
    fn turned(&self) -> bool {
        self.maximise && self.predicted == Predicted::Costs
    }

    fn turn(&self, values: &mut Batch) {
        if self.turned() {
            values.as_mut_slice().iter_mut().for_each(|v| *v = 0.0 - *v);
        }
    }

    fn count(&self, columns: usize) -> String {
        let (needed, what) = (self.parameters.len(), self.path.display());
        format!("{columns} columns without names, where {what} has {needed} numbers to predict")
    }
}
