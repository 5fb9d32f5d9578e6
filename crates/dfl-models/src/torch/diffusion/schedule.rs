use dfl_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How fast the forward chain $y_t = \sqrt{\bar\alpha_t}\, y_0 + \sqrt{1 - \bar\alpha_t}\, \epsilon$ forgets $y_0$.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum NoiseSchedule {
    /// $\beta_t$ in equal steps from the first to the last (Ho, Jain & Abbeel 2020). Made for the number of steps it was chosen for: the
    /// published $10^{-4} \dots 0.02$ forgets $y_0$ in 1000 steps, and only a third of it in 50.
    Linear {
        /// $\beta_1$.
        first: f64,
        /// $\beta_T$.
        last: f64,
    },
    /// The limit of the linear one for many steps, cut into $T$: $\bar\alpha_t = \exp(-s a - \tfrac12 s^2 (b - a))$ at $s = t/T$ (the
    /// variance-preserving process of Song et al. 2021). It ends at the same $\bar\alpha_T$ for every $T$, so this is the one for few steps.
    VariancePreserving {
        /// $a$, the rate at the start; 0.1 is $10^{-4}$ in each of 1000 steps.
        first: f64,
        /// $b$, the rate at the end; 20 is 0.02 in each of 1000 steps.
        last: f64,
    },
}

impl NoiseSchedule {
    /// $\beta$ from $10^{-4}$ to 0.02 in equal steps, for $T = 1000$.
    pub const PUBLISHED: Self = Self::Linear { first: 1e-4, last: 0.02 };

    /// The numbers of each of `steps` steps.
    ///
    /// # Errors
    /// [`Error::Domain`] for fewer than two steps, or rates that do not rise within their domain.
    pub fn table(self, steps: usize) -> Result<NoiseTable> {
        if steps < 2 || u32::try_from(steps).is_err() {
            return Err(Error::Domain { what: "steps of the diffusion", value: steps as f64, need: "at least 2 and below 2^32" });
        }
        let (first, last, above) = match self {
            Self::Linear { first, last } => (first, last, 1.0),
            Self::VariancePreserving { first, last } => (first, last, f64::INFINITY),
        };
        for (what, rate) in [("first rate of the noise schedule", first), ("last rate of the noise schedule", last)] {
            if !(rate > 0.0 && rate < above) {
                return Err(Error::Domain { what, value: rate, need: "above 0, and below 1 if linear" });
            }
        }
        if last < first {
            return Err(Error::Domain { what: "last rate of the noise schedule", value: last, need: "at least the first" });
        }
        Ok(NoiseTable::new((1..=steps).map(|t| self.beta(t, steps)).collect()))
    }

    fn beta(self, t: usize, steps: usize) -> f64 {
        match self {
            Self::Linear { first, last } => first + (last - first) * (t - 1) as f64 / (steps - 1) as f64,
            Self::VariancePreserving { first, last } => {
                let (from, to) = ((t - 1) as f64 / steps as f64, t as f64 / steps as f64);
                -(-(to - from) * (first + 0.5 * (to + from) * (last - first))).exp_m1()
            }
        }
    }
}

/// The constants of a chain of $T$ steps with reverse variances $\sigma_t^2 = \beta_t$. Steps count from 1; step 0 is the data.
#[derive(Clone, Debug, PartialEq)]
pub struct NoiseTable {
    beta: Vec<f64>,
    alpha_bar: Vec<f64>,
}

impl NoiseTable {
    fn new(beta: Vec<f64>) -> Self {
        let products = beta.iter().scan(1.0, |product, b| {
            *product *= 1.0 - b;
            Some(*product)
        });
        Self { alpha_bar: [1.0].into_iter().chain(products).collect(), beta }
    }

    /// $T$.
    pub fn steps(&self) -> usize {
        self.beta.len()
    }

    /// $\beta_t$, for $t$ in $1 \dots T$.
    pub fn beta(&self, t: usize) -> f64 {
        self.beta[t - 1]
    }

    /// $\alpha_t = 1 - \beta_t$.
    pub fn alpha(&self, t: usize) -> f64 {
        1.0 - self.beta(t)
    }

    /// $\bar\alpha_t = \alpha_1 \cdots \alpha_t$, and $\bar\alpha_0 = 1$.
    pub fn alpha_bar(&self, t: usize) -> f64 {
        self.alpha_bar[t]
    }

    /// $\sqrt{1 - \bar\alpha_t}$, the share of the noise in $y_t$.
    pub fn noise(&self, t: usize) -> f64 {
        (1.0 - self.alpha_bar(t)).sqrt()
    }

    /// What multiplies $\|\epsilon - \hat\epsilon\|^2$ in the bound on $\log p$: $\beta_t^2 / (2 \sigma_t^2 \alpha_t (1 - \bar\alpha_t))$.
    ///
    /// At $t = 1$ the same expression is the weight of the reconstruction term: $y_0 - \mu_1 = \sqrt{\beta_1/\alpha_1}\,(\hat\epsilon -
    /// \epsilon)$.
    pub fn bound_weight(&self, t: usize) -> f64 {
        self.beta(t) / (2.0 * self.alpha(t) * (1.0 - self.alpha_bar(t)))
    }

    /// The part of the bound that no prediction moves, for one outcome $y_0$ of dimension $d$, in nats:
    ///
    /// $$-\tfrac d2 \ln 2\pi\beta_1 - \tfrac d2 \sum_{t=2}^T \bigl(r_t - 1 - \ln r_t\bigr) - \tfrac12 \bigl(\bar\alpha_T \|y_0\|^2 - d \bar\alpha_T -
    /// d \ln(1 - \bar\alpha_T)\bigr), \quad r_t = \frac{1 - \bar\alpha_{t-1}}{1 - \bar\alpha_t}$$
    ///
    /// The normaliser of the reconstruction term, what the posterior variances $r_t \beta_t$ differ from $\sigma_t^2$, and the divergence
    /// of $y_T$ from the standard normal it is started from.
    pub fn bound_constant(&self, outcome: &[f64]) -> f64 {
        let d = outcome.len() as f64;
        let last = self.alpha_bar(self.steps());
        let excess: f64 = (2..=self.steps())
            .map(|t| {
                let ratio = (1.0 - self.alpha_bar(t - 1)) / (1.0 - self.alpha_bar(t));
                ratio - 1.0 - ratio.ln()
            })
            .sum();
        let start = last * outcome.iter().map(|y| y * y).sum::<f64>() - d * last - d * (-last).ln_1p();
        -0.5 * (d * (2.0 * std::f64::consts::PI * self.beta(1)).ln() + d * excess + start)
    }
}
