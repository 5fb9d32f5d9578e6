use std::cell::RefCell;
use std::path::PathBuf;

use dfl_core::{Error, Parameters, Result};

use crate::results::Key;

/// Where a job whose training diverges leaves the weights of its last whole epoch.
pub(super) struct Checkpoint {
    path: PathBuf,
    /// After how many epochs, and how saving went, if it came to that.
    saved: RefCell<Option<(usize, Result<()>)>>,
}

/// Finite weights, and after how many epochs, those of a warm-up among them.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) epochs: usize,
    pub(super) weights: Vec<f64>,
}

impl Checkpoint {
    /// `checkpoints/KEY` in the folder of the results, with the extensions that the model's files have.
    pub(super) fn new(folder: &std::path::Path, key: &Key) -> Self {
        let seed = key.seed.map_or_else(|| "none".to_owned(), |seed| seed.to_string());
        let words = [&key.suite, &key.task, &key.size, &key.method, &key.predictor, &key.solver, &key.columns, &key.profile, &seed];
        let name = words.map(String::as_str).join("--");
        Self { path: folder.join("checkpoints").join(name), saved: RefCell::default() }
    }

    /// Saves the model with these weights in place of those that ran away.
    pub(super) fn keep<M: Parameters + ?Sized>(&self, model: &mut M, Kept { epochs, weights }: &Kept) {
        let folder = self.path.parent().unwrap_or(&self.path);
        let made = std::fs::create_dir_all(folder).map_err(|source| {
            let remedy = "choose another folder with --out";
            Error::File { path: folder.into(), action: "creating the folder of checkpoints", remedy, source }
        });
        let saved = made.and_then(|()| model.set_values(weights)).and_then(|()| model.save(&self.path));
        self.saved.replace(Some((*epochs, saved)));
    }

    /// What to add to the error of the job.
    pub(super) fn note(&self) -> String {
        // Every model writes this file; some write others beside it.
        let path = self.path.with_extension("toml");
        let path = path.display();
        match &*self.saved.borrow() {
            None => String::new(),
            Some((0, Ok(()))) => format!("; the weights that it began with are in {path}"),
            Some((epochs, Ok(()))) => format!("; the weights after whole epoch {epochs} are in {path}"),
            Some((_, Err(error))) => format!("; no checkpoint: {error}"),
        }
    }
}
