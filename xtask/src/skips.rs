//! Tests that skip themselves: libtest counts them as passed, so they say so on standard error.

use std::collections::BTreeSet;

/// Gathers the lines `skipped: TEST: WHY` of the standard error of `cargo test`.
#[derive(Default)]
pub(crate) struct Skips {
    /// Number of the test program that is running.
    program: usize,
    /// Once per test, however many of its files are missing.
    tests: BTreeSet<(usize, String)>,
}

impl Skips {
    /// Takes in one line.
    pub(crate) fn see(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("skipped: ") {
            let test = rest.split(": ").next().unwrap_or(rest);
            self.tests.insert((self.program, test.to_owned()));
        } else if starts_program(line) {
            self.program += 1;
        }
    }

    /// How many tests skipped themselves and did not fail after all.
    pub(crate) fn count(&self, failed: &BTreeSet<String>) -> u64 {
        self.tests.iter().filter(|(_, test)| !failed.contains(test)).count() as u64
    }
}

/// Whether cargo says here that it starts the next program, as in `     Running tests/x.rs (target/...)`, possibly in colour.
fn starts_program(line: &str) -> bool {
    line.trim_start_matches(|letter: char| !letter.is_ascii_uppercase()).starts_with("Running") && line.ends_with(')')
}

/// The name of the test in a line of the form `test NAME ... FAILED`.
pub(crate) fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(text: &str) -> Skips {
        let mut skips = Skips::default();
        text.lines().for_each(|line| skips.see(line));
        skips
    }

    #[test]
    fn a_test_counts_once_per_program() {
        let text = "   Compiling a v0.1.0\n     Running tests/a.rs (target/debug/deps/a-1)\nskipped: t: /x not found\n\
                    skipped: t: /y not found\nskipped: u: no device\nwas skipped: no\n\
                    \u{1b}[1m\u{1b}[92m     Running\u{1b}[0m tests/b.rs (target/debug/deps/b-1)\nskipped: t: /x not found\n";
        assert_eq!(skips(text).count(&BTreeSet::new()), 3);
    }

    #[test]
    fn a_test_that_failed_is_not_skipped_as_well() {
        let failed = BTreeSet::from([failed_test("test t ... FAILED").unwrap().to_owned()]);
        assert_eq!(skips("skipped: t: /x not found\nskipped: u: no device\n").count(&failed), 1);
        assert_eq!([failed_test("test t ... ok"), failed_test("test result: FAILED. 1 passed")], [None, None]);
    }
}
