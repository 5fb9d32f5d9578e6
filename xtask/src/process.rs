//! Starting other programs.

use anyhow::{Context, Result, bail};
use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// The cargo that runs us, in the root of the workspace.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo")));
    command.current_dir(crate::checkout::root());
    command
}

/// Runs to the end with our terminal and returns the exit code.
pub(crate) fn run(command: &mut Command) -> Result<i32> {
    let status = command.status().with_context(|| format!("cannot start {}", name(command)))?;
    Ok(code(status))
}

/// Lets the program take our place, so that signals and the terminal are its alone: it may have more to say after Ctrl-C.
#[cfg(unix)]
pub(crate) fn replace(command: &mut Command) -> Result<i32> {
    let error = std::os::unix::process::CommandExt::exec(command);
    Err(error).with_context(|| format!("cannot start {}", name(command)))
}

#[cfg(not(unix))]
pub(crate) fn replace(command: &mut Command) -> Result<i32> {
    run(command)
}

/// Runs to the end and returns what it printed on standard output; its complaints are in the error.
pub(crate) fn capture(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {}", name(command)))?;
    if !output.status.success() {
        bail!("{} failed with code {}: {}", name(command), code(output.status), String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The exit code as a shell gives it: 128 plus the number of the signal that ended the process.
pub(crate) fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| signal(status).map_or(1, |number| 128 + number))
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_: ExitStatus) -> Option<i32> {
    None
}

fn name(command: &Command) -> String {
    Path::new(command.get_program()).file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned()
}

/// The first of `names` found in the folders of `path` (the value of `PATH`).
pub(crate) fn find_program(names: &[&str], path: &OsStr) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = env::split_paths(path).collect();
    names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name))).find(|file| file.is_file())
}

/// The value of `PATH`.
pub(crate) fn path() -> OsString {
    env::var_os("PATH").unwrap_or_default()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        let sh = |script: &str| run(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!([sh("exit 0"), sh("exit 3"), sh("kill -9 $$")], [0, 3, 137]);
    }

    #[test]
    fn a_failure_carries_what_the_program_said() {
        let text = capture(Command::new("sh").args(["-c", "echo broken >&2; exit 4"])).unwrap_err().to_string();
        assert_eq!(text, "sh failed with code 4: broken");
        assert!(run(&mut Command::new("/nowhere/no-such-program")).unwrap_err().to_string().contains("cannot start no-such-program"));
    }

    #[test]
    fn programs_are_found_in_the_order_of_their_names() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("second"), "").unwrap();
        assert_eq!(find_program(&["first", "second"], folder.path().as_os_str()), Some(folder.path().join("second")));
        assert_eq!(find_program(&["first"], folder.path().as_os_str()), None);
    }
}
