use dfl_core::{Error, Result};

use super::disease::{COMPARTMENTS, Compartment, Disease, Exit};

/// People in each [`Compartment`].
pub type State = [f64; COMPARTMENTS];

pub(super) const S: usize = Compartment::Susceptible as usize;
pub(super) const E: usize = Compartment::Exposed as usize;
pub(super) const IA: usize = Compartment::Asymptomatic as usize;
const HR: usize = Compartment::HospitalRecovering as usize;
const HD: usize = Compartment::HospitalDying as usize;

/// The equations of an epidemic in a population of $N$, of which $m$ a day are infected from outside:
///
/// $$\dot S = -\iota, \quad \dot E = \iota - \gamma E, \quad \iota = \frac{S}{N} \Bigl(\beta \sum_k C_k I_k + m\Bigr)$$
///
/// and, for every compartment from E to Hd, $\dot x_c = -r_c x_c$ plus what comes from the others by [`Disease::exits`].
///
/// # Shapes
/// States `[10]` in people; $\beta$ in new cases a day for each infectious person.
#[derive(Clone, Debug)]
pub struct Dynamics {
    population: f64,
    imported: f64,
    contagion: [f64; 4],
    exits: [Exit; 7],
}

impl Dynamics {
    /// A disease in a population.
    ///
    /// # Errors
    /// [`Error::Domain`] for a population that is negative, zero or not finite, and as [`Disease::check`].
    pub fn new(disease: &Disease, population: f64) -> Result<Self> {
        disease.check()?;
        if !(population > 0.0 && population.is_finite()) {
            return Err(Error::Domain { what: "population", value: population, need: "positive and finite" });
        }
        Ok(Self { population, imported: disease.imported, contagion: disease.contagion, exits: disease.exits() })
    }

    /// $N$.
    pub fn population(&self) -> f64 {
        self.population
    }

    pub(super) fn exits(&self) -> &[Exit; 7] {
        &self.exits
    }

    /// New cases a day for each susceptible person, $\iota / S$.
    pub(crate) fn force(&self, x: &State, beta: f64) -> f64 {
        (beta * self.infectious(x) + self.imported) / self.population
    }

    /// $\sum_k C_k I_k$.
    fn infectious(&self, x: &State) -> f64 {
        self.contagion.iter().zip(&x[IA..]).map(|(c, i)| c * i).sum()
    }

    /// $\dot x$.
    pub fn derivative(&self, x: &State, beta: f64) -> State {
        let mut out = [0.0; COMPARTMENTS];
        let infected = self.force(x, beta) * x[S];
        out[S] = -infected;
        out[E] = infected;
        for (exit, from) in self.exits.iter().zip(E..) {
            let leaving = exit.rate * x[from];
            out[from] -= leaving;
            out[exit.to[0]] += exit.share * leaving;
            out[exit.to[1]] += (1.0 - exit.share) * leaving;
        }
        out
    }

    /// The transpose of the derivative's Jacobian applied to `w`: in the state, and in $\beta$.
    pub(super) fn pull_derivative(&self, x: &State, beta: f64, w: &State) -> (State, f64) {
        let mut out = [0.0; COMPARTMENTS];
        let per_case = (w[E] - w[S]) / self.population;
        let infectious = self.infectious(x);
        out[S] = per_case * (beta * infectious + self.imported);
        for (k, c) in self.contagion.iter().enumerate() {
            out[IA + k] = per_case * beta * c * x[S];
        }
        for (exit, from) in self.exits.iter().zip(E..) {
            out[from] += exit.rate * (exit.share * w[exit.to[0]] + (1.0 - exit.share) * w[exit.to[1]] - w[from]);
        }
        (out, per_case * infectious * x[S])
    }
}

/// People in hospital, $H_r + H_d$.
pub(super) fn hospitalised(x: &State) -> f64 {
    x[HR] + x[HD]
}

/// Adds to a cotangent of the state that of the people in hospital.
pub(super) fn pull_hospitalised(cotangent: f64, on_state: &mut State) {
    on_state[HR] += cotangent;
    on_state[HD] += cotangent;
}
