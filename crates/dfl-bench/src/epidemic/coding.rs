//! How a day's compartments stand among the features: invertible, by constants, so that no statistic of the data is in it.

use dfl_core::{Error, Result, check_len};

use super::disease::COMPARTMENTS;
use super::dynamics::{S, State};

/// People of a million at which the logarithm turns from linear.
const PER: f64 = 1e6;
/// Centre and width of the logarithms: 0 people are -2, ten thousand of a million 1.07, all 2.6.
const LOGARITHM: [f64; 2] = [6.0, 3.0];
/// Of the susceptible share, which stays of order one: all are 1, half are -1.
const SHARE: [f64; 2] = [0.75, 0.25];
/// By how much of the population compartments may be negative or miss their sum: rounding of the logarithms, not more.
const ROUNDING: f64 = 1e-9;

/// Writes the features of one day, `[10]`, of $s = x / N$:
///
/// $$\frac{s_S - 3/4}{1/4}, \qquad \frac{\ln(1 + 10^6 s_c) - 6}{3} \text{ for the others}$$
pub fn encode(population: f64, state: &State, out: &mut [f64]) {
    for (c, (out, people)) in out.iter_mut().zip(state).enumerate() {
        let share = people / population;
        *out = match c {
            S => (share - SHARE[0]) / SHARE[1],
            _ => ((PER * share).ln_1p() - LOGARITHM[0]) / LOGARITHM[1],
        };
    }
}

/// The people of a day whose features are these.
///
/// # Errors
/// [`Error::Dimension`], [`Error::NotFinite`], or [`Error::Domain`] if a compartment is negative or they do not add up to the population,
/// as those of whitened or otherwise transformed features.
pub fn decode(population: f64, features: &[f64]) -> Result<State> {
    check_len("features of a day", COMPARTMENTS, features.len())?;
    let mut out = [0.0; COMPARTMENTS];
    for (c, (people, &code)) in out.iter_mut().zip(features).enumerate() {
        if !code.is_finite() {
            return Err(Error::NotFinite { what: "compartments of an epidemic", row: 0, column: c, value: code });
        }
        let share = match c {
            S => SHARE[0] + SHARE[1] * code,
            _ => (LOGARITHM[0] + LOGARITHM[1] * code).exp_m1() / PER,
        };
        if share < -ROUNDING {
            let need = "at least 0 people; features must be those that the generator wrote";
            return Err(Error::Domain { what: "compartment of an epidemic", value: share * population, need });
        }
        *people = share.max(0.0) * population;
    }
    let total: f64 = out.iter().sum();
    if (total / population - 1.0).abs() > ROUNDING {
        let need = "the population; features must be those that the generator wrote";
        return Err(Error::Domain { what: "sum of an epidemic's compartments", value: total, need });
    }
    Ok(out)
}
