//! Counts of tests, read from what `cargo test` prints.

use std::fmt;
use std::ops::AddAssign;

/// How many tests passed, failed and were skipped (libtest says "ignored").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

impl Counts {
    /// The counts in a line of the form `test result: ok. 5 passed; 0 failed; 1 ignored; ...`, else `None`.
    pub(crate) fn parse(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("test result: ")?;
        let (_, numbers) = rest.split_once(". ")?;
        let number = |word: &str| {
            let item = numbers.split(';').map(str::trim).find(|item| item.ends_with(word))?;
            item.split(' ').next()?.parse().ok()
        };
        Some(Self { passed: number("passed")?, failed: number("failed")?, skipped: number("ignored")? })
    }

    /// Counts `tests` that skipped themselves, which libtest counts as passed, as skipped.
    pub(crate) fn move_to_skipped(&mut self, tests: u64) {
        let moved = tests.min(self.passed);
        self.passed -= moved;
        self.skipped += moved;
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_read_and_others_are_not() {
        let line = "test result: FAILED. 12 passed; 2 failed; 3 ignored; 0 measured; 4 filtered out; finished in 0.01s";
        assert_eq!(Counts::parse(line), Some(Counts { passed: 12, failed: 2, skipped: 3 }));
        assert_eq!(Counts::parse("test result_of_it ... ok"), None);
        assert_eq!(Counts::parse("running 3 tests"), None);
    }

    #[test]
    fn tests_that_skip_themselves_leave_the_total_as_it_is() {
        let mut counts = Counts { passed: 3, failed: 1, skipped: 1 };
        counts.move_to_skipped(2);
        assert_eq!(counts, Counts { passed: 1, failed: 1, skipped: 3 });
        counts.move_to_skipped(5);
        assert_eq!(counts, Counts { passed: 0, failed: 1, skipped: 4 });
    }

    #[test]
    fn sums_print_on_one_line() {
        let mut sum = Counts { passed: 1, failed: 0, skipped: 2 };
        sum += Counts { passed: 10, failed: 1, skipped: 0 };
        assert_eq!(sum.to_string(), "11 passed, 1 failed, 2 skipped");
    }
}
