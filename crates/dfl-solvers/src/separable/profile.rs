//! Cholesky factors within the profile of a symmetric matrix, in tiles of 4x4: dense arithmetic on contiguous memory.

/// 4x4 numbers, column by column.
type Tile = [f64; 16];

/// Where the entries of a symmetric matrix may be: for each row of tiles, all from the first one that is needed to the diagonal.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// First column of tiles of each row of tiles.
    first: Vec<usize>,
    /// Position of that tile.
    start: Vec<usize>,
    /// Address of entry `(row, 0)`, modulo the word size, as if the row began there.
    base: Vec<usize>,
    tiles: usize,
}

impl Profile {
    /// `reach[i]` is the first column with an entry in row `i`.
    pub(super) fn new(reach: &[usize]) -> Self {
        let blocks = reach.len().div_ceil(4);
        let first: Vec<usize> = (0..blocks).map(|b| reach.iter().skip(4 * b).take(4).fold(b, |a, &j| a.min(j / 4))).collect();
        let mut tiles = 0;
        let start = (0..blocks)
            .map(|b| {
                let at = tiles;
                tiles += b - first[b] + 1;
                at
            })
            .collect::<Vec<_>>();
        let base = (0..4 * blocks).map(|i| (16 * start[i / 4] + i % 4).wrapping_sub(16 * first[i / 4])).collect();
        Self { first, start, base, tiles }
    }

    /// Number of rows with those that fill the last tile.
    pub(super) fn padded(&self) -> usize {
        4 * self.first.len()
    }

    /// Address of entry `(i, j)`, `j <= i`, among the numbers of all tiles.
    #[inline(always)]
    pub(super) fn address(&self, i: usize, j: usize) -> usize {
        self.base[i].wrapping_add(4 * j)
    }
}

/// A matrix within a [`Profile`], and after [`Factor::factorise`] its Cholesky factor with the diagonal tiles inverted.
#[derive(Clone, Debug)]
pub(super) struct Factor {
    tiles: Vec<Tile>,
    /// Diagonal of the matrix.
    diagonal: Vec<f64>,
    /// Rows that depend on those before them; their part of a solution is zero.
    pub(super) dropped: usize,
}

impl Factor {
    pub(super) fn new(profile: &Profile) -> Self {
        Self { tiles: vec![[0.0; 16]; profile.tiles], diagonal: vec![0.0; profile.padded()], dropped: 0 }
    }

    /// Sets all entries to zero and hands them out, to be addressed by [`Profile::address`].
    #[inline(always)]
    pub(super) fn clear(&mut self) -> &mut [f64] {
        self.tiles.fill([0.0; 16]);
        self.tiles.as_flattened_mut()
    }

    /// Adds `values` to the diagonal, and then its own share `relative`; rows that only fill the last tile get 1.
    #[inline(always)]
    pub(super) fn add_diagonal(&mut self, profile: &Profile, relative: f64, values: impl Iterator<Item = f64>) {
        let entries = self.tiles.as_flattened_mut();
        for (i, v) in values.chain(std::iter::repeat(1.0)).take(profile.padded()).enumerate() {
            let at = profile.address(i, i);
            entries[at] = (1.0 + relative) * (entries[at] + v);
            self.diagonal[i] = entries[at];
        }
    }

    /// Replaces the matrix by its factor. A row whose pivot is at most `drop` times its diagonal is dropped.
    #[inline(always)]
    pub(super) fn factorise(&mut self, profile: &Profile, drop: f64) {
        let Profile { first, start, .. } = profile;
        let (diagonal, _) = self.diagonal.as_chunks::<4>();
        self.dropped = 0;
        for i in 0..first.len() {
            let (done, row) = self.tiles.split_at_mut(start[i]);
            for k in first[i]..=i {
                let (left, rest) = row.split_at_mut(k - first[i]);
                let above = if k < i { &done[start[k]..] } else { &*left };
                let from = first[i].max(first[k]);
                let mut tile = rest[0];
                let (a, b) = (&left[from - first[i]..], &above[from - first[k]..][..k - from]);
                for (a, b) in a.iter().zip(b) {
                    subtract(&mut tile, a, b);
                }
                rest[0] = if k < i {
                    times_transpose(&tile, &above[k - first[k]])
                } else {
                    let (inverse, kept) = inverse_factor(&tile, diagonal[i].map(|d| drop * d));
                    self.dropped += 4 - kept;
                    inverse
                };
            }
        }
    }

    /// Solves for the right-hand side `b`, of padded length; a singular system that has a solution is solved by one of them.
    #[inline(always)]
    pub(super) fn solve(&self, profile: &Profile, b: &mut [f64]) {
        let (b, _) = b.as_chunks_mut::<4>();
        for i in 0..b.len() {
            let (done, rest) = b.split_at_mut(i);
            let row = &self.tiles[profile.start[i]..][..=i - profile.first[i]];
            let (mut sum, mut out) = (rest[0], [0.0; 4]);
            for (tile, y) in row.iter().zip(&done[profile.first[i]..]) {
                for j in 0..4 {
                    for r in 0..4 {
                        sum[r] -= tile[4 * j + r] * y[j];
                    }
                }
            }
            let inverse = &row[row.len() - 1];
            for j in 0..4 {
                for r in 0..4 {
                    out[r] += inverse[4 * j + r] * sum[j];
                }
            }
            rest[0] = out;
        }
        for i in (0..b.len()).rev() {
            let (before, rest) = b.split_at_mut(i);
            let row = &self.tiles[profile.start[i]..][..=i - profile.first[i]];
            let x = std::array::from_fn(|j| column_dot(&row[row.len() - 1], j, &rest[0]));
            rest[0] = x;
            for (tile, y) in row.iter().zip(&mut before[profile.first[i]..]) {
                for j in 0..4 {
                    y[j] -= column_dot(tile, j, &x);
                }
            }
        }
    }
}

