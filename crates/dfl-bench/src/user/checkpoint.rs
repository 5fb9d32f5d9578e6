use std::io::{self, Write as _};
use std::path::Path;

use dfl_core::{Done, Error, Result};
use serde::{Deserialize, Serialize};

use super::fault;
use super::fingerprint::of_bytes;
use crate::files::AtomicFile;

/// A learning rate that was tried to its end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The rate.
    pub learning_rate: f64,
    /// Epochs that ran.
    pub epochs: usize,
    /// The epoch whose weights are kept, from 1.
    pub best_epoch: usize,
    /// Its figure on the validation rows; `None` without such rows, or if training diverged.
    pub valid: Option<f64>,
    /// Why it ended without weights.
    pub diverged: Option<String>,
}

/// All that a training goes on from, as of the end of an epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Checkpoint {
    /// The rates before the present one.
    pub(super) tried: Vec<Tried>,
    /// Weights of the best of them; empty if there is none.
    pub(super) winner: Vec<f64>,
    /// Of the present rate.
    pub(super) epochs: usize,
    pub(super) failures: usize,
    /// Mean loss of its last step.
    pub(super) last_loss: Option<f64>,
    /// Epoch (from 1) and validation figure of the best weights of the present rate.
    pub(super) best: Option<(usize, f64)>,
    pub(super) best_weights: Vec<f64>,
    /// Empty before the first epoch.
    pub(super) weights: Vec<f64>,
    pub(super) optimiser: Vec<f64>,
}

/// The first line of the file; the numbers follow it as little-endian `f64`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    tried: Vec<Tried>,
    epochs: usize,
    failures: usize,
    last_loss: Option<f64>,
    best: Option<(usize, f64)>,
    /// Of winner, best weights, weights and optimiser.
    lengths: [usize; 4],
    /// Of the numbers.
    sha256: String,
}

impl Checkpoint {
    pub(super) fn done(&self) -> Done {
        Done { epochs: self.epochs, failures: self.failures, last_loss: self.last_loss }
    }

    /// Replaces the file in one go.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let parts = [&self.winner, &self.best_weights, &self.weights, &self.optimiser];
        let body: Vec<u8> = parts.iter().flat_map(|part| part.iter().flat_map(|v| v.to_le_bytes())).collect();
        let header = Header {
            tried: self.tried.clone(),
            epochs: self.epochs,
            failures: self.failures,
            last_loss: self.last_loss,
            best: self.best,
            lengths: parts.map(Vec::len),
            sha256: of_bytes(&body),
        };
        AtomicFile::create(path)?.write(|file| {
            serde_json::to_writer(&mut *file, &header)?;
            file.write_all(b"\n")?;
            file.write_all(&body)
        })
    }

    /// Reads it; `None` if there is none.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => {
                let remedy = "make it readable, or train anew with --force";
                return Err(Error::File { path: path.into(), action: "reading the checkpoint", remedy, source });
            }
        };
        let damaged = |why: String| fault("checkpoint", path, why, "train anew with --force");
        let end = bytes.iter().position(|b| *b == b'\n').ok_or_else(|| damaged("it is cut short".into()))?;
        let header: Header = serde_json::from_slice(&bytes[..end]).map_err(|e| damaged(e.to_string()))?;
        let body = &bytes[end + 1..];
        let needed = header.lengths.iter().try_fold(0_usize, |sum, len| sum.checked_add(*len)).and_then(|n| n.checked_mul(8));
        if needed != Some(body.len()) || of_bytes(body) != header.sha256 {
            return Err(damaged("its numbers are not those that were written".into()));
        }
        let mut numbers = body.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("chunks of eight bytes")));
        let mut next = |k: usize| -> Vec<f64> { numbers.by_ref().take(header.lengths[k]).collect() };
        let (winner, best_weights, weights, optimiser) = (next(0), next(1), next(2), next(3));
        let Header { tried, epochs, failures, last_loss, best, .. } = header;
        Ok(Some(Self { tried, winner, epochs, failures, last_loss, best, best_weights, weights, optimiser }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let tried = Tried { learning_rate: 0.1, epochs: 3, best_epoch: 2, valid: Some(0.1 + 0.2), diverged: None };
        Checkpoint {
            tried: vec![tried],
            winner: vec![1.0 / 3.0],
            epochs: 4,
            failures: 1,
            last_loss: Some(0.1 + 0.7),
            best: Some((3, 1e-300)),
            best_weights: vec![f64::MIN_POSITIVE, -0.0],
            weights: vec![5.0, 6.0],
            optimiser: vec![2.0, 0.1],
        }
    }

    #[test]
    fn it_reads_back_to_the_bit_and_none_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        assert_eq!(Checkpoint::read(&path).unwrap(), None);
        checkpoint().write(&path).unwrap();
        let read = Checkpoint::read(&path).unwrap().unwrap();
        assert_eq!(read, checkpoint());
        assert!(read.best_weights[1].is_sign_negative());
    }

    #[test]
    fn a_damaged_one_is_refused_with_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoint");
        checkpoint().write(&path).unwrap();
        let good = std::fs::read(&path).unwrap();
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for bad in [&good[..20], &good[..good.len() - 8], &flipped] {
            std::fs::write(&path, bad).unwrap();
            let error = Checkpoint::read(&path).unwrap_err();
            assert!(error.to_string().contains("--force"), "{error}");
        }
    }
}
