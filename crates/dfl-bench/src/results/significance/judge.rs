use std::collections::BTreeMap;

use dfl_core::metrics::mean;

use super::bootstrap::{holm, paired, win_rate};
use super::{Comparison, Family, Found, Significance, Tested};
use crate::results::claims::{Selector, is_at};
use crate::results::{Key, RowCosts};

/// Compares the rows of a block in `places` (task and size) of a suite, by what each test row cost there.
pub fn judge(block: &Significance, (suite, profile): (&str, &str), places: &[(String, String)], costs: &[RowCosts]) -> Family {
    let own = |c: &&RowCosts| c.key.suite == suite && c.key.profile == profile && c.metric == block.metric;
    let costs: Vec<&RowCosts> = costs.iter().filter(own).collect();
    let claimed = |at: &&(String, String)| block.on.is_empty() || block.on.iter().any(|place| is_at(place, at));
    let mut comparisons: Vec<Comparison> = places.iter().filter(claimed).flat_map(|at| at_place(block, at, &costs)).collect();
    adjust(&mut comparisons);
    let (suite, profile, text, metric) = (suite.to_owned(), profile.to_owned(), block.text.clone(), block.metric.clone());
    Family { suite, profile, text, metric, block: block.block, draws: block.draws, comparisons }
}

/// A comparison that could not be made counts with a p-value of 1, so that a failure makes no other row more significant.
fn adjust(comparisons: &mut [Comparison]) {
    let p: Vec<f64> = comparisons.iter().map(|c| if let Found::Tested(tested) = &c.found { tested.p } else { 1.0 }).collect();
    for (comparison, adjusted) in comparisons.iter_mut().zip(holm(&p)) {
        if let Found::Tested(tested) = &mut comparison.found {
            tested.p_holm = adjusted;
        }
    }
}

fn at_place(block: &Significance, at: &(String, String), costs: &[&RowCosts]) -> Vec<Comparison> {
    let here: Vec<&RowCosts> = costs.iter().copied().filter(|c| (&c.key.task, &c.key.size) == (&at.0, &at.1)).collect();
    let against = Series::of(&block.against, &here);
    let compare = |selector: &Selector| {
        let row = Series::of(selector, &here);
        let name = |series: &std::result::Result<Series<'_>, String>, selector: &Selector| {
            series.as_ref().map_or_else(|_| selector.to_string(), |series| series.name())
        };
        let (left, right) = (name(&row, selector), name(&against, &block.against));
        let found = match (&row, &against) {
            (Ok(row), Ok(against)) => test(block, row, against).unwrap_or_else(|missing| Found::Missing { missing }),
            (Err(missing), _) | (_, Err(missing)) => Found::Missing { missing: missing.clone() },
        };
        Comparison { place: format!("{} {}", at.0, at.1), row: left, against: right, found }
    };
    block.rows.iter().map(compare).collect()
}

/// Costs of the test rows of one row of a table, by seed.
struct Series<'a> {
    key: &'a Key,
    ids: &'a [u64],
    seeds: BTreeMap<Option<u64>, &'a [f64]>,
}

impl<'a> Series<'a> {
    /// `Err` is why there is none.
    fn of(selector: &Selector, here: &[&'a RowCosts]) -> std::result::Result<Self, String> {
        let found: Vec<_> = here.iter().copied().filter(|c| selector.fits(&c.key)).collect();
        let first = found.first().ok_or_else(|| format!("{selector} was not measured"))?;
        if found.iter().any(|c| c.key.without_seed() != first.key.without_seed()) {
            return Err(format!("{selector} is more than one row"));
        }
        if found.iter().any(|c| c.ids != first.ids || c.values.len() != c.ids.len()) {
            return Err(format!("{selector} has other test rows at other seeds"));
        }
        Ok(Self { key: &first.key, ids: &first.ids, seeds: found.iter().map(|c| (c.key.seed, c.values.as_slice())).collect() })
    }

    /// A baseline of one seed stands for all: a suite runs it once where the data are the same for every seed.
    fn stands_for_all(&self) -> bool {
        self.key.predictor == "none" && self.seeds.len() == 1
    }

    /// Mean of each test row over the seeds that `other` has too.
    fn averaged(&self, other: &Self) -> (Vec<f64>, usize) {
        let all = self.stands_for_all() || other.stands_for_all();
        let used: Vec<&[f64]> =
            self.seeds.iter().filter(|(seed, _)| all || other.seeds.contains_key(*seed)).map(|(_, costs)| *costs).collect();
        let row = |at: usize| mean(&used.iter().map(|costs| costs[at]).collect::<Vec<_>>());
        ((0..self.ids.len()).map(row).collect(), used.len())
    }

    fn name(&self) -> String {
        let parts = [&self.key.predictor, &self.key.solver].map(String::as_str);
        let how = parts.into_iter().filter(|part| *part != "none").collect::<Vec<_>>().join(", ");
        if how.is_empty() { self.key.method.clone() } else { format!("{} ({how})", self.key.method) }
    }
}

fn test(block: &Significance, row: &Series<'_>, against: &Series<'_>) -> std::result::Result<Found, String> {
    if row.ids != against.ids {
        return Err(format!("{} and {} were not measured on the same test rows", row.name(), against.name()));
    }
    let ((ours, seeds), (theirs, their_seeds)) = (row.averaged(against), against.averaged(row));
    if seeds == 0 {
        return Err(format!("{} and {} have no seed in common", row.name(), against.name()));
    }
    let differences: Vec<f64> = ours.iter().zip(&theirs).map(|(ours, theirs)| ours - theirs).collect();
    let resampled = paired(&differences, block.block, block.draws).map_err(|error| error.to_string())?;
    Ok(Found::Tested(Tested {
        n: differences.len(),
        seeds: [seeds, their_seeds],
        difference: mean(&differences),
        interval: resampled.interval,
        p: resampled.p,
        p_holm: resampled.p,
        win_rate: win_rate(&differences),
    }))
}
