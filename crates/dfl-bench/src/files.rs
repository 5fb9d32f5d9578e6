//! A file that appears complete or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};

/// A file under a temporary name beside its final one; dropped without [`write`](Self::write) having succeeded, it vanishes.
#[derive(Debug)]
pub(crate) struct AtomicFile {
    path: PathBuf,
    partial: PathBuf,
    file: Option<File>,
}

impl AtomicFile {
    /// Opens the temporary file. An existing file at `path` stays as it is until everything is written.
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let partial = path.with_file_name(format!(".{name}.{}.partial", std::process::id()));
        let refused = |source| failure(path, "creating the file", source);
        if path.is_dir() {
            return Err(refused(io::ErrorKind::IsADirectory.into()));
        }
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&partial).map_err(refused)?;
        Ok(Self { path: path.to_owned(), partial, file: Some(file) })
    }

    /// Fills the file and gives it its name.
    pub(crate) fn write(mut self, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
        let file = self.file.take().expect("only this method, which consumes self, takes it");
        let written = save(file, fill).and_then(|()| fs::rename(&self.partial, &self.path));
        written.map_err(|source| failure(&self.path, "writing the file", source))
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After the rename there is nothing left under this name, and that is fine.
        let _ = fs::remove_file(&self.partial);
    }
}

fn save(file: File, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> io::Result<()> {
    let mut file = BufWriter::new(file);
    fill(&mut file)?;
    file.flush()?;
    // Some file systems report a full disk only now.
    file.get_ref().sync_all()
}

fn failure(path: &Path, action: &'static str, source: io::Error) -> Error {
    let remedy = match source.kind() {
        io::ErrorKind::NotFound => "create its directory first, or choose another with --out",
        io::ErrorKind::NotADirectory => "a part of this path is a file; choose another with --out",
        io::ErrorKind::IsADirectory => "this is a directory; add the name of a file to --out",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space, or choose another disk with --out",
        _ => "choose a directory that you may write to with --out",
    };
    Error::File { path: path.to_owned(), action, remedy, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As on a full disk: the first bytes are written, then the device refuses.
    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.json");
        fs::write(&path, "old").unwrap();
        let error = AtomicFile::create(&path).unwrap().write(|file| {
            file.write_all(b"new")?;
            file.flush()?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(error.unwrap_err().to_string().contains("free some space"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_complete_write_replaces_the_old_file_and_leaves_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data.json");
        fs::write(&path, "old").unwrap();
        AtomicFile::create(&path).unwrap().write(|file| file.write_all(b"new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
