//! `cargo xtask bench` and `cargo xtask dfl`: the program `dfl` from the checkout, with every backend.

use crate::{data, process, setup};
use anyhow::Result;
use std::ffi::OsString;
use std::process::Command;

/// Data sets of the default suite.
const DEFAULT_SETS: [&str; 2] = ["pjm", "so_ebm_split"];

/// Runs the benchmarks; the exit code is that of `dfl bench`.
pub(crate) fn bench(args: &[OsString]) -> Result<i32> {
    if asks(args) {
        return process::replace(program(Backends::None).arg("bench").args(args));
    }
    setup::ensure()?;
    for name in DEFAULT_SETS {
        if let Err(error) = data::ensure(name) {
            eprintln!("warning: {error:#}\nwarning: going on without the data set {name}; what needs it will say so");
        }
    }
    process::replace(program(Backends::Every).arg("bench").args(args))
}

/// Runs the program with the user's arguments; the exit code is the program's.
pub(crate) fn dfl(args: &[OsString]) -> Result<i32> {
    let backends = if asks(args) || is_bare(args) { Backends::None } else { Backends::Every };
    if backends == Backends::Every {
        setup::ensure()?;
    }
    process::replace(program(backends).args(args))
}

/// What `dfl` is compiled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Backends {
    /// Rust alone: no set-up, and a shorter build.
    None,
    Every,
}

/// Whether the user asks what there is rather than to run it.
fn asks(args: &[OsString]) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == "-h" || arg == "--help" || arg == "--list")
}

/// Whether these arguments of `dfl` name a command that uses no backend, or none at all.
fn is_bare(args: &[OsString]) -> bool {
    let Some(first) = args.first() else { return true };
    ["generate", "help", "--version", "-V"].iter().any(|word| first == word)
}

/// Optimised, since its figures are timings; in the caller's folder, since its arguments name the caller's files.
fn program(backends: Backends) -> Command {
    let mut command = process::cargo();
    if let Ok(folder) = std::env::current_dir() {
        command.current_dir(folder);
    }
    command.args(["run", "--release", "--package", "dfl-bench", "--bin", "dfl"]);
    if backends == Backends::Every {
        command.args(["--features", "full"]);
    }
    command.arg("--manifest-path").arg(crate::checkout::root().join("Cargo.toml")).arg("--");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(OsString::from).collect()
    }

    #[test]
    fn arguments_of_the_program_come_after_the_separator() {
        let arguments = |backends| {
            let mut command = program(backends);
            command.args(["solve", "--help"]);
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>()
        };
        let every = arguments(Backends::Every);
        assert_eq!(every[every.len() - 3..], ["--", "solve", "--help"]);
        assert!(every.contains(&"--release".to_owned()) && every.contains(&"full".to_owned()));
        assert!(!arguments(Backends::None).contains(&"--features".to_owned()));
    }

    #[test]
    fn what_needs_no_backend_is_known_by_its_arguments() {
        for text in ["--help", "-h", "--list", "--suite power --list"] {
            assert!(asks(&words(text)), "{text}");
        }
        for text in ["", "--suite power", "-- --list", "--lists"] {
            assert!(!asks(&words(text)), "{text}");
        }
        for text in ["", "generate shortest-path", "help bench", "--version"] {
            assert!(is_bare(&words(text)), "{text}");
        }
        assert!(!is_bare(&words("bench generate")));
    }
}
