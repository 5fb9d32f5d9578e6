//! Anderson acceleration in cycles: where the iteration is affine, a few steps tell where it goes.

use super::lanes::Lanes;
use super::lines::Lane;

/// Most steps of a cycle.
pub(super) const LONGEST: usize = 16;
/// Regularisation, relative to the trace of the Gram matrix.
const SHIFT: f64 = 1e-11;

/// Ends a cycle of steps $f_0, \dots, f_k$ from $z_0$ at $\sum_i w_i z_{i+1}$ in place of $z_{k+1}$, where $w$ minimises $\|\sum_i w_i f_i\|$
/// among weights of sum 1. If the first step from there is longer than $f_k$, it goes back to $z_{k+1}$.
#[derive(Clone, Debug)]
pub(super) struct Mixer<const L: usize> {
    /// Whether each iterate's free variables are to be known.
    pub(super) records: bool,
    /// The way back to $z_{k+1}$.
    back: Vec<Lane<L>>,
    /// Square length of the last step of the cycle before.
    square: Lane<L>,
    /// Whether the present cycle is one of the method's own steps, all of it.
    regular: [bool; L],
}

impl<const L: usize> Mixer<L> {
    pub(super) fn new(n: usize, records: bool) -> Self {
        Self { records, back: vec![[0.0; L]; n], square: [f64::INFINITY; L], regular: [true; L] }
    }

    /// Makes lane `l` begin anew at the next step, which is the first of a cycle.
    pub(super) fn forget(&mut self, l: usize) {
        self.square[l] = f64::INFINITY;
    }

    /// What follows the evaluation of a step.
    #[inline(always)]
    pub(super) fn mix(&mut self, lanes: &mut Lanes<L>) {
        if lanes.steps.len() == 1 {
            return;
        }
        if lanes.phase == 0 {
            self.judge(lanes);
        }
        if lanes.at_end() {
            self.square = lanes.square;
            self.extrapolate(lanes);
        }
    }

    #[inline(always)]
    fn judge(&mut self, lanes: &mut Lanes<L>) {
        for l in 0..L {
            self.regular[l] = lanes.square[l] <= self.square[l];
            if !self.regular[l] {
                lanes.steps[0].iter_mut().zip(&self.back).for_each(|(step, back)| step[l] = back[l]);
            }
        }
    }

    #[inline(always)]
    fn extrapolate(&mut self, lanes: &mut Lanes<L>) {
        let count = lanes.steps.len();
        let mut gram = [[[0.0; L]; LONGEST]; LONGEST];
        for i in 0..count {
            for k in 0..=i {
                gram[i][k] = dot(&lanes.steps[i], &lanes.steps[k]);
            }
        }
        // Part of each step that is taken back: the weights before it.
        let mut taken = [[0.0; L]; LONGEST];
        for l in 0..L {
            if self.regular[l]
                && let Some(weights) = weights(|i, k| gram[i][k][l], count)
            {
                let mut sum = 0.0;
                for i in 0..count {
                    taken[i][l] = sum;
                    sum += weights[i];
                }
            }
        }
        self.back.fill([0.0; L]);
        for (step, taken) in lanes.steps.iter().zip(&taken).skip(1) {
            for (back, step) in self.back.iter_mut().zip(step) {
                for l in 0..L {
                    back[l] += taken[l] * step[l];
                }
            }
        }
        for (step, back) in lanes.steps[count - 1].iter_mut().zip(&self.back) {
            for l in 0..L {
                step[l] -= back[l];
            }
        }
    }
}

#[inline(always)]
fn dot<const L: usize>(a: &[Lane<L>], b: &[Lane<L>]) -> Lane<L> {
    let mut out = [0.0; L];
    for (a, b) in a.iter().zip(b) {
        for l in 0..L {
            out[l] += a[l] * b[l];
        }
    }
    out
}

/// $w = R^{-1} 1 / 1^\top R^{-1} 1$ for the Gram matrix $R$ with a little on its diagonal, by Cholesky's factor; `None` if that is not
/// positive definite.
fn weights(gram: impl Fn(usize, usize) -> f64, count: usize) -> Option<[f64; LONGEST]> {
    let shift = SHIFT * (0..count).map(|i| gram(i, i)).sum::<f64>();
    let (mut factor, mut w) = ([[0.0; LONGEST]; LONGEST], [1.0; LONGEST]);
    for i in 0..count {
        for k in 0..=i {
            let before: f64 = (0..k).map(|r| factor[i][r] * factor[k][r]).sum();
            let rest = gram(i, k) - before;
            if k < i {
                factor[i][k] = rest / factor[k][k];
            } else if rest + shift > 0.0 {
                factor[i][i] = (rest + shift).sqrt();
            } else {
                return None;
            }
        }
        let before: f64 = (0..i).map(|r| factor[i][r] * w[r]).sum();
        w[i] = (1.0 - before) / factor[i][i];
    }
    for i in (0..count).rev() {
        let after: f64 = (i + 1..count).map(|r| factor[r][i] * w[r]).sum();
        w[i] = (w[i] - after) / factor[i][i];
    }
    let sum: f64 = w[..count].iter().sum();
    (sum > 0.0 && sum.is_finite()).then(|| w.map(|w| w / sum))
}
