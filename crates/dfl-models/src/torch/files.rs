//! Reading and writing a saved model, with errors that name the file and the remedy.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::Tensor;

use super::bridge::{Torch, backend};

const DAMAGED: &str = "the file is damaged or belongs to another model; copy it again or train again";

fn failed(path: &Path, action: &'static str, remedy: &'static str, source: io::Error) -> Error {
    Error::File { path: path.to_owned(), action, remedy, source }
}

fn invalid(problem: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// Writes beside the target, then renames: a crash leaves the old file or the new one, never half of one.
fn write_atomically(path: &Path, write: impl FnOnce(&Path) -> io::Result<()>) -> Result<()> {
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

/// Writes a configuration.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomically(path, |beside| fs::write(beside, text))
}

/// Writes a configuration after a first line that says which model it is of.
pub(crate) fn write_config<T: Serialize>(path: &Path, model: &str, config: &T) -> Result<()> {
    let text = toml::to_string(config).map_err(|e| Error::Backend { backend: "toml", source: Box::new(e) })?;
    write_text(path, &format!("model = \"{model}\"\n{text}"))
}

const READING: &str = "reading the model's configuration";
const CORRECT: &str = "correct it, or save the model again";

/// Reads a configuration.
pub(crate) fn read_toml<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = fs::read_to_string(path).map_err(|e| failed(path, READING, "name a model that was saved there", e))?;
    toml::from_str(&text).map_err(|e| failed(path, READING, CORRECT, invalid(e)))
}

/// Reads what [`write_config`] wrote for the same `model`.
pub(crate) fn read_config<T: DeserializeOwned>(path: &Path, model: &str) -> Result<T> {
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

/// Writes named tensors as safetensors.
pub(crate) fn write_tensors<'a>(path: &Path, named: &[(&'a str, &Tensor)]) -> Result<()> {
    let copy = |&(name, t): &(&'a str, &Tensor)| Ok((name, t.f_detach()?.f_to_device(tch::Device::Cpu)?.f_contiguous()?));
    let host = named.iter().map(copy).collect::<Torch<Vec<_>>>().map_err(backend)?;
    write_atomically(path, |beside| Tensor::write_safetensors(&host, beside).map_err(io::Error::other))
}

/// Reads exactly the tensors `names`, of the kinds and shapes of `like`.
pub(crate) fn read_tensors(path: &Path, names: &[String], like: &[Tensor]) -> Result<Vec<Tensor>> {
    let action = "reading the model's weights";
    File::open(path).map_err(|e| failed(path, action, "the .safetensors file lies beside the .toml file; copy both", e))?;
    let read = Tensor::read_safetensors(path).map_err(|e| failed(path, action, DAMAGED, invalid(e)))?;
    arrange(read, names, like).map_err(|problem| failed(path, action, DAMAGED, invalid(problem)))
}

fn arrange(read: Vec<(String, Tensor)>, names: &[String], like: &[Tensor]) -> std::result::Result<Vec<Tensor>, String> {
    if let Some((name, _)) = read.iter().find(|(name, _)| !names.contains(name)) {
        return Err(format!("it holds the tensor {name}, which the configuration does not have"));
    }
    let find = |name: &String| read.iter().find(|(n, _)| n == name).ok_or_else(|| format!("the tensor {name} is missing"));
    let mut found = Vec::with_capacity(names.len());
    for (name, like) in names.iter().zip(like) {
        let tensor = &find(name)?.1;
        if tensor.size() != like.size() || tensor.kind() != like.kind() {
            let (got, want) = ((tensor.kind(), tensor.size()), (like.kind(), like.size()));
            return Err(format!("the tensor {name} is {got:?}, the configuration says {want:?}"));
        }
        let finite = tensor.f_isfinite().and_then(|f| f.f_all()).and_then(|all| all.f_int64_value(&[]));
        if finite.map_err(|e| e.to_string())? == 0 {
            return Err(format!("the tensor {name} holds a NaN or an infinite value"));
        }
        found.push(tensor.shallow_clone());
    }
    Ok(found)
}
