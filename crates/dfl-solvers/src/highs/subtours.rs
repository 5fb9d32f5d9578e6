//! Which subtour rows a point violates: the components of its edges, and minimum cuts.

use dfl_core::Error;

use crate::Tour;

/// What a cut must lack to be violated; edges below it are none.
const VIOLATION: f64 = 1e-6;

/// Finds sets $S$ with $x(\delta(S)) < 2$; memory kept between calls.
#[derive(Clone, Debug)]
pub(super) struct Subtours {
    tour: Tour,
    /// Weights between merged nodes, by rows.
    weight: Vec<f64>,
    /// Which nodes have been merged into one.
    merged: Vec<Vec<usize>>,
}

impl Subtours {
    pub(super) fn new(tour: Tour) -> Self {
        let n = tour.nodes();
        Self { tour, weight: vec![0.0; n * n], merged: vec![Vec::with_capacity(n); n] }
    }

    /// Hands each violated set to `cut`, by its smaller half: the components if there are several, else the cuts of the phases of
    /// Stoer and Wagner's algorithm, of which one is a minimum cut. Returns how many there were.
    pub(super) fn violated(&mut self, x: &[f64], mut cut: impl FnMut(&[usize]) -> Result<(), Error>) -> Result<usize, Error> {
        let cycles = self.components(x);
        if let [first, second] = &cycles[..] {
            // Each is what the other one leaves.
            cut(if first.len() <= second.len() { first } else { second })?;
            return Ok(1);
        }
        if cycles.len() > 2 {
            cycles.iter().try_for_each(|set| cut(&self.half(set)))?;
            return Ok(cycles.len());
        }
        self.cuts(x, cut)
    }

    /// The sets of nodes that edges connect, each in the order in which they are reached: for a 0/1 point of degree 2, along its cycles.
    pub(super) fn components(&mut self, x: &[f64]) -> Vec<Vec<usize>> {
        let n = self.tour.nodes();
        let (mut seen, mut all) = (vec![false; n], Vec::new());
        for start in 0..n {
            let (mut set, mut open) = (Vec::new(), vec![start]);
            while let Some(v) = open.pop() {
                if std::mem::replace(&mut seen[v], true) {
                    continue;
                }
                set.push(v);
                open.extend((0..n).filter(|&w| !seen[w] && x[self.tour.edge(v, w)] > VIOLATION));
            }
            if !set.is_empty() {
                all.push(set);
            }
        }
        all
    }

    fn half(&self, set: &[usize]) -> Vec<usize> {
        let n = self.tour.nodes();
        if 2 * set.len() <= n { set.to_vec() } else { (0..n).filter(|v| !set.contains(v)).collect() }
    }

    fn cuts(&mut self, x: &[f64], mut cut: impl FnMut(&[usize]) -> Result<(), Error>) -> Result<usize, Error> {
        let n = self.tour.nodes();
        self.tour.matrix(x, &mut self.weight);
        for (v, set) in self.merged.iter_mut().enumerate() {
            set.clear();
            set.push(v);
        }
        let (mut left, mut found): (Vec<usize>, usize) = ((0..n).collect(), 0);
        while left.len() > 1 {
            let (last, before, value) = self.phase(&left);
            if value < 2.0 - VIOLATION {
                cut(&self.half(&self.merged[last]))?;
                found += 1;
            }
            let moved = std::mem::take(&mut self.merged[last]);
            self.merged[before].extend(moved);
            for v in 0..n {
                let sum = self.weight[before * n + v] + self.weight[last * n + v];
                (self.weight[before * n + v], self.weight[v * n + before]) = (sum, sum);
            }
            left.retain(|&v| v != last);
        }
        Ok(found)
    }

    /// Adds the node most tightly connected to those before, until none is left: the last one, the one before it, and the weight of the
    /// cut around the last one.
    fn phase(&self, left: &[usize]) -> (usize, usize, f64) {
        let n = self.tour.nodes();
        let (mut rest, mut tight) = (left[1..].to_vec(), vec![0.0; n]);
        let (mut at, mut before, mut value) = (left[0], left[0], 0.0);
        while !rest.is_empty() {
            rest.iter().for_each(|&v| tight[v] += self.weight[at * n + v]);
            let next = (0..rest.len()).max_by(|&a, &b| f64::total_cmp(&tight[rest[a]], &tight[rest[b]])).expect("not empty");
            before = at;
            at = rest.swap_remove(next);
            value = tight[at];
        }
        (at, before, value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;

    fn found(tour: Tour, x: &[f64]) -> Vec<Vec<usize>> {
        let mut sets = Vec::new();
        let mut keep = |set: &[usize]| {
            sets.push(set.to_vec());
            Ok(())
        };
        let count = Subtours::new(tour).violated(x, &mut keep).unwrap();
        assert_eq!(count, sets.len());
        sets
    }

    fn around(tour: Tour, x: &[f64], set: &[usize]) -> f64 {
        let crosses = |(i, j): &(usize, usize)| set.contains(i) != set.contains(j);
        tour.ends().iter().zip(x).filter(|(e, _)| crosses(e)).map(|(_, x)| x).sum()
    }

    /// Random weights of every density: something is found if and only if some set of all of them is violated, and only such sets are.
    #[test]
    fn a_cut_is_found_if_there_is_one() {
        let (tour, mut rng, mut both) = (Tour::new(7).unwrap(), Rng::seeded(1), [0; 2]);
        for k in 0..400 {
            let density = 0.2 + 0.8 * f64::from(k % 20) / 20.0;
            let x: Vec<f64> = (0..tour.edges()).map(|_| if rng.uniform() < density { rng.uniform() } else { 0.0 }).collect();
            let sets = found(tour, &x);
            assert!(sets.iter().all(|set| around(tour, &x, set) < 2.0 && 2 * set.len() <= 7 && !set.is_empty()));
            let all = (1..1_u32 << 6).map(|set| (0..6).filter(|v| set >> v & 1 == 1).collect::<Vec<_>>());
            let least = all.map(|set| around(tour, &x, &set)).fold(f64::INFINITY, f64::min);
            assert_eq!(sets.is_empty(), least >= 2.0 - VIOLATION, "{least}");
            both[usize::from(sets.is_empty())] += 1;
        }
        assert!(both.iter().all(|&b| b > 20), "{both:?}");
    }

    #[test]
    fn two_triangles_are_one_row_and_three_are_three() {
        for (nodes, rows) in [(6, 1), (9, 3)] {
            let tour = Tour::new(nodes).unwrap();
            let x: Vec<f64> = tour.ends().iter().map(|(i, j)| f64::from(u8::from(i / 3 == j / 3))).collect();
            let sets = found(tour, &x);
            assert_eq!(sets.len(), rows);
            assert!(sets.iter().all(|set| set.len() == 3 && set.iter().all(|v| v / 3 == set[0] / 3)));
        }
    }
}
