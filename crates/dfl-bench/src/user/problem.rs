use dfl_core::{ParamMap, Program};

/// What the predicted numbers are in the problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicted {
    /// Linear costs of the first so many variables of the decision, one each: every loss applies.
    Costs,
    /// Any entries of the program: losses that need the cost of each variable do not apply.
    Parameters,
}

/// A problem of a user's file whose `theta` is predicted. Minimises; costs of a file that maximises have their signs turned.
#[derive(Clone, Debug)]
pub struct UserProblem {
    /// Its name, for tables and pages.
    pub name: String,
    /// The program at `theta = 0`.
    pub program: Program,
    /// What `theta` moves.
    pub params: ParamMap,
    /// What `theta` is.
    pub predicted: Predicted,
    /// Name of each number of `theta`, `[theta]`: what a column of costs must be called.
    pub parameters: Vec<String>,
    /// Names of the variables, `[n]`.
    pub variables: Vec<String>,
    /// Names of the rows, `[m]`.
    pub rows: Vec<String>,
    /// Whether the file maximises: then costs in a user's tables count the other way round.
    pub maximise: bool,
}
