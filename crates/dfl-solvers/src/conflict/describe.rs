//! A conflict in words.

use std::fmt;

use dfl_core::{Entry, Program};
use serde::Serialize;

use super::Conflict;

/// Terms of a row that are written out.
const TERMS: usize = 8;

/// One row or bound of a conflict, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// `row` or `bound`.
    pub kind: &'static str,
    /// Name of the row or variable.
    pub name: String,
    /// What of it cannot hold beside the others, as in `2 x + y >= 4`.
    pub states: String,
}

impl Conflict {
    /// Each row and bound by its name; `variables` and `rows` are those of the program, `[n]` and `[m]`.
    pub fn parts(&self, program: &Program, variables: &[String], rows: &[String]) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut sides = self.sides.iter().copied().peekable();
        while let Some(side) = sides.next() {
            let (mut lo, mut up) = (None, None);
            let place = |side, lo: &mut Option<f64>, up: &mut Option<f64>| match side {
                Entry::RowLo(_) | Entry::Lo(_) => *lo = side.get(program),
                _ => *up = side.get(program),
            };
            place(side, &mut lo, &mut up);
            if let Some(other) = sides.next_if(|&other| item(other) == item(side)) {
                place(other, &mut lo, &mut up);
            }
            let (kind, number) = item(side);
            let (name, sum) = match kind {
                "row" => (&rows[number], sum(program, number, variables)),
                _ => (&variables[number], variables[number].clone()),
            };
            parts.push(Part { kind, name: name.clone(), states: between(&sum, lo, up) });
        }
        parts
    }

    /// What is said of the sides, of which `what` is a list: that they conflict, why, and whether each is needed.
    pub fn claim(&self, what: &str) -> String {
        let whole = if self.integrality { ", where variables are integer" } else { "" };
        let each = if self.irreducible { "each is needed" } else { "not all may be needed: the search reached its limit" };
        format!("no point satisfies {what} together{whole}; {each}")
    }

    /// One sentence with all of them.
    pub fn sentence(&self, program: &Program, variables: &[String], rows: &[String]) -> String {
        let parts: Vec<String> = self.parts(program, variables, rows).iter().map(Part::to_string).collect();
        self.claim(&parts.join(" and "))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            "row" => write!(f, "row `{}`: {}", self.name, self.states),
            kind => write!(f, "{kind} {}", self.states),
        }
    }
}

/// What a side belongs to.
fn item(side: Entry) -> (&'static str, usize) {
    match side {
        Entry::RowLo(i) | Entry::RowUp(i) => ("row", i),
        Entry::Lo(j) | Entry::Up(j) | Entry::C(j) | Entry::P(j) | Entry::A(j) => ("bound", j),
    }
}

fn between(sum: &str, lo: Option<f64>, up: Option<f64>) -> String {
    match (lo, up) {
        (Some(lo), Some(up)) if lo == up => format!("{sum} = {lo}"),
        (Some(lo), Some(up)) if lo > up => format!("{sum} >= {lo} and <= {up}"),
        (Some(lo), Some(up)) => format!("{lo} <= {sum} <= {up}"),
        (Some(lo), None) => format!("{sum} >= {lo}"),
        (None, Some(up)) => format!("{sum} <= {up}"),
        (None, None) => sum.to_owned(),
    }
}

/// A row as a sum, of which long ones show their beginning.
fn sum(program: &Program, row: usize, variables: &[String]) -> String {
    let terms: Vec<_> = program.a.triplets().filter(|&(i, _, v)| i == row && v != 0.0).collect();
    let mut text = String::new();
    for (k, &(_, j, value)) in terms.iter().take(TERMS).enumerate() {
        text += match (k, value < 0.0) {
            (0, false) => "",
            (0, true) => "-",
            (_, false) => " + ",
            (_, true) => " - ",
        };
        let size = value.abs();
        text += &if size == 1.0 { variables[j].clone() } else { format!("{size} {}", variables[j]) };
    }
    match terms.len() {
        0 => "0".into(),
        many if many > TERMS => format!("{text} + ... ({many} terms)"),
        _ => text,
    }
}
