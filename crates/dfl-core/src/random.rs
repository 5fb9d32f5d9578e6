use rand::{Rng as _, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Gamma, StandardNormal};

use crate::{Error, Result};

/// `id` names a data row for the whole run; `slot` tells apart the several solves made for it (probe, noise sample).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The row.
    pub id: u64,
    /// Which of its solves.
    pub slot: u32,
}

/// Noise by counter: the same (seed, step, purpose, key) gives the same numbers in any order of work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stream {
    /// Seed of the run.
    pub seed: u64,
    /// Training step, so that noise is fresh in each.
    pub step: u64,
}

impl Stream {
    /// The generator for one purpose (`"init"`, `"shuffle"`, `"noise"`) and key. Streams of different names never overlap.
    pub fn rng(self, purpose: &str, key: Key) -> Rng {
        let mut seed = [0_u8; 32];
        for (part, value) in seed.chunks_exact_mut(8).zip([self.seed, self.step, fnv1a(purpose), key.id]) {
            part.copy_from_slice(&value.to_le_bytes());
        }
        let mut inner = ChaCha8Rng::from_seed(seed);
        inner.set_stream(u64::from(key.slot));
        Rng { inner }
    }
}

/// FNV-1a: stable over platforms and releases, unlike the standard library's hasher.
fn fnv1a(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A reproducible generator (ChaCha8), made by [`Stream::rng`].
#[derive(Clone, Debug)]
pub struct Rng {
    inner: ChaCha8Rng,
}

impl Rng {
    /// A generator for tests and examples; runs use [`Stream::rng`].
    pub fn seeded(seed: u64) -> Self {
        Stream { seed, step: 0 }.rng("", Key::default())
    }

    /// Uniform on `[0, 1)`.
    pub fn uniform(&mut self) -> f64 {
        self.inner.random()
    }

    /// Standard normal.
    pub fn normal(&mut self) -> f64 {
        self.inner.sample(StandardNormal)
    }

    /// Gamma of this shape and scale 1; NaN unless the shape is positive and finite.
    pub fn gamma(&mut self, shape: f64) -> f64 {
        Gamma::new(shape, 1.0).map_or(f64::NAN, |gamma| self.inner.sample(gamma))
    }

    /// Successes in `n` independent trials of probability `p`.
    ///
    /// # Errors
    /// [`Error::Domain`] unless $0 \le p \le 1$.
    pub fn binomial(&mut self, n: u64, p: f64) -> Result<u64> {
        let law = Binomial::new(n, p);
        let refused = |_| Error::Domain { what: "probability of a binomial", value: p, need: "between 0 and 1" };
        Ok(self.inner.sample(law.map_err(refused)?))
    }

    /// Uniform on `0..n`; 0 for `n = 0`.
    pub fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { self.inner.random_range(0..n) }
    }

    /// 64 random bits, e.g. the seed of a foreign generator.
    pub fn bits(&mut self) -> u64 {
        self.inner.next_u64()
    }

    /// Fisher-Yates.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_the_name_matters() {
        let first = |s: Stream, purpose: &str, id, slot| s.rng(purpose, Key { id, slot }).bits();
        let base = Stream { seed: 1, step: 2 };
        let all = [
            first(base, "noise", 3, 4),
            first(Stream { seed: 9, ..base }, "noise", 3, 4),
            first(Stream { step: 9, ..base }, "noise", 3, 4),
            first(base, "shuffle", 3, 4),
            first(base, "noise", 9, 4),
            first(base, "noise", 3, 9),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "streams {i} and a later one coincide");
        }
        assert_eq!(all[0], first(base, "noise", 3, 4));
    }

    /// Mean 0 and variance 1 within 5 standard errors (0.005 and 0.0071 at n = 40000).
    #[test]
    fn normal_moments() {
        let (mut rng, n) = (Rng::seeded(7), 40_000);
        let draws: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n as f64;
        assert!(mean.abs() < 0.025 && (variance - 1.0).abs() < 0.036, "mean {mean}, variance {variance}");
    }

    /// Mean and variance are the shape, within 5 standard errors: the variance of the squared deviation is 2 shape^2 + 6 shape.
    #[test]
    fn gamma_moments() {
        let (mut rng, n) = (Rng::seeded(8), 40_000);
        for shape in [0.2, 1.0, 3.5] {
            let draws: Vec<f64> = (0..n).map(|_| rng.gamma(shape)).collect();
            let mean = draws.iter().sum::<f64>() / n as f64;
            let variance = draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / n as f64;
            let se = |v: f64| 5.0 * (v / n as f64).sqrt();
            assert!((mean - shape).abs() < se(shape), "shape {shape}: mean {mean}");
            assert!((variance - shape).abs() < se(2.0 * shape * shape + 6.0 * shape), "shape {shape}: variance {variance}");
        }
        assert!([0.0, -1.0, f64::NAN].iter().all(|&shape| rng.gamma(shape).is_nan()));
    }

    /// Mean n p and variance n p (1 - p) within 5 standard errors, for both of the sampler's ways (few and many successes); the squared
    /// deviation of a binomial varies by at most 2 v^2 + v.
    #[test]
    fn binomial_moments() {
        let (mut rng, draws) = (Rng::seeded(9), 40_000);
        for (n, p) in [(7, 0.3), (1_000_000, 0.4), (50, 0.98)] {
            let found: Vec<f64> = (0..draws).map(|_| rng.binomial(n, p).unwrap() as f64).collect();
            let (mean, v) = (n as f64 * p, n as f64 * p * (1.0 - p));
            let found_mean = found.iter().sum::<f64>() / draws as f64;
            let found_v = found.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / draws as f64;
            let se = |variance: f64| 5.0 * (variance / draws as f64).sqrt();
            assert!((found_mean - mean).abs() < se(v) && (found_v - v).abs() < se(2.0 * v * v + v), "{n} {p}: {found_mean} {found_v}");
        }
        assert_eq!((rng.binomial(0, 0.5).unwrap(), rng.binomial(9, 0.0).unwrap(), rng.binomial(9, 1.0).unwrap()), (0, 0, 9));
        assert!([-0.1, 1.1, f64::NAN].iter().all(|&p| rng.binomial(1, p).is_err()));
    }

    #[test]
    fn a_shuffle_permutes() {
        let mut items: Vec<usize> = (0..100).collect();
        Rng::seeded(3).shuffle(&mut items);
        assert_ne!(items, (0..100).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..100).collect::<Vec<_>>());
    }
}
