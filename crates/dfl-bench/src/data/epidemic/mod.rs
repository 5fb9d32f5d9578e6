//! Simulated epidemics: what is known on a day, and what happens in the days after it.

mod path;

use dfl_core::{Batch, Error, Key, Result, Rng, Stream};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::polynomial::check_positive;
use crate::epidemic::{BedDemand, COMPARTMENTS, Compartment, Disease, Dynamics, People, State, binomial_day, encode, rate_of};

/// Days whose compartments are the features.
pub const OBSERVED: usize = 21;
/// Rows that are cut from one epidemic.
pub const WINDOWS: usize = 8;
/// First day that can be the last one observed: cases are too few for beds before.
const FIRST: usize = 40;
/// Days of an epidemic beside those ahead of the last window.
const DAYS: usize = 180;
/// Steps of a day, of the differential equations and of the stochastic process.
const STEPS: [usize; 2] = [4, 10];

/// What is observed of an epidemic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// The differential equations: the transmission is all that is uncertain, and the outcome is what the simulator gives for it.
    #[default]
    Ode,
    /// The stochastic process in whole people, see [`binomial_day`]: patients vary given the transmission too.
    Binomial,
}

/// The arguments of the epidemic generator; a row is a window of an epidemic.
///
/// **Features** `[21 * 10]`: the compartments of the last 21 days as [`encode`] writes them, oldest day first. **Truth** `[2 * horizon]`: people in
/// hospital at the end of each of the next days, then the latent transmission $\ell$ on these days.
///
/// **Epidemics.** 3 to 6 exposed in a population without immunity, the constants of [`Disease::PUBLISHED`], $R_0 \sim U(2, 4)$. A stay-at-home order
/// begins on a day between 30 and 70, lasts 30 to 60 days and multiplies $\beta$ by $U(0.2, 0.45)$; the next one begins 20 to 60 days after it
/// ended. The latent transmission is that of this path plus a stationary AR(1) with coefficient 0.9 and deviation `volatility`. From
/// each of 180 days, [`WINDOWS`] last days of observation are drawn without repetition from the 40th on.
///
/// Row $i$ belongs to epidemic $i / 8$ and is a function of the seed and $i$ alone. Who splits rows must do so by epidemic.
///
/// # Differences
/// SO-EBM (NeurIPS 2022) does not say how its epidemics were generated: but for the constants of the disease, the range of the order's multiplier and the
/// first cases, all of this is our choice.
///
/// ```
/// use dfl_bench::data::epidemic::EpidemicData;
/// let (x, y) = EpidemicData { samples: 10, ..EpidemicData::default() }.generate()?;
/// assert_eq!((x.cols(), y.cols()), (210, 14));
/// # Ok::<(), dfl_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EpidemicData {
    /// Number of rows.
    pub samples: usize,
    /// Days ahead.
    pub horizon: usize,
    /// People, rounded to whole ones.
    pub population: f64,
    /// Deviation of the latent transmission about its path; nearly a relative one of $\beta$.
    pub volatility: f64,
    /// What is observed.
    pub process: Process,
    /// Seed of the stream.
    pub seed: u64,
}

impl Default for EpidemicData {
    /// 1000 rows of a week ahead in a population of two millions, without noise but in the transmission.
    fn default() -> Self {
        Self { samples: 1000, horizon: 7, population: 2e6, volatility: 0.3, process: Process::Ode, seed: 0 }
    }
}

/// Rows of some epidemics: features, truths and ids, the rows' places in the sequence of all windows.
type Rows = (Vec<f64>, Vec<f64>, Vec<u64>);

impl EpidemicData {
    /// Refuses what makes no epidemic.
    ///
    /// # Errors
    /// [`Error::Domain`] naming the argument.
    pub fn check(&self) -> Result<()> {
        check_positive("rows of epidemics", self.samples)?;
        check_positive("days ahead of an epidemic", self.horizon)?;
        if !(self.population >= 1000.0 && self.population.is_finite()) {
            return Err(Error::Domain { what: "population", value: self.population, need: "finite and at least 1000" });
        }
        if !(self.volatility >= 0.0 && self.volatility.is_finite()) {
            return Err(Error::Domain { what: "volatility", value: self.volatility, need: "finite and at least 0" });
        }
        Ok(())
    }

