//! The rows that bind anything, in an order for the factor, and the products with them.

use dfl_core::{Csc, Program};

use super::order::reverse_cuthill_mckee;
use super::profile::{Factor, Profile};

/// The rows of a program with a finite side, reordered; by column.
#[derive(Clone, Debug)]
pub(super) struct Model {
    /// Row of the program that each row is.
    pub(super) kept: Vec<usize>,
    pub(super) profile: Profile,
    start: Vec<usize>,
    row: Vec<usize>,
    value: Vec<f64>,
    /// Entry of `A` that each value is.
    source: Vec<usize>,
}

impl Model {
    /// Sides that are infinite stay so, whatever `theta` is.
    pub(super) fn new(program: &Program) -> Self {
        let (n, m) = (program.n(), program.m());
        let bound: Vec<usize> = (0..m).filter(|&i| program.row_lo[i] > f64::NEG_INFINITY || program.row_up[i] < f64::INFINITY).collect();
        let mut place = vec![usize::MAX; m];
        bound.iter().enumerate().for_each(|(k, &i)| place[i] = k);
        let order = reverse_cuthill_mckee(&neighbours(&program.a, &place, bound.len()));
        let kept: Vec<usize> = order.iter().map(|&k| bound[k]).collect();
        kept.iter().enumerate().for_each(|(k, &i)| place[i] = k);
        let (mut start, mut entries) = (vec![0], Vec::new());
        for j in 0..n {
            let first = program.a.col_ptr()[j];
            let of = entries.len();
            entries.extend(
                program.a.col(j).enumerate().filter(|(_, (i, _))| place[*i] != usize::MAX).map(|(k, (i, _))| (place[i], first + k)),
            );
            entries[of..].sort_unstable();
            start.push(entries.len());
        }
        let (row, source): (Vec<usize>, Vec<usize>) = entries.into_iter().unzip();
        let mut reach: Vec<usize> = (0..kept.len()).collect();
        for j in 0..n {
            let rows = &row[start[j]..start[j + 1]];
            rows.iter().for_each(|&i| reach[i] = reach[i].min(rows[0]));
        }
        let mut out = Self { kept, profile: Profile::new(&reach), start, value: vec![0.0; row.len()], row, source };
        out.fill(&program.a);
        out
    }

    /// Takes over the values of `a`, whose pattern is that of `new`.
    pub(super) fn fill(&mut self, a: &Csc) {
        self.value.iter_mut().zip(&self.source).for_each(|(to, &k)| *to = a.values()[k]);
    }

    pub(super) fn n(&self) -> usize {
        self.start.len() - 1
    }

    /// Number of rows.
    #[inline(always)]
    pub(super) fn rows(&self) -> usize {
        self.kept.len()
    }

    /// Number of rows with those that fill the last tile of the factor.
    #[inline(always)]
    pub(super) fn padded(&self) -> usize {
        self.profile.padded()
    }

    #[inline(always)]
    fn column(&self, j: usize) -> (&[usize], &[f64]) {
        let range = self.start[j]..self.start[j + 1];
        (&self.row[range.clone()], &self.value[range])
    }

    /// `a_j'y`.
    #[inline(always)]
    pub(super) fn dot(&self, j: usize, y: &[f64]) -> f64 {
        let (rows, values) = self.column(j);
        rows.iter().zip(values).map(|(&i, v)| v * y[i]).sum()
    }

    /// `sum_i |a_ij y_i|`.
    #[inline(always)]
    pub(super) fn size(&self, j: usize, y: &[f64]) -> f64 {
        let (rows, values) = self.column(j);
        rows.iter().zip(values).map(|(&i, v)| (v * y[i]).abs()).sum()
    }

    /// `sum_i |a_ij|`.
    #[inline(always)]
    pub(super) fn norm(&self, j: usize) -> f64 {
        self.column(j).1.iter().map(|v| v.abs()).sum()
    }

    /// `out += s a_j`.
    #[inline(always)]
    pub(super) fn add(&self, j: usize, s: f64, out: &mut [f64]) {
        let (rows, values) = self.column(j);
        rows.iter().zip(values).for_each(|(&i, v)| out[i] += s * v);
    }

    /// `out += s A x`.
    #[inline(always)]
    pub(super) fn mul_add(&self, s: f64, x: &[f64], out: &mut [f64]) {
        (0..self.n()).for_each(|j| self.add(j, s * x[j], out));
    }

    /// `out[i] = sum_j weight[j] a_ij^2`.
    #[inline(always)]
    pub(super) fn squares(&self, weight: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for j in 0..self.n() {
            let (rows, values) = self.column(j);
            rows.iter().zip(values).for_each(|(&i, v)| out[i] += weight[j] * v * v);
        }
    }

    /// Writes `A_R diag(weight) A_R'` for the rows `R` whose `mask` is 1; the others are left empty, to be given a diagonal.
    #[inline(always)]
    pub(super) fn gram(&self, weight: &[f64], mask: &[f64], factor: &mut Factor) {
        let entries = factor.clear();
        for j in (0..self.n()).filter(|&j| weight[j] != 0.0) {
            let (rows, values) = self.column(j);
            for (k, (&i, v)) in rows.iter().zip(values).enumerate() {
                let s = weight[j] * mask[i] * v;
                for (&l, w) in rows[..=k].iter().zip(values) {
                    entries[self.profile.address(i, l)] += s * mask[l] * w;
                }
            }
        }
    }
}

/// For each kept row the others that share a variable with it.
fn neighbours(a: &Csc, place: &[usize], rows: usize) -> Vec<Vec<usize>> {
    let mut out = vec![Vec::new(); rows];
    for j in 0..a.cols() {
        let members: Vec<usize> = a.col(j).map(|(i, _)| place[i]).filter(|&k| k != usize::MAX).collect();
        for &k in &members {
            out[k].extend(members.iter().copied().filter(|&l| l != k));
        }
    }
    for list in &mut out {
        list.sort_unstable();
        list.dedup();
    }
    out
}
