//! A problem written by hand, `model.toml`: variables, rows and an objective as expressions, with parameters anywhere.

mod build;
mod declare;
mod expression;
mod polynomial;
mod sides;
mod tokens;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use dfl_core::{Error, Result};
use serde::Deserialize;
use toml::Spanned;

use super::UserProblem;
use tokens::Fault;

/// What the file holds; keys that are not here are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    name: Option<String>,
    #[serde(default)]
    sense: Sense,
    #[serde(default)]
    parameters: Vec<Spanned<String>>,
    objective: Spanned<String>,
    variables: BTreeMap<String, Spanned<Variable>>,
    #[serde(default)]
    constraints: BTreeMap<String, Spanned<String>>,
    /// Numbers for the parameters.
    #[serde(default)]
    values: BTreeMap<String, Spanned<f64>>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Sense {
    #[default]
    #[serde(alias = "minimize", alias = "min")]
    Minimise,
    #[serde(alias = "maximize", alias = "max")]
    Maximise,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    lower: Option<Spanned<Bound>>,
    upper: Option<Spanned<Bound>>,
    #[serde(default)]
    integer: bool,
    #[serde(default)]
    binary: bool,
}

/// A number, or an expression of parameters.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Bound {
    Number(f64),
    Text(String),
}

/// Reads a model; its parameters are what is predicted.
pub(super) fn read(path: &Path) -> Result<UserProblem> {
    let refused = |source| Error::File { path: path.into(), action: "reading the model", remedy: "check the name", source };
    let text = fs::read_to_string(path).map_err(refused)?;
    let invalid = |cause: toml::de::Error| Error::Format { path: path.into(), what: "model", source: Box::new(cause) };
    let document: Document = toml::from_str(&text).map_err(invalid)?;
    build::build(&Source { path, text: &text }, document)
}

/// The file, for messages.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    /// An error about the value under `key` that begins at this byte.
    fn error(&self, key: &str, start: usize, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        self.at_line(self.line(start), key, problem, remedy.into())
    }

    /// An error within an expression, with the line of it and marks below what is meant.
    fn fault(&self, key: &str, expression: &Spanned<String>, fault: Fault) -> Error {
        let Fault { at, problem, remedy } = fault;
        let text = expression.get_ref();
        let from = text[..at.start].rfind('\n').map_or(0, |end| end + 1);
        let shown = text[from..].lines().next().unwrap_or_default();
        let width = |range: &str| range.chars().count();
        let marked = text[at.start..at.end.max(at.start)].lines().next().map_or(0, width).max(1);
        let marks = format!("{}{}", " ".repeat(width(&text[from..at.start])), "^".repeat(marked));
        // A line break right after the quotes of a long text does not count as its own.
        let quotes = self
            .text
            .get(expression.span())
            .is_some_and(|t| ["\"\"\"\n", "\"\"\"\r\n", "'''\n", "'''\r\n"].iter().any(|q| t.starts_with(q)));
        let line = self.line(expression.span().start) + text[..at.start].matches('\n').count() + usize::from(quotes);
        self.at_line(line, key, problem, format!("{remedy}\n    {shown}\n    {marks}"))
    }

    fn at_line(&self, line: usize, key: &str, problem: impl Into<String>, remedy: String) -> Error {
        let (path, place) = (self.path.into(), format!("line {line}, {key}"));
        Error::Input { what: "model", path, place, problem: problem.into(), remedy }
    }

    fn line(&self, byte: usize) -> usize {
        1 + self.text.get(..byte).map_or(0, |before| before.matches('\n').count())
    }
}
