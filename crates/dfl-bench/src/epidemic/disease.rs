use dfl_core::{Error, Result};

/// Number of compartments.
pub const COMPARTMENTS: usize = 10;

/// Where a person can be; the number is the place in a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Compartment {
    /// Can be infected.
    Susceptible,
    /// Infected, not yet infectious.
    Exposed,
    /// Infectious, without symptoms to the end.
    Asymptomatic,
    /// Infectious, before the symptoms.
    Presymptomatic,
    /// With mild symptoms.
    Mild,
    /// With severe symptoms, before the hospital.
    Severe,
    /// In hospital; will recover.
    HospitalRecovering,
    /// In hospital; will die.
    HospitalDying,
    /// Immune.
    Recovered,
    /// Died.
    Dead,
}

/// How an infection goes on: rates of leaving a compartment and shares of the ways out.
///
/// | symbol | field | value of [`Disease::PUBLISHED`] | range |
/// | --- | --- | --- | --- |
/// | $C_a$ | `contagion[0]` | 0.6 | 0.4 to 0.8 |
/// | $C_p, C_m, C_s$ | `contagion[1..]` | 1 | |
/// | $\alpha$ | `asymptomatic` | 0.43 | 0.3 to 0.5 |
/// | $\mu$ | `mild` | 0.95 | 0.925 to 0.975 |
/// | $\delta$ | `fatal` | 0.2 | 0.1 to 0.3 |
/// | $1/\gamma$ | `stay[0]` (E) | 3.5 days | |
/// | $1/\lambda_a$ | `stay[1]` (Ia) | 7 days | |
/// | $1/\lambda_p$ | `stay[2]` (Ip) | 1.5 days | |
/// | $1/\lambda_m$ | `stay[3]` (Im) | 5.5 days | |
/// | $1/\lambda_s$ | `stay[4]` (Is) | 5.5 days | |
/// | $1/\rho_r$ | `stay[5]` (Hr) | 15 days | |
/// | $1/\rho_d$ | `stay[6]` (Hd) | 13.3 days | |
///
/// # References
/// Kain et al. (2021), whose published parameters these are. They add a quarter of a case a day from outside (`imported`); it is off
/// here unless set.
#[derive(Clone, Debug, PartialEq)]
pub struct Disease {
    /// How infectious Ia, Ip, Im and Is are.
    pub contagion: [f64; 4],
    /// Share of the infected that never have symptoms.
    pub asymptomatic: f64,
    /// Share of those with symptoms that have mild ones.
    pub mild: f64,
    /// Share of those in hospital that die.
    pub fatal: f64,
    /// Mean days in E, Ia, Ip, Im, Is, Hr and Hd.
    pub stay: [f64; 7],
    /// Cases a day from outside while all are susceptible; they come from the susceptible, so that the population stays.
    pub imported: f64,
}

/// The way out of a compartment: a share goes to one, the rest to another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Exit {
    /// Per day.
    pub rate: f64,
    /// Share of those who leave that goes to `to[0]`.
    pub share: f64,
    /// Where they go.
    pub to: [usize; 2],
}

impl Default for Disease {
    fn default() -> Self {
        Self::PUBLISHED
    }
}

impl Disease {
    /// The point values of Kain et al. (2021), without importation.
    pub const PUBLISHED: Self = Self {
        contagion: [0.6, 1.0, 1.0, 1.0],
        asymptomatic: 0.43,
        mild: 0.95,
        fatal: 0.2,
        stay: [3.5, 7.0, 1.5, 5.5, 5.5, 15.0, 13.3],
        imported: 0.0,
    };

    /// Refuses shares outside `[0, 1]`, stays that are not positive, and negative infectiousness.
    ///
    /// # Errors
    /// [`Error::Domain`] naming what it is.
    pub fn check(&self) -> Result<()> {
        let shares = [self.asymptomatic, self.mild, self.fatal];
        let refused = |values: &[f64], accepted: fn(f64) -> bool| values.iter().copied().find(|v| !accepted(*v));
        let rates = [&self.contagion[..], &[self.imported]].concat();
        let found = [
            ("share of an epidemic's way out", refused(&shares, |v| (0.0..=1.0).contains(&v)), "between 0 and 1"),
            ("days in a compartment", refused(&self.stay, |v| v > 0.0 && v.is_finite()), "positive and finite"),
            ("infectiousness or importation", refused(&rates, |v| v >= 0.0 && v.is_finite()), "at least 0 and finite"),
        ];
        match found.into_iter().find_map(|(what, value, need)| Some(Error::Domain { what, value: value?, need })) {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Expected number that one infected infects among the susceptible, per unit of $\beta$:
    ///
    /// $$\frac{R_0}{\beta} = \alpha \frac{C_a}{\lambda_a} + (1-\alpha)\mu\Bigl(\frac{C_p}{\lambda_p} + \frac{C_m}{\lambda_m}\Bigr) +
    /// (1-\alpha)(1-\mu)\Bigl(\frac{C_p}{\lambda_p} + \frac{C_s}{\lambda_s}\Bigr)$$
    pub fn reproduction(&self) -> f64 {
        let Self { contagion: [ca, cp, cm, cs], asymptomatic: a, mild: m, stay: [_, ta, tp, tm, ts, ..], .. } = *self;
        a * ca * ta + (1.0 - a) * (m * (cp * tp + cm * tm) + (1.0 - m) * (cp * tp + cs * ts))
    }

    /// The ways out of E, Ia, Ip, Im, Is, Hr and Hd, in this order.
    pub fn exits(&self) -> [Exit; 7] {
        use Compartment::{Asymptomatic, Dead, HospitalDying, HospitalRecovering, Mild, Presymptomatic, Recovered, Severe};
        let ways = [
            (self.asymptomatic, [Asymptomatic, Presymptomatic]),
            (1.0, [Recovered; 2]),
            (self.mild, [Mild, Severe]),
            (1.0, [Recovered; 2]),
            (self.fatal, [HospitalDying, HospitalRecovering]),
            (1.0, [Recovered; 2]),
            (1.0, [Dead; 2]),
        ];
        std::array::from_fn(|i| Exit { rate: 1.0 / self.stay[i], share: ways[i].0, to: ways[i].1.map(|c| c as usize) })
    }
}
