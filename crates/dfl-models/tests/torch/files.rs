use std::error::Error as _;
use std::fs;
use std::path::Path;

use dfl_core::{Error, Parameters, Predictor, Stream, Trainable};
use dfl_models::torch::{Architecture, Device, Network};

use crate::common::normals;

/// A model whose running statistics are no longer the first ones, saved as `dir/model.*`.
fn saved(dir: &Path, architecture: Architecture) -> Network {
    let mut model = Network::new(architecture, 6, Device::Cpu).unwrap();
    let inputs = model.inputs();
    model.forward(&normals(10, inputs, 0), Stream::default()).unwrap();
    model.save(&dir.join("model")).unwrap();
    model
}

/// Message and cause of a refused load.
fn refused(dir: &Path) -> (String, String) {
    match Network::load(&dir.join("model"), Device::Cpu).unwrap_err() {
        error @ Error::File { .. } => (error.to_string(), error.source().unwrap().to_string()),
        error => panic!("{error:?}"),
    }
}

#[test]
fn a_saved_model_predicts_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    for architecture in [Architecture::power(5, 3), Architecture::linear(5, 3)] {
        let model = saved(dir.path(), architecture);
        let read = Network::load(&dir.path().join("model.safetensors"), Device::Cpu).unwrap();
        assert_eq!(read.values(), model.values());
        assert_eq!(read.architecture(), model.architecture());
        let x = normals(7, 5, 1);
        assert_eq!(read.predict(&x).unwrap(), model.predict(&x).unwrap());
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
}

#[test]
fn truncated_weights_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    saved(dir.path(), Architecture::mlp(4, &[8], 2));
    let path = dir.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    for keep in [0, 4, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&path, &bytes[..keep]).unwrap();
        let (message, _) = refused(dir.path());
        assert!(message.contains("model.safetensors") && message.contains("damaged"), "{message}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert!(refused(dir.path()).0.contains("model.toml"));
    saved(dir.path(), Architecture::linear(2, 1));
    fs::remove_file(dir.path().join("model.safetensors")).unwrap();
    assert!(refused(dir.path()).0.contains("model.safetensors"));
}

#[test]
fn a_configuration_that_does_not_fit_says_where() {
    let dir = tempfile::tempdir().unwrap();
    saved(dir.path(), Architecture::mlp(4, &[8], 2));
    let path = dir.path().join("model.toml");
    let text = fs::read_to_string(&path).unwrap();
    for (from, to, word) in [
        ("hidden = [8]", "hidden = [9]", "layer0.bias"),
        ("hidden = [8]", "hidden = []", "layer1"),
        ("hidden = [8]", "hidden = [8, 8]", "layer1.bias"),
        ("batch_norm = false", "batch_norm = true", "norm0"),
        ("\"single\"", "\"double\"", "Double"),
        ("inputs", "input", "input"),
        ("inputs = 4", "inputs = \"four\"", "four"),
    ] {
        assert!(text.contains(from), "{text}");
        fs::write(&path, text.replace(from, to)).unwrap();
        let (message, cause) = refused(dir.path());
        assert!(message.contains("model."), "{message}");
        assert!(cause.contains(word), "{to}: {cause}");
    }
    fs::write(&path, text.replace("outputs = 2", "outputs = 0")).unwrap();
    let error = Network::load(&path, Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::Domain { what: "outputs", .. }), "{error}");
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let model = saved(dir.path(), Architecture::linear(2, 1));
    let _ = model.tensors()[0].shallow_clone().set_requires_grad(false).fill_(f64::NAN);
    model.save(&dir.path().join("model")).unwrap();
    assert!(refused(dir.path()).1.contains("layer0.bias"));
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let model = Network::new(Architecture::linear(2, 1), 0, Device::Cpu).unwrap();
    let error = model.save(&dir.path().join("absent").join("model")).unwrap_err();
    assert!(matches!(error, Error::File { action: "writing the model", .. }), "{error}");
    assert!(error.to_string().contains("absent"));
}
