//! `cargo xtask test`: the whole test suite, with one sum at the end.

use crate::counts::Counts;
use crate::skips::{Skips, failed_test};
use crate::{process, setup};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

/// Options of `test`.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask test                       everything, with every backend
  cargo xtask test -p dfl-solvers        one crate, with every backend
  cargo xtask test kkt -- --nocapture    tests whose name holds `kkt`, with what they print

The last line is the sum over all test programs, `N passed, N failed, N skipped`. A test that lacks its data or device says
`skipped: TEST: WHY` and counts as skipped.
Exit code 0 only if none failed and at least one ran.")]
pub(crate) struct Options {
    /// Arguments of `cargo test`.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
    args: Vec<OsString>,
}

/// Crates that must build with a Rust toolchain alone.
const BARE: [&str; 4] = ["dfl-core", "dfl-losses", "dfl-solvers", "dfl-bench"];

/// Every backend. Not `--all-features`: the feature `doc-only` of dfl-models compiles libtorch's bindings so that they cannot link.
pub(crate) const EVERY_BACKEND: [&str; 3] = ["--workspace", "--features", "dfl-bench/full"];

/// Sets up, type-checks the crates without features, then runs every test.
pub(crate) fn run(options: &Options) -> Result<i32> {
    setup::ensure()?;
    if options.args.is_empty() {
        eprintln!("checking that the crates compile without features");
        let code = process::run(process::cargo().args(["check", "--quiet", "--tests"]).args(BARE.map(|name| ["-p", name]).as_flattened()))?;
        if code != 0 {
            return Ok(code);
        }
    }
    let (code, counts) = suite(&mut command(&options.args), io::stdout(), io::stderr())?;
    println!("\n{counts}");
    Ok(verdict(code, counts))
}

fn command(args: &[OsString]) -> Command {
    let mut command = process::cargo();
    command.arg("test");
    // Each test has a thread of its own: libtorch's own threads on top would only fight them.
    if std::env::var_os("OMP_NUM_THREADS").is_none() {
        command.env("OMP_NUM_THREADS", "1");
    }
    let chosen = packages(args);
    if chosen.is_empty() {
        command.args(EVERY_BACKEND);
    } else if !args.iter().any(|arg| arg == "--features" || arg == "-F") {
        let features = chosen.iter().flat_map(|name| backends_of(name));
        command.args(features.map(|feature| format!("--features={feature}")));
    }
    if !args.iter().any(|arg| arg == "--no-fail-fast") {
        // Complete counts, even where an early program fails.
        command.arg("--no-fail-fast");
    }
    command.args(args);
    command
}

/// The packages that the user named for cargo.
fn packages(args: &[OsString]) -> Vec<String> {
    let mut words = args.iter().take_while(|arg| *arg != "--").filter_map(|arg| arg.to_str());
    let mut names = Vec::new();
    while let Some(word) = words.next() {
        if word == "-p" || word == "--package" {
            names.extend(words.next().map(str::to_owned));
        } else if let Some(name) = word.strip_prefix("--package=").or_else(|| word.strip_prefix("-p")) {
            names.push(name.to_owned());
        }
    }
    names
}

/// The features of a package that bring its backends: cargo refuses a feature of a package that is not selected.
fn backends_of(package: &str) -> &'static [&'static str] {
    match package {
        "dfl-solvers" => &["dfl-solvers/highs", "dfl-solvers/osqp"],
        "dfl-models" => &["dfl-models/torch"],
        "dfl-bench" => &["dfl-bench/full"],
        _ => &[],
    }
}

