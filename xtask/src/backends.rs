//! `cargo xtask bench` and `cargo xtask dfl`: the program `dfl` from the checkout, with every backend.

use crate::{data, instructions, peers, process, setup};
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
    if is_given(args, "--peers") {
        peers::ensure();
    }
    let mut program = program(Backends::Every);
    program.arg("bench").args(args);
    if is_given(args, "--check") {
        // A regression in either makes 1; what could not be measured, 3, stays what it is otherwise.
        let codes = [process::run(&mut program)?, instructions::check()?];
        return Ok(if codes.contains(&1) { 1 } else { codes[0] });
    }
    match value_of(args, "--accept").filter(|_| value_of(args, "--suite").is_some_and(|suites| suites.split(',').any(|s| s == "qp-layers")))
    {
        Some(why) => {
            let code = process::run(&mut program)?;
            if code == 0 {
                instructions::accept(&why)?;
            }
            Ok(code)
        }
        None => process::replace(&mut program),
    }
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

/// Whether a flag of `dfl bench` is among the arguments.
fn is_given(args: &[OsString], flag: &str) -> bool {
    args.iter().take_while(|arg| *arg != "--").any(|arg| arg == flag)
}

/// The value of an option of `dfl bench`, behind a blank or an equals sign.
fn value_of(args: &[OsString], option: &str) -> Option<String> {
    let args: Vec<_> = args.iter().take_while(|arg| *arg != "--").map(|arg| arg.to_string_lossy()).collect();
    let at = args.iter().position(|arg| arg == option || arg.strip_prefix(option).is_some_and(|rest| rest.starts_with('=')))?;
    match args[at].split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => args.get(at + 1).map(ToString::to_string),
    }
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
    // Threads of libtorch that spin while they wait starve each other where another program takes a core: minutes become hours.
    if std::env::var_os("OMP_WAIT_POLICY").is_none() {
        command.env("OMP_WAIT_POLICY", "passive");
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
    fn options_of_the_benchmark_are_found_in_either_form() {
        let args = words("--suite qp-layers,power --accept=faster --check");
        assert_eq!(value_of(&args, "--suite").as_deref(), Some("qp-layers,power"));
        assert_eq!(value_of(&args, "--accept").as_deref(), Some("faster"));
        assert!(is_given(&args, "--check") && !is_given(&args, "--peers"));
        assert_eq!(value_of(&words("--suite"), "--suite"), None);
        assert_eq!(value_of(&words("--suites x -- --suite y"), "--suite"), None);
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
