//! Reading and writing a saved model, with errors that name the file and the remedy.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Error, Result};

const READING: &str = "reading the model's configuration";
const CORRECT: &str = "correct it, or save the model again";

/// [`Error::File`] about `path`.
pub fn failed(path: &Path, action: &'static str, remedy: &'static str, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), action, remedy, source }
}

/// What is wrong with the content of a file, as a source of [`failed`].
pub fn invalid(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// Writes beside the target, then renames: a crash leaves the old file or the new one, never half of one.
///
/// # Errors
/// [`Error::File`] naming the file.
pub fn write_atomically(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let beside: PathBuf = path.with_file_name(name);
    let done = write(&beside).and_then(|()| File::open(&beside)?.sync_all()).and_then(|()| fs::rename(&beside, path));
    done.map_err(|source| {
        // The error that matters is the first one; a leftover that cannot be removed either changes nothing.
        let _ = fs::remove_file(&beside);
        failed(path, "writing the model", "check that the directory exists, is writable and has space", source)
    })
}

/// Writes a configuration as TOML after a first line that says which model it is of. Numbers are written so that they read back to the bit.
///
/// # Errors
/// [`Error::File`] naming the file, [`Error::Backend`] for what TOML cannot say.
pub fn write_config<T: Serialize>(path: &Path, model: &str, config: &T) -> Result<()> {
    let text = toml::to_string(config).map_err(|e| Error::Backend { backend: "toml", source: Box::new(e) })?;
    write_atomically(path, |beside| fs::write(beside, format!("model = \"{model}\"\n{text}")))
}

/// Reads a configuration without such a line.
///
/// # Errors
/// [`Error::File`] naming the file that is missing, or is not one.
pub fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).map_err(|e| failed(path, READING, "name a model that was saved there", e))?;
    toml::from_str(&text).map_err(|e| failed(path, READING, CORRECT, invalid(e)))
}

/// Reads what [`write_config`] wrote for the same `model`.
///
/// # Errors
/// As [`read_toml`], and for another model.
pub fn read_config<T: DeserializeOwned>(path: &Path, model: &str) -> Result<T> {
    let mut table: toml::Table = read_toml(path)?;
    let found = table.remove("model");
    if found.as_ref().and_then(toml::Value::as_str) != Some(model) {
        let other =
            found.map_or_else(|| "names no model, as those of a plain network do".to_owned(), |name| format!("is of the model {name}"));
        let problem = invalid(format!("it {other}, where `model = \"{model}\"` is needed"));
        return Err(failed(path, READING, "load it as the model that was saved", problem));
    }
    table.try_into().map_err(|e| failed(path, READING, CORRECT, invalid(e)))
}

/// Reads one in pure Rust: `build` makes it from what [`write_config`] wrote, and says what is wrong with that.
pub(crate) fn read_model<T: DeserializeOwned, M>(path: &Path, model: &str, build: impl FnOnce(T) -> Result<M>) -> Result<M> {
    build(read_config(path, model)?).map_err(|e| failed(path, READING, CORRECT, invalid(e)))
}
