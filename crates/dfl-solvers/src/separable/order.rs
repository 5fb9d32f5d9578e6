//! Reverse Cuthill-McKee: an order in which neighbours are close, so that a Cholesky factor stays within a narrow profile.

/// Old index of each new one. `neighbours[i]` lists the vertices that share an entry with `i`.
///
/// Each component is numbered by breadth-first search from an end of it, neighbours of low degree first, and all is reversed.
///
/// # References
/// George & Liu (1981), Computer Solution of Large Sparse Positive Definite Systems, sections 4.3 and 4.4.
pub(super) fn reverse_cuthill_mckee(neighbours: &[Vec<usize>]) -> Vec<usize> {
    let mut order = Vec::with_capacity(neighbours.len());
    let mut seen = vec![false; neighbours.len()];
    let mut by_degree: Vec<usize> = (0..neighbours.len()).collect();
    by_degree.sort_by_key(|&v| neighbours[v].len());
    for root in by_degree {
        if !seen[root] {
            let end = far_end(neighbours, root);
            search(neighbours, end, &mut seen, &mut order);
        }
    }
    order.reverse();
    order
}

/// A vertex about as far from others as any in its component: the last of a search from the last of a search, until that gains nothing.
fn far_end(neighbours: &[Vec<usize>], root: usize) -> usize {
    let (mut end, mut depth) = (root, 0);
    loop {
        let mut order = Vec::new();
        let levels = search(neighbours, end, &mut vec![false; neighbours.len()], &mut order);
        if levels <= depth {
            return end;
        }
        depth = levels;
        end = order[order.len() - 1];
    }
}

/// Breadth-first search; appends what it meets to `order` and returns the number of levels.
fn search(neighbours: &[Vec<usize>], root: usize, seen: &mut [bool], order: &mut Vec<usize>) -> usize {
    let (mut level, mut levels) = (order.len(), 0);
    seen[root] = true;
    order.push(root);
    while level < order.len() {
        let end = order.len();
        for k in level..end {
            let from = order.len();
            for &v in &neighbours[order[k]] {
                if !seen[v] {
                    seen[v] = true;
                    order.push(v);
                }
            }
            order[from..].sort_by_key(|&v| neighbours[v].len());
        }
        level = end;
        levels += 1;
    }
    levels
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bandwidth(neighbours: &[Vec<usize>], order: &[usize]) -> usize {
        let mut place = vec![usize::MAX; order.len()];
        order.iter().enumerate().for_each(|(new, &old)| place[old] = new);
        (0..order.len())
            .flat_map(|i| neighbours[i].iter().map(move |&j| (i, j)))
            .map(|(i, j)| place[i].abs_diff(place[j]))
            .max()
            .unwrap_or(0)
    }

    /// A path that was numbered wildly gets bandwidth 1, a 6x6 grid at most 7, and isolated vertices are kept.
    #[test]
    fn known_bandwidths() {
        let n = 31;
        let path: Vec<Vec<usize>> = (0..n).map(|v| vec![(v + 7) % n, (v + n - 7) % n]).collect();
        let cut =
            |(v, list): (usize, &Vec<usize>)| -> Vec<usize> { list.iter().copied().filter(|&w| (v.min(w), v.max(w)) != (0, 7)).collect() };
        let path: Vec<Vec<usize>> = path.iter().enumerate().map(cut).collect();
        assert_eq!(bandwidth(&path, &reverse_cuthill_mckee(&path)), 1);
        let near = |v: usize| (0..36).filter(|&w: &usize| (v / 6).abs_diff(w / 6) + (v % 6).abs_diff(w % 6) == 1).collect::<Vec<_>>();
        let grid: Vec<Vec<usize>> = (0..36).map(near).collect();
        assert!(bandwidth(&grid, &reverse_cuthill_mckee(&grid)) <= 7);
        let mut alone = reverse_cuthill_mckee(&vec![Vec::new(); 5]);
        alone.sort_unstable();
        assert_eq!(alone, [0, 1, 2, 3, 4]);
    }
}
