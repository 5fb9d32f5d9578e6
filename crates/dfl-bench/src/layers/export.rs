use std::path::Path;

use dfl_core::{Batch, Error, Program, Result};
use serde::Serialize;

/// Programs and costs as `benchmarks/peers/common.py` reads them.
#[derive(Serialize)]
struct File<'a> {
    /// One for all costs, or one for each.
    programs: Vec<Standard>,
    costs: Vec<&'a [f64]>,
    cotangents: Vec<&'a [f64]>,
}

/// `min 1/2 x'Px + c'x` under `Ax = b` and `Gx <= h`, the form that all peers take; `P` whole.
#[derive(Serialize)]
struct Standard {
    #[serde(rename = "P")]
    p: Triplets,
    #[serde(rename = "A")]
    a: Triplets,
    b: Vec<f64>,
    #[serde(rename = "G")]
    g: Triplets,
    h: Vec<f64>,
}

#[derive(Default, Serialize)]
struct Triplets {
    shape: [usize; 2],
    rows: Vec<usize>,
    cols: Vec<usize>,
    values: Vec<f64>,
}

impl Triplets {
    fn push(&mut self, i: usize, j: usize, v: f64) {
        self.rows.push(i);
        self.cols.push(j);
        self.values.push(v);
    }
}

impl Standard {
    fn of(program: &Program) -> Self {
        let n = program.n();
        let empty = || Triplets { shape: [0, n], ..Triplets::default() };
        let mut out = Self { p: Triplets { shape: [n, n], ..empty() }, a: empty(), b: vec![], g: empty(), h: vec![] };
        for (i, j, v) in program.p.triplets() {
            out.p.push(i, j, v);
            if i != j {
                out.p.push(j, i, v);
            }
        }
        let mut rows = vec![Vec::new(); program.m()];
        program.a.triplets().for_each(|(i, j, v)| rows[i].push((j, v)));
        let sides = rows.iter().zip(&program.row_lo).zip(&program.row_up).map(|((row, lo), up)| (row.clone(), *lo, *up));
        let bounds = (0..n).map(|j| (vec![(j, 1.0)], program.lo[j], program.up[j]));
        sides.chain(bounds).for_each(|(row, lo, up)| out.constrain(&row, lo, up));
        (out.a.shape[0], out.g.shape[0]) = (out.b.len(), out.h.len());
        out
    }

    fn constrain(&mut self, row: &[(usize, f64)], lo: f64, up: f64) {
        let add = |to: &mut Triplets, sides: &mut Vec<f64>, sign: f64, side: f64| {
            row.iter().for_each(|&(j, v)| to.push(sides.len(), j, sign * v));
            sides.push(sign * side);
        };
        if lo == up {
            return add(&mut self.a, &mut self.b, 1.0, up);
        }
        if up.is_finite() {
            add(&mut self.g, &mut self.h, 1.0, up);
        }
        if lo.is_finite() {
            add(&mut self.g, &mut self.h, -1.0, lo);
        }
    }
}

/// Writes what a peer is to solve: one program for all `costs`, or one for each; cotangents may be without rows.
///
/// # Errors
/// [`Error::File`].
pub(crate) fn export(path: &Path, programs: &[&Program], costs: &Batch, cotangents: &Batch) -> Result<()> {
    let programs = programs.iter().map(|program| Standard::of(program)).collect();
    let file = File { programs, costs: costs.iter().collect(), cotangents: cotangents.iter().collect() };
    let failed = |source| Error::File { path: path.into(), action: "writing", remedy: "choose another folder with --out", source };
    let text = serde_json::to_vec(&file).map_err(|error| failed(error.into()))?;
    std::fs::write(path, text).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Csc;

    /// -1 <= x + 2y <= 3, x - y = 4, x >= 0, y <= 5; P = [2 1; 1 0].
    #[test]
    fn sides_become_rows_of_the_standard_form() {
        let a = Csc::from_triplets(2, 2, &[(0, 0, 1.0), (0, 1, 2.0), (1, 0, 1.0), (1, 1, -1.0)]).unwrap();
        let program = Program::linear(vec![0.0; 2])
            .with_quadratic(Csc::from_triplets(2, 2, &[(0, 0, 2.0), (0, 1, 1.0)]).unwrap())
            .with_rows(a, vec![-1.0, 4.0], vec![3.0, 4.0])
            .with_bounds(vec![0.0, f64::NEG_INFINITY], vec![f64::INFINITY, 5.0]);
        let standard = Standard::of(&program);
        let dense = |t: &Triplets| {
            let mut dense = vec![vec![0.0; t.shape[1]]; t.shape[0]];
            (0..t.values.len()).for_each(|k| dense[t.rows[k]][t.cols[k]] += t.values[k]);
            dense
        };
        assert_eq!(dense(&standard.p), [[2.0, 1.0], [1.0, 0.0]]);
        assert_eq!((dense(&standard.a), standard.b.as_slice()), (vec![vec![1.0, -1.0]], &[4.0][..]));
        assert_eq!(dense(&standard.g), [[1.0, 2.0], [-1.0, -2.0], [-1.0, 0.0], [0.0, 1.0]]);
        assert_eq!(standard.h, [3.0, 1.0, 0.0, 5.0]);
    }
}
