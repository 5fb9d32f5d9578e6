//! Unpacking with Python's own modules, which setup needs for pip anyway: no archive crate to compile.

use super::pins::Archive;
use crate::process;
use crate::show::Progress;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const SCRIPT: &str = include_str!("unpack.py");

/// Unpacks what the archive's `take` names into `folder`.
pub(crate) fn unpack(archive: &Archive, file: &Path, folder: &Path, python: &Path) -> Result<()> {
    let mut progress = Progress::new(&format!("unpacking {}", archive.package));
    let mut command = Command::new(python);
    command.args(["-c", SCRIPT]).arg(file).arg(folder).args(&archive.take);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start {}", python.display()))?;
    let stdout = child.stdout.take().expect("standard output was asked for as a pipe");
    for line in BufReader::new(stdout).lines() {
        if let Some((done, total)) = position(&line.context("cannot read the progress of unpacking")?) {
            progress.at(done, total);
        }
    }
    let code = process::code(child.wait().context("unpacking was lost")?);
    if code != 0 {
        bail!("cannot unpack {} (code {code}; its message is above)", archive.package);
    }
    progress.done("done");
    Ok(())
}

fn position(line: &str) -> Option<(u64, u64)> {
    let (done, total) = line.split_once(' ')?;
    Some((done.parse().ok()?, total.parse().ok()?))
}

/// Makes the folder one that torch-sys takes: a `libtorch.so` to link and a file with the version.
pub(crate) fn finish_libtorch(folder: &Path, version: &str) -> Result<()> {
    let stub = folder.join("lib/libtorch.so");
    let needs_stub = folder.join("lib/libtorch_cpu.so").exists() && !stub.exists();
    if needs_stub {
        // The wheel's own libtorch.so needs the CUDA half. The linker reads this text as "use that library instead".
        fs::write(&stub, "INPUT(libtorch_cpu.so)\n").with_context(|| format!("cannot write {}", stub.display()))?;
    }
    let file = folder.join("build-version");
    fs::write(&file, format!("{version}\n")).with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::super::pins::{Flavour, Pins};
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const MAKE_WHEEL: &str = "\
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as bundle:
    info = zipfile.ZipInfo('ninja-1.0.data/scripts/ninja')
    info.external_attr = 0o755 << 16
    bundle.writestr(info, 'program')
    bundle.writestr('ninja/__init__.py', 'left out')
";

    fn archive(take: &str) -> Archive {
        let mut archive = Pins::load().unwrap().of("ninja", "linux-x86_64", Flavour::Cpu).swap_remove(0);
        archive.take = vec![take.to_owned()];
        archive
    }

    #[test]
    fn the_named_members_come_out_with_their_permission_to_run() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("ninja.whl");
        process::capture(Command::new("python3").args(["-c", MAKE_WHEEL]).arg(&wheel)).unwrap();
        let out = folder.path().join("out");
        fs::create_dir(&out).unwrap();
        unpack(&archive("ninja-*.data/scripts/=bin/"), &wheel, &out, Path::new("python3")).unwrap();
        let program = out.join("bin/ninja");
        assert_eq!(fs::read_to_string(&program).unwrap(), "program");
        assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
    }

    #[test]
    fn an_archive_without_the_named_members_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let wheel = folder.path().join("ninja.whl");
        process::capture(Command::new("python3").args(["-c", MAKE_WHEEL]).arg(&wheel)).unwrap();
        let text = unpack(&archive("gone/="), &wheel, folder.path(), Path::new("python3")).unwrap_err().to_string();
        assert!(text.contains("cannot unpack ninja"), "{text}");
    }

    #[test]
    fn a_cpu_libtorch_gets_a_linker_script_and_a_whole_one_keeps_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let lib = folder.path().join("lib");
        fs::create_dir(&lib).unwrap();
        fs::write(lib.join("libtorch_cpu.so"), "").unwrap();
        finish_libtorch(folder.path(), "2.13.0").unwrap();
        assert_eq!(fs::read_to_string(lib.join("libtorch.so")).unwrap(), "INPUT(libtorch_cpu.so)\n");
        assert_eq!(fs::read_to_string(folder.path().join("build-version")).unwrap(), "2.13.0\n");
        fs::write(lib.join("libtorch.so"), "own").unwrap();
        finish_libtorch(folder.path(), "2.13.0").unwrap();
        assert_eq!(fs::read_to_string(lib.join("libtorch.so")).unwrap(), "own");
    }
}
