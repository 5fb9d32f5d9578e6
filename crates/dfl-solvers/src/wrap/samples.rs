//! What the wrappers share that solve several times for each row: names of those solves, and the mean of what they find.

use dfl_core::{Batch, Decisions, Error, Key, Result, SolveInfo, Status};

/// Names of the solves that a wrapper makes for each one that it is asked for: slot `s` becomes `s * per_key + which`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slots {
    per_key: u32,
}

impl Slots {
    /// `rounds` times as many solves as there are samples.
    pub(super) fn new(samples: usize, rounds: u32) -> Result<Self> {
        let per_key = u32::try_from(samples).ok().filter(|&s| s > 0).and_then(|s| s.checked_mul(rounds));
        let need = "at least 1, and few enough that slots can be numbered in 32 bits";
        per_key.map(|per_key| Self { per_key }).ok_or(Error::Domain { what: "samples", value: samples as f64, need })
    }

    /// Solves `which` of each key, those of a key together.
    pub(super) fn keys(self, keys: impl Iterator<Item = Key>, which: std::ops::Range<usize>) -> Result<Vec<Key>> {
        let named = |key: Key, which: usize| {
            let need = "small enough that slot times samples stays below 2^32";
            let slot = key.slot.checked_mul(self.per_key).and_then(|slot| slot.checked_add(which as u32));
            slot.map(|slot| Key { id: key.id, slot }).ok_or(Error::Domain { what: "slot", value: f64::from(key.slot), need })
        };
        keys.flat_map(|key| which.clone().map(move |k| named(key, k))).collect()
    }
}

/// Means over the `samples` consecutive answers of each row; a row has an answer if all its samples have one.
pub(super) fn mean_of_samples(solved: &Decisions<'_>, samples: usize) -> Decisions<'static> {
    let info: Vec<SolveInfo> = solved.info.chunks(samples).map(together).collect();
    let (mut x, mut objective) = (Batch::zeros(info.len(), solved.x.cols()), vec![0.0; info.len()]);
    for i in (0..info.len()).filter(|&i| info[i].status.usable()) {
        for k in i * samples..(i + 1) * samples {
            x.row_mut(i).iter_mut().zip(solved.x.row(k)).for_each(|(mean, x)| *mean += x / samples as f64);
            objective[i] += solved.objective[k] / samples as f64;
        }
    }
    Decisions { x, objective, info, back: None }
}

/// How a row ended, from its samples: without an answer if one has none, optimal if all are.
fn together(samples: &[SolveInfo]) -> SolveInfo {
    let first = |bad: fn(Status) -> bool| samples.iter().map(|i| i.status).find(|&s| bad(s));
    let status = first(|s| !s.usable()).or_else(|| first(|s| s != Status::Optimal)).unwrap_or(Status::Optimal);
    let degenerate = samples.iter().any(|i| i.degenerate);
    SolveInfo { status, iterations: samples.iter().map(|i| i.iterations).sum(), degenerate }
}
