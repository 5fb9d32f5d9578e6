//! `dfl bench` as a user meets it: an interruption in the middle, a folder that cannot be written, a suite that does not exist.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

const LONG: &str = r#"
title = "long"
minutes = { quick = 1.0, full = 1.0 }
[[experiment]]
task = "shortest_path"
size = "5x5"
data = { features = 5, degree = 6, noise = 0.5, train = 1000, valid = 100, test = 100 }
seeds = { quick = 3, full = 3 }
training = { epochs = { quick = EPOCHS, full = 1 }, batch = 32, learning_rates = [0.05] }
run = [ { method = "least_squares" }, { method = "spo_plus", predictor = "linear", solver = "exact" } ]
"#;

fn dfl(args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dfl"));
    command.args(["bench", "--threads", "1", "--definitions"]).arg(dir).args(args).stdin(Stdio::null());
    command
}

fn suite(dir: &Path, epochs: usize) {
    std::fs::write(dir.join("long.toml"), LONG.replace("EPOCHS", &epochs.to_string())).unwrap();
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Seeds 0 to 2 of the baseline are done at once; then the interruption falls into hours of training.
#[cfg(unix)]
#[test]
fn ctrl_c_keeps_what_was_measured_and_resume_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let (out, results) = (dir.path().join("out"), dir.path().join("out/results.jsonl"));
    let out = out.to_str().unwrap();
    suite(dir.path(), 1_000_000);
    let child = dfl(&["--suite", "long", "--out", out], dir.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = || std::fs::read_to_string(&results).unwrap_or_default().lines().count();
    let started = Instant::now();
    while lines() < 6 {
        assert!(started.elapsed() < Duration::from_secs(60), "the baselines are not stored");
        std::thread::sleep(Duration::from_millis(20));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("interrupted") && text(&output).contains("--resume"), "{}", text(&output));
    let kept = std::fs::read_to_string(&results).unwrap();
    assert!(kept.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{kept}");
    suite(dir.path(), 1);
    let output = dfl(&["--suite", "long", "--out", out, "--resume"], dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "another definition must not be resumed: {}", text(&output));
    assert!(text(&output).contains("without --resume"), "{}", text(&output));
    // The same definition, of which this test cannot await the end: what is kept is said to be of the shorter one.
    std::fs::copy(dir.path().join("long.toml"), dir.path().join("out/long.toml")).unwrap();
    let output = dfl(&["--suite", "long", "--out", out, "--resume", "--timings"], dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("summed over 1 threads: solve "), "{}", text(&output));
    let all = std::fs::read_to_string(&results).unwrap();
    assert!(all.starts_with(&kept) && all.contains("spo_plus"), "earlier lines stay as they were");
}

#[test]
fn an_output_folder_that_cannot_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    suite(dir.path(), 1);
    let blocked = dir.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    let output = dfl(&["--suite", "long", "--out", blocked.join("out").to_str().unwrap()], dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("file/out"), "{}", text(&output));
}

#[test]
fn an_unknown_suite_names_those_there_are() {
    let dir = tempfile::tempdir().unwrap();
    suite(dir.path(), 1);
    let output = dfl(&["--suite", "lnog"], dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output).contains("unknown suite `lnog`; known are long"), "{}", text(&output));
}

#[test]
fn the_list_names_suites_with_their_time() {
    let dir = tempfile::tempdir().unwrap();
    suite(dir.path(), 1);
    let output = dfl(&["--list"], dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output).contains("long") && text(&output).contains("quick 1 min"), "{}", text(&output));
}

/// `dfl report` makes the page of a folder of suites again from what is stored there, and says where a page of its own would go.
#[test]
fn the_page_of_a_folder_is_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    suite(dir.path(), 1);
    let folder = out.to_str().unwrap();
    assert!(dfl(&["--suite", "long", "--out", folder, "--seeds", "1"], dir.path()).output().unwrap().status.success());
    let page = out.join("report.html");
    let first = std::fs::read_to_string(&page).unwrap();
    std::fs::remove_file(&page).unwrap();
    let report = |args: &[&str]| Command::new(env!("CARGO_BIN_EXE_dfl")).args(["report", folder]).args(args).output().unwrap();
    let again = report(&[]);
    assert!(again.status.success() && text(&again).contains("report.html"), "{}", text(&again));
    let second = std::fs::read_to_string(&page).unwrap();
    assert!(["spo_plus", "least_squares", "regret of"].iter().all(|word| first.contains(word) && second.contains(word)));
    let refused = report(&["--out", "elsewhere.html"]);
    assert!(!refused.status.success() && text(&refused).contains("--out"), "{}", text(&refused));
}
