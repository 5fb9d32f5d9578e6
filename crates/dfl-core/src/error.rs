use crate::Status;

/// Result of everything in the workspace.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call could not produce an answer.
///
/// An instance that has no optimum is not an error but a [`Status`]; it becomes [`Error::NotSolved`] only where an optimum was required.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "each variant's message names its fields")]
pub enum Error {
    /// Two sizes that must agree do not; `what` is the argument's name.
    #[error("{what}: expected length {expected}, got {got}")]
    Dimension { what: &'static str, expected: usize, got: usize },
    /// A value that must be finite is NaN or infinite.
    #[error("{what}, row {row}, column {column}: {value} is not finite; clean or drop this row")]
    NotFinite { what: &'static str, row: usize, column: usize, value: f64 },
    /// A model in training gives what is not a number; `step` counts from 0, `last_loss` is that of the last step that had one.
    #[error(
        "training diverged at step {step}: the {what} for row {id}, column {column}, is {value} ({}); lower the learning rate",
        last(*last_loss)
    )]
    Diverged { what: &'static str, id: u64, column: usize, value: f64, step: usize, last_loss: Option<f64> },
    /// An argument is outside its domain; `need` says what is accepted.
    #[error("{what}: {value} is not accepted; it must be {need}")]
    Domain { what: &'static str, value: f64, need: &'static str },
    /// A lower bound lies above its upper bound.
    #[error("{what} {index}: lower bound {lower} exceeds upper bound {upper}; swap or widen them")]
    CrossedBounds { what: &'static str, index: usize, lower: f64, upper: f64 },
    /// The quadratic term has a negative eigenvalue.
    #[error("the quadratic term P is not positive semidefinite (pivot {pivot} at row {row}): the program is not convex")]
    NotConvex { row: usize, pivot: f64 },
    /// An optimum was required but the row with id `index` ended otherwise.
    #[error("instance {index}: {solver} stopped with {status}; {}", status.remedy())]
    NotSolved { index: usize, solver: &'static str, status: Status },
    /// The row with this id was malformed, or its solver failed; the cause says how. Of several such rows it is the first.
    #[error("instance {id} could not be solved or differentiated")]
    Row {
        id: u64,
        #[source]
        source: Box<Error>,
    },
    /// `who` cannot do `what`.
    #[error("{who} does not offer {what}")]
    Unsupported { who: &'static str, what: &'static str },
    /// A loss met a decider or targets that lack what it reads.
    #[error("loss {loss} needs {what}")]
    Missing { loss: &'static str, what: &'static str },
    /// A name that a user or a file gave is not one of those known.
    #[error("unknown {what} `{given}`; known are {known}")]
    Unknown { what: &'static str, given: String, known: String },
    /// A model with names is wrong in what it says, or has no optimum; `names` are those of its variables, constraints or parameters.
    #[error("{problem}: {names}; {remedy}")]
    Model { problem: &'static str, names: String, remedy: &'static str },
    /// A file could be read but not understood; the cause says where.
    #[error("{} is not a valid {what}", path.display())]
    Format {
        path: std::path::PathBuf,
        what: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A third-party backend failed; its own error is the source.
    #[error("backend {backend} failed")]
    Backend {
        backend: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file or directory could not be read or written; `remedy` says what to do.
    #[error("{}: {action} failed; {remedy}", path.display())]
    File {
        path: std::path::PathBuf,
        action: &'static str,
        remedy: &'static str,
        #[source]
        source: std::io::Error,
    },
    /// A file was read but its content is not what it should be.
    #[error("{}, line {line}: {problem}; {remedy}", path.display())]
    Content { path: std::path::PathBuf, line: usize, problem: &'static str, remedy: &'static str },
    /// A file of the user was read, but not everything in it makes sense; `place` is a line, row, column or key.
    #[error("{what} {}{}: {problem}; {remedy}", path.display(), comma(place))]
    Input { what: &'static str, path: std::path::PathBuf, place: String, problem: String, remedy: String },
    /// A problem has no solution; `conflict` names rows and bounds that no point satisfies together.
    #[error("{problem} has no solution: {conflict}; relax or drop one of them")]
    Infeasible { problem: String, conflict: String },
    /// A data set is nowhere to be found.
    #[error(
        "data set {name} not found (looked in $DFL_DATA_DIR, datasets/cache and ../shared/datasets); fetch it with `cargo xtask data {name}`"
    )]
    MissingData { name: &'static str },
    /// The user asked to stop; what was finished is kept.
    #[error("interrupted; finished measurements are kept, go on with --resume")]
    Interrupted,
}

impl Error {
    /// Says which row an error is about.
    pub fn in_row(self, id: u64) -> Self {
        Self::Row { id, source: Box::new(self) }
    }

    /// A number that is not finite, in what a model in training gave for the rows `ids`, as divergence; [`train`](crate::train) adds the
    /// step and the last loss.
    #[must_use]
    pub fn diverged(self, ids: &[u64]) -> Self {
        match self {
            Self::NotFinite { what, row, column, value } => {
                Self::Diverged { what, id: ids.get(row).copied().unwrap_or_default(), column, value, step: 0, last_loss: None }
            }
            other => other,
        }
    }
}

fn comma(place: &str) -> String {
    if place.is_empty() { String::new() } else { format!(", {place}") }
}

fn last(loss: Option<f64>) -> String {
    loss.map_or_else(|| "there was no finite loss before".to_owned(), |loss| format!("the last finite loss was {loss:.6}"))
}