    /// Draws the rows: features `[samples, 210]` and truths `[samples, 2 * horizon]`.
    ///
    /// # Errors
    /// As [`EpidemicData::check`].
    pub fn generate(&self) -> Result<(Batch, Batch)> {
        let (features, truths, _) = self.rows(0, self.samples)?;
        Ok((features, truths))
    }

    /// The simulator of its outcomes.
    ///
    /// # Errors
    /// As [`EpidemicData::check`].
    pub fn simulator(&self) -> Result<BedDemand> {
        self.check()?;
        BedDemand::new(Dynamics::new(&Disease::PUBLISHED, self.population.round())?, self.horizon, STEPS[0])
    }

    /// So many rows of the epidemics from `first` on, with their ids.
    pub(crate) fn rows(&self, first: usize, count: usize) -> Result<(Batch, Batch, Vec<u64>)> {
        let simulator = self.simulator()?;
        let epidemics = first..first + count.div_ceil(WINDOWS);
        let parts: Vec<Rows> = epidemics.into_par_iter().map(|e| self.windows(&simulator, e as u64)).collect::<Result<_>>()?;
        let (mut features, mut truths, mut ids) = Rows::default();
        for (x, y, id) in parts {
            features.extend(x);
            truths.extend(y);
            ids.extend(id);
        }
        let (inputs, outputs) = (OBSERVED * COMPARTMENTS, 2 * self.horizon);
        features.truncate(count * inputs);
        truths.truncate(count * outputs);
        ids.truncate(count);
        Ok((Batch::from_vec(count, inputs, features)?, Batch::from_vec(count, outputs, truths)?, ids))
    }

    /// All windows of one epidemic.
    fn windows(&self, simulator: &BedDemand, epidemic: u64) -> Result<Rows> {
        let mut rng = Stream { seed: self.seed, step: 0 }.rng("epidemic", Key { id: epidemic, slot: 0 });
        let latent = path::latent(DAYS + self.horizon, self.volatility, &mut rng);
        let states = self.states(simulator, &latent, &mut rng)?;
        let mut days: Vec<usize> = (FIRST..DAYS).collect();
        rng.shuffle(&mut days);
        let mut rows = Rows::default();
        for (window, &last) in days[..WINDOWS].iter().enumerate() {
            for state in &states[last + 1 - OBSERVED..=last] {
                let mut day = [0.0; COMPARTMENTS];
                encode(simulator.system().population(), state, &mut day);
                rows.0.extend(day);
            }
            rows.1.extend(states[last + 1..=last + self.horizon].iter().map(in_hospital));
            rows.1.extend(&latent[last + 1..=last + self.horizon]);
            rows.2.push(epidemic * WINDOWS as u64 + window as u64);
        }
        Ok(rows)
    }

    /// The compartments at the end of each day.
    fn states(&self, simulator: &BedDemand, latent: &[f64], rng: &mut Rng) -> Result<Vec<State>> {
        let exposed = 3 + rng.below(4) as u64;
        let mut people: People = [0; COMPARTMENTS];
        people[Compartment::Susceptible as usize] = simulator.system().population() as u64 - exposed;
        people[Compartment::Exposed as usize] = exposed;
        let mut state: State = people.map(|n| n as f64);
        let mut day = |&l: &f64| {
            match self.process {
                Process::Ode => simulator.day(&mut state, rate_of(l)),
                Process::Binomial => {
                    binomial_day(simulator.system(), &mut people, rate_of(l), STEPS[1], rng)?;
                    state = people.map(|n| n as f64);
                }
            }
            Ok(state)
        };
        latent.iter().map(&mut day).collect()
    }
}

fn in_hospital(state: &State) -> f64 {
    state[Compartment::HospitalRecovering as usize] + state[Compartment::HospitalDying as usize]
}
