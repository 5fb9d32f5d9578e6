//! The factor $LDL^\top$ of $A W A^\top$ for a diagonal $W \ge 0$, in an order with little fill.

use dfl_core::{Error, Result};
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::sparse::SymbolicSparseColMatRef;
use faer::sparse::linalg::amd;

use super::lines::{Lane, Lines};

/// A row whose pivot is at most this share of its diagonal depends on those before it.
const DEPENDENT: f64 = 1e-11;

/// The rows of a matrix in the order of elimination, and the pattern of the factor, which serves every $W$.
#[derive(Clone, Debug)]
pub(super) struct Gram {
    /// $A$ by rows, reordered, and by columns.
    pub(super) a: Lines,
    pub(super) at: Lines,
    /// The row that each one was.
    pub(super) order: Vec<usize>,
    /// Columns of each row of $L$, without the diagonal, ascending.
    pattern: Vec<Vec<usize>>,
}

/// The numbers of a factor.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    /// $L$ without its diagonal, by rows and by columns.
    l: Lines,
    lt: Lines,
    /// $D^{-1}$; 0 for a row that was dropped.
    inverse: Vec<f64>,
    /// Rows that depend on those before them. Their part of a solution is zero.
    pub(super) dropped: usize,
}

impl Gram {
    /// # Errors
    /// [`Error::Backend`] if the matrix is too large to be numbered.
    pub(super) fn new(a: &Lines, columns: usize) -> Result<Self> {
        let order = order(&neighbours(a, &a.transpose(columns)))?;
        let mut entries = Vec::with_capacity(a.nnz());
        order.iter().enumerate().for_each(|(k, &i)| entries.extend(a.row(i).map(|(j, v)| (k, j, v))));
        let a = Lines::new(order.len(), &entries);
        let at = a.transpose(columns);
        let pattern = fill(&neighbours(&a, &at));
        Ok(Self { a, at, order, pattern })
    }

    /// Numbers of the factor, without the diagonal.
    pub(super) fn fill(&self) -> usize {
        self.pattern.iter().map(Vec::len).sum()
    }

    /// The factor for `weight`, row by row: row $k$ of $L$ solves $L_{<k} D_{<k} l_k = (A W A^\top)_{<k,k}$.
    pub(super) fn factorise(&self, weight: impl Fn(usize) -> f64) -> Factor {
        let m = self.order.len();
        let mut columns: Vec<Vec<(usize, f64)>> = vec![Vec::new(); m];
        let (mut row, mut entries) = (vec![0.0; m], Vec::with_capacity(self.fill()));
        let (mut inverse, mut dropped) = (vec![0.0; m], 0);
        for k in 0..m {
            for (j, v) in self.a.row(k) {
                let s = weight(j) * v;
                self.at.row(j).take_while(|(i, _)| *i <= k).for_each(|(i, w)| row[i] += s * w);
            }
            let diagonal = std::mem::take(&mut row[k]);
            let mut pivot = diagonal;
            for &i in &self.pattern[k] {
                let y = std::mem::take(&mut row[i]);
                columns[i].iter().for_each(|(r, v)| row[*r] -= v * y);
                let l = y * inverse[i];
                pivot -= l * y;
                columns[i].push((k, l));
                entries.push((k, i, l));
            }
            if pivot > DEPENDENT * diagonal {
                inverse[k] = 1.0 / pivot;
            } else {
                dropped += 1;
            }
        }
        let l = Lines::new(m, &entries);
        Factor { lt: l.transpose(m), l, inverse, dropped }
    }
}

impl Factor {
    /// Solves for each vector of `t`; where rows were dropped and there is a solution, it is one of them.
    #[inline(always)]
    pub(super) fn solve<const L: usize>(&self, t: &mut [Lane<L>]) {
        for k in 0..t.len() {
            let sum = self.l.dot(k, t);
            for l in 0..L {
                t[k][l] -= sum[l];
            }
        }
        for k in (0..t.len()).rev() {
            let (sum, d) = (self.lt.dot(k, t), self.inverse[k]);
            for l in 0..L {
                t[k][l] = t[k][l] * d - sum[l];
            }
        }
    }
}

/// For each row the earlier ones that share a column with it.
fn neighbours(a: &Lines, at: &Lines) -> Vec<Vec<usize>> {
    let near = |i: usize| {
        let mut list: Vec<usize> = a.row(i).flat_map(|(j, _)| at.row(j).map(|(k, _)| k).take_while(|&k| k < i)).collect();
        list.sort_unstable();
        list.dedup();
        list
    };
    (0..a.rows()).map(near).collect()
}

/// The approximate minimum degree order of a symmetric pattern, given by its lower triangle.
fn order(lower: &[Vec<usize>]) -> Result<Vec<usize>> {
    let m = lower.len();
    let (mut start, mut index) = (vec![0], Vec::new());
    for (i, list) in lower.iter().enumerate() {
        index.extend(list);
        index.push(i);
        start.push(index.len());
    }
    // By columns this is the upper triangle.
    let upper = SymbolicSparseColMatRef::new_checked(m, m, &start, None, &index);
    let (mut order, mut inverse) = (vec![0; m], vec![0; m]);
    let mut memory = MemBuffer::new(amd::order_scratch::<usize>(m, index.len()));
    amd::order(&mut order, &mut inverse, upper, amd::Control::default(), MemStack::new(&mut memory))
        .map_err(|source| Error::Backend { backend: "faer", source: Box::new(source) })?;
    Ok(order)
}

/// The pattern of each row of the factor of a symmetric matrix, by its elimination tree: row `k` has every vertex on the ways from its
/// entries up to `k`.
fn fill(lower: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let m = lower.len();
    let (mut parent, mut seen) = (vec![usize::MAX; m], vec![usize::MAX; m]);
    let mut row = |k: usize| {
        let mut out = Vec::new();
        seen[k] = k;
        for &first in &lower[k] {
            let mut i = first;
            while seen[i] != k {
                seen[i] = k;
                out.push(i);
                if parent[i] == usize::MAX {
                    parent[i] = k;
                }
                i = parent[i];
            }
        }
        out.sort_unstable();
        out
    };
    (0..m).map(&mut row).collect()
}
