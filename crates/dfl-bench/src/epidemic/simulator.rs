use dfl_core::{Error, Result, Simulator, check_len};

use super::coding::decode;
use super::disease::COMPARTMENTS;
use super::dynamics::{Dynamics, State, hospitalised, pull_hospitalised};
use super::runge_kutta::{pull_step, step};

/// What $\beta$ stays below: 2, that is $R_0 < 11.6$ with the published constants.
pub const CEILING: f64 = 2.0;

/// $\beta$ of a latent quantity, $\beta = 2 / (1 + e^{-\ell})$.
pub fn rate_of(latent: f64) -> f64 {
    CEILING / (1.0 + (-latent).exp())
}

/// $\ell = \ln(\beta / (2 - \beta))$ of a $\beta$ between 0 and 2.
pub fn latent_of(beta: f64) -> f64 {
    (beta / (CEILING - beta)).ln()
}

/// People in hospital on each of the next days, from the transmission on these days: a latent quantity is $\ell$ day by day, the outcome $H$
/// at the end of each, by the Runge-Kutta method with so many steps a day.
///
/// The features hold compartments day by day, as [`encode`](super::encode) writes them; the state from which it starts is that of the last day.
/// [`Simulator::pull`] is the exact derivative of what is computed, by reversing the steps.
///
/// # Differences
/// The paper predicts $\beta$ itself as a Gaussian, which can be negative. Here $\beta = 2/(1 + e^{-\ell})$: positive as a rate, nearly $e^\ell$ up to a
/// factor where it is small, and never so large that an untrained model's draws make the equations stiff.
#[derive(Clone, Debug)]
pub struct BedDemand {
    system: Dynamics,
    horizon: usize,
    steps: usize,
}

impl BedDemand {
    /// For so many days ahead, with so many steps in each.
    ///
    /// # Errors
    /// [`Error::Domain`] if either is 0.
    pub fn new(system: Dynamics, horizon: usize, steps: usize) -> Result<Self> {
        for (what, count) in [("days ahead of an epidemic", horizon), ("steps of a day", steps)] {
            if count == 0 {
                return Err(Error::Domain { what, value: 0.0, need: "at least 1" });
            }
        }
        Ok(Self { system, horizon, steps })
    }

    /// The equations.
    pub fn system(&self) -> &Dynamics {
        &self.system
    }

    /// Moves a state by one day.
    pub fn day(&self, state: &mut State, beta: f64) {
        (0..self.steps).for_each(|_| step(&self.system, state, beta, self.length()));
    }

    fn length(&self) -> f64 {
        1.0 / self.steps as f64
    }

    /// The state of the last day, after the lengths and the latent quantity were looked at.
    fn start(&self, features: &[f64], latent: &[f64]) -> Result<State> {
        if features.len() < COMPARTMENTS || !features.len().is_multiple_of(COMPARTMENTS) {
            return Err(Error::Dimension { what: "features of an epidemic, 10 a day", expected: COMPARTMENTS, got: features.len() });
        }
        check_len("latent transmission", self.horizon, latent.len())?;
        if let Some(column) = latent.iter().position(|l| !l.is_finite()) {
            return Err(Error::NotFinite { what: "latent transmission", row: 0, column, value: latent[column] });
        }
        decode(self.system.population(), &features[features.len() - COMPARTMENTS..])
    }
}

impl Simulator for BedDemand {
    fn latent(&self) -> usize {
        self.horizon
    }

    fn outcome(&self) -> usize {
        self.horizon
    }

    fn simulate(&self, features: &[f64], latent: &[f64], out: &mut [f64]) -> Result<()> {
        let mut state = self.start(features, latent)?;
        check_len("outcome of an epidemic", self.horizon, out.len())?;
        for (out, &l) in out.iter_mut().zip(latent) {
            self.day(&mut state, rate_of(l));
            *out = hospitalised(&state);
        }
        Ok(())
    }

    fn pull(&self, features: &[f64], latent: &[f64], cotangent: &[f64], out: &mut [f64]) -> Result<()> {
        let mut state = self.start(features, latent)?;
        check_len("cotangent on the outcome of an epidemic", self.horizon, cotangent.len())?;
        check_len("gradient in the latent transmission", self.horizon, out.len())?;
        // States before each step, allocated once for the path.
        let mut before = Vec::with_capacity(self.horizon * self.steps);
        for &l in latent {
            for _ in 0..self.steps {
                before.push(state);
                step(&self.system, &mut state, rate_of(l), self.length());
            }
        }
        let mut on_state = [0.0; COMPARTMENTS];
        for (day, states) in before.chunks_exact(self.steps).enumerate().rev() {
            pull_hospitalised(cotangent[day], &mut on_state);
            let beta = rate_of(latent[day]);
            let on_beta: f64 = states.iter().rev().map(|x| pull_step(&self.system, x, beta, self.length(), &mut on_state)).sum();
            out[day] += on_beta * beta * (1.0 - beta / CEILING);
        }
        Ok(())
    }
}
