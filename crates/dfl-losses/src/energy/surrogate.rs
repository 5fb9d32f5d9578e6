use std::sync::{Arc, Mutex, PoisonError};

use dfl_core::{Adam, Batch, CostGrad, Decider, Error, Generative, Key, Minibatch, Objective, Result, StepReport, Stream, check_len};

use super::Input;
use super::decision::{read, through};
use crate::kernels::count;

const NAME: &str = "dfl_surrogate";

/// Settings of an [`EnergySurrogate`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurrogateOptions {
    /// $k$, the variables that describe a decision.
    pub width: usize,
    /// Step size of Adam for $T$.
    pub learning_rate: f64,
    /// Largest magnitude of an entry of a gradient: of the model's and of that in $T$.
    pub clamp: f64,
    /// Seed of the first $T$.
    pub seed: u64,
}

impl Default for SurrogateOptions {
    /// Those published: 10 variables, 0.01, gradients clamped to 0.1.
    fn default() -> Self {
        Self { width: 10, learning_rate: 0.01, clamp: 0.1, seed: 0 }
    }
}

/// The cost under the truth of the best decision that few variables describe, $a = T s$, with a description $T$ that is learned beside the
/// model. Minimises.
///
/// $T \ge 0$ has columns that sum to 1. It begins with uniform random entries, so normalised, and takes a step of Adam in each
/// [`accumulate`](Objective::accumulate), after which negative entries become zero and columns are normalised again. It is part of training alone:
/// a trained model is judged by decisions over all variables.
///
/// The gradient that is added to the model, like that in $T$, has each entry clamped.
///
/// # Shapes
/// `theta` of the decider: $\phi$, as [`EnergyDecision`](super::EnergyDecision) has it, then $T$ row-major `[decision, k]`.
/// # Errors
/// As [`EnergyDecision`](super::EnergyDecision).
/// # References
/// Wang, Wilder, Perrault & Tambe (2020), NeurIPS: automatically learning compact quality-aware surrogates.
/// # Differences
/// Instances whose published quadratic program has another answer than the solver are left out there; here the answer itself is differentiated.
pub struct EnergySurrogate<D> {
    decider: D,
    cost: Arc<dyn CostGrad>,
    input: Input,
    options: SurrogateOptions,
    map: Mutex<LearnedMap>,
}

/// $T$ and the state of its optimiser.
struct LearnedMap {
    values: Vec<f64>,
    adam: Adam,
}

impl LearnedMap {
    fn new(size: usize, options: &SurrogateOptions) -> Self {
        let mut rng = Stream { seed: options.seed, step: 0 }.rng("surrogate", Key::default());
        let mut out = Self { values: (0..size).map(|_| rng.uniform()).collect(), adam: Adam::new(size) };
        out.normalise(options.width);
        out
    }

    fn step(&mut self, gradient: &[f64], options: &SurrogateOptions) {
        self.adam.step(options.learning_rate, gradient, &mut self.values);
        self.normalise(options.width);
    }

    /// Makes entries non-negative and columns sum to 1; a column without a positive entry becomes constant.
    fn normalise(&mut self, width: usize) {
        self.values.iter_mut().for_each(|t| *t = t.max(0.0));
        let rows = (self.values.len() / width) as f64;
        for j in 0..width {
            let sum: f64 = self.values.iter().skip(j).step_by(width).sum();
            let column = self.values.iter_mut().skip(j).step_by(width);
            column.for_each(|t| *t = if sum > 0.0 { *t / sum } else { 1.0 / rows });
        }
    }
}

