use std::sync::Mutex;

/// Replaces logarithms of weights by the weights, which sum to 1; returns the logarithm of the sum that they had.
pub(super) fn normalise(logs: &mut [f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for log in logs.iter_mut() {
        *log = (*log - top).exp();
        sum += *log;
    }
    logs.iter_mut().for_each(|w| *w /= sum);
    top + sum.ln()
}

/// Effective sample size $1 / \sum_m \bar w_m^2$ of weights that sum to 1: from 1, where one candidate has it all, to their number.
pub(super) fn effective(weights: &[f64]) -> f64 {
    1.0 / weights.iter().map(|w| w * w).sum::<f64>()
}

/// Effective sample sizes of the rows of a step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EffectiveSize {
    /// Rows that were counted.
    pub rows: usize,
    /// Mean over them for the model $q$; NaN without importance weights for it.
    pub model: f64,
    /// The least for the model.
    pub least: f64,
    /// Mean for the oracle posterior; NaN where no term reads it.
    pub oracle: f64,
}

/// Counts how many of the candidates the importance weights rely on, over the steps of a run; shared with whoever prints it.
#[derive(Debug, Default)]
pub struct EssMeter(Mutex<Sums>);

#[derive(Debug, Default)]
struct Sums {
    rows: usize,
    model: f64,
    least: f64,
    oracle: f64,
}

impl EssMeter {
    /// Adds one row; in the order of the rows, so that sums do not depend on threads.
    pub(super) fn add(&self, model: f64, oracle: f64) {
        let mut sums = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        sums.least = if sums.rows == 0 { model } else { sums.least.min(model) };
        (sums.rows, sums.model, sums.oracle) = (sums.rows + 1, sums.model + model, sums.oracle + oracle);
    }

    /// What was counted since the last call, if anything.
    pub fn take(&self) -> Option<EffectiveSize> {
        let sums = std::mem::take(&mut *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
        let mean = |sum: f64| sum / sums.rows as f64;
        (sums.rows > 0).then(|| EffectiveSize { rows: sums.rows, model: mean(sums.model), least: sums.least, oracle: mean(sums.oracle) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_far_from_one_are_normalised_in_log_space() {
        let mut logs = [-5000.0, -5000.0 + 3f64.ln(), f64::NEG_INFINITY];
        let sum = normalise(&mut logs);
        assert!((sum - (4f64.ln() - 5000.0)).abs() < 1e-12);
        assert!(logs.iter().zip([0.25, 0.75, 0.0]).all(|(w, e)| (w - e).abs() < 1e-12), "{logs:?}");
        assert!((effective(&logs) - 1.6).abs() < 1e-12);
    }

    #[test]
    fn a_meter_starts_anew_once_read() {
        let meter = EssMeter::default();
        assert_eq!(meter.take(), None);
        meter.add(4.0, 2.0);
        meter.add(2.0, 4.0);
        assert_eq!(meter.take(), Some(EffectiveSize { rows: 2, model: 3.0, least: 2.0, oracle: 3.0 }));
        assert_eq!(meter.take(), None);
    }
}
