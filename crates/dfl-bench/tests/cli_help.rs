//! Help of every subcommand: it fits a screen and has an example; and what shells are given.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::io::Write as _;
use std::process::Command;

/// A terminal of usual size.
const SCREEN: (usize, usize) = (100, 50);

fn dfl(args: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_dfl")).args(args).output().unwrap();
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

/// The subcommands that a help names.
fn subcommands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| line.starts_with("  "));
    let names = listed.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// What is wrong with the help of a command and those below it; `seen` counts them.
fn complaints(path: &[String], seen: &mut usize) -> Vec<String> {
    *seen += 1;
    let args: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
    let (code, help) = dfl(&args);
    let (width, height) = (help.lines().map(|line| line.chars().count()).max().unwrap_or_default(), help.lines().count());
    let mut wrong = Vec::new();
    if code != Some(0) || width > SCREEN.0 || height > SCREEN.1 {
        wrong.push(format!("dfl {}: {width} columns, {height} lines, exit code {code:?}", args.join(" ")));
    }
    if !help.contains("Example") {
        wrong.push(format!("dfl {}: no example", args.join(" ")));
    }
    for name in subcommands(&help) {
        wrong.extend(complaints(&[path, &[name]].concat(), seen));
    }
    wrong
}

#[test]
fn every_help_fits_a_screen_and_has_an_example() {
    let mut seen = 0;
    let wrong = complaints(&[], &mut seen);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The program, solve, bench, doctor, completions, generate and nine tasks at the least.
    assert!(seen >= 15, "{seen} helps were looked at");
}

#[test]
fn the_program_names_its_exit_codes() {
    let help = dfl(&["--help"]).1;
    for words in ["Exit codes: 0 done, 1 bad input", "2 infeasible", "5 not convex", "dfl doctor"] {
        assert!(help.contains(words), "{words} is not in {help}");
    }
}

#[test]
fn each_shell_gets_completions_for_every_subcommand() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, script) = dfl(&["completions", shell]);
        assert_eq!(code, Some(0), "{shell}");
        for word in ["doctor", "time-limit", "shortest-path"] {
            assert!(script.contains(word), "{shell}: {word} is not completed");
        }
    }
    assert_eq!(dfl(&["completions", "tcsh"]).0, Some(1));
}

/// bash itself accepts its script; skipped where there is none.
#[test]
fn bash_takes_its_script() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("dfl");
    std::fs::write(&file, dfl(&["completions", "bash"]).1).unwrap();
    let script = "source \"$1\" && COMP_WORDS=(dfl doctor --j) COMP_CWORD=2 && _dfl dfl --j doctor && echo \"${COMPREPLY[@]}\"";
    match Command::new("bash").args(["-c", script, "bash"]).arg(&file).output() {
        Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "--json", "{output:?}"),
        // Written past the capture of the test harness, so that it is seen and counted.
        Err(_) => drop(writeln!(std::io::stderr(), "skipped: bash_takes_its_script: there is no bash")),
    }
}
