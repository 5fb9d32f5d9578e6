use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tracing::{Metadata, Subscriber, span};
use tracing_subscriber::layer::{Context, Layer};
use tracing_subscriber::registry::LookupSpan;

/// Spans that are timed, in the order in which they are printed.
const SPANS: [&str; 3] = ["solve", "factor", "backward"];

/// Sums the time in the spans that the adapters of `dfl-solvers` open around each row: `solve` (the solver), `factor` (the tape of a
/// backward pass) and `backward` (the pullback).
///
/// Rows run on several threads at once, so these are seconds summed over threads, not of the clock: on two busy threads they go
/// twice as fast. A handle: clones share their sums. As a [`Layer`] of a `tracing` subscriber it costs about 0.2 microseconds per span; without a
/// subscriber the spans cost next to nothing.
#[derive(Clone, Debug, Default)]
pub struct Timings {
    nanoseconds: Arc<[AtomicU64; SPANS.len()]>,
}

impl Timings {
    /// Installs it for the whole process; `None` if another subscriber is there already.
    pub fn install() -> Option<Self> {
        use tracing_subscriber::layer::SubscriberExt as _;
        let timings = Self::default();
        let subscriber = tracing_subscriber::registry().with(timings.clone());
        tracing::subscriber::set_global_default(subscriber).ok().map(|()| timings)
    }

    /// Time spent in spans of a name, over all threads; zero for a name that is not timed.
    pub fn of(&self, span: &str) -> Duration {
        let nanoseconds = place(span).map_or(0, |k| self.nanoseconds[k].load(Ordering::Relaxed));
        Duration::from_nanos(nanoseconds)
    }
}

/// `solve 1.20 s, factor 0.10 s, backward 0.40 s`
impl fmt::Display for Timings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (k, name) in SPANS.iter().enumerate() {
            write!(f, "{}{name} {:.2} s", if k == 0 { "" } else { ", " }, self.of(name).as_secs_f64())?;
        }
        Ok(())
    }
}

fn place(span: &str) -> Option<usize> {
    SPANS.iter().position(|name| *name == span)
}

/// When the span was entered last.
struct Entered(Instant);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Timings {
    fn enabled(&self, metadata: &Metadata<'_>, _ctx: Context<'_, S>) -> bool {
        metadata.is_span() && metadata.target().starts_with("dfl_solvers") && place(metadata.name()).is_some()
    }

    fn on_enter(&self, id: &span::Id, ctx: Context<'_, S>) {
        if let Some(span) = ctx.span(id) {
            span.extensions_mut().replace(Entered(Instant::now()));
        }
    }

    fn on_exit(&self, id: &span::Id, ctx: Context<'_, S>) {
        let Some(span) = ctx.span(id) else { return };
        let entered = span.extensions_mut().remove::<Entered>();
        if let (Some(Entered(since)), Some(k)) = (entered, place(span.name())) {
            self.nanoseconds[k].fetch_add(u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        }
    }
}
