//! Beds without learning: today's patients, or what the equations give if transmission stays.

use dfl_core::{Batch, CostGrad, Instances, Result, Simulator, Splits};

use super::CovidTask;
use crate::epidemic::{COMPARTMENTS, Compartment, State, decode, latent_of};

/// Days over which transmission is estimated.
const WEEK: usize = 7;
/// Between which an estimate is kept, so that days without cases say something too.
const TRANSMISSION: [f64; 2] = [0.01, 1.9];
/// Halvings of a bracket.
const HALVINGS: usize = 60;

impl CovidTask {
    /// Patients of the last day that was observed, for every day.
    pub(super) fn today(&self, part: &Instances) -> Result<Batch> {
        let mut out = Batch::zeros(part.len(), self.days());
        for i in 0..part.len() {
            let state = self.observed(part.features.row(i), 0)?;
            let patients = state[Compartment::HospitalRecovering as usize] + state[Compartment::HospitalDying as usize];
            out.row_mut(i).fill(patients);
        }
        Ok(out)
    }

    /// Patients that the equations give for the mean transmission of the last week.
    pub(super) fn nowcast(&self, part: &Instances) -> Result<Batch> {
        let mut out = Batch::zeros(part.len(), self.days());
        for i in 0..part.len() {
            let latent = vec![latent_of(self.transmission(part.features.row(i))?); self.days()];
            self.simulator.simulate(part.features.row(i), &latent, out.row_mut(i))?;
        }
        Ok(out)
    }

    /// The compartments of an observed day, 0 being the last.
    fn observed(&self, features: &[f64], days_ago: usize) -> Result<State> {
        let end = features.len() - days_ago * COMPARTMENTS;
        decode(self.capacity(), &features[end - COMPARTMENTS..end])
    }

    /// $\beta$ over the last week: the susceptible fall by $e^{-\beta \int \sum_k C_k I_k / N}$, and the integral is about the mean of both ends of each day.
    fn transmission(&self, features: &[f64]) -> Result<f64> {
        let states = (0..=WEEK).rev().map(|d| self.observed(features, d)).collect::<Result<Vec<_>>>()?;
        let susceptible = |x: &State| x[Compartment::Susceptible as usize];
        let pressures: Vec<f64> = states.iter().map(|x| self.simulator.system().force(x, 1.0)).collect();
        let exposure: f64 = pressures.windows(2).map(|p| 0.5 * (p[0] + p[1])).sum();
        let beta = (susceptible(&states[0]) / susceptible(&states[WEEK])).ln() / exposure;
        // Without cases there is no exposure, and no patients whatever the transmission.
        Ok(if beta.is_finite() { beta.clamp(TRANSMISSION[0], TRANSMISSION[1]) } else { TRANSMISSION[0] })
    }

    /// Forecasts of the test rows times the factor of each day that costs least on the training rows.
    pub(super) fn with_best_factors(&self, data: &Splits, forecast: fn(&Self, &Instances) -> Result<Batch>) -> Result<Batch> {
        let (train, mut out) = (forecast(self, &data.train)?, forecast(self, &data.test)?);
        let factors: Vec<f64> = (0..self.days()).map(|day| self.best_factor(&data.train.truth, &train, day)).collect();
        for i in 0..out.rows() {
            out.row_mut(i).iter_mut().zip(&factors).for_each(|(a, c)| *a *= c);
        }
        Ok(out)
    }

    /// The mean cost of one day is convex in the factor, so that its slope changes its sign once.
    fn best_factor(&self, truth: &Batch, forecasts: &Batch, day: usize) -> f64 {
        let slope = |factor: f64| -> f64 {
            let of_row = |(y, a): (&[f64], &[f64])| {
                let mut slope = [0.0];
                self.cost.grad_z(&y[day..=day], &[factor * a[day]], &mut slope);
                slope[0] * a[day]
            };
            truth.iter().zip(forecasts.iter()).map(of_row).sum()
        };
        let (mut low, mut high) = (0.0, 100.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            *(if slope(middle) < 0.0 { &mut low } else { &mut high }) = middle;
        }
        0.5 * (low + high)
    }
}
