//! Energy models of decisions, against quadrature, closed forms and differences.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]
#![allow(clippy::print_stdout, reason = "errors by number of candidates are part of the record; shown with --nocapture")]

mod chains;
mod exactness;
mod inputs;
mod penalty;
mod proposal;
mod refusals;
mod resampling;

use std::sync::Arc;

use dfl_core::{
    Batch, Cost, CostGrad, Energy, Error, LinearGaussian, Minibatch, Objective, OutcomeGrad, Parameters, Result, Spread, StepReport,
    Stream, Support, Targets, normal_cdf, normal_density,
};
use dfl_losses::{Input, Negatives, Proposal, ProposalKind, SoEbm, SoEbmOptions};

/// Demand met or not: `under (y - a)_+ + over (a - y)_+ + (a - y)^2 / 2`, over all entries.
#[derive(Clone, Copy)]
struct Demand {
    under: f64,
    over: f64,
}

const DEMAND: Demand = Demand { under: 3.0, over: 0.5 };

impl Cost for Demand {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        let one = |(y, z): (&f64, &f64)| self.under * (y - z).max(0.0) + self.over * (z - y).max(0.0) + 0.5 * (z - y).powi(2);
        y.iter().zip(z).map(one).sum()
    }
}
impl CostGrad for Demand {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        let slope = |off: f64| off + if off > 0.0 { self.over } else { -self.under };
        out.iter_mut().zip(y.iter().zip(z)).for_each(|(out, (y, z))| *out = slope(z - y));
    }
}
impl OutcomeGrad for Demand {
    fn add_outcome_grad(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        let mut slope = vec![0.0; z.len()];
        self.grad_z(y, z, &mut slope);
        out.iter_mut().zip(&slope).for_each(|(out, g)| *out -= w * g);
    }
}

/// The same expected under independent Gaussians, in closed form, [`Input::Moments`].
#[derive(Clone, Copy)]
struct Expected(Demand, usize);

impl Expected {
    /// Value, and slopes in the decision, the mean and the deviation, of one entry.
    fn entry(&self, mean: f64, deviation: f64, a: f64) -> [f64; 4] {
        let (Demand { under, over }, off) = (self.0, a - mean);
        let (below, density) = (normal_cdf(off / deviation), normal_density(off / deviation));
        let value = (under + over) * (deviation * density + off * below) - under * off + 0.5 * (off * off + deviation * deviation);
        let slope = (under + over) * below - under + off;
        [value, slope, -slope, (under + over) * density + deviation]
    }
    fn entries<'a>(&'a self, phi: &'a [f64], a: &'a [f64]) -> impl Iterator<Item = [f64; 4]> + 'a {
        let (mean, deviation) = phi.split_at(self.1);
        a.iter().zip(mean.iter().zip(deviation)).map(|(a, (m, s))| self.entry(*m, *s, *a))
    }
}

impl Energy for Expected {
    fn prediction(&self) -> usize {
        2 * self.1
    }
    fn decision(&self) -> usize {
        self.1
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        if let Some(&value) = phi[self.1..].iter().find(|s| s.is_nan() || **s <= 0.0) {
            return Err(Error::Domain { what: "deviation", value, need: "positive" });
        }
        out.iter_mut().zip(candidates.chunks_exact(self.1)).for_each(|(out, a)| *out = self.entries(phi, a).map(|e| e[0]).sum());
        Ok(())
    }
    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
        for (w, a) in weights.iter().zip(candidates.chunks_exact(self.1)) {
            for (i, e) in self.entries(phi, a).enumerate() {
                out[i] += w * e[2];
                out[self.1 + i] += w * e[3];
            }
        }
        Ok(())
    }
    fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        out.iter_mut().zip(self.entries(phi, a)).for_each(|(out, e)| *out = e[1]);
        Ok(())
    }
}

/// `N(mean, deviation^2)` in each output without features; its weights are means and log-deviations.
fn normal(mean: &[f64], deviation: &[f64]) -> LinearGaussian {
    let mut model = LinearGaussian::new(0, mean.len(), Spread::Constant);
    let logs: Vec<f64> = deviation.iter().map(|s| s.ln()).collect();
    model.set_values(&[mean, &logs].concat()).unwrap();
    model
}

fn everywhere(sigmas: &[f64]) -> Proposal {
    Proposal { kind: ProposalKind::Joint, sigmas: sigmas.to_vec(), support: Support::Everywhere }
}

fn options(candidates: usize, proposal: Proposal) -> SoEbmOptions {
    SoEbmOptions { input: Input::Moments, mle: 1.0, kl: 0.5, candidates, proposal, negatives: Negatives::Importance }
}

fn so_ebm(options: SoEbmOptions, n: usize) -> SoEbm {
    SoEbm::new(Arc::new(Expected(DEMAND, n)), Arc::new(DEMAND), options).unwrap()
}

/// Rows without features.
struct Rows {
    ids: Vec<u64>,
    targets: Targets,
}

impl Rows {
    /// The same label and truth in rows named `ids`.
    fn new(ids: impl IntoIterator<Item = u64>, label: &[f64], truth: &[f64]) -> Self {
        let ids: Vec<u64> = ids.into_iter().collect();
        let repeat = |row: &[f64]| Some(Batch::from_vec(ids.len(), row.len(), row.repeat(ids.len())).unwrap());
        Self { targets: Targets { truth: repeat(truth), solution: repeat(label), normals: None }, ids }
    }
    fn accumulate(&self, model: &mut LinearGaussian, objective: &SoEbm, stream: Stream) -> Result<StepReport> {
        let features = Batch::zeros(self.ids.len(), 0);
        model.zero_grad();
        objective.accumulate(model, Minibatch { ids: &self.ids, features: &features, targets: &self.targets }, stream)
    }
    /// Mean loss and its gradient.
    fn evaluate(&self, model: &mut LinearGaussian, objective: &SoEbm, stream: Stream) -> (f64, Vec<f64>) {
        let loss = self.accumulate(model, objective, stream).unwrap().loss;
        (loss / self.ids.len() as f64, model.gradient())
    }
}

fn mean_and_error(draws: &[f64]) -> (f64, f64) {
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    (mean, (draws.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n * (n - 1.0))).sqrt())
}