/// Runs the tests, passes on what they print, and sums the counts.
fn suite(command: &mut Command, out: impl Write, err: impl Write + Send + 'static) -> Result<(i32, Counts)> {
    if io::stderr().is_terminal() && std::env::var_os("CARGO_TERM_COLOR").is_none() {
        // Cargo sees a pipe, behind which there is a terminal.
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().context("cannot start cargo test")?;
    let stdout = child.stdout.take().expect("standard output was asked for as a pipe");
    let stderr = child.stderr.take().expect("standard error was asked for as a pipe");
    let skips = thread::spawn(move || skips_in(stderr, err));
    let (mut counts, failed) = counts_in(stdout, out)?;
    let skips = skips.join().expect("the reader of standard error does not panic")?;
    counts.move_to_skipped(skips.count(&failed));
    Ok((process::code(child.wait().context("cargo test was lost")?), counts))
}

/// The sum of the counts and the tests that failed, by what the test programs print on standard output.
fn counts_in(stdout: impl Read, to: impl Write) -> Result<(Counts, BTreeSet<String>)> {
    let (mut sum, mut failed) = (Counts::default(), BTreeSet::new());
    pass_on(stdout, to, |line| {
        if let Some(counts) = Counts::parse(line) {
            sum += counts;
        }
        failed.extend(failed_test(line).map(str::to_owned));
    })?;
    Ok((sum, failed))
}

fn skips_in(stderr: impl Read, to: impl Write) -> Result<Skips> {
    let mut skips = Skips::default();
    pass_on(stderr, to, |line| skips.see(line))?;
    Ok(skips)
}

/// Writes every line to `to` as it comes, and shows it to `see`.
fn pass_on(from: impl Read, mut to: impl Write, mut see: impl FnMut(&str)) -> Result<()> {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line).context("cannot read what cargo test printed")? > 0 {
        // Nobody may be reading, as behind `head`; the tests are to run on and be counted.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        see(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']));
        line.clear();
    }
    Ok(())
}

fn verdict(code: i32, counts: Counts) -> i32 {
    if code == 0 && counts.passed == 0 {
        let why = if counts.skipped > 0 { "every test was skipped" } else { "no test ran; does the name you gave match any?" };
        eprintln!("error: {why}");
        return 1;
    }
    if code == 0 && counts.failed > 0 { 1 } else { code }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn counts_of_several_programs_are_summed() {
        let text = "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n\
                    test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured\n";
        assert_eq!(counts_in(text.as_bytes(), io::sink()).unwrap().0, Counts { passed: 3, failed: 0, skipped: 1 });
    }

    /// Seven tests: one ignored, one failed, two skipped themselves, and the one that failed had lacked a file too.
    #[test]
    #[cfg(unix)]
    fn tests_that_skip_themselves_are_not_passed() {
        let script = "echo 'skipped: a: no data' >&2; echo 'skipped: a: no more data' >&2; echo 'skipped: b: no device' >&2; \
                      echo 'skipped: c: no data' >&2; echo 'test c ... FAILED'; \
                      echo 'test result: FAILED. 5 passed; 1 failed; 1 ignored; 0 measured'; exit 101";
        let (code, counts) = suite(Command::new("sh").args(["-c", script]), io::sink(), io::sink()).unwrap();
        assert_eq!((code, counts), (101, Counts { passed: 3, failed: 1, skipped: 3 }));
    }

    #[test]
    fn what_the_tests_print_is_passed_on_byte_by_byte() {
        let (mut out, mut seen) = (Vec::new(), Vec::new());
        pass_on(&b"a\r\n\xff\n\nb"[..], &mut out, |line| seen.push(line.to_owned())).unwrap();
        assert_eq!((out.as_slice(), seen.join("|").as_str()), (&b"a\r\n\xff\n\nb"[..], "a|\u{fffd}||b"));
    }

    #[test]
    fn no_test_at_all_is_a_failure() {
        assert_eq!(verdict(0, Counts::default()), 1);
        assert_eq!(verdict(0, Counts { skipped: 1, ..Counts::default() }), 1);
        assert_eq!(verdict(0, Counts { passed: 1, ..Counts::default() }), 0);
        assert_eq!(verdict(101, Counts { passed: 1, failed: 1, skipped: 0 }), 101);
    }

    #[test]
    fn named_packages_replace_the_workspace_and_get_their_backends() {
        let arguments = |text: &str| {
            let command = command(&words(text));
            command.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(arguments("kkt -- -p"), "test --workspace --features dfl-bench/full --no-fail-fast kkt -- -p");
        assert_eq!(arguments("-p dfl-core"), "test --no-fail-fast -p dfl-core");
        let solvers = "test --features=dfl-solvers/highs --features=dfl-solvers/osqp --no-fail-fast --package=dfl-solvers";
        assert_eq!(arguments("--package=dfl-solvers"), solvers);
        assert_eq!(arguments("-p dfl-solvers --features osqp"), "test --no-fail-fast -p dfl-solvers --features osqp");
    }
}
