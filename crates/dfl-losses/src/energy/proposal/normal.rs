use std::f64::consts::TAU;

use dfl_core::{Rng, Support, normal_cdf};

use super::{Proposal, ProposalKind, log_sum_exp};

/// Normals around a centre, truncated to a box that holds it, or not.
#[derive(Debug)]
pub(super) struct Normals<'p> {
    proposal: &'p Proposal,
    centre: Vec<f64>,
    /// Logarithm of what $e^{-(a_i - c_i)^2 / 2\sigma_k^2}$ integrates to, by width and entry, `[K, n]`.
    log_mass: Vec<f64>,
    /// Their sums over the entries, `[K]`.
    log_masses: Vec<f64>,
}

impl<'p> Normals<'p> {
    pub(super) fn new(proposal: &'p Proposal, centre: Vec<f64>) -> Self {
        let n = centre.len();
        let of = |sigma: f64, i: usize| {
            let whole = (sigma * TAU.sqrt()).ln();
            match sides(&proposal.support, i) {
                None => whole,
                Some((l, u)) => whole + (normal_cdf((u - centre[i]) / sigma) - normal_cdf((l - centre[i]) / sigma)).ln(),
            }
        };
        let log_mass: Vec<f64> = proposal.sigmas.iter().flat_map(|&sigma| (0..n).map(move |i| (sigma, i))).map(|(s, i)| of(s, i)).collect();
        let log_masses = log_mass.chunks_exact(n.max(1)).map(|of| of.iter().sum()).collect();
        Self { proposal, centre, log_mass, log_masses }
    }

    pub(super) fn len(&self) -> usize {
        self.centre.len()
    }

    pub(super) fn draw(&self, rng: &mut Rng, a: &mut [f64]) {
        let sigmas = &self.proposal.sigmas;
        let joint = sigmas[rng.below(sigmas.len())];
        for (i, (a, centre)) in a.iter_mut().zip(&self.centre).enumerate() {
            let sigma = match self.proposal.kind {
                ProposalKind::Joint => joint,
                ProposalKind::Coordinatewise => sigmas[rng.below(sigmas.len())],
            };
            *a = match sides(&self.proposal.support, i) {
                None => centre + sigma * rng.normal(),
                // Rounding may step over a side.
                Some((l, u)) => (centre + sigma * truncated(rng, (l - centre) / sigma, (u - centre) / sigma)).clamp(l, u),
            };
        }
    }

    pub(super) fn log_density(&self, a: &[f64]) -> f64 {
        let (sigmas, count) = (&self.proposal.sigmas, self.proposal.sigmas.len() as f64);
        match self.proposal.kind {
            ProposalKind::Joint => {
                let square: f64 = a.iter().zip(&self.centre).map(|(a, c)| (a - c).powi(2)).sum();
                log_sum_exp(sigmas.iter().zip(&self.log_masses).map(|(s, mass)| -0.5 * square / (s * s) - mass)) - count.ln()
            }
            ProposalKind::Coordinatewise => {
                let n = self.len();
                let entry = |(i, (a, c)): (usize, (&f64, &f64))| {
                    let of = |(k, s): (usize, &f64)| -0.5 * ((a - c) / s).powi(2) - self.log_mass[k * n + i];
                    log_sum_exp(sigmas.iter().enumerate().map(of)) - count.ln()
                };
                a.iter().zip(&self.centre).enumerate().map(entry).sum()
            }
        }
    }
}

/// The sides of an entry, if it has any.
fn sides(support: &Support, i: usize) -> Option<(f64, f64)> {
    match support {
        Support::Box { lower, upper } => Some((lower[i], upper[i])),
        _ => None,
    }
}

/// A standard normal in $[l, u]$ with $l \le 0 \le u$. A wide interval keeps a normal that falls into it; a narrow one a uniform point with
/// the chance $e^{-x^2/2}$. Either keeps at least 0.49 of its draws.
fn truncated(rng: &mut Rng, lower: f64, upper: f64) -> f64 {
    let narrow = upper - lower < TAU.sqrt();
    loop {
        let x = if narrow { lower + (upper - lower) * rng.uniform() } else { rng.normal() };
        if if narrow { rng.uniform() < (-0.5 * x * x).exp() } else { (lower..=upper).contains(&x) } {
            return x;
        }
    }
}
