//! What a model declares: names, and numbers for its parameters.

use std::collections::BTreeMap;

use dfl_core::Result;
use toml::Spanned;

use super::super::near::near;
use super::expression::{Names, is_name};
use super::{Source, Variable};

/// The entries of a table as the file has them.
pub(super) fn in_order<T>(table: BTreeMap<String, Spanned<T>>) -> Vec<(String, Spanned<T>)> {
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(_, value)| value.span().start);
    entries
}

/// Refuses names that no expression can have, and two of one name.
pub(super) fn declare(
    source: &Source<'_>,
    variables: &[(String, Spanned<Variable>)],
    parameters: &[Spanned<String>],
    labels: &[String],
    theta: &[String],
) -> Result<Names> {
    let starts = variables.iter().map(|(_, v)| v.span().start).chain(parameters.iter().map(|p| p.span().start));
    for (name, start) in labels.iter().chain(theta).zip(starts) {
        if !is_name(name) {
            let remedy = "begin it with a letter, go on with letters, digits, `_` and `.`, and end with an index like `[1,b]` or none";
            return Err(source.error("variables and parameters", start, format!("`{name}` cannot stand in an expression"), remedy));
        }
    }
    if labels.is_empty() {
        return Err(source.error("variables", 0, "there are none", "declare at least one, as in `x = { lower = 0 }`"));
    }
    Names::new(labels, theta).map_err(|name| {
        source.error(
            "variables and parameters",
            parameters.first().map_or(0, |p| p.span().start),
            format!("`{name}` is declared twice"),
            "rename one of them",
        )
    })
}

/// The number of each parameter, if the file has them.
pub(super) fn given(source: &Source<'_>, values: BTreeMap<String, Spanned<f64>>, theta: &[String]) -> Result<Option<Vec<f64>>> {
    if let Some((name, value)) = values.iter().find(|(name, _)| !theta.contains(name)) {
        let problem = format!("no parameter is called `{name}`");
        return Err(source.error("values", value.span().start, problem, format!("parameters are {}", near(name, theta))));
    }
    if let Some((name, value)) = values.iter().find(|(_, value)| !value.get_ref().is_finite()) {
        return Err(source.error("values", value.span().start, format!("`{name}` is not a finite number"), "give one"));
    }
    let Some(start) = values.values().map(|value| value.span().start).min() else { return Ok(None) };
    let number = |name: &String| {
        let missing = || source.error("values", start, format!("`{name}` has no value"), "give one to each parameter, or to none");
        values.get(name).map(|value| *value.get_ref()).ok_or_else(missing)
    };
    theta.iter().map(number).collect::<Result<_>>().map(Some)
}
