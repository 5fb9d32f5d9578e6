//! `dfl doctor`: what it finds, in words and as JSON, and its exit code.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::process::{Command, Output};

use serde_json::Value;

fn doctor(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dfl")).arg("doctor").args(args).output().unwrap()
}

fn checks() -> Vec<Value> {
    let output = doctor(&["--json"]);
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &found["healthy"], &found["version"]), (Some(0), &true.into(), &env!("CARGO_PKG_VERSION").into()));
    found["checks"].as_array().unwrap().clone()
}

fn state<'a>(checks: &'a [Value], name: &str) -> &'a str {
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {checks:?}"))["state"].as_str().unwrap()
}

#[test]
fn every_part_that_is_built_in_works_and_the_others_are_missing() {
    let checks = checks();
    let expected = [
        ("active_set", true),
        ("separable", true),
        ("osqp", cfg!(feature = "osqp")),
        ("highs", cfg!(feature = "highs")),
        ("parquet", cfg!(feature = "parquet")),
        ("libtorch", cfg!(feature = "torch")),
    ];
    for (name, built) in expected {
        assert_eq!(state(&checks, name), if built { "ok" } else { "missing" }, "{name}");
    }
    assert_eq!(state(&checks, "threads"), "ok");
    if cfg!(feature = "torch") {
        assert_eq!(state(&checks, "cpu"), "ok");
    }
}

#[test]
fn versions_are_those_of_the_libraries() {
    for check in checks() {
        let found = check["found"].as_str().unwrap();
        let version = found.split([',', '+']).next().unwrap();
        if ["highs", "osqp"].contains(&check["name"].as_str().unwrap()) && check["state"] == "ok" {
            assert!(version.split('.').count() == 3 && version.split('.').all(|part| part.parse::<u32>().is_ok()), "{check}");
        }
    }
}

#[test]
fn whatever_is_not_there_has_a_remedy() {
    let checks = checks();
    assert!(checks.iter().any(|check| check["name"].as_str().unwrap().starts_with("data ")), "the checkout has data sets");
    for check in &checks {
        assert_eq!(check["remedy"].is_string(), check["state"] != "ok", "{check}");
    }
    let text = String::from_utf8(doctor(&[]).stdout).unwrap();
    assert!(text.starts_with("dfl ") && text.ends_with("All that is installed works.\n"), "{text}");
    for check in &checks {
        assert!(text.contains(check["found"].as_str().unwrap()), "{check} is not in {text}");
        assert!(check["remedy"].as_str().is_none_or(|remedy| text.contains(&format!("-> {remedy}"))), "{check} is not in {text}");
    }
}

/// Data sets are looked for where the user says.
#[test]
fn data_sets_of_the_users_folder_are_found() {
    let folder = tempfile::tempdir().unwrap();
    for year in ["2008-11", "2012-16"] {
        std::fs::write(folder.path().join(format!("pjm_load_data_{year}.txt")), "").unwrap();
    }
    let output = Command::new(env!("CARGO_BIN_EXE_dfl")).args(["doctor", "--json"]).env("DFL_DATA_DIR", folder.path()).output().unwrap();
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let pjm = found["checks"].as_array().unwrap().iter().find(|check| check["name"] == "data pjm").unwrap().clone();
    assert_eq!((&pjm["state"], pjm["found"].as_str().unwrap()), (&"ok".into(), folder.path().canonicalize().unwrap().to_str().unwrap()));
}
