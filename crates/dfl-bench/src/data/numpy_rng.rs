//! The random streams of numpy's legacy `RandomState`, so that data equal those published with it.
//!
//! Only what the generators draw is here. A stream is a function of the seed and of the order of the calls; nothing else.
//! For new randomness use the named streams of `dfl_core` instead.
//!
//! # References
//! Matsumoto & Nishimura (1998), ACM TOMACS 8(1), with the seeding of their 2002 code; Marsaglia & Bray (1964), SIAM Review 6(3),
//! for the polar normals; the order of the draws inside each sampler is numpy's, which has been frozen since 1.16.

const WORDS: usize = 624;
const SHIFT: usize = 397;
const SEED_FACTOR: u32 = 1_812_433_253;
const TWIST: u32 = 0x9908_b0df;

/// The state of one legacy numpy stream.
///
/// # Differences
/// Integers and uniforms are numpy's bit for bit everywhere. Normals call the platform's `ln`, as numpy does: bit for bit with numpy on
/// Linux with glibc, within an ulp or two elsewhere.
#[derive(Clone, Debug)]
pub struct RandomState {
    key: [u32; WORDS],
    position: usize,
    kept: Option<f64>,
}

impl RandomState {
    /// The stream of `numpy.random.RandomState(seed)`: $k_0 = s$, $k_i = 1812433253\,(k_{i-1} \oplus k_{i-1} \gg 30) + i$ modulo $2^{32}$.
    pub fn new(seed: u32) -> Self {
        let mut key = [seed; WORDS];
        for i in 1..WORDS {
            let last = key[i - 1];
            key[i] = SEED_FACTOR.wrapping_mul(last ^ (last >> 30)).wrapping_add(i as u32);
        }
        Self { key, position: WORDS, kept: None }
    }

    /// The 624 words of the state, as `get_state()[1]`.
    pub fn key(&self) -> &[u32] {
        &self.key
    }

    /// How many words of the state are used up, as `get_state()[2]`; 624 after seeding.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The next 32 bits, uniform on the integers below $2^{32}$.
    pub fn u32(&mut self) -> u32 {
        if self.position == WORDS {
            self.refill();
        }
        let mut y = self.key[self.position];
        self.position += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    /// Two words, the earlier one in the upper half. Halved it is numpy's `tomaxint`.
    pub fn u64(&mut self) -> u64 {
        let high = u64::from(self.u32());
        high << 32 | u64::from(self.u32())
    }

    /// Uniform on $[0, 1)$ with 53 bits: $(\lfloor a/2^5 \rfloor 2^{26} + \lfloor b/2^6 \rfloor) / 2^{53}$ from two words; `random_sample()`.
    pub fn double(&mut self) -> f64 {
        let high = f64::from(self.u32() >> 5);
        let low = f64::from(self.u32() >> 6);
        (high * 67_108_864.0 + low) / 9_007_199_254_740_992.0
    }

    /// Uniform on `[low, high)`: $l + (h - l)\,u$.
    pub fn uniform(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.double()
    }

    /// Standard normal by the polar method.
    ///
    /// Of each accepted point $(x_1, x_2)$ of the unit disc, $f x_2$ with $f = \sqrt{-2 \ln r^2 / r^2}$ is returned and $f x_1$ kept for
    /// the next call, however many draws of other kinds come between.
    pub fn normal(&mut self) -> f64 {
        if let Some(kept) = self.kept.take() {
            return kept;
        }
        loop {
            let x1 = 2.0 * self.double() - 1.0;
            let x2 = 2.0 * self.double() - 1.0;
            let r2 = x1 * x1 + x2 * x2;
            if r2 < 1.0 && r2 != 0.0 {
                let f = (-2.0 * r2.ln() / r2).sqrt();
                self.kept = Some(f * x1);
                return f * x2;
            }
        }
    }

    /// `binomial(1, 0.5)`: 1 iff a [`double`](Self::double) exceeds one half.
    pub fn coin(&mut self) -> bool {
        self.double() > 0.5
    }

    /// Uniform on `0..=max` by rejection under the smallest mask of ones that covers `max`; draws nothing when `max` is 0.
    ///
    /// `randint(low, high)` is `low + up_to(high - low - 1)`, and so is `choice(range(low, high))`.
    pub fn up_to(&mut self, max: u32) -> u32 {
        if max == 0 {
            return 0;
        }
        let mask = u32::MAX >> max.leading_zeros();
        loop {
            let value = self.u32() & mask;
            if value <= max {
                return value;
            }
        }
    }

    /// `permutation(n)`: shuffles `0..n` from the last place down to the second.
    pub fn permutation(&mut self, n: u32) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n as usize).collect();
        for i in (1..n).rev() {
            order.swap(i as usize, self.up_to(i) as usize);
        }
        order
    }

    fn refill(&mut self) {
        for i in 0..WORDS {
            let joined = (self.key[i] & 0x8000_0000) | (self.key[(i + 1) % WORDS] & 0x7fff_ffff);
            let twist = if joined & 1 == 0 { 0 } else { TWIST };
            self.key[i] = self.key[(i + SHIFT) % WORDS] ^ (joined >> 1) ^ twist;
        }
        self.position = 0;
    }
}
