use std::collections::VecDeque;

use dfl_core::Rng;

use super::Timesteps;

/// Losses kept for each step.
const HISTORY: usize = 10;
/// Share of uniform sampling beside the losses.
const UNIFORM_BESIDE_LOSSES: f64 = 0.001;
/// Share of uniform sampling beside the gradient norms, which are seen less often: no step counts more than 20 times the usual.
const UNIFORM_BESIDE_NORMS: f64 = 0.05;
/// Ranges of steps that share a gradient norm.
const RANGES: usize = 32;
/// Visits that a running mean of squared gradient norms looks back.
const VISITS: f64 = 10.0;

/// From which steps the sum over steps is estimated, and what was seen of them. Probabilities change only between calls, so that what
/// was drawn is weighted by what it was drawn with.
#[derive(Debug)]
pub(super) struct Proposal {
    kind: Timesteps,
    probability: Vec<f64>,
    cumulative: Vec<f64>,
    losses: Vec<VecDeque<f64>>,
    norms: Vec<Norm>,
    visits: usize,
}

/// Running mean of the squared norm of the gradient of one sample at a step of a range.
#[derive(Clone, Debug, Default)]
struct Norm {
    square: f64,
    visits: usize,
}

impl Proposal {
    pub(super) fn new(kind: Timesteps, steps: usize) -> Self {
        let losses = if kind == Timesteps::LossSecondMoment { vec![VecDeque::with_capacity(HISTORY); steps] } else { Vec::new() };
        let norms = if kind == Timesteps::GradientNorm { vec![Norm::default(); steps.min(RANGES)] } else { Vec::new() };
        let mut proposal = Self { kind, probability: Vec::new(), cumulative: Vec::new(), losses, norms, visits: 0 };
        proposal.set(vec![1.0 / steps as f64; steps]);
        proposal
    }

    pub(super) fn kind(&self) -> Timesteps {
        self.kind
    }

    /// Of steps 1 ... T.
    pub(super) fn probabilities(&self) -> &[f64] {
        &self.probability
    }

    fn set(&mut self, probability: Vec<f64>) {
        let sums = probability.iter().scan(0.0, |sum, p| {
            *sum += p;
            Some(*sum)
        });
        self.cumulative = sums.collect();
        self.probability = probability;
    }

    /// Steps for one sample, each with its share: the sum over steps of anything is the mean of the sum of share times it.
    pub(super) fn draw(&self, draws: usize, rng: &mut Rng) -> Vec<(usize, f64)> {
        if self.kind == Timesteps::All {
            return (1..=self.probability.len()).map(|t| (t, 1.0)).collect();
        }
        let last = self.probability.len() - 1;
        let total = self.cumulative[last];
        let one = |_| {
            let at = total * rng.uniform();
            let k = self.cumulative.partition_point(|&sum| sum <= at).min(last);
            (k + 1, total / (draws as f64 * self.probability[k]))
        };
        (0..draws).map(one).collect()
    }

    /// Takes note of (step, loss) pairs.
    pub(super) fn see_losses(&mut self, seen: impl Iterator<Item = (usize, f64)>) {
        for (t, loss) in seen {
            let kept = &mut self.losses[t - 1];
            if kept.len() == HISTORY {
                kept.pop_front();
            }
            kept.push_back(loss);
        }
        if self.losses.iter().all(|kept| kept.len() == HISTORY) {
            let roots = self.losses.iter().map(|kept| (kept.iter().map(|l| l * l).sum::<f64>() / HISTORY as f64).sqrt()).collect();
            self.mix(roots, UNIFORM_BESIDE_LOSSES);
        }
    }

    /// $p_t = (1 - u) r_t / \sum r + u/T$.
    fn mix(&mut self, roots: Vec<f64>, uniform: f64) {
        let (total, steps) = (roots.iter().sum::<f64>(), roots.len() as f64);
        if total > 0.0 && total.is_finite() {
            self.set(roots.iter().map(|root| (1.0 - uniform) * root / total + uniform / steps).collect());
        }
    }

    fn range_of(&self, step: usize) -> usize {
        (step - 1) * self.norms.len() / self.probability.len()
    }

