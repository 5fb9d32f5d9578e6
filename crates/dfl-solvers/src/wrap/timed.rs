use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use dfl_core::{Batch, Call, Decider, Decisions, Dims, Pullback, Result};

/// Wall time that deciders have taken so far; shared by an `Arc` with whoever prints it.
#[derive(Debug, Default)]
pub struct Stopwatch {
    nanoseconds: AtomicU64,
}

impl Stopwatch {
    /// The total so far.
    pub fn seconds(&self) -> f64 {
        self.nanoseconds.load(Ordering::Relaxed) as f64 * 1e-9
    }

    fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let out = work();
        self.nanoseconds.fetch_add(started.elapsed().as_nanos() as u64, Ordering::Relaxed);
        out
    }
}

/// Adds the wall time of every call of a decider, forward and back, to a [`Stopwatch`]: the solver's share of a training step.
#[derive(Clone, Debug)]
pub struct Timed<D> {
    inner: D,
    watch: Arc<Stopwatch>,
}

impl<D: Decider> Timed<D> {
    /// Wraps a decider.
    pub fn new(inner: D, watch: Arc<Stopwatch>) -> Self {
        Self { inner, watch }
    }
}

impl<D: Decider> Decider for Timed<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn dims(&self) -> Dims {
        self.inner.dims()
    }
    fn differentiable(&self) -> bool {
        self.inner.differentiable()
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        let out = self.watch.time(|| self.inner.forward(thetas, call))?;
        let back = out.back.map(|inner| Box::new(TimedBack { inner, watch: &self.watch }) as Box<dyn Pullback + 'd>);
        Ok(Decisions { back, ..out })
    }
}

struct TimedBack<'d> {
    inner: Box<dyn Pullback + 'd>,
    watch: &'d Stopwatch,
}

impl Pullback for TimedBack<'_> {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        self.watch.time(|| self.inner.pull(cotangent))
    }
    fn score_weights(&self, cotangent: &Batch) -> Result<Batch> {
        self.watch.time(|| self.inner.score_weights(cotangent))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Batched, Identity};
    use dfl_core::{Key, Stream};

    /// A decider and a pullback that take at least 5 ms each.
    struct Slow(Batched<Identity>);
    struct SlowBack<'d>(Box<dyn Pullback + 'd>);

    impl Decider for Slow {
        fn name(&self) -> &'static str {
            self.0.name()
        }
        fn dims(&self) -> Dims {
            self.0.dims()
        }
        fn differentiable(&self) -> bool {
            true
        }
        fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
            std::thread::sleep(Duration::from_millis(5));
            let out = self.0.forward(thetas, call)?;
            Ok(Decisions { back: out.back.map(|back| Box::new(SlowBack(back)) as Box<dyn Pullback + 'd>), ..out })
        }
    }

    impl Pullback for SlowBack<'_> {
        fn pull(&self, cotangent: &Batch) -> Result<Batch> {
            std::thread::sleep(Duration::from_millis(5));
            self.0.pull(cotangent)
        }
    }

    /// What lies between the two calls is not counted.
    #[test]
    fn both_halves_are_timed_and_nothing_else() {
        let (watch, at) = (Arc::<Stopwatch>::default(), Batch::zeros(1, 2));
        let timed = Timed::new(Slow(Batched::new(Identity::new(2))), Arc::clone(&watch));
        let call = Call { keys: &[Key::default()], stream: Stream::default(), backward: true };
        let found = timed.forward(&at, &call).unwrap();
        let forward = watch.seconds();
        assert!(forward >= 0.005, "{forward}");
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(watch.seconds(), forward);
        assert_eq!(found.back.unwrap().pull(&at).unwrap(), at);
        assert!(watch.seconds() >= forward + 0.005);
    }
}