impl<D: Decider> EnergySurrogate<D> {
    /// Joins a decider whose `theta` is what `input` reads and a description behind it, and the cost of a decision.
    ///
    /// # Errors
    /// [`Error::Missing`] for a decider without a derivative, [`Error::Domain`] for no samples, no variables, or a rate or clamp that is not positive.
    pub fn new(decider: D, cost: Arc<dyn CostGrad>, input: Input, options: SurrogateOptions) -> Result<Self> {
        input.len(1)?;
        count("variables of a surrogate", options.width)?;
        for (what, value) in [("learning rate of a surrogate", options.learning_rate), ("clamp of gradients", options.clamp)] {
            if value.is_nan() || value <= 0.0 {
                return Err(Error::Domain { what, value, need: "positive" });
            }
        }
        if !decider.differentiable() {
            return Err(Error::Missing { loss: NAME, what: "a differentiable decider" });
        }
        let map = Mutex::new(LearnedMap::new(decider.dims().x * options.width, &options));
        Ok(Self { decider, cost, input, options, map })
    }

    /// The present description, row-major `[decision, k]`.
    pub fn description(&self) -> Vec<f64> {
        self.lock().values.clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, LearnedMap> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn clamp(&self, gradient: &mut [f64]) {
        let most = self.options.clamp;
        gradient.iter_mut().for_each(|g| *g = g.clamp(-most, most));
    }
}

impl<M: Generative + ?Sized, D: Decider> Objective<M> for EnergySurrogate<D> {
    fn solver(&self) -> &'static str {
        self.decider.name()
    }

    fn accumulate(&self, model: &mut M, rows: Minibatch<'_>, stream: Stream) -> Result<StepReport> {
        let mut map = self.lock();
        let phi = read(self.input, model, &rows, stream)?;
        check_len("theta of the decider", phi.cols() + map.values.len(), self.decider.dims().theta)?;
        let mut theta = Batch::zeros(phi.rows(), phi.cols() + map.values.len());
        for (i, phi) in phi.iter().enumerate() {
            let (on_phi, on_map) = theta.row_mut(i).split_at_mut(phi.len());
            on_phi.copy_from_slice(phi);
            on_map.copy_from_slice(&map.values);
        }
        let step = through(&self.decider, &*self.cost, &theta, &rows, stream)?;
        let (mut on_phi, mut on_map) = (Batch::zeros(phi.rows(), phi.cols()), vec![0.0; map.values.len()]);
        for (i, row) in step.on_theta.iter().enumerate() {
            on_phi.row_mut(i).copy_from_slice(&row[..phi.cols()]);
            on_map.iter_mut().zip(&row[phi.cols()..]).for_each(|(sum, g)| *sum += g);
        }
        self.pull_clamped(model, &on_phi)?;
        self.clamp(&mut on_map);
        map.step(&on_map, &self.options);
        Ok(step.report)
    }
}

impl<D: Decider> EnergySurrogate<D> {
    /// Adds the clamped gradient of this batch to what the model has gathered.
    fn pull_clamped<M: Generative + ?Sized>(&self, model: &mut M, on_phi: &Batch) -> Result<()> {
        let before = model.gradient();
        model.zero_grad();
        self.input.pull(model, on_phi)?;
        let mut own = model.gradient();
        self.clamp(&mut own);
        model.zero_grad();
        model.add_gradient(1.0, &before)?;
        model.add_gradient(1.0, &own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Columns (2, -1, 2) and (-1, 0, -3) of three rows.
    #[test]
    fn columns_are_shares() {
        let mut map = LearnedMap { values: vec![2.0, -1.0, -1.0, 0.0, 2.0, -3.0], adam: Adam::new(6) };
        map.normalise(2);
        let third = 1.0 / 3.0;
        assert_eq!(map.values, [0.5, third, 0.0, third, 0.5, third]);
    }

    #[test]
    fn the_first_description_is_random_and_normalised() {
        let options = SurrogateOptions { width: 3, ..SurrogateOptions::default() };
        let first = |seed| LearnedMap::new(21, &SurrogateOptions { seed, ..options }).values;
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        let columns: Vec<f64> = (0..3).map(|j| first(1).iter().skip(j).step_by(3).sum()).collect();
        assert!(columns.iter().all(|sum| (sum - 1.0).abs() < 1e-14) && first(1).iter().all(|t| *t > 0.0));
    }
}
