//! Held and Karp's dynamic program, from node 0 in both directions to the middle of the tour.

use super::Tour;

/// Most nodes, for the memory that the table takes ($2^{n-1} (n - 1)$ numbers).
pub(super) const MOST_NODES: usize = 17;

/// The dynamic program for one number of nodes.
///
/// Of the nodes other than 0, called by their number less one, let $g(A, j)$ be the least cost of a path from 0 through all of the set $A$
/// (bits of a number) to $j \notin A$:
///
/// $$g(\emptyset, j) = c_{0j}, \qquad g(A, j) = \min_{i \in A} g(A \setminus i, i) + c_{ij}$$
///
/// A tour is two such paths that meet in $j$, so the sets of at most half the nodes are enough. The table has one row per set, wide
/// enough for every $j$, so that the inner loop runs over neighbours in memory; what it holds for $j \in A$ is never read.
#[derive(Clone, Debug)]
pub(super) struct HeldKarp {
    tour: Tour,
    /// Every set that is needed but the empty one, each after its subsets.
    sets: Vec<u32>,
    /// Where in `sets` the largest begin: the first halves of tours.
    halves: usize,
}

impl HeldKarp {
    pub(super) fn new(tour: Tour) -> Self {
        let m = tour.nodes() - 1;
        let largest = m as u32 / 2;
        let of_size = |size: u32| (0..1_u32 << m).filter(move |set| set.count_ones() == size);
        let mut sets: Vec<u32> = (1..largest).flat_map(of_size).collect();
        let halves = sets.len();
        // With an even number of nodes to visit either the first half of a tour has node 1 or that of the same tour backwards has.
        sets.extend(of_size(largest).filter(|set| m % 2 == 1 || set & 1 == 1));
        Self { tour, sets, halves }
    }

    /// Numbers that [`HeldKarp::solve`] needs: the table, then the costs.
    pub(super) fn memory(&self) -> usize {
        let m = self.tour.nodes() - 1;
        ((1 << m) + m) * Self::width(m)
    }

    fn width(m: usize) -> usize {
        m.next_multiple_of(4)
    }

    /// Marks the edges of a shortest tour in `x`, which is zero.
    pub(super) fn solve(&self, theta: &[f64], memory: &mut [f64], x: &mut [f64]) {
        match Self::width(self.tour.nodes() - 1) {
            4 => self.run::<4>(theta, memory, x),
            8 => self.run::<8>(theta, memory, x),
            12 => self.run::<12>(theta, memory, x),
            _ => self.run::<16>(theta, memory, x),
        }
    }

    fn run<const W: usize>(&self, theta: &[f64], memory: &mut [f64], x: &mut [f64]) {
        let m = self.tour.nodes() - 1;
        let (table, cost) = memory.as_chunks_mut::<W>().0.split_at_mut(1 << m);
        let (first, mut rest) = theta.split_at(m);
        table[0][..m].copy_from_slice(first);
        for i in 0..m {
            let (row, later) = rest.split_at(m - 1 - i);
            for (j, &c) in (i + 1..m).zip(row) {
                (cost[i][j], cost[j][i]) = (c, c);
            }
            rest = later;
        }
        fill(&self.sets, cost, table);
        let (set, end) = self.cheapest(table);
        self.trace((set, end), cost, table, x);
        self.trace((self.rest(set, end), end), cost, table, x);
    }

    /// The nodes that are neither in `set` nor `end`.
    fn rest(&self, set: u32, end: usize) -> u32 {
        ((1 << (self.tour.nodes() - 1)) - 1) & !set & !(1 << end)
    }

    /// First half and middle of a shortest tour. One of a tour and the same backwards has node 1 in the first half or in the middle.
    fn cheapest<const W: usize>(&self, table: &[[f64; W]]) -> (u32, usize) {
        let all = (1_u32 << (self.tour.nodes() - 1)) - 1;
        let (mut best, mut found) = (f64::INFINITY, (0, 0));
        for &set in &self.sets[self.halves..] {
            for end in bits(if set & 1 == 1 { all & !set } else { 1 }) {
                let total = table[set as usize][end] + table[self.rest(set, end) as usize][end];
                if total < best {
                    (best, found) = (total, (set, end));
                }
            }
        }
        found
    }

    /// Marks the edges of a cheapest path from node 0 through `set` to `end`.
    fn trace<const W: usize>(&self, (mut set, mut end): (u32, usize), cost: &[[f64; W]], table: &[[f64; W]], x: &mut [f64]) {
        while set != 0 {
            let (mut best, mut last) = (f64::INFINITY, end);
            for i in bits(set) {
                let total = table[(set ^ (1 << i)) as usize][i] + cost[i][end];
                if total < best {
                    (best, last) = (total, i);
                }
            }
            x[self.tour.edge(last + 1, end + 1)] = 1.0;
            (set, end) = (set ^ (1 << last), last);
        }
        x[self.tour.edge(0, end + 1)] = 1.0;
    }
}

fn fill<const W: usize>(sets: &[u32], cost: &[[f64; W]], table: &mut [[f64; W]]) {
    for &set in sets {
        let mut best = [f64::INFINITY; W];
        for i in bits(set) {
            let before = table[(set ^ (1 << i)) as usize][i];
            for (best, c) in best.iter_mut().zip(&cost[i]) {
                let total = before + c;
                // One instruction, unlike `f64::min`, which looks out for NaN.
                *best = if total < *best { total } else { *best };
            }
        }
        table[set as usize] = best;
    }
}

/// The elements of a set, smallest first.
fn bits(mut set: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let first = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(first)
    })
}
