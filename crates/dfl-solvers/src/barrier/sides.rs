/// The lower or the upper sides of variables and rows: slacks `s` and multipliers `z`, 0 and 0 where there is no finite side.
/// `sign` is 1 above, -1 below.
#[derive(Clone, Debug, Default)]
pub(super) struct Sides {
    sign: f64,
    pub(super) slack: Vec<f64>,
    pub(super) dual: Vec<f64>,
    /// What `s z` should become.
    target: Vec<f64>,
    /// Of the multipliers.
    step: Vec<f64>,
}

impl Sides {
    pub(super) fn new(sign: f64, size: usize) -> Self {
        let zeros = || vec![0.0; size];
        Self { sign, slack: zeros(), dual: zeros(), target: zeros(), step: zeros() }
    }

    /// Begins at a slack, if there is a side, with the multiplier that makes `s z` this product.
    pub(super) fn place(&mut self, k: usize, slack: Option<f64>, product: f64) {
        self.slack[k] = slack.unwrap_or(0.0);
        self.dual[k] = slack.map_or(0.0, |s| product / s);
        self.step[k] = 0.0;
    }

    fn present(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.slack.len()).filter(|&k| self.slack[k] > 0.0)
    }

    /// Curvature of the barrier.
    pub(super) fn weight(&self, k: usize) -> f64 {
        if self.slack[k] > 0.0 { self.dual[k] / self.slack[k] } else { 0.0 }
    }

    /// By how much the multiplier misses `t / s`.
    pub(super) fn pull(&self, k: usize) -> f64 {
        if self.slack[k] > 0.0 { self.target[k] / self.slack[k] - self.dual[k] } else { 0.0 }
    }

    /// Aims at `s z = product`.
    pub(super) fn aim(&mut self, product: f64) {
        self.target.fill(product);
    }

    /// Aims at `s z = product`, less `share` of what the last step left out: the product of its two parts.
    pub(super) fn aim_corrected(&mut self, product: f64, share: f64, dv: &[f64]) {
        for k in 0..dv.len() {
            self.target[k] = product + share * self.sign * dv[k] * self.step[k];
        }
    }

    /// Writes the multipliers' steps that go with the values' steps `dv`.
    pub(super) fn follow(&mut self, dv: &[f64]) {
        for k in 0..dv.len() {
            self.step[k] = self.pull(k) + self.sign * self.weight(k) * dv[k];
        }
    }

    /// Longest step that keeps slacks and multipliers from changing sign.
    pub(super) fn longest(&self, dv: &[f64]) -> f64 {
        let until = |value: f64, step: f64| if step < 0.0 { -value / step } else { f64::INFINITY };
        self.present().fold(f64::INFINITY, |a, k| a.min(until(self.slack[k], -self.sign * dv[k])).min(until(self.dual[k], self.step[k])))
    }

    /// `s z` of each side after a step of length `alpha`.
    pub(super) fn products<'a>(&'a self, dv: &'a [f64], alpha: f64) -> impl Iterator<Item = f64> + 'a {
        self.present().map(move |k| (self.slack[k] - alpha * self.sign * dv[k]) * (self.dual[k] + alpha * self.step[k]))
    }

    pub(super) fn advance(&mut self, dv: &[f64], alpha: f64) {
        for k in 0..dv.len() {
            if self.slack[k] > 0.0 {
                self.slack[k] -= alpha * self.sign * dv[k];
                self.dual[k] += alpha * self.step[k];
            }
        }
    }

    /// $\sum \log s$.
    pub(super) fn log_slacks(&self) -> f64 {
        self.present().map(|k| self.slack[k].ln()).sum()
    }
}
