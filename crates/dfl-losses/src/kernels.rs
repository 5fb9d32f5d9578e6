//! Vector kernels, checks of options, and memory that a thread keeps from row to row.

use std::cell::RefCell;

use dfl_core::dense::LANES;
pub(crate) use dfl_core::dense::dot;
use dfl_core::{Error, Result};

/// $c^\top (a - b)$; the shortest length counts.
pub(crate) fn dot_difference(c: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let n = c.len().min(a.len()).min(b.len());
    let ((c, end_c), (a, end_a), (b, end_b)) = (c[..n].as_chunks::<LANES>(), a[..n].as_chunks::<LANES>(), b[..n].as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for ((c, a), b) in c.iter().zip(a).zip(b) {
        for k in 0..LANES {
            lanes[k] += c[k] * (a[k] - b[k]);
        }
    }
    lanes.iter().sum::<f64>() + end_c.iter().zip(end_a).zip(end_b).map(|((c, a), b)| c * (a - b)).sum::<f64>()
}

/// `to += scale * v`.
pub(crate) fn add_scaled(to: &mut [f64], scale: f64, v: &[f64]) {
    to.iter_mut().zip(v).for_each(|(t, v)| *t += scale * v);
}

/// `to += scale * (a - b)`.
pub(crate) fn add_difference(to: &mut [f64], scale: f64, a: &[f64], b: &[f64]) {
    to.iter_mut().zip(a).zip(b).for_each(|((t, a), b)| *t += scale * (a - b));
}

/// Turns scores into the logarithms of their softmax.
pub(crate) fn log_softmax(scores: &mut [f64]) {
    let largest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = scores.iter().map(|s| (s - largest).exp()).sum();
    let log_sum = largest + sum.ln();
    scores.iter_mut().for_each(|s| *s -= log_sum);
}

/// Refuses an option that is not positive and finite.
pub(crate) fn positive(what: &'static str, value: f64) -> Result<f64> {
    if value > 0.0 && value.is_finite() { Ok(value) } else { Err(Error::Domain { what, value, need: "positive and finite" }) }
}

/// Refuses an option that is negative or not finite.
pub(crate) fn not_negative(what: &'static str, value: f64) -> Result<f64> {
    if value >= 0.0 && value.is_finite() { Ok(value) } else { Err(Error::Domain { what, value, need: "at least 0 and finite" }) }
}

/// Refuses an option outside `[0, 1]`.
pub(crate) fn share(what: &'static str, value: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&value) { Ok(value) } else { Err(Error::Domain { what, value, need: "between 0 and 1" }) }
}

/// Refuses a count of zero, or one that the slots of a key cannot tell apart.
pub(crate) fn count(what: &'static str, value: usize) -> Result<usize> {
    let fits = value > 0 && u32::try_from(value).is_ok();
    if fits { Ok(value) } else { Err(Error::Domain { what, value: value as f64, need: "between 1 and 2^32 - 1" }) }
}

/// Runs `work` on `len` numbers of this thread's memory, whatever they hold; not to be nested.
pub(crate) fn with_scratch<T>(len: usize, work: impl FnOnce(&mut [f64]) -> T) -> T {
    thread_local! {
        static SCRATCH: RefCell<Vec<f64>> = const { RefCell::new(Vec::new()) };
    }
    SCRATCH.with_borrow_mut(|memory| {
        if memory.len() < len {
            memory.resize(len, 0.0);
        }
        work(&mut memory[..len])
    })
}
