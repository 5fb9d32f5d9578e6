use dfl_core::{Result, metrics};

use super::{Findings, Line, Piece, Words, check_mu, swept};
use crate::data::polynomial::check_positive;
use crate::tasks::Figure;

/// Seed of the permutations.
pub(super) const SEED: u64 = 0;
/// Steps of the curve from the weakest to the strongest smoothing.
const STEPS: u32 = 48;

/// One quantity of the smoothed selection of the best of `items`, a mean over simulations, at every strength of the smoothing.
pub(super) struct Sweep<'a> {
    pub(super) items: usize,
    pub(super) mu: &'a [f64],
    pub(super) simulations: usize,
    pub(super) method: &'a str,
    pub(super) solver: &'static str,
    pub(super) metric: &'static str,
    /// The quantity in each simulation.
    pub(super) measure: Box<dyn Fn(f64) -> Result<Vec<f64>> + 'a>,
}

/// Refuses settings without items, simulations or strengths.
pub(super) fn check(items: &[usize], mu: &[f64], simulations: usize) -> Result<()> {
    check_mu(mu)?;
    let counts = [("simulations", simulations), ("numbers of items", items.len())];
    counts.into_iter().chain(items.iter().map(|&count| ("items", count))).try_for_each(|(what, count)| check_positive(what, count))
}

impl Sweep<'_> {
    fn size(&self) -> String {
        format!("m{}", self.items)
    }

    /// Strengths at which the curve is followed besides, evenly on a logarithmic scale.
    fn between(&self) -> impl Iterator<Item = f64> {
        let ends = self.mu.iter().fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), &mu| (low.min(mu), high.max(mu)));
        (1..STEPS).map(move |k| ends.0 * (ends.1 / ends.0).powf(f64::from(k) / f64::from(STEPS)))
    }

    fn words(&self, size: String) -> Words {
        Words { task: "top_k", size, method: self.method.into(), predictor: "none", solver: self.solver.into(), seed: Some(SEED) }
    }
}

impl Piece for Sweep<'_> {
    fn label(&self) -> String {
        format!("top_k {} {} ({})", self.size(), self.method, self.solver)
    }

    fn metric(&self) -> &'static str {
        self.metric
    }

    fn rows(&self) -> Vec<Words> {
        self.mu.iter().map(|&mu| self.words(swept(&self.size(), mu))).collect()
    }

    fn compute(&self) -> Result<Findings> {
        let figure = |mu| {
            let values = (self.measure)(mu)?;
            Ok(Figure { metric: self.metric, value: metrics::mean(&values), se: metrics::standard_error(&values) })
        };
        let figures: Vec<_> = self.mu.iter().map(|&mu| figure(mu)).collect::<Result<_>>()?;
        let mut points: Vec<_> = self.mu.iter().zip(&figures).map(|(&mu, figure)| [mu, figure.value]).collect();
        for mu in self.between() {
            points.push([mu, figure(mu)?.value]);
        }
        points.sort_by(|a, b| a[0].total_cmp(&b[0]));
        let line = Line { words: self.words(self.size()), what: self.metric, over: "mu", log: [true, false], points };
        Ok(Findings {
            figures: figures.into_iter().map(|figure| vec![figure]).collect(),
            instances: self.simulations,
            lines: vec![line],
            maps: Vec::new(),
        })
    }
}
