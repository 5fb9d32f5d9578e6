//! Downloading through pip, whose own settings say which registry or mirror to ask.

use super::pins::Archive;
use crate::{digest, process};
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The verified file of `archive` in the folder `downloads`; one that is there already is used.
pub(crate) fn download(archive: &Archive, downloads: &Path, python: &Path) -> Result<PathBuf> {
    let file = downloads.join(archive.file_name());
    if file.is_file() && digest::of_file(&file)? == archive.sha256 {
        return Ok(file);
    }
    let partial = downloads.join("partial").join(archive.file_name());
    // pip cannot go on with half a file, so what an interrupted run left is of no use.
    let _ = fs::remove_dir_all(&partial);
    fs::create_dir_all(&partial).with_context(|| format!("cannot make the folder {}", partial.display()))?;
    eprintln!("downloading {}", archive.label());
    if process::run(&mut command(archive, &partial, python))? != 0 {
        bail!("pip could not download {}. {REMEDY}", archive.label());
    }
    let came = only_file(&partial)?;
    verify(archive, &came)?;
    fs::rename(&came, &file).with_context(|| format!("cannot move the download to {}", file.display()))?;
    let _ = fs::remove_dir_all(&partial);
    Ok(file)
}

const REMEDY: &str = "\
Its message is above. Without a direct network, tell pip of your mirror or proxy (PIP_INDEX_URL, HTTPS_PROXY) or of a folder with the file \
(PIP_FIND_LINKS); then run the command again: complete downloads are kept, this one starts over.";

/// Removes downloads that are unpacked.
pub(crate) fn forget(archives: &[Archive], downloads: &Path) -> Result<()> {
    for archive in archives {
        let file = downloads.join(archive.file_name());
        fs::remove_file(&file).with_context(|| format!("cannot remove {}", file.display()))?;
    }
    Ok(())
}

fn command(archive: &Archive, folder: &Path, python: &Path) -> Command {
    let mut command = Command::new(python);
    // No cache: it would keep a second copy of half a gigabyte in the home folder.
    command.args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--disable-pip-version-check", "--no-input"]);
    if !std::io::stderr().is_terminal() {
        command.args(["--quiet", "--progress-bar", "off"]);
    }
    command.arg("--dest").arg(folder);
    if archive.is_source() {
        // Only this package from source: asked of all, pip would compile the build tools of its set-up as well.
        command.arg(format!("--no-binary={}", archive.package));
    } else {
        // The wheels hold plain libraries, so that any Python can fetch them for this one.
        command.args(["--only-binary=:all:", "--implementation", "cp", "--python-version", "3.11", "--platform", &archive.tag]);
    }
    command.arg(format!("{}=={}", archive.package, archive.version));
    command
}

fn only_file(folder: &Path) -> Result<PathBuf> {
    let mut entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let entry = entries.next().with_context(|| format!("pip left nothing in {}", folder.display()))?;
    Ok(entry?.path())
}

fn verify(archive: &Archive, file: &Path) -> Result<()> {
    let sha256 = digest::of_file(file)?;
    if sha256 != archive.sha256 {
        bail!(
            "{} has the checksum {sha256} where {} is pinned: the registry or mirror served another file. \
             Nothing was unpacked; delete {} once you have looked at it.",
            archive.label(),
            archive.sha256,
            file.display()
        );
    }
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::super::pins::{Flavour, Pins};
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn archive(item: &str) -> Archive {
        Pins::load().unwrap().of(item, "linux-x86_64", Flavour::Cpu).swap_remove(0)
    }

    /// A stand-in for Python that writes `content` where pip would put the wheel.
    fn python(folder: &Path, content: &str) -> PathBuf {
        let file = folder.join("python3");
        let find_dest = "while [ $1 != --dest ]; do shift; done";
        fs::write(&file, format!("#!/bin/sh\n{find_dest}\nprintf '{content}' > $2/some.whl\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        file
    }

    #[test]
    fn another_file_than_the_pinned_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let text = download(&archive("ninja"), folder.path(), &python(folder.path(), "other")).unwrap_err().to_string();
        assert!(text.contains("ninja 1.13.2") && text.contains("is pinned"), "{text}");
        assert!(!folder.path().join(archive("ninja").file_name()).exists());
    }

    #[test]
    fn the_pinned_file_is_kept_and_not_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        // The checksum of "abc", from FIPS 180-2.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        let mut pinned = archive("ninja");
        pinned.sha256 = sha256;
        let file = download(&pinned, folder.path(), &python(folder.path(), "abc")).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "abc");
        assert_eq!(download(&pinned, folder.path(), Path::new("/nowhere/python")).unwrap(), file);
        forget(&[pinned], folder.path()).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn only_the_source_package_is_built_from_source() {
        let words = |item: &str| {
            let command = command(&archive(item), Path::new("/d"), Path::new("python3"));
            command.get_args().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert!(words("qdldl").contains("--no-binary=qdldl qdldl==0.1.9.post1"), "{}", words("qdldl"));
        assert!(words("libtorch").contains("--platform manylinux_2_28_x86_64 torch==2.13.0"), "{}", words("libtorch"));
    }
}