    /// A step of the range whose turn it is.
    pub(super) fn probe(&self, rng: &mut Rng) -> usize {
        let (turn, steps, ranges) = (self.visits % self.norms.len(), self.probability.len(), self.norms.len());
        let (from, to) = ((turn * steps).div_ceil(ranges), ((turn + 1) * steps).div_ceil(ranges));
        1 + from + rng.below(to - from)
    }

    /// Takes note of the squared norm of the gradient at the step that [`Proposal::probe`] gave.
    pub(super) fn see_norm(&mut self, step: usize, square: f64) {
        let range = self.range_of(step);
        let norm = &mut self.norms[range];
        norm.visits += 1;
        norm.square += (square - norm.square) * (1.0 / norm.visits as f64).max(1.0 / VISITS);
        self.visits += 1;
        if self.visits >= self.norms.len() {
            let roots = (1..=self.probability.len()).map(|t| self.norms[self.range_of(t)].square.sqrt()).collect();
            self.mix(roots, UNIFORM_BESIDE_NORMS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Losses 3, 1 and 0 at three steps: uniform while one of ten is missing, then 0.999 (3/4, 1/4, 0) + 0.001/3.
    #[test]
    fn losses_count_once_there_are_ten_of_each() {
        let mut proposal = Proposal::new(Timesteps::LossSecondMoment, 3);
        let losses = [(1, 3.0), (2, 1.0), (3, 0.0)];
        for _ in 0..9 {
            proposal.see_losses(losses.into_iter());
        }
        assert_eq!(proposal.probabilities(), [1.0 / 3.0; 3]);
        // An old loss of step 1 is forgotten after ten new ones.
        proposal.see_losses([(1, 3.0), (1, -3.0), (2, 1.0), (3, 0.0)].into_iter());
        for (found, expected) in proposal.probabilities().iter().zip([0.74925, 0.24975, 0.0]) {
            assert!((found - expected - 0.001 / 3.0).abs() < 1e-15);
        }
        (0..10).for_each(|_| proposal.see_losses([(1, 0.0)].into_iter()));
        assert!(proposal.probabilities()[0] < 0.001);
    }

    /// Every range is visited in turn and every step belongs to the range it was probed for; norms 1 and 2 of two halves give 1 : 2.
    #[test]
    fn gradient_norms_are_looked_at_in_turn() {
        for steps in [2, 31, 32, 33, 100, 1000] {
            let (mut proposal, mut rng) = (Proposal::new(Timesteps::GradientNorm, steps), Rng::seeded(1));
            for turn in 0..3 * proposal.norms.len() {
                let step = proposal.probe(&mut rng);
                assert_eq!(proposal.range_of(step), turn % proposal.norms.len(), "{steps} steps");
                proposal.see_norm(step, if 2 * step <= steps { 1.0 } else { 4.0 });
            }
            let p = proposal.probabilities();
            let expected = |root: f64, mean: f64| (0.95 * root / mean + 0.05) / steps as f64;
            if steps % 64 == 0 || steps == 2 {
                assert!((p[0] - expected(1.0, 1.5)).abs() < 1e-12 && (p[steps - 1] - expected(2.0, 1.5)).abs() < 1e-12);
            }
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }

    /// Drawn shares and weights: frequencies are the probabilities within 5 standard errors, and a share is 1 / (draws p).
    #[test]
    fn steps_are_drawn_by_their_probability() {
        let mut proposal = Proposal::new(Timesteps::LossSecondMoment, 3);
        proposal.set(vec![0.7, 0.1, 0.2]);
        let (mut rng, n) = (Rng::seeded(4), 40_000);
        let drawn = proposal.draw(n, &mut rng);
        for (k, p) in [0.7, 0.1, 0.2].into_iter().enumerate() {
            let count = drawn.iter().filter(|d| d.0 == k + 1).count() as f64 / n as f64;
            assert!((count - p).abs() < 5.0 * (p * (1.0 - p) / n as f64).sqrt(), "{k}: {count}");
            assert!(drawn.iter().filter(|d| d.0 == k + 1).all(|d| (d.1 * n as f64 * p - 1.0).abs() < 1e-12));
        }
    }
}
