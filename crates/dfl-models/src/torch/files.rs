//! Tensors of a saved model; its configuration is written and read as those of every model.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use dfl_core::Result;
use dfl_core::files::{failed, invalid, write_atomically};
pub(crate) use dfl_core::files::{read_config, read_toml, write_config};
use tch::Tensor;

use super::bridge::{Torch, backend};

const DAMAGED: &str = "the file is damaged or belongs to another model; copy it again or train again";

/// Writes a configuration.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<()> {
    write_atomically(path, |beside| fs::write(beside, text))
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
