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
}
