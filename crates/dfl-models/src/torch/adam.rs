use tch::Tensor;

use super::bridge::{Torch, flatten, unflatten};

/// Adam (Kingma & Ba 2015, Algorithm 1) on tensors, step for step what [`dfl_core::Adam`] does on slices.
///
/// torch's own optimiser reads gradients from the tensors, where only a plain backward pass may put them; combining the gradients
/// of several losses needs them in our hands.
#[derive(Debug, Default)]
pub(crate) struct Adam {
    /// First and second moment of each weight tensor; empty before the first step.
    moments: Vec<(Tensor, Tensor)>,
    steps: i32,
}

impl Adam {
    const BETA1: f64 = 0.9;
    const BETA2: f64 = 0.999;
    const EPSILON: f64 = 1e-8;

    /// That of [`dfl_core::Adam::state`], the moments in the order of `weights`.
    pub(crate) fn state(&self, weights: &[Tensor]) -> Torch<Vec<f64>> {
        let n: usize = weights.iter().map(Tensor::numel).sum();
        let moments = match self.moments.is_empty() {
            true => vec![0.0; 2 * n],
            false => [flatten(self.moments.iter().map(|(m, _)| m))?, flatten(self.moments.iter().map(|(_, v)| v))?].concat(),
        };
        Ok([vec![f64::from(self.steps)], moments].concat())
    }

    /// Restores a state of the right length, `1 + 2n`.
    pub(crate) fn set_state(&mut self, state: &[f64], weights: &[Tensor]) -> Torch<()> {
        let (first, second) = state[1..].split_at((state.len() - 1) / 2);
        self.steps = state[0] as i32;
        self.moments = unflatten(first, weights)?.into_iter().zip(unflatten(second, weights)?).collect();
        Ok(())
    }

    /// Moves `weights` along `gradient`; both in the same order at every call.
    pub(crate) fn step(&mut self, rate: f64, gradient: &[Tensor], weights: &mut [Tensor]) -> Torch<()> {
        let _no_graph = tch::no_grad_guard();
        if self.moments.is_empty() {
            self.moments = weights.iter().map(|w| Ok((w.f_zeros_like()?, w.f_zeros_like()?))).collect::<Torch<_>>()?;
        }
        self.steps = self.steps.saturating_add(1);
        let (c1, c2) = (1.0 - Self::BETA1.powi(self.steps), 1.0 - Self::BETA2.powi(self.steps));
        for ((w, g), (m, v)) in weights.iter_mut().zip(gradient).zip(&mut self.moments) {
            let _ = m.f_mul_scalar_(Self::BETA1)?.f_add_(&g.f_mul_scalar(1.0 - Self::BETA1)?)?;
            let _ = v.f_mul_scalar_(Self::BETA2)?.f_add_(&g.f_mul(g)?.f_mul_scalar(1.0 - Self::BETA2)?)?;
            let scale = v.f_div_scalar(c2)?.f_sqrt()?.f_add_scalar(Self::EPSILON)?;
            let _ = w.f_addcdiv_(&m.f_mul_scalar(-rate / c1)?, &scale)?;
        }
        Ok(())
    }
}
