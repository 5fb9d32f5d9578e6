//! The virtual environment of `cargo xtask bench --peers`, in `.deps/peers`.

use crate::{checkout, process};
use std::process::Command;

/// Installs the peers if they are not there; what cannot be installed is a warning, since the benchmark shows it as a gap.
pub(crate) fn ensure() {
    let (folder, script) = (checkout::deps().join("peers"), checkout::root().join("benchmarks/peers/install.py"));
    let Some(python) = process::find_program(&["python3", "python"], &process::path()) else {
        return eprintln!("warning: there is no python3 on PATH, so that no peer can be timed");
    };
    if !folder.join("installed").is_file() {
        eprintln!("installing the peers into {} (600 MB to download, 3 GB on disk)", folder.display());
    }
    match process::run(Command::new(python).arg(script).arg(&folder)) {
        Ok(0) => {}
        Ok(code) => eprintln!("warning: the peers could not be installed (code {code}; the message is above)"),
        Err(error) => eprintln!("warning: the peers could not be installed: {error:#}"),
    }
}
