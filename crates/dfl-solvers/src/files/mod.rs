//! Problems from files: JSON triplets, MPS / QPS and LP.

mod lp;
mod mps;
mod triplets;

use std::fs;
use std::io;
use std::path::Path;

use dfl_core::{Csc, Error, Program, Result};

/// Magnitude from which a bound in a file is infinite, as in CPLEX, HiGHS and others.
const INFINITE: f64 = 1e20;

/// A problem as a file states it, turned into a [`Program`], which is minimised.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// The name the file gives, else that of the file.
    pub name: String,
    /// What is minimised: where the file maximises, its objective with the opposite sign.
    pub program: Program,
    /// Whether the file maximises.
    pub maximise: bool,
    /// Names of the variables, `[n]`; empty if the file gives none.
    pub variables: Vec<String>,
    /// Names of the rows, `[m]`; empty if the file gives none, and an empty name for a row that has none.
    pub rows: Vec<String>,
}

impl Problem {
    /// An objective of `program` as the file counts it, and back.
    pub fn in_own_sense(&self, objective: f64) -> f64 {
        if self.maximise { 0.0 - objective } else { objective }
    }

    /// The same with a name for each variable and row: `x0` or `row0` where the file gives none, with its number.
    pub fn named(mut self) -> Self {
        fill(&mut self.variables, self.program.n(), "x");
        fill(&mut self.rows, self.program.m(), "row");
        self
    }

    /// Finishes what a reader has found: the opposite sign if the file maximises, and a check of everything.
    fn finish(mut self, path: &Path) -> Result<Self> {
        if self.maximise {
            let program = &mut self.program;
            program.c.iter_mut().chain(program.p.values_mut()).chain([&mut program.r]).for_each(|v| *v = 0.0 - *v);
        }
        if self.name.is_empty() {
            self.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        }
        self.program.check().map_err(|cause| invalid(path, "program", cause))?;
        Ok(self)
    }
}

/// Reads a problem from a file; the name's ending says what it holds.
///
/// | ending | holds |
/// | --- | --- |
/// | `.json` | $\min \tfrac12 x^\top P x + q^\top x + r$ subject to $l \le Ax \le u$ as `{name, n, m, r, P_upper: {i, j, v}, q, A: {i, j, v}, l, u}`, indices from 0, `null` for an infinite bound. Entries of one position are added up. If the last `n` rows of `A` are the identity, they are the variables' bounds |
/// | `.mps`, `.qps` | MPS, free or fixed, with `RANGES`, `OBJSENSE`, integer variables, `QUADOBJ`, `QMATRIX` or `QSECTION` |
/// | `.lp` | the LP format of CPLEX, with a constant and a quadratic term in the objective, two-sided rows and integer variables |
///
/// Bounds of magnitude 1e20 and more are infinite. In MPS files the quadratic term has the factor $\tfrac12$, the right-hand side of
/// the objective is minus its constant, further rows of type `N` are dropped, and integer variables between markers without any
/// bound are 0 or 1, as elsewhere. What other readers resolve each in their own way is refused with its line: repeated entries,
/// names that are not declared, a negative upper bound without a lower one, more than one set of right-hand sides, NaN.
///
/// In LP files the terms of one variable are added up, on both sides of a row, and so are constants; of several bounds the last one
/// holds, and a binary variable is 0 or 1 and within its bounds. The right-hand side of a row ends with its line. The words that open a
/// section begin a line and are not names of variables, which may have the characters of CPLEX, other letters and `|`, but no `;` and no
/// parenthesis that is not closed. A bound of a variable that occurs nowhere else is refused, and so are a negative upper bound without a
/// lower one and a file without `end`.
///
/// # Errors
/// [`Error::File`] if it cannot be read, [`Error::Format`] or [`Error::Content`] if it is malformed or the program in it fails
/// [`Program::check`] or is of a kind that a [`Program`] does not hold (semi-continuous variables, special ordered sets),
/// [`Error::Unsupported`] for another ending.
pub fn read_problem(path: &Path) -> Result<Problem> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let read: fn(&Path, &str) -> Result<Problem> = match ending.as_str() {
        "json" => triplets::read,
        "mps" | "qps" => mps::read,
        "lp" => lp::read,
        "gz" => return Err(Error::Unsupported { who: "the reader of problems", what: "compressed files; unpack it with `gunzip`" }),
        _ => {
            return Err(Error::Unsupported {
                who: "the reader of problems",
                what: "files that end in other than .json, .mps, .qps or .lp",
            });
        }
    };
    // Names may be in any encoding; all that is structure is ASCII.
    let text = fs::read(path).map_err(|source| unreadable(path, source))?;
    let text = String::from_utf8_lossy(&text);
    if text.trim().is_empty() {
        return Err(Error::Content { path: path.into(), line: 1, problem: "the file is empty", remedy: "write the problem again" });
    }
    read(path, &text)?.finish(path)
}

fn fill(names: &mut Vec<String>, count: usize, stem: &str) {
    names.resize(count, String::new());
    names.iter_mut().enumerate().filter(|(_, name)| name.is_empty()).for_each(|(k, name)| *name = format!("{stem}{k}"));
}

fn unreadable(path: &Path, source: io::Error) -> Error {
    let remedy = match source.kind() {
        io::ErrorKind::NotFound => "check the name",
        io::ErrorKind::IsADirectory => "this is a directory; name a file in it",
        io::ErrorKind::PermissionDenied => "ask for permission to read it",
        _ => "try again, or copy it to another disk",
    };
    Error::File { path: path.into(), action: "reading the file", remedy, source }
}

/// An error in the content of a file.
fn invalid(path: &Path, what: &'static str, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Format { path: path.into(), what, source: cause.into() }
}

/// What is wrong with a line, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fault(&'static str, &'static str);

type Checked<T> = std::result::Result<T, Fault>;

impl Fault {
    fn at(self, path: &Path, line: usize) -> Error {
        Error::Content { path: path.into(), line, problem: self.0, remedy: self.1 }
    }
}

/// A coefficient as a file states it.
fn finite(value: f64) -> Checked<f64> {
    if value.is_finite() { Ok(value) } else { Err(Fault("an infinite coefficient", "only bounds may be infinite")) }
}

/// A bound as a file states it.
fn bound(value: f64) -> f64 {
    if value.abs() >= INFINITE { f64::INFINITY.copysign(value) } else { value }
}

/// A matrix from triplets whose indices are known to fit.
fn matrix(rows: usize, columns: usize, triplets: &[(usize, usize, f64)]) -> Csc {
    Csc::from_triplets(rows, columns, triplets).expect("indices were checked when they were read")
}
