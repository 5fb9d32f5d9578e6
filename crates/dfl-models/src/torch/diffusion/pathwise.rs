use dfl_core::{Batch, Result, Stream, check_len};
use tch::Tensor;

use super::super::bridge::{Torch, backend, from_tensor, gradients, inject, to_tensor};
use super::super::weights::add;
use super::Diffusion;
use super::chain::Chain;

/// What the samples of the last draw are pulled back through.
#[derive(Debug)]
pub(super) enum Drawn {
    /// The samples `[b * samples, outputs]`, with the graph of all steps.
    Graph { samples: usize, output: Tensor },
    /// The state before every `every`-th step, without graph, and what the steps are taken again from.
    States { samples: usize, states: Vec<Tensor>, every: usize, features: Batch, stream: Stream },
}

impl Diffusion {
    /// As [`Generative::draw`](dfl_core::Generative::draw).
    pub(super) fn draw_samples(&mut self, features: &Batch, samples: usize, stream: Stream) -> Result<Batch> {
        // What the last draw held is freed before the next graph grows.
        self.drawn = None;
        let chain = self.chain(features, samples, stream)?;
        let (output, drawn) = if self.config.checkpoint {
            let every = self.transitions.len().isqrt();
            let (output, states) = with_states(&chain, every).map_err(backend)?;
            (output, Drawn::States { samples, states, every, features: features.clone(), stream })
        } else {
            let output = chain.start().and_then(|y| chain.run(y, 0..self.transitions.len())).map_err(backend)?;
            (output.shallow_clone(), Drawn::Graph { samples, output })
        };
        let values = from_tensor("samples", &output)?.reshape(samples * self.config.outputs)?;
        self.drawn = Some(drawn);
        Ok(values)
    }

    /// As [`Generative::pull_samples`](dfl_core::Generative::pull_samples).
    pub(super) fn pull(&mut self, cotangent: &Batch) -> Result<()> {
        let d = self.config.outputs;
        match &self.drawn {
            None => check_len("cotangent rows (nothing was drawn since the weights changed)", 0, cotangent.rows()),
            Some(Drawn::Graph { samples, output }) => {
                check_len("cotangent", samples * d, cotangent.cols())?;
                let scalar = inject(output, &cotangent.reshape(d)?, 0.0)?;
                self.weights.add_gradient_of(&scalar)
            }
            Some(Drawn::States { samples, states, every, features, stream }) => {
                check_len("cotangent rows", features.rows(), cotangent.rows())?;
                check_len("cotangent", samples * d, cotangent.cols())?;
                let chain = self.chain(features, *samples, *stream)?;
                let last = to_tensor("cotangent", &cotangent.reshape(d)?, self.place)?;
                let gradient = self.backwards(&chain, states, *every, last).map_err(backend)?;
                gradient.map_or(Ok(()), |gradient| self.weights.accumulate(gradient))
            }
        }
    }
}

/// The samples and the states that each `every` steps start from.
fn with_states(chain: &Chain<'_>, every: usize) -> Torch<(Tensor, Vec<Tensor>)> {
    let _no_graph = tch::no_grad_guard();
    let (mut y, mut states) = (chain.start()?, Vec::new());
    for from in (0..chain.transitions.len()).step_by(every) {
        states.push(y.shallow_clone());
        y = chain.run(y, from..from + every)?;
    }
    Ok((y, states))
}

impl Diffusion {
    /// Takes the steps again from each state, the last ones first, and carries the cotangent back through them.
    fn backwards(&self, chain: &Chain<'_>, states: &[Tensor], every: usize, mut cotangent: Tensor) -> Torch<Option<Vec<Tensor>>> {
        let mut total = None;
        for (i, state) in states.iter().enumerate().rev() {
            let leaf = state.f_detach()?.f_set_requires_grad(true)?;
            let end = chain.run(leaf.shallow_clone(), i * every..(i + 1) * every)?;
            let scalar = end.f_mul(&cotangent)?.f_sum(end.f_kind()?)?;
            let inputs: Vec<Tensor> = self.weights.trained().iter().chain([&leaf]).map(Tensor::shallow_clone).collect();
            let mut found = gradients(&scalar, &inputs, false)?;
            if let Some(earlier) = found.pop() {
                cotangent = earlier;
            }
            add(&mut total, found)?;
        }
        Ok(total)
    }
}
