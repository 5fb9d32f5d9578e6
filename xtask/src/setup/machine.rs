//! What the machine has: variables, programs, compilers.

use crate::process;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::ffi::OsString;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

/// What setup needs to find before it starts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// Nothing will be downloaded.
    Compiler,
    /// Something will be downloaded, with pip.
    CompilerAndPython,
}

/// A machine, as far as setup reads it. A value, so that tests can make one.
pub(crate) struct Machine {
    /// Operating system and architecture in Rust's words: `linux-x86_64`.
    pub(crate) host: String,
    /// The folder to fill.
    pub(crate) deps: PathBuf,
    variables: BTreeMap<OsString, OsString>,
    /// Whether folders such as `/usr/lib` may be searched.
    pub(crate) search_system: bool,
}

impl Machine {
    /// This machine and this checkout.
    pub(crate) fn here() -> Self {
        Self {
            host: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            deps: crate::checkout::deps(),
            variables: std::env::vars_os().collect(),
            search_system: true,
        }
    }

    /// A machine without any program or variable.
    #[cfg(test)]
    pub(crate) fn bare(host: &str, deps: &Path) -> Self {
        Self { host: host.into(), deps: deps.into(), variables: BTreeMap::new(), search_system: false }
    }

    /// The same machine with one more variable.
    #[cfg(test)]
    pub(crate) fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }

    /// The value of a variable, if it is not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<OsString> {
        self.variables.get(std::ffi::OsStr::new(name)).filter(|value| !value.is_empty()).cloned()
    }

    /// A path that the user named in a variable. What `.cargo/config.toml` puts there points into `.deps/` and does not count.
    pub(crate) fn named(&self, name: &str) -> Option<PathBuf> {
        self.variable(name).map(PathBuf::from).filter(|path| !path.starts_with(&self.deps))
    }

    /// The first of these programs on `PATH`.
    pub(crate) fn program(&self, names: &[&str]) -> Option<PathBuf> {
        process::find_program(names, &self.variable("PATH").unwrap_or_default())
    }

    /// Checks what setup needs, in one message for all that is missing. Returns the Python to use, if it was asked for.
    pub(crate) fn require(&self, need: Need) -> Result<Option<PathBuf>> {
        let mut missing = Vec::new();
        if self.variable("CXX").is_none() && self.program(&["c++", "g++", "clang++"]).is_none() {
            missing.push(COMPILER);
        }
        let python = match need {
            Need::Compiler => None,
            Need::CompilerAndPython => match self.python() {
                Ok(python) => Some(python),
                Err(lack) => {
                    missing.push(lack);
                    None
                }
            },
        };
        if missing.is_empty() {
            return Ok(python);
        }
        let lines: Vec<String> = missing.iter().map(|lack| format!("\n  {}; {}", lack.what, lack.remedy)).collect();
        bail!("this machine lacks:{}\nNothing was downloaded. Install it and run the command again.", lines.concat())
    }

    /// A Python of version 3.8 or later that has pip.
    fn python(&self) -> Result<PathBuf, Lack> {
        let Some(python) = self.program(&["python3", "python"]) else { return Err(PYTHON) };
        let says = |args: &[&str]| process::capture(Command::new(&python).args(args));
        let version = says(&["-c", "import sys; print(sys.version_info >= (3, 8))"]);
        if !version.is_ok_and(|text| text.trim() == "True") {
            return Err(PYTHON);
        }
        if says(&["-m", "pip", "--version"]).is_err() {
            return Err(PIP);
        }
        Ok(python)
    }
}

/// Something missing, and the package that brings it.
#[derive(Clone, Copy)]
struct Lack {
    what: &'static str,
    remedy: &'static str,
}

const COMPILER: Lack =
    Lack { what: "a C++ compiler", remedy: "Debian, Ubuntu: apt install g++; Fedora: dnf install gcc-c++; macOS: xcode-select --install" };
const PYTHON: Lack = Lack {
    what: "Python 3.8 or later",
    remedy: "Debian, Ubuntu: apt install python3-pip; Fedora: dnf install python3-pip; macOS: xcode-select --install",
};
const PIP: Lack = Lack {
    what: "pip, the package manager of Python",
    remedy: "Debian, Ubuntu: apt install python3-pip; Fedora: dnf install python3-pip; elsewhere: python3 -m ensurepip --user",
};

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn script(folder: &Path, name: &str, text: &str) {
        let file = folder.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[test]
    fn all_that_is_missing_is_named_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::bare("linux-x86_64", folder.path()).with("PATH", folder.path());
        let text = machine.require(Need::CompilerAndPython).unwrap_err().to_string();
        assert!(text.contains("apt install g++") && text.contains("apt install python3-pip"), "{text}");
        assert!(text.contains("Nothing was downloaded"), "{text}");
    }

    #[test]
    fn python_without_pip_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        script(folder.path(), "c++", "");
        script(folder.path(), "python3", "if [ $1 = -m ]; then exit 1; fi; echo True");
        let machine = Machine::bare("linux-x86_64", folder.path()).with("PATH", folder.path());
        let text = machine.require(Need::CompilerAndPython).unwrap_err().to_string();
        assert!(text.contains("pip, the package manager") && !text.contains("C++"), "{text}");
        assert!(machine.require(Need::Compiler).unwrap().is_none());
    }

    #[test]
    fn what_the_cargo_configuration_sets_is_not_the_users_word() {
        let machine = Machine::bare("linux-x86_64", Path::new("/clone/.deps"));
        assert_eq!(machine.with("LIBTORCH", "/clone/.deps/libtorch").named("LIBTORCH"), None);
        let machine = Machine::bare("linux-x86_64", Path::new("/clone/.deps")).with("LIBTORCH", "/opt/libtorch");
        assert_eq!(machine.named("LIBTORCH"), Some(PathBuf::from("/opt/libtorch")));
    }
}
