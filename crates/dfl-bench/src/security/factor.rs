//! Factors of matrices that share the pattern of a graph, several at once.
//!
//! The matrices are $(1 + \varepsilon) I - Q$ with rows of $Q \ge 0$ that sum to at most 1: dominated by their diagonal, so that elimination needs
//! no pivots. The order of elimination, and where entries appear, follow from the graph alone and are found once.

use std::collections::BTreeSet;

/// One number for each of `L` matrices.
pub(super) type Lane<const L: usize> = [f64; L];

/// Order of elimination, and places of all entries that can be other than zero.
///
/// Entries are stored as the diagonal, `[n]`, then for each pivot and each of its later neighbours two: that in the pivot's row (of $U$) and that in
/// its column (of $L$).
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    n: usize,
    /// Where each pivot's neighbours begin, `[n + 1]`.
    first: Vec<usize>,
    /// Later neighbours of the pivots, ascending.
    later: Vec<usize>,
    /// For each pivot the places of the entries between two of its later neighbours, row by row.
    updates: Vec<usize>,
}

impl Pattern {
    /// The pattern of a matrix with these symmetric pairs of neighbours, each by both ends, and the order of elimination: repeatedly a node with the
    /// fewest neighbours left, whose neighbours become neighbours of each other.
    pub(super) fn new(neighbours: &[Vec<usize>]) -> (Self, Vec<usize>) {
        let n = neighbours.len();
        let mut open: Vec<BTreeSet<usize>> = neighbours.iter().map(|list| list.iter().copied().collect()).collect();
        let (mut left, mut order, mut of_pivot): (BTreeSet<usize>, Vec<usize>, Vec<Vec<usize>>) =
            ((0..n).collect(), Vec::new(), Vec::new());
        while let Some(&pivot) = left.iter().min_by_key(|&&v| open[v].len()) {
            left.remove(&pivot);
            let around: Vec<usize> = std::mem::take(&mut open[pivot]).into_iter().collect();
            for &u in &around {
                open[u].remove(&pivot);
                open[u].extend(around.iter().copied().filter(|&v| v != u));
            }
            order.push(pivot);
            of_pivot.push(around);
        }
        let mut place = vec![0; n];
        order.iter().enumerate().for_each(|(k, &v)| place[v] = k);
        let (mut first, mut later) = (vec![0], Vec::new());
        for around in of_pivot {
            let mut of: Vec<usize> = around.into_iter().map(|v| place[v]).collect();
            of.sort_unstable();
            later.extend(of);
            first.push(later.len());
        }
        let mut pattern = Self { n, first, later, updates: Vec::new() };
        pattern.updates = pattern.all_updates();
        (pattern, order)
    }

    fn all_updates(&self) -> Vec<usize> {
        let of = |k: usize| {
            let around = self.around(k);
            around.iter().flat_map(move |&i| around.iter().map(move |&j| (i, j)))
        };
        (0..self.n).flat_map(of).map(|(i, j)| self.entry(i, j).expect("neighbours of a pivot are neighbours")).collect()
    }

    fn around(&self, k: usize) -> &[usize] {
        &self.later[self.first[k]..self.first[k + 1]]
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.n + 2 * self.later.len()
    }

    /// Where the entry in row `i` and column `j` of the order of elimination is.
    pub(super) fn entry(&self, i: usize, j: usize) -> Option<usize> {
        let (pivot, other) = (i.min(j), i.max(j));
        let at = || Some(self.n + 2 * (self.first[pivot] + self.around(pivot).binary_search(&other).ok()?) + usize::from(i > j));
        if i == j { Some(i) } else { at() }
    }

    /// Overwrites the entries by those of $L$ (whose diagonal is 1) and $U$.
    pub(super) fn factor<const L: usize>(&self, a: &mut [Lane<L>]) {
        let mut updates = self.updates.as_slice();
        for k in 0..self.n {
            let begin = self.n + 2 * self.first[k];
            let degree = self.first[k + 1] - self.first[k];
            let inverse = a[k].map(|d| 1.0 / d);
            for t in 0..degree {
                let lower = &mut a[begin + 2 * t + 1];
                (0..L).for_each(|l| lower[l] *= inverse[l]);
                let lower = *lower;
                let (places, rest) = updates.split_at(degree);
                for (s, &place) in places.iter().enumerate() {
                    let upper = a[begin + 2 * s];
                    let entry = &mut a[place];
                    (0..L).for_each(|l| entry[l] -= lower[l] * upper[l]);
                }
                updates = rest;
            }
        }
    }