#[inline(always)]
fn column_dot(tile: &Tile, j: usize, x: &[f64; 4]) -> f64 {
    (tile[4 * j] * x[0] + tile[4 * j + 1] * x[1]) + (tile[4 * j + 2] * x[2] + tile[4 * j + 3] * x[3])
}

/// The inverse of the Cholesky factor of a diagonal tile, and how many pivots are above `least`; the others are dropped.
#[inline(always)]
fn inverse_factor(tile: &Tile, least: [f64; 4]) -> (Tile, usize) {
    let (mut l, mut inverse, mut kept) = ([[0.0; 4]; 4], [0.0; 16], 0);
    for j in 0..4 {
        let d = tile[5 * j] - (0..j).map(|k| l[j][k] * l[j][k]).sum::<f64>();
        let reciprocal = if d > least[j] { 1.0 / d.sqrt() } else { 0.0 };
        kept += usize::from(d > least[j]);
        for i in j + 1..4 {
            let before: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            l[i][j] = (tile[4 * j + i] - before) * reciprocal;
        }
        for c in 0..j {
            let before: f64 = (c..j).map(|k| l[j][k] * inverse[4 * c + k]).sum();
            inverse[4 * c + j] = -before * reciprocal;
        }
        inverse[5 * j] = reciprocal;
    }
    (inverse, kept)
}

/// `c -= a b'`.
#[inline(always)]
fn subtract(c: &mut Tile, a: &Tile, b: &Tile) {
    for j in 0..4 {
        for k in 0..4 {
            for r in 0..4 {
                c[4 * k + r] -= a[4 * j + r] * b[4 * j + k];
            }
        }
    }
}

/// `a b'`.
#[inline(always)]
fn times_transpose(a: &Tile, b: &Tile) -> Tile {
    let mut c = [0.0; 16];
    for j in 0..4 {
        for k in 0..4 {
            for r in 0..4 {
                c[4 * k + r] += a[4 * j + r] * b[4 * j + k];
            }
        }
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;

    /// `B B'` of a random band matrix `B`, within its profile, and as a dense matrix.
    fn random(n: usize, band: usize, copy: Option<(usize, usize)>, rng: &mut Rng) -> (Profile, Factor, Vec<Vec<f64>>) {
        let mut b: Vec<Vec<f64>> =
            (0..n).map(|i| (0..n).map(|j| if i.abs_diff(j) <= band { rng.normal() + f64::from(i == j) } else { 0.0 }).collect()).collect();
        if let Some((from, to)) = copy {
            b[to] = b[from].clone();
        }
        let dense: Vec<Vec<f64>> = b.iter().map(|r| b.iter().map(|s| r.iter().zip(s).map(|(x, y)| x * y).sum()).collect()).collect();
        let reach: Vec<usize> = dense.iter().map(|r: &Vec<f64>| r.iter().position(|&v| v != 0.0).unwrap_or(0)).collect();
        let profile = Profile::new(&reach);
        let mut factor = Factor::new(&profile);
        let entries = factor.clear();
        for i in 0..n {
            for j in reach[i]..i {
                entries[profile.address(i, j)] = dense[i][j];
            }
        }
        factor.add_diagonal(&profile, 0.0, (0..n).map(|i| dense[i][i]));
        (profile, factor, dense)
    }

    fn product(dense: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
        dense.iter().map(|r| r.iter().zip(x).map(|(a, b)| a * b).sum()).collect()
    }

    /// Every size around the tiles', narrow and full.
    #[test]
    fn solves_what_was_multiplied() {
        let mut rng = Rng::seeded(30);
        for n in 1..24 {
            for band in [0, 1, 3, n] {
                let (profile, mut factor, dense) = random(n, band, None, &mut rng);
                factor.factorise(&profile, 1e-14);
                let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
                let mut b = product(&dense, &x);
                let size = b.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
                b.resize(profile.padded(), 0.0);
                factor.solve(&profile, &mut b);
                let back = product(&dense, &b[..n]);
                let error = back.iter().zip(product(&dense, &x)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
                assert!(factor.dropped == 0 && error < 1e-11 * size, "n = {n}, band {band}: {error:.1e}");
            }
        }
    }

    /// A row that repeats an earlier one is dropped, and a right-hand side in the range is still met.
    #[test]
    fn a_dependent_row_is_dropped() {
        let mut rng = Rng::seeded(31);
        for n in 2..20 {
            let (profile, mut factor, dense) = random(n, n, Some((0, n - 1)), &mut rng);
            factor.factorise(&profile, 1e-11);
            assert_eq!(factor.dropped, 1);
            let x: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
            let mut b = product(&dense, &x);
            b.resize(profile.padded(), 0.0);
            let wanted = b.clone();
            factor.solve(&profile, &mut b);
            assert_eq!(b[n - 1], 0.0);
            let size = wanted.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
            let error = product(&dense, &b[..n]).iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(error < 1e-9 * size, "n = {n}: {error:.1e}");
        }
    }
}
