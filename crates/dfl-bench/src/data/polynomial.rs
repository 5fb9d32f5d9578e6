//! The recipe that PyEPO's generators share: random features, a random sparse map, a polynomial, noise.
//!
//! Each generator draws its matrices in its own order and scales in its own way; what is common is here. Everything follows numpy's order
//! of operations, so that only the rounding of one power can differ.

use dfl_core::{Batch, Error, Result, check_len};

use super::numpy_rng::RandomState;

/// What a generator returns: instances and the draws they were made from.
#[derive(Clone, Debug, PartialEq)]
pub struct Generated {
    /// Features, `[n, p]`.
    pub x: Batch,
    /// Costs, values or returns before PyEPO's cast to `f32`, `[n, d]`.
    pub c: Batch,
    /// The map from features to costs, `[d, p]`; zeros and ones but for the tour.
    pub mapping: Batch,
    /// The multiplicative noise, `[n, d]`; for the portfolio the normals of factors and assets, `[n, p + d]`.
    pub noise: Batch,
}

impl Generated {
    /// The costs as PyEPO hands them out: rounded to the nearest `f32`, held in `f64`.
    pub fn rounded_costs(&self) -> Batch {
        let mut c = self.c.clone();
        c.as_mut_slice().iter_mut().for_each(|v| *v = f64::from(*v as f32));
        c
    }
}

/// The signal of one cost, $(w\,s/\sqrt p + a)^k$ in a score $s = b'x$.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Polynomial {
    /// Weight $w$ of the score: 1, or 0.05 for the portfolio.
    pub weight: f64,
    /// Shift $a$: 3, or $0.1^{1/k}$ for the portfolio.
    pub shift: f64,
    /// Degree $k$.
    pub degree: u32,
    /// Number of features $p$.
    pub features: usize,
}

impl Polynomial {
    /// $(s/\sqrt p + 3)^k$, the signal of all generators but the portfolio's.
    pub fn of_degree(degree: u32, features: usize) -> Self {
        Self { weight: 1.0, shift: 3.0, degree, features }
    }

    /// The value at a score.
    pub fn at(&self, score: f64) -> f64 {
        power(self.weight * score / (self.features as f64).sqrt() + self.shift, self.degree)
    }
}

/// $b^k$ as numpy evaluates `array ** k`: the number, its square, and `pow` from degree three on.
///
/// # Differences
/// On processors with AVX-512, numpy's vectorised `pow` differs from the C library's, used here, by up to 1 ulp.
pub fn power(base: f64, degree: u32) -> f64 {
    match degree {
        1 => base,
        2 => base * base,
        _ => base.powf(f64::from(degree)),
    }
}

/// Scores $s = x B'$, `[n, d]`, from features `x` `[n, p]` and a map `[d, p]`.
///
/// Each is summed from the first feature to the last, every product fused with its sum, as the kernels of numpy's BLAS do.
///
/// # Differences
/// BLAS sums in this order for most shapes, but not for all: with a single sample, or with sixteen features and more, its kernels take
/// some columns in another, which depends on the processor. The last bits of those scores then differ.
///
/// # Errors
/// [`Error::Dimension`] if the numbers of features differ; [`Error::Domain`] if the result does not fit in memory.
pub fn scores(x: &Batch, mapping: &Batch) -> Result<Batch> {
    check_len("features of the map", x.cols(), mapping.cols())?;
    let mut entries = x.iter().flat_map(|xi| mapping.iter().map(move |b| fused_dot(b, xi)));
    filled("scores", x.rows(), mapping.rows(), || entries.next().expect("one entry per row of x and of the map"))
}

/// $\sum_l a_l b_l$ from the first to the last, rounded once per term.
fn fused_dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).fold(0.0, |sum, (a, b)| a.mul_add(*b, sum))
}

/// Costs entry by entry from their scores `[n, d]`: `cost(j, signal, noise)` for the `j`-th cost of a row.
///
/// # Errors
/// [`Error::Domain`] naming the degree if a cost overflows.
pub(super) fn costs(mut scores: Batch, signal: Polynomial, noise: &Batch, mut cost: impl FnMut(usize, f64, f64) -> f64) -> Result<Batch> {
    let columns = scores.cols();
    for (k, (c, e)) in scores.as_mut_slice().iter_mut().zip(noise.as_slice()).enumerate() {
        *c = cost(k % columns, signal.at(*c), *e);
    }
    // Only the degree can make a cost overflow, and the caller chose it: the row that shows it is of no interest.
    let need = "smaller: powers of this degree overflow";
    scores.check_finite("cost").map_err(|_| Error::Domain { what: "degree", value: f64::from(signal.degree), need })?;
    Ok(scores)
}

/// `binomial(1, 0.5, (rows, cols))`, row by row.
///
/// # Errors
/// [`Error::Domain`] if it does not fit in memory.
pub fn coins(rng: &mut RandomState, rows: usize, cols: usize) -> Result<Batch> {
    filled("entries of the map", rows, cols, || f64::from(u8::from(rng.coin())))
}

/// `normal(0, 1, (rows, cols))`, row by row.
///
/// # Errors
/// [`Error::Domain`] if it does not fit in memory.
pub fn normals(rng: &mut RandomState, rows: usize, cols: usize) -> Result<Batch> {
    filled("samples x features", rows, cols, || rng.normal())
}

/// `uniform(1 - width, 1 + width, (rows, cols))`, row by row.
///
/// # Errors
/// [`Error::Domain`] if it does not fit in memory.
pub fn noise(rng: &mut RandomState, width: f64, rows: usize, cols: usize) -> Result<Batch> {
    filled("samples x costs", rows, cols, || rng.uniform(1.0 - width, 1.0 + width))
}

/// Refuses no samples, no features and degree 0.
///
/// # Errors
/// [`Error::Domain`] naming which.
pub(super) fn check_sizes(samples: usize, features: usize, degree: u32) -> Result<()> {
    check_positive("samples", samples)?;
    check_positive("features", features)?;
    check("degree", f64::from(degree), degree > 0, "1 or more")
}

/// Refuses 0 where a count must be positive.
///
/// # Errors
/// [`Error::Domain`] naming `what`.
pub fn check_positive(what: &'static str, count: usize) -> Result<()> {
    check(what, count as f64, count > 0, "1 or more")
}

/// Refuses a noise half width outside $[0, 1]$: beyond 1 the noise turns the sign of a cost.
///
/// # Errors
/// [`Error::Domain`].
pub fn check_noise(width: f64) -> Result<()> {
    check("noise", width, (0.0..=1.0).contains(&width), "a half width from 0 to 1, since factors are drawn from 1 - noise to 1 + noise")
}

pub(crate) fn check(what: &'static str, value: f64, accepted: bool, need: &'static str) -> Result<()> {
    if accepted { Ok(()) } else { Err(Error::Domain { what, value, need }) }
}

/// A batch filled row by row. Memory is asked for first: a size typed wrong must end in an error, not in an abort.
pub(super) fn filled(what: &'static str, rows: usize, cols: usize, mut next: impl FnMut() -> f64) -> Result<Batch> {
    let too_large = || Error::Domain { what, value: rows as f64 * cols as f64, need: "small enough for the memory of this machine" };
    let len = rows.checked_mul(cols).ok_or_else(too_large)?;
    let mut data = Vec::new();
    data.try_reserve_exact(len).map_err(|_| too_large())?;
    data.extend((0..len).map(|_| next()));
    Batch::from_vec(rows, cols, data)
}
