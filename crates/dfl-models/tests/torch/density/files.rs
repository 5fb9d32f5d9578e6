use std::error::Error as _;
use std::fs;
use std::path::Path;

use dfl_core::{Error, Generative, Parameters};
use dfl_models::torch::{
    Architecture, Covariance, Device, Flow, FlowConfig, Gaussian, GaussianConfig, Gru, GruConfig, Mixture, MixtureConfig, Network,
};

use super::shaken;
use crate::common::normals;

fn gaussian() -> Gaussian {
    let config = GaussianConfig { covariance: Covariance::Full, hidden: vec![4], ..GaussianConfig::new(3, 2) };
    shaken(Gaussian::new(config, 1, Device::Cpu).unwrap(), 0.4, 1)
}

fn mixture() -> Mixture {
    shaken(Mixture::new(MixtureConfig { hidden: vec![4], ..MixtureConfig::new(3, 2) }, 1, Device::Cpu).unwrap(), 0.4, 1)
}

fn flow() -> Flow {
    shaken(Flow::new(FlowConfig { hidden: vec![4], ..FlowConfig::new(3, 2) }, 1, Device::Cpu).unwrap(), 0.4, 1)
}

fn gru() -> Gru {
    shaken(Gru::new(GruConfig { hidden: vec![4, 2], ..GruConfig::new(3, 3, 2) }, 1, Device::Cpu).unwrap(), 0.4, 1)
}

/// Message and cause of a refused load.
fn refused<T: std::fmt::Debug>(read: dfl_core::Result<T>) -> (String, String) {
    match read.unwrap_err() {
        error @ Error::File { .. } => (error.to_string(), error.source().unwrap().to_string()),
        error => panic!("{error:?}"),
    }
}

fn check_round_trip<G: Generative>(model: &G, load: impl Fn(&Path) -> dfl_core::Result<G>) {
    let dir = tempfile::tempdir().unwrap();
    model.save(&dir.path().join("model")).unwrap();
    let read = load(&dir.path().join("model.safetensors")).unwrap();
    assert_eq!(read.values(), model.values());
    let (x, y) = (normals(4, 3, 1), normals(4, 2, 2));
    assert_eq!(read.log_density(&x, &y).unwrap(), model.log_density(&x, &y).unwrap());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2, "no temporary file stays");
}

#[test]
fn saved_models_read_back() {
    check_round_trip(&gaussian(), |path| Gaussian::load(path, Device::Cpu));
    check_round_trip(&mixture(), |path| Mixture::load(path, Device::Cpu));
    check_round_trip(&flow(), |path| Flow::load(path, Device::Cpu));
    check_round_trip(&gru(), |path| Gru::load(path, Device::Cpu));
}

#[test]
fn configurations_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    let model = gaussian();
    model.save(&path).unwrap();
    assert_eq!(Gaussian::load(&path, Device::Cpu).unwrap().config(), model.config());
    let text = fs::read_to_string(path.with_extension("toml")).unwrap();
    for line in ["model = \"gaussian\"", "covariance = \"full\"", "activation = \"relu\"", "hidden = [4]"] {
        assert!(text.lines().any(|l| l == line), "{text}");
    }
}

#[test]
fn another_models_file_is_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    mixture().save(&path).unwrap();
    let (message, cause) = refused(Gaussian::load(&path, Device::Cpu));
    assert!(message.contains("model.toml"), "{message}");
    assert!(cause.contains("mixture") && cause.contains("gaussian"), "{cause}");
    assert!(refused(Network::load(&path, Device::Cpu)).1.contains("unknown field"));
    Network::new(Architecture::linear(3, 2), 0, Device::Cpu).unwrap().save(&path).unwrap();
    assert!(refused(Flow::load(&path, Device::Cpu)).1.contains("plain network"));
}

#[test]
fn a_configuration_that_does_not_fit_says_where() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    gaussian().save(&path).unwrap();
    let text = fs::read_to_string(path.with_extension("toml")).unwrap();
    for (from, to, word) in [
        ("hidden = [4]", "hidden = [5]", "layer0.bias"),
        ("hidden = [4]", "hidden = [4, 4]", "layer1.bias"),
        ("skip = true", "skip = false", "layer1.weight"),
        ("\"full\"", "\"diagonal\"", "layer1.bias"),
        ("\"full\"", "\"triangular\"", "triangular"),
        ("\"single\"", "\"double\"", "Double"),
        ("skip = ", "jump = ", "jump"),
    ] {
        assert!(text.contains(from), "{text}");
        fs::write(path.with_extension("toml"), text.replace(from, to)).unwrap();
        let (message, cause) = refused(Gaussian::load(&path, Device::Cpu));
        assert!(message.contains("model."), "{message}");
        assert!(cause.contains(word), "{to}: {cause}");
    }
}

#[test]
fn truncated_weights_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model");
    flow().save(&path).unwrap();
    let weights = path.with_extension("safetensors");
    let bytes = fs::read(&weights).unwrap();
    for keep in [0, 4, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&weights, &bytes[..keep]).unwrap();
        let (message, _) = refused(Flow::load(&path, Device::Cpu));
        assert!(message.contains("model.safetensors") && message.contains("damaged"), "{message}");
    }
}
