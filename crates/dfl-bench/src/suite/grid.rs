use std::collections::BTreeMap;

use dfl_core::Result;
use serde::{Deserialize, Deserializer, de};
use toml::{Table, Value};

use crate::registry::MethodOptions;

/// The `options` of a run. A list of numbers in place of a number is a choice that is made on the validation rows, together with the
/// learning rate: every combination is a [`Candidate`].
#[derive(Clone, Debug, PartialEq)]
pub struct OptionGrid(Vec<Candidate>);

/// One combination of options.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Candidate {
    /// The values of those options for which there was a choice.
    pub chosen: BTreeMap<String, f64>,
    /// All of them.
    pub options: MethodOptions,
}

impl OptionGrid {
    /// The combinations, the last option of the alphabet running fastest; at least one.
    pub fn candidates(&self) -> &[Candidate] {
        &self.0
    }

    /// Refuses an option that is not among `known`.
    pub(super) fn check(&self, known: &[&str]) -> Result<()> {
        let given = self.0.iter().flat_map(|candidate| candidate.options.given());
        match given.into_iter().find(|name| !known.contains(name)) {
            Some(name) => Err(crate::tasks::unknown("option of this method with this solver", name, known.iter().copied())),
            None => Ok(()),
        }
    }
}

impl Default for OptionGrid {
    fn default() -> Self {
        Self(vec![Candidate::default()])
    }
}

impl<'de> Deserialize<'de> for OptionGrid {
    fn deserialize<D: Deserializer<'de>>(from: D) -> std::result::Result<Self, D::Error> {
        combinations(Table::deserialize(from)?)
            .into_iter()
            .map(|table| {
                let chosen = table.iter().filter_map(|(name, (value, choice))| Some((name.clone(), choice.then(|| number(value))??)));
                let chosen = chosen.collect();
                let options: Table = table.into_iter().map(|(name, (value, _))| (name, value)).collect();
                let options = MethodOptions::deserialize(options).map_err(de::Error::custom)?;
                options.check().map_err(de::Error::custom)?;
                Ok(Candidate { chosen, options })
            })
            .collect::<std::result::Result<Vec<_>, _>>()
            .and_then(|all| if all.is_empty() { Err(de::Error::custom("an option's list of values is empty")) } else { Ok(Self(all)) })
    }
}

/// An option's value, and whether there was a choice.
type Picked = BTreeMap<String, (Value, bool)>;

fn combinations(options: Table) -> Vec<Picked> {
    options.into_iter().fold(vec![Picked::new()], |all, (name, value)| {
        let values = match value {
            Value::Array(values) => values.into_iter().map(|value| (value, true)).collect(),
            value => vec![(value, false)],
        };
        let with = |picked: &Picked, value: &(Value, bool)| {
            picked.iter().map(|(n, v)| (n.clone(), v.clone())).chain([(name.clone(), value.clone())]).collect()
        };
        all.iter().flat_map(|picked| values.iter().map(|value| with(picked, value)).collect::<Vec<_>>()).collect()
    })
}

fn number(value: &Value) -> Option<f64> {
    value.as_float().or_else(|| value.as_integer().map(|v| v as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::Coin;

    fn grid(text: &str) -> std::result::Result<OptionGrid, String> {
        let table = text.parse::<Table>().map_err(|e| e.to_string())?;
        Value::Table(table).try_into().map_err(|e| e.to_string())
    }

    #[test]
    fn lists_are_crossed_and_scalars_are_shared() {
        let grid = grid("mu = [0.1, 1]\nsamples = [1, 3]\nratio = 0.5\ncoin = 'batch'").unwrap();
        let seen: Vec<_> = grid.candidates().iter().map(|c| (c.options.mu.unwrap(), c.options.samples.unwrap())).collect();
        assert_eq!(seen, [(0.1, 1), (0.1, 3), (1.0, 1), (1.0, 3)]);
        assert!(grid.candidates().iter().all(|c| c.options.coin == Some(Coin::Batch) && c.options.sigma.is_none()));
        assert_eq!(grid.candidates()[1].chosen, BTreeMap::from([("mu".into(), 0.1), ("samples".into(), 3.0)]));
        assert_eq!(super::OptionGrid::default().candidates().len(), 1);
    }

    #[test]
    fn what_no_method_takes_is_refused_by_name() {
        for (text, named) in [
            ("mu = [0.1, -1.0]", "option mu: -1 is not accepted"),
            ("mu = nan", "option mu"),
            ("ratio = 1.5", "option ratio: 1.5 is not accepted; it must be between 0 and 1"),
            ("pool_size = 0", "option pool_size"),
            ("samples = -3", "samples"),
            ("samples = 1.5", "samples"),
            ("margin = -0.1", "option margin"),
            ("coin = 'day'", "day"),
            ("coin = 'row'", "a run without option ratio, which solves every row, does not offer option coin"),
            ("pool_size = 100", "option pool_size"),
            ("mue = 1.0", "mue"),
            ("mu = []", "empty"),
        ] {
            let error = grid(text).unwrap_err();
            assert!(error.contains(named), "{text}: {error}");
        }
    }

    #[test]
    fn an_option_that_nobody_reads_is_refused() {
        let grid = grid("mu = 1.0\nsigma = 2.0").unwrap();
        assert!(grid.check(&["mu", "sigma", "ratio"]).is_ok());
        let error = grid.check(&["mu"]).unwrap_err().to_string();
        assert_eq!(error, "unknown option of this method with this solver `sigma`; known are mu");
    }
}
