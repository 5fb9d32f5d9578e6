//! Problems as JSON triplets.

use std::path::Path;

use dfl_core::{Csc, Program, Result, check_len};
use serde::Deserialize;

use super::{Problem, bound, invalid};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    name: String,
    n: usize,
    m: usize,
    #[serde(default)]
    r: f64,
    #[serde(rename = "P_upper")]
    p: Triplets,
    q: Vec<f64>,
    #[serde(rename = "A")]
    a: Triplets,
    l: Vec<Option<f64>>,
    u: Vec<Option<f64>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Triplets {
    i: Vec<usize>,
    j: Vec<usize>,
    v: Vec<f64>,
}

pub(super) fn read(path: &Path, text: &str) -> Result<Problem> {
    let document: Document = serde_json::from_str(text).map_err(|cause| invalid(path, "problem in JSON triplets", cause))?;
    document.problem().map_err(|cause| invalid(path, "problem in JSON triplets", cause))
}

impl Document {
    fn problem(self) -> Result<Problem> {
        let Self { name, n, m, r, p, q, a, l, u } = self;
        for (what, expected, values) in [("q", n, q.len()), ("l", m, l.len()), ("u", m, u.len())] {
            check_len(what, expected, values)?;
        }
        let p = p.matrix(["P_upper.j", "P_upper.v"], n, n)?;
        let (lo, up) = (bounds(l, f64::NEG_INFINITY), bounds(u, f64::INFINITY));
        let entries = a.triplets(["A.j", "A.v"])?;
        let a = Csc::from_triplets(m, n, &entries)?;
        // Rows of the identity at the end are the variables' bounds.
        let rows = m.checked_sub(n).filter(|&rows| ends_with_identity(&a, rows)).unwrap_or(m);
        let entries: Vec<_> = entries.into_iter().filter(|entry| entry.0 < rows).collect();
        let mut program = Program::linear(q).with_quadratic(p);
        if rows < m {
            program = program.with_bounds(lo[rows..].to_vec(), up[rows..].to_vec());
        }
        let a = super::matrix(rows, n, &entries);
        program = program.with_rows(a, lo[..rows].to_vec(), up[..rows].to_vec());
        Ok(Problem { name, program: Program { r, ..program }, ..Problem::default() })
    }
}

impl Triplets {
    fn triplets(self, [j, v]: [&'static str; 2]) -> Result<Vec<(usize, usize, f64)>> {
        check_len(j, self.i.len(), self.j.len())?;
        check_len(v, self.i.len(), self.v.len())?;
        Ok(self.i.into_iter().zip(self.j).zip(self.v).map(|((i, j), v)| (i, j, v)).collect())
    }

    fn matrix(self, names: [&'static str; 2], rows: usize, columns: usize) -> Result<Csc> {
        Csc::from_triplets(rows, columns, &self.triplets(names)?)
    }
}

fn bounds(values: Vec<Option<f64>>, missing: f64) -> Vec<f64> {
    values.into_iter().map(|v| v.map_or(missing, bound)).collect()
}

/// Whether row `first + j` is the unit vector `j`, for every column `j`.
fn ends_with_identity(a: &Csc, first: usize) -> bool {
    (0..a.cols()).all(|j| {
        let mut below = a.col(j).filter(|&(i, v)| i >= first && v != 0.0);
        below.next() == Some((first + j, 1.0)) && below.next().is_none()
    })
}
