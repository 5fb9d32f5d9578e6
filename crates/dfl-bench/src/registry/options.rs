use dfl_core::{Error, Result};
use serde::Deserialize;

/// Which rows a coin of the solution cache is tossed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coin {
    /// Each row has its own, as in the paper.
    #[default]
    Row,
    /// One for all rows of a batch, as in PyEPO.
    Batch,
}

impl From<Coin> for dfl_solvers::Coin {
    fn from(coin: Coin) -> Self {
        match coin {
            Coin::Row => Self::Row,
            Coin::Batch => Self::Batch,
        }
    }
}

/// Settings of a method and of the solver inside it, as the `options` of a run give them; what is not given has the default of the
/// method or solver that reads it.
///
/// | option | read by | default |
/// | --- | --- | --- |
/// | `mu` | `quadratic`, `quadratic_tight`, `barrier`, `dys*`: weight of the smoothing, in units of the cost | 1 |
/// | `tight` | `barrier`, `dys*`: whether the task's tighter relaxation is smoothed, as by `quadratic_tight` | no |
/// | `step`, `iterations`, `tolerance` | `dys*`: length of a step, most steps, residual at which to stop (0: never) | the solver's |
/// | `ratio` | `exact`, `highs`: share of the rows that are solved, the others are answered from a pool; with losses on a pool, \
///   the share that is solved for the pool to grow | 1 |
/// | `coin` | with `ratio`: `row` or `batch` | `row` |
/// | `pool_size` | with `ratio`: most decisions in the pool | no limit |
/// | `nodes` | `exact`, `highs`: most nodes of one search | no limit |
/// | `sigma` | `pfy*`, `dpo`, `sfge`: size of the noise on the cost; `pg*`: length of the difference; `lodl`: spread of its samples | 1, 0.1, 0.5 |
/// | `samples` | `pfy*`, `dpo`, `imle`, `aimle`, `sfge`: solves per row and step; `lodl`: once per row | 1 or 2, 10, 200 |
/// | `lambda` | `dbb`, `imle`: length of the step that is differenced; `rfy`: weight of the regulariser | 10, 1 |
/// | `temperature` | `imle`, `aimle`: of the noise; `ltr_list`: of the ranking | 1 |
/// | `margin` | `ltr_pair`, in units of the cost | 0 |
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "described above")]
pub struct MethodOptions {
    pub mu: Option<f64>,
    pub tight: Option<bool>,
    pub step: Option<f64>,
    pub iterations: Option<usize>,
    pub tolerance: Option<f64>,
    pub ratio: Option<f64>,
    pub coin: Option<Coin>,
    pub pool_size: Option<usize>,
    pub nodes: Option<usize>,
    pub sigma: Option<f64>,
    pub samples: Option<usize>,
    pub lambda: Option<f64>,
    pub temperature: Option<f64>,
    pub margin: Option<f64>,
}

impl MethodOptions {
    /// Refuses a value that no method takes, and options of a solution cache where there is none.
    ///
    /// # Errors
    /// [`Error::Domain`] or [`Error::Unsupported`] naming the option.
    pub fn check(&self) -> Result<()> {
        let positive = [
            ("option mu", self.mu),
            ("option step", self.step),
            ("option sigma", self.sigma),
            ("option lambda", self.lambda),
            ("option temperature", self.temperature),
        ];
        let counts = [
            ("option iterations", self.iterations),
            ("option pool_size", self.pool_size),
            ("option nodes", self.nodes),
            ("option samples", self.samples),
        ];
        let counts = counts.map(|(what, count)| (what, count.map(|c| c as f64)));
        refuse(&positive, "positive and finite", |v| v > 0.0 && v.is_finite())?;
        refuse(&counts, "at least 1", |v| v >= 1.0)?;
        let shares = [("option ratio", self.ratio), ("option tolerance", self.tolerance)];
        refuse(&shares, "between 0 and 1", |v| (0.0..=1.0).contains(&v))?;
        refuse(&[("option margin", self.margin)], "at least 0 and finite", |v| v >= 0.0 && v.is_finite())?;
        let of_cache = [("option coin", self.coin.is_some()), ("option pool_size", self.pool_size.is_some())];
        match of_cache.into_iter().find(|(_, given)| *given && self.ratio.is_none()) {
            Some((what, _)) => Err(Error::Unsupported { who: "a run without option ratio, which solves every row,", what }),
            None => Ok(()),
        }
    }

    /// Names of the options that are given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        let all = [
            ("mu", self.mu.is_some()),
            ("tight", self.tight.is_some()),
            ("step", self.step.is_some()),
            ("iterations", self.iterations.is_some()),
            ("tolerance", self.tolerance.is_some()),
            ("ratio", self.ratio.is_some()),
            ("coin", self.coin.is_some()),
            ("pool_size", self.pool_size.is_some()),
            ("nodes", self.nodes.is_some()),
            ("sigma", self.sigma.is_some()),
            ("samples", self.samples.is_some()),
            ("lambda", self.lambda.is_some()),
            ("temperature", self.temperature.is_some()),
            ("margin", self.margin.is_some()),
        ];
        all.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }
}

fn refuse(options: &[(&'static str, Option<f64>)], need: &'static str, accepted: fn(f64) -> bool) -> Result<()> {
    match options.iter().find_map(|&(what, value)| Some((what, value.filter(|v| !accepted(*v))?))) {
        Some((what, value)) => Err(Error::Domain { what, value, need }),
        None => Ok(()),
    }
}
