use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::{SolveInfo, Status};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What deciders have done so far; shared by an `Arc` with whoever prints it.
        ///
        /// Totals are sums of what each row reports, so they do not depend on the number of threads. A batch that ends in an
        /// error is not counted.
        #[derive(Debug, Default)]
        pub struct Counters {
            $($name: AtomicU64,)*
        }

        /// The state of [`Counters`] at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Counters {
            /// Adds up what happened.
            pub fn add(&self, counts: Counts) {
                $(if counts.$name > 0 {
                    self.$name.fetch_add(counts.$name, Ordering::Relaxed);
                })*
            }

            /// The totals so far.
            pub fn snapshot(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed),)* }
            }
        }

        impl Counts {
            /// What has happened since an earlier moment.
            pub fn since(self, earlier: Self) -> Self {
                Self { $($name: self.$name - earlier.$name,)* }
            }
        }
    };
}

counters! {
    /// Rows solved, whatever came of it.
    solves,
    /// Iterations of all solves.
    iterations,
    /// Solves that began from an earlier answer.
    warm_starts,
    /// Answers whose derivative is one of several.
    degenerate,
    /// Rows that ended inexact.
    inexact,
    /// Rows that ended with an incumbent that is not proven optimal.
    feasible,
    /// Rows without an answer: infeasible.
    infeasible,
    /// Rows without an answer: unbounded.
    unbounded,
    /// Rows without an answer: a limit was reached.
    limit,
    /// Rows without an answer: the solver failed.
    failed,
    /// Rows whose cotangent was pulled back.
    pullbacks,
    /// Steps of iterative refinement in all backward passes.
    refinements,
    /// Rows answered from a pool of solutions in place of a solve.
    cache_hits,
}

impl Counts {
    /// Counts the answers of a batch, one solve each.
    pub fn of(info: &[SolveInfo]) -> Self {
        let mut out = Self { solves: info.len() as u64, ..Self::default() };
        for row in info {
            out.iterations += row.iterations as u64;
            out.degenerate += u64::from(row.degenerate && row.status.usable());
            match row.status {
                Status::Optimal => {}
                Status::Inexact { .. } => out.inexact += 1,
                Status::Feasible { .. } => out.feasible += 1,
                Status::Infeasible => out.infeasible += 1,
                Status::Unbounded => out.unbounded += 1,
                Status::Limit => out.limit += 1,
                Status::Failed => out.failed += 1,
            }
        }
        out
    }

    /// Rows without an answer, of every kind.
    pub fn unanswered(&self) -> u64 {
        self.infeasible + self.unbounded + self.limit + self.failed
    }
}

/// `5 solves, 40 iterations, 3 degenerate`: what is zero is left out, but for the solves.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} solves", self.solves)?;
        let rest = [
            (self.iterations, "iterations"),
            (self.warm_starts, "warm starts"),
            (self.degenerate, "degenerate"),
            (self.inexact, "inexact"),
            (self.feasible, "feasible only"),
            (self.infeasible, "infeasible"),
            (self.unbounded, "unbounded"),
            (self.limit, "at a limit"),
            (self.failed, "failed"),
            (self.pullbacks, "pulled back"),
            (self.refinements, "refinements"),
            (self.cache_hits, "cache hits"),
        ];
        rest.iter().filter(|(count, _)| *count > 0).try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(status: Status, iterations: usize, degenerate: bool) -> SolveInfo {
        SolveInfo { status, iterations, degenerate }
    }

    #[test]
    fn each_status_has_its_own_counter() {
        let batch = [
            info(Status::Optimal, 3, true),
            info(Status::Inexact { residual: 1e-3 }, 5, false),
            info(Status::Feasible { gap: 0.1 }, 0, false),
            info(Status::Infeasible, 1, true),
            info(Status::Unbounded, 0, false),
            info(Status::Limit, 9, false),
            info(Status::Failed, 0, false),
        ];
        let counts = Counts::of(&batch);
        let expected = Counts {
            solves: 7,
            iterations: 18,
            degenerate: 1,
            inexact: 1,
            feasible: 1,
            infeasible: 1,
            unbounded: 1,
            limit: 1,
            failed: 1,
            ..Counts::default()
        };
        assert_eq!((counts, counts.unanswered()), (expected, 4));
    }

    #[test]
    fn totals_add_up_and_print_what_happened() {
        let counters = Counters::default();
        let one = Counts::of(&[info(Status::Optimal, 3, false), info(Status::Limit, 4, false)]);
        counters.add(one);
        let before = counters.snapshot();
        counters.add(Counts { refinements: 2, ..one });
        assert_eq!(counters.snapshot().to_string(), "4 solves, 14 iterations, 2 at a limit, 2 refinements");
        assert_eq!(counters.snapshot().since(before), Counts { refinements: 2, ..one });
        assert_eq!(Counts::default().to_string(), "0 solves");
    }
}
