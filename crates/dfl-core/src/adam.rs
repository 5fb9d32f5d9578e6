use crate::{Result, check_len};

/// Adam (Kingma & Ba 2015, Algorithm 1) with bias correction; $\beta_1 = 0.9$, $\beta_2 = 0.999$, $\epsilon = 10^{-8}$.
#[derive(Clone, Debug, Default)]
pub struct Adam {
    first: Vec<f64>,
    second: Vec<f64>,
    steps: i32,
}

impl Adam {
    const BETA1: f64 = 0.9;
    const BETA2: f64 = 0.999;
    const EPSILON: f64 = 1e-8;

    /// State for `n` weights.
    pub fn new(n: usize) -> Self {
        Self { first: vec![0.0; n], second: vec![0.0; n], steps: 0 }
    }

    /// Steps taken, then the first and the second moment of each weight, `[1 + 2n]`: what [`set_state`](Self::set_state) goes on from.
    pub fn state(&self) -> Vec<f64> {
        [&[f64::from(self.steps)], &*self.first, &*self.second].concat()
    }

    /// Restores such a state.
    ///
    /// # Errors
    /// [`Error::Dimension`](crate::Error::Dimension) for another number of weights.
    pub fn set_state(&mut self, state: &[f64]) -> Result<()> {
        let n = self.first.len();
        check_len("state of the optimiser", 1 + 2 * n, state.len())?;
        self.steps = state[0] as i32;
        self.first.copy_from_slice(&state[1..=n]);
        self.second.copy_from_slice(&state[1 + n..]);
        Ok(())
    }

    /// `weights -= learning_rate * m / (sqrt v + epsilon)`, both moments corrected for their start at zero.
    pub fn step(&mut self, learning_rate: f64, gradient: &[f64], weights: &mut [f64]) {
        self.steps = self.steps.saturating_add(1);
        let (c1, c2) = (1.0 - Self::BETA1.powi(self.steps), 1.0 - Self::BETA2.powi(self.steps));
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((w, g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
            *m = Self::BETA1 * *m + (1.0 - Self::BETA1) * g;
            *v = Self::BETA2 * *v + (1.0 - Self::BETA2) * g * g;
            *w -= learning_rate * (*m / c1) / ((*v / c2).sqrt() + Self::EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: the first step is `lr * sign(g)`; the second, with g = 1 then -3,
    /// m = (.09 - .3)/.19, v = (.000999 + .009)/.001999.
    #[test]
    fn two_steps_by_hand() {
        let (mut adam, mut w) = (Adam::new(1), [0.0]);
        adam.step(0.1, &[1.0], &mut w);
        assert!((w[0] + 0.1).abs() < 1e-9);
        adam.step(0.1, &[-3.0], &mut w);
        let expected = -0.1 + 0.1 * (0.21 / 0.19) / (0.009_999_f64 / 0.001_999).sqrt();
        assert!((w[0] - expected).abs() < 1e-8, "{} {expected}", w[0]);
    }

    /// After one step with g = 1: m = .1 and v = .001 by hand; from there the second step is the same to the bit.
    #[test]
    fn a_restored_state_goes_on_alike() {
        let (mut whole, mut first, mut w) = (Adam::new(1), Adam::new(1), [0.0]);
        [1.0, -3.0].into_iter().for_each(|g| whole.step(0.1, &[g], &mut w));
        let mut v = [0.0];
        first.step(0.1, &[1.0], &mut v);
        let state = first.state();
        assert!(state[0] == 1.0 && (state[1] - 0.1).abs() < 1e-15 && (state[2] - 0.001).abs() < 1e-15, "{state:?}");
        let mut second = Adam::new(1);
        second.set_state(&state).unwrap();
        second.step(0.1, &[-3.0], &mut v);
        assert_eq!((w[0].to_bits(), whole.state()), (v[0].to_bits(), second.state()));
        assert!(second.set_state(&[1.0]).is_err());
    }
}
