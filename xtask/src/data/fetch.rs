//! Fetching one address, with what the machine has: curl, else Python.

use crate::process;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program that fetches.
#[derive(Clone, Debug)]
pub(crate) enum Fetcher {
    /// Goes on with a partial file.
    Curl(PathBuf),
    /// Starts over.
    Python(PathBuf),
}

/// What curl says if the server cannot go on in the middle of a file, or has no more than what is there.
const CURL_CANNOT_GO_ON: [i32; 2] = [33, 22];

const PYTHON_SCRIPT: &str = "\
import shutil, sys, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=60) as source, open(sys.argv[2], 'wb') as out:
        shutil.copyfileobj(source, out)
except OSError as error:
    sys.exit('%s: %s' % (sys.argv[1], error))
";

impl Fetcher {
    /// curl if there is one, else Python.
    pub(crate) fn of_this_machine() -> Option<Self> {
        let find = |names: &[&str]| process::find_program(names, &process::path());
        find(&["curl"]).map(Self::Curl).or_else(|| find(&["python3", "python"]).map(Self::Python))
    }

    /// Fetches `url` into `partial`, which stays as it is when the connection breaks.
    pub(crate) fn fetch(&self, url: &str, partial: &Path) -> Result<()> {
        let continued = partial.exists();
        let mut code = self.attempt(url, partial)?;
        if continued && CURL_CANNOT_GO_ON.contains(&code) && matches!(self, Self::Curl(_)) {
            fs::remove_file(partial).with_context(|| format!("cannot remove {}", partial.display()))?;
            code = self.attempt(url, partial)?;
        }
        if code != 0 {
            bail!("{} (its message is above)", self.meaning(code));
        }
        Ok(())
    }

    fn attempt(&self, url: &str, partial: &Path) -> Result<i32> {
        let mut command = match self {
            Self::Curl(program) => curl(program, url, partial),
            Self::Python(program) => {
                let mut command = Command::new(program);
                command.args(["-c", PYTHON_SCRIPT, url]).arg(partial);
                command
            }
        };
        process::run(&mut command)
    }

    fn meaning(&self, code: i32) -> String {
        match (self, code) {
            (Self::Curl(_), 5..=7) => "the server could not be reached; is there a network?".into(),
            (Self::Curl(_), 18 | 28 | 56) => "the connection broke; run the command again to go on".into(),
            (Self::Curl(_), 22) => "the server does not have the file".into(),
            (Self::Curl(_), 23) => "the file could not be written".into(),
            (Self::Curl(_), _) => format!("curl ended with code {code}"),
            (Self::Python(_), _) => "Python could not fetch it; is there a network?".into(),
        }
    }
}

fn curl(program: &Path, url: &str, partial: &Path) -> Command {
    let mut command = Command::new(program);
    command.args(["--fail", "--location", "--silent", "--show-error", "--connect-timeout", "20"]);
    // Give up on a connection that is open but dead.
    command.args(["--speed-limit", "100", "--speed-time", "60"]);
    if partial.exists() {
        command.args(["--continue-at", "-"]);
    }
    command.arg("--output").arg(partial).arg(url);
    command
}