    /// Solves $A x = b$ in place with what [`Pattern::factor`] left; `x` is in the order of elimination.
    pub(super) fn solve<const L: usize>(&self, a: &[Lane<L>], x: &mut [Lane<L>]) {
        for k in 0..self.n {
            let value = x[k];
            self.below(k).for_each(|(j, at)| subtract(&mut x[j], &a[at + 1], &value));
        }
        for k in (0..self.n).rev() {
            let mut value = x[k];
            self.below(k).for_each(|(j, at)| subtract(&mut value, &a[at], &x[j]));
            x[k] = divide(&value, &a[k]);
        }
    }

    /// Solves $A^\top x = b$ likewise.
    pub(super) fn solve_transposed<const L: usize>(&self, a: &[Lane<L>], x: &mut [Lane<L>]) {
        for k in 0..self.n {
            let value = divide(&x[k], &a[k]);
            x[k] = value;
            self.below(k).for_each(|(j, at)| subtract(&mut x[j], &a[at], &value));
        }
        for k in (0..self.n).rev() {
            let mut value = x[k];
            self.below(k).for_each(|(j, at)| subtract(&mut value, &a[at + 1], &x[j]));
            x[k] = value;
        }
    }

    /// The later neighbours of a pivot, each with the place of its entry in $U$, before that in $L$.
    #[inline]
    fn below(&self, k: usize) -> impl Iterator<Item = (usize, usize)> {
        let begin = self.first[k];
        self.around(k).iter().enumerate().map(move |(t, &j)| (j, self.n + 2 * (begin + t)))
    }
}

#[inline]
fn subtract<const L: usize>(from: &mut Lane<L>, a: &Lane<L>, b: &Lane<L>) {
    (0..L).for_each(|l| from[l] -= a[l] * b[l]);
}

#[inline]
fn divide<const L: usize>(a: &Lane<L>, b: &Lane<L>) -> Lane<L> {
    std::array::from_fn(|l| a[l] / b[l])
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;

    /// Random dominated matrices of random patterns: both systems are solved, in every lane.
    #[test]
    fn solves_what_it_factors() {
        let mut rng = Rng::seeded(5);
        for n in 1..12 {
            let pairs: Vec<(usize, usize)> = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).filter(|_| rng.uniform() < 0.3).collect();
            let mut neighbours = vec![Vec::new(); n];
            for (i, j) in pairs {
                neighbours[i].push(j);
                neighbours[j].push(i);
            }
            let (pattern, order) = Pattern::new(&neighbours);
            let mut place = vec![0; n];
            order.iter().enumerate().for_each(|(k, &v)| place[v] = k);
            let (mut entries, mut dense) = (vec![[0.0; 3]; pattern.len()], vec![[0.0; 3]; n * n]);
            let mut put = |i: usize, j: usize, value: [f64; 3]| {
                entries[pattern.entry(i, j).unwrap()] = value;
                dense[i * n + j] = value;
            };
            for (i, list) in neighbours.iter().enumerate() {
                put(place[i], place[i], [1.01; 3]);
                list.iter().for_each(|&j| put(place[i], place[j], std::array::from_fn(|_| -rng.uniform() / list.len() as f64)));
            }
            let x: Vec<[f64; 3]> = (0..n).map(|_| std::array::from_fn(|_| rng.normal())).collect();
            let product = |transposed: bool, i: usize| -> [f64; 3] {
                let at = |j: usize| if transposed { dense[j * n + i] } else { dense[i * n + j] };
                std::array::from_fn(|l| (0..n).map(|j| at(j)[l] * x[j][l]).sum())
            };
            let (mut plain, mut transposed): (Vec<_>, Vec<_>) = (0..n).map(|i| (product(false, i), product(true, i))).unzip();
            pattern.factor(&mut entries);
            pattern.solve(&entries, &mut plain);
            pattern.solve_transposed(&entries, &mut transposed);
            for found in [plain, transposed] {
                let error = found.iter().flatten().zip(x.iter().flatten()).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(error < 1e-10, "{n}: {error}");
            }
        }
    }
}
