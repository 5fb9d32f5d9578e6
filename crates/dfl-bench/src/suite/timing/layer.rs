use std::time::Instant;

use dfl_core::{Batch, Call, Decider, Error, Key, Result, Stream};
use rayon::ThreadPool;

use super::turns::{Contender, Samples};
use crate::layers::QpLayer;

/// Ours: a decider and its pullback, called as a training step calls them.
pub(super) struct Ours<'a> {
    pub(super) decider: Box<dyn Decider>,
    pub(super) layer: &'a QpLayer,
    pub(super) reference: &'a Batch,
    pub(super) pool: &'a ThreadPool,
    pub(super) keys: Vec<Key>,
}

impl<'a> Ours<'a> {
    pub(super) fn new(decider: Box<dyn Decider>, layer: &'a QpLayer, reference: &'a Batch, pool: &'a ThreadPool) -> Result<Self> {
        if !decider.differentiable() {
            return Err(Error::Missing { loss: "a layer", what: "a solver with a derivative" });
        }
        let keys = (0..layer.costs.rows() as u64).map(|id| Key { id, slot: 0 }).collect();
        Ok(Self { decider, layer, reference, pool, keys })
    }

    /// Seconds of both halves, the gradients, and the iterations of all rows.
    fn once(&self) -> Result<([f64; 2], Batch, usize)> {
        let call = Call { keys: &self.keys, stream: Stream::default(), backward: true };
        let start = Instant::now();
        let decisions = self.pool.install(|| self.decider.forward(&self.layer.costs, &call))?;
        let forward = start.elapsed().as_secs_f64();
        if let Some(index) = decisions.info.iter().position(|info| !info.status.usable()) {
            return Err(Error::NotSolved { index, solver: self.decider.name(), status: decisions.info[index].status });
        }
        let back = decisions.back.as_ref().ok_or(Error::Missing { loss: "a layer", what: "a solver with a derivative" })?;
        let start = Instant::now();
        let gradients = self.pool.install(|| back.pull(&self.layer.cotangents))?;
        let backward = start.elapsed().as_secs_f64();
        Ok(([forward, backward], gradients, decisions.info.iter().map(|info| info.iterations).sum()))
    }

    /// Iterations of all rows together.
    pub(super) fn iterations(&self) -> Result<usize> {
        self.once().map(|(_, _, iterations)| iterations)
    }
}

impl Contender for Ours<'_> {
    fn run(&mut self, times: usize) -> Result<Samples> {
        let mut samples = vec![("forward_seconds", Vec::new()), ("backward_seconds", Vec::new())];
        for _ in 0..times {
            let (seconds, _, _) = self.once()?;
            samples.iter_mut().zip(seconds).for_each(|(sample, s)| sample.1.push(s));
        }
        Ok(samples)
    }

    fn error(&mut self) -> Result<Option<f64>> {
        Ok(Some(gradient_error(self.reference, &self.once()?.1)))
    }
}

/// Largest difference of an entry, relative to the largest entry of its row (at least 1).
pub(super) fn gradient_error(reference: &Batch, found: &Batch) -> f64 {
    // NaN is larger than anything.
    let larger = |a: f64, v: f64| if v > a || v.is_nan() { v } else { a };
    let row = |(r, f): (&[f64], &[f64])| {
        let scale = r.iter().fold(1.0, |a, v| larger(a, v.abs()));
        r.iter().zip(f).fold(0.0, |a, (r, f)| larger(a, (r - f).abs())) / scale
    };
    reference.iter().zip(found.iter()).map(row).fold(0.0, larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_relative_to_the_largest_entry_and_nan_is_kept() {
        let reference = Batch::from_rows(&[[4.0, 0.0], [0.5, 0.0]]).unwrap();
        let found = Batch::from_rows(&[[4.0, 1.0], [0.5, 0.125]]).unwrap();
        assert_eq!(gradient_error(&reference, &found), 0.25);
        let broken = Batch::from_rows(&[[f64::NAN, 0.0], [0.5, 0.0]]).unwrap();
        assert!(gradient_error(&reference, &broken).is_nan());
    }
}
