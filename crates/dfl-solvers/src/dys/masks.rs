//! Which variables were off their bounds, at one iterate after the other.

use super::lanes::Lanes;

/// One bit for each variable and iterate.
#[derive(Clone, Debug)]
pub(super) struct Masks {
    bits: Vec<u64>,
    /// 64-bit words of an iterate.
    words: usize,
    len: usize,
}

impl Masks {
    /// Room for `capacity` iterates of `n` variables.
    pub(super) fn new(n: usize, capacity: usize) -> Self {
        let words = n.div_ceil(64);
        Self { bits: Vec::with_capacity(capacity * words), words, len: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.bits.clear();
        self.len = 0;
    }

    /// Number of iterates.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Adds that of lane `l`, which [`Lanes::record`] has written.
    pub(super) fn push<const L: usize>(&mut self, lanes: &Lanes<L>, l: usize) {
        self.bits.extend(lanes.free.iter().map(|word| word[l]));
        self.len += 1;
    }

    /// Whether variable `j` was off its bounds at iterate `k`.
    #[inline(always)]
    pub(super) fn get(&self, k: usize, j: usize) -> bool {
        self.bits[k * self.words + j / 64] >> (j % 64) & 1 == 1
    }
}
