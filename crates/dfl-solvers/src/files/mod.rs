//! Problems from files: JSON triplets and MPS / QPS by readers of their own, LP by HiGHS.

mod mps;
mod triplets;

use std::fs;
use std::io;
use std::path::Path;

use dfl_core::{Csc, Error, Program, Result};

#[cfg(feature = "highs")]
use crate::highs::read as read_lp;

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
}

impl Problem {
    /// An objective of `program` as the file counts it, and back.
    pub fn in_own_sense(&self, objective: f64) -> f64 {
        if self.maximise { 0.0 - objective } else { objective }
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
/// | ending | holds | by |
/// | --- | --- | --- |
/// | `.json` | $\min \tfrac12 x^\top P x + q^\top x + r$ subject to $l \le Ax \le u$ as `{name, n, m, r, P_upper: {i, j, v}, q, A: {i, j, v}, l, u}`, indices from 0, `null` for an infinite bound. Entries of one position are added up. If the last `n` rows of `A` are the identity, they are the variables' bounds | this library |
/// | `.mps`, `.qps` | MPS, free or fixed, with `RANGES`, `OBJSENSE`, integer variables, `QUADOBJ`, `QMATRIX` or `QSECTION` | this library |
/// | `.lp` | the LP format | HiGHS, feature `highs` |
///
/// HiGHS's reader of LP files takes the last of several terms of one variable in the objective, and leaves out a constant on the left of
/// a constraint, without a word: write such files out, or use MPS.
///
/// Bounds of magnitude 1e20 and more are infinite. In MPS files the quadratic term has the factor $\tfrac12$, the right-hand side of
/// the objective is minus its constant, further rows of type `N` are dropped, and integer variables between markers without any
/// bound are 0 or 1, as elsewhere. What other readers resolve each in their own way is refused with its line: repeated entries,
/// names that are not declared, a negative upper bound without a lower one, more than one set of right-hand sides, NaN.
///
/// # Errors
/// [`Error::File`] if it cannot be read, [`Error::Format`] or [`Error::Content`] if it is malformed or the program in it fails
/// [`Program::check`] or is of a kind that a [`Program`] does not hold (semi-continuous variables, special ordered sets),
/// [`Error::Unsupported`] for another ending, or for an `.lp` file without HiGHS.
pub fn read_problem(path: &Path) -> Result<Problem> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let read: fn(&Path, &str) -> Result<Problem> = match ending.as_str() {
        "json" => triplets::read,
        "mps" | "qps" => mps::read,
        "lp" => read_lp,
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

#[cfg(not(feature = "highs"))]
fn read_lp(_path: &Path, _text: &str) -> Result<Problem> {
    let what = "the LP format; build it with the feature `highs` after `cargo xtask setup`, or convert the file to MPS";
    Err(Error::Unsupported { who: "this build", what })
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

/// A bound as a file states it.
fn bound(value: f64) -> f64 {
    if value.abs() >= INFINITE { f64::INFINITY.copysign(value) } else { value }
}

/// A matrix from triplets whose indices are known to fit.
fn matrix(rows: usize, columns: usize, triplets: &[(usize, usize, f64)]) -> Csc {
    Csc::from_triplets(rows, columns, triplets).expect("indices were checked when they were read")
}
