use dfl_core::{Batch, Call, Decider, Decisions, Dims, EnergyCurvature, Error, Key, Pullback, Result, Stream};

use super::{Sqp, SqpDerivative};
use crate::Batched;
use crate::checks::check_batch;

/// What a variable of size 0 weighs in the draw of a block.
const LEAST_WEIGHT: f64 = 1e-3;
/// Bits of the number that names a block: as many as a number has.
const DIGITS: u32 = 53;

/// Number of variables in a block.
pub(super) fn members(share: f64, n: usize) -> usize {
    ((share * n as f64).round() as usize).clamp(n.min(2), n)
}

/// So many of the variables without replacement, each time with probability proportional to $|a_j| + 10^{-3}$ among those left, in rising order;
/// `name` is the seed.
///
/// The smallest of independent exponential waiting times with these rates are such a draw (Efraimidis & Spirakis 2006, Inf. Process. Lett. 97).
pub(super) fn draw_block(a: &[f64], count: usize, name: f64) -> Vec<usize> {
    let mut rng = Stream { seed: name as u64, step: 0 }.rng("block", Key::default());
    let mut waiting: Vec<(f64, usize)> =
        a.iter().enumerate().map(|(j, a)| (-(1.0 - rng.uniform()).ln() / (a.abs() + LEAST_WEIGHT), j)).collect();
    waiting.sort_unstable_by(|x, y| x.0.total_cmp(&y.0).then(x.1.cmp(&y.1)));
    let mut block: Vec<usize> = waiting[..count].iter().map(|w| w.1).collect();
    block.sort_unstable();
    block
}

/// DFL-Block: decides by [`Sqp`], and differentiates each row over a block of its variables, drawn anew for each call from the stream and the row's
/// key.
///
/// # References
/// Wang, Wilder, Perrault & Tambe (2020), NeurIPS: blocks drawn by their coverage, of half as many edges as the graph has nodes.
pub struct BlockSqp<E: EnergyCurvature> {
    inner: Batched<Sqp<E>>,
}

impl<E: EnergyCurvature> BlockSqp<E> {
    /// Wraps a solver whose derivative is [`SqpDerivative::Block`].
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another derivative.
    pub fn new(solver: Sqp<E>) -> Result<Self> {
        match solver.options.derivative {
            SqpDerivative::Block { .. } => Ok(Self { inner: Batched::new(solver) }),
            _ => Err(Error::Unsupported { who: "an SQP without SqpDerivative::Block", what: "blocks" }),
        }
    }
}

impl<E: EnergyCurvature> Decider for BlockSqp<E> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn dims(&self) -> Dims {
        let dims = self.inner.dims();
        Dims { theta: dims.theta - 1, ..dims }
    }

    fn differentiable(&self) -> bool {
        true
    }

    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        check_batch(self.dims(), thetas, call)?;
        let (rows, phi) = (thetas.rows(), thetas.cols());
        let mut named = Batch::zeros(rows, phi + 1);
        for (i, key) in call.keys.iter().enumerate() {
            let name = call.stream.rng("block", *key).bits() >> (u64::BITS - DIGITS);
            named.row_mut(i)[..phi].copy_from_slice(thetas.row(i));
            named.row_mut(i)[phi] = name as f64;
        }
        let found = self.inner.forward(&named, call)?;
        Ok(Decisions { back: found.back.map(|back| Box::new(WithoutName(back)) as Box<dyn Pullback + 'd>), ..found })
    }
}

/// Drops the entry that names the block.
struct WithoutName<'d>(Box<dyn Pullback + 'd>);

impl Pullback for WithoutName<'_> {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        let whole = self.0.pull(cotangent)?;
        let mut out = Batch::zeros(whole.rows(), whole.cols() - 1);
        for i in 0..whole.rows() {
            out.row_mut(i).copy_from_slice(&whole.row(i)[..whole.cols() - 1]);
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of weights 1, 2 and 7 (and a thousandth each) the first two of three are those without 0, 1 or 2 with probabilities by hand, to four standard
    /// errors of 20 000 draws.
    #[test]
    fn blocks_are_drawn_without_replacement() {
        let (weights, draws) = ([1.001, 2.001, 7.001], 20_000);
        let total: f64 = weights.iter().sum();
        let pair = |i: usize, j: usize| weights[i] / total * weights[j] / (total - weights[i]);
        let mut counts = [0; 3];
        for name in 0..draws {
            let block = draw_block(&[1.0, -2.0, 7.0], 2, f64::from(name));
            counts[3 - block[0] - block[1]] += 1;
        }
        for (out, count) in counts.into_iter().enumerate() {
            let (i, j) = ((out + 1) % 3, (out + 2) % 3);
            let p = pair(i, j) + pair(j, i);
            let error = (f64::from(count) - f64::from(draws) * p) / (f64::from(draws) * p * (1.0 - p)).sqrt();
            assert!(error.abs() < 4.0, "without {out}: {error} standard errors");
        }
    }

    #[test]
    fn sizes_of_blocks() {
        assert_eq!([(0.5, 10), (0.01, 10), (1.0, 10), (0.3, 1), (0.26, 10)].map(|(s, n)| members(s, n)), [5, 2, 10, 1, 3]);
        assert_eq!(draw_block(&[0.0; 5], 5, 3.0), [0, 1, 2, 3, 4]);
    }
}
