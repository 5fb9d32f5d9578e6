use dfl_core::{Result, Rng};

use super::disease::COMPARTMENTS;
use super::dynamics::{Dynamics, E, S, State};

/// Whole people in each [`Compartment`](super::Compartment).
pub type People = [u64; COMPARTMENTS];

/// One day of the stochastic process (Euler-binomial), in `steps` steps: in a step of $h$ days each person leaves a compartment of rate
/// $r$ with probability $1 - e^{-rh}$, all at once and independently, and goes one of its ways out by their shares. The population is
/// conserved exactly.
///
/// Its mean tends to the differential equations for a large population and short steps; the step itself costs an error of first order.
///
/// # Errors
/// [`dfl_core::Error::Domain`] if $\beta$ makes no probability, such as a negative one.
///
/// # References
/// Kain et al. (2021), whose simulations are of this kind.
pub fn binomial_day(system: &Dynamics, people: &mut People, beta: f64, steps: usize, rng: &mut Rng) -> Result<()> {
    let h = 1.0 / steps.max(1) as f64;
    (0..steps.max(1)).try_for_each(|_| step(system, people, beta, h, rng))
}

fn step(system: &Dynamics, people: &mut People, beta: f64, h: f64, rng: &mut Rng) -> Result<()> {
    let before = *people;
    let state: State = before.map(|n| n as f64);
    let infected = rng.binomial(before[S], leaving(system.force(&state, beta), h))?;
    people[S] -= infected;
    people[E] += infected;
    for (exit, from) in system.exits().iter().zip(E..) {
        let gone = rng.binomial(before[from], leaving(exit.rate, h))?;
        let first = rng.binomial(gone, exit.share)?;
        people[from] -= gone;
        people[exit.to[0]] += first;
        people[exit.to[1]] += gone - first;
    }
    Ok(())
}

fn leaving(rate: f64, h: f64) -> f64 {
    -(-rate * h).exp_m1()
}
