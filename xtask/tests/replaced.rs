//! Ctrl-C belongs to `dfl` alone: it still prints its table after it, and only its own exit code counts.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// A stand-in for cargo that says which process it is and with what it was called.
fn cargo(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("cargo");
    std::fs::write(&file, "#!/bin/sh\necho $$ \"$@\"\nexit 130\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn the_program_takes_the_place_of_the_command() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, passed) in [(["dfl", "generate"], "-- generate"), (["bench", "--list"], "-- bench --list")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(arguments).env("CARGO", cargo(folder.path())).current_dir(folder.path());
        let child = command.stdout(Stdio::piped()).spawn().unwrap();
        let id = child.id();
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(130));
        assert!(said.starts_with(&format!("{id} run --release")) && said.trim_end().ends_with(passed), "{id}: {said}");
        assert!(!said.contains("full"), "needs a backend: {said}");
    }
}
