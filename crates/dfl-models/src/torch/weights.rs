use std::path::Path;

use dfl_core::{Batch, Result, check_len};
use tch::Tensor;
use tch::nn::VarStore;

use super::adam::Adam;
use super::bridge::{Torch, backend, flatten, gradients, unflatten};
use super::files;

/// The tensors of a network with their accumulated gradient and optimiser. Order: weights by name, then running statistics by name,
/// so that the gradient lines up with the first values.
#[derive(Debug)]
pub(crate) struct Weights {
    names: Vec<String>,
    tensors: Vec<Tensor>,
    /// How many of them are trained.
    trained: usize,
    /// `None` stands for zero.
    gradient: Option<Vec<Tensor>>,
    adam: Adam,
}

impl Weights {
    /// Takes over what a network put into `store`.
    pub(crate) fn new(store: &VarStore) -> Self {
        let mut all: Vec<(String, Tensor)> = store.variables().into_iter().collect();
        all.sort_by(|(a, s), (b, t)| (!s.requires_grad(), a).cmp(&(!t.requires_grad(), b)));
        let trained = all.iter().filter(|(_, t)| t.requires_grad()).count();
        let (names, tensors) = all.into_iter().unzip();
        Self { names, tensors, trained, gradient: None, adam: Adam::default() }
    }

    pub(crate) fn trained(&self) -> &[Tensor] {
        &self.tensors[..self.trained]
    }

    /// Length of the gradient.
    pub(crate) fn len(&self) -> usize {
        Self::count(self.trained())
    }

    fn count(tensors: &[Tensor]) -> usize {
        tensors.iter().map(Tensor::numel).sum()
    }

    /// # Panics
    /// If a device fails while its memory is read, which no caller can repair.
    pub(crate) fn values(&self) -> Vec<f64> {
        flatten(&self.tensors).expect("weights that exist can be read")
    }

    pub(crate) fn set_values(&mut self, values: &[f64]) -> Result<()> {
        check_len("weights", Self::count(&self.tensors), values.len())?;
        Batch::from_vec(1, values.len(), values.to_vec())?.check_finite("weights")?;
        let new = unflatten(values, &self.tensors).map_err(backend)?;
        self.overwrite(&new)
    }

    fn overwrite(&mut self, new: &[Tensor]) -> Result<()> {
        let _no_graph = tch::no_grad_guard();
        self.tensors.iter_mut().zip(new).try_for_each(|(old, new)| old.f_copy_(new)).map_err(backend)
    }

    /// # Panics
    /// As [`Weights::values`].
    pub(crate) fn gradient(&self) -> Vec<f64> {
        match &self.gradient {
            Some(gradient) => flatten(gradient).expect("gradients that exist can be read"),
            None => vec![0.0; self.len()],
        }
    }

    /// Adds the gradient of `scalar`, whose graph stays for a second pass.
    pub(crate) fn add_gradient_of(&mut self, scalar: &Tensor) -> Result<()> {
        let new = gradients(scalar, self.trained(), true).map_err(backend)?;
        self.accumulate(new)
    }

    pub(crate) fn add_gradient(&mut self, scale: f64, other: &[f64]) -> Result<()> {
        check_len("gradient", self.len(), other.len())?;
        let scaled: Vec<f64> = other.iter().map(|g| scale * g).collect();
        let new = unflatten(&scaled, self.trained()).map_err(backend)?;
        self.accumulate(new)
    }

    /// Adds one tensor for each trained one.
    pub(crate) fn accumulate(&mut self, new: Vec<Tensor>) -> Result<()> {
        add(&mut self.gradient, new).map_err(backend)
    }

    pub(crate) fn zero_grad(&mut self) {
        self.gradient = None;
    }

    pub(crate) fn step(&mut self, learning_rate: f64) -> Result<()> {
        if self.gradient.is_none() {
            self.gradient = Some(unflatten(&self.gradient(), self.trained()).map_err(backend)?);
        }
        let gradient = self.gradient.as_deref().unwrap_or_default();
        self.adam.step(learning_rate, gradient, &mut self.tensors[..self.trained]).map_err(backend)
    }

    pub(crate) fn optimiser_state(&self) -> Result<Vec<f64>> {
        self.adam.state(self.trained()).map_err(backend)
    }

    pub(crate) fn set_optimiser_state(&mut self, state: &[f64]) -> Result<()> {
        check_len("state of the optimiser", 1 + 2 * self.len(), state.len())?;
        self.adam.set_state(state, &self.tensors[..self.trained]).map_err(backend)
    }

    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        let named: Vec<(&str, &Tensor)> = self.names.iter().map(String::as_str).zip(&self.tensors).collect();
        files::write_tensors(path, &named)
    }

    pub(crate) fn load(&mut self, path: &Path) -> Result<()> {
        let new = files::read_tensors(path, &self.names, &self.tensors)?;
        self.overwrite(&new)
    }
}

/// `sum += new`, where `None` is zero.
pub(crate) fn add(sum: &mut Option<Vec<Tensor>>, new: Vec<Tensor>) -> Torch<()> {
    match sum {
        None => *sum = Some(new),
        Some(sum) => sum.iter_mut().zip(&new).try_for_each(|(s, n)| s.f_add_(n).map(drop))?,
    }
    Ok(())
}
