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
    Family { suite, profile, text, metric, block: block.block, draws: block.draws, wins: block.wins, comparisons }
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

    /// Share of the rows that cost less than with `other`, seed by seed: where each seed draws data of its own, a row of one has nothing to
    /// do with that of another. Mean over the seeds.
    fn win_rate(&self, other: &Self) -> f64 {
        let all = self.stands_for_all() || other.stands_for_all();
        let pairs = self.seeds.iter().flat_map(|ours| other.seeds.iter().map(move |theirs| (ours, theirs)));
        let met = pairs.filter(|((seed, _), (their_seed, _))| all || seed == their_seed);
        let rate = |((_, ours), (_, theirs)): ((_, &&[f64]), (_, &&[f64]))| {
            win_rate(&ours.iter().zip(*theirs).map(|(ours, theirs)| ours - theirs).collect::<Vec<_>>())
        };
        mean(&met.map(rate).collect::<Vec<_>>())
    }

    fn name(&self) -> String {
        self.key.row_name()
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
        win_rate: row.win_rate(against),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn costs(method: &str, predictor: &str, seed: u64, values: &[f64]) -> RowCosts {
        let word = str::to_owned;
        let (task, size, columns, profile, solver) = (word("power"), word(""), word("honest"), word("quick"), word("none"));
        let (suite, method, predictor) = (word("s"), word(method), word(predictor));
        let key = Key { suite, task, size, method, predictor, solver, columns, seed: Some(seed), profile };
        let ids: Vec<u64> = (100..).take(values.len()).collect();
        RowCosts::new(&key, &ids, values).unwrap()
    }

    fn family(rows: &str, costs: &[RowCosts]) -> Family {
        let block: Significance =
            toml::from_str(&format!("text = 't'\nagainst = {{ method = 'policy_linear' }}\nrows = {rows}\ndraws = 2000")).unwrap();
        let places = [("power".to_owned(), String::new())];
        block.check(&places).unwrap();
        judge(&block, ("s", "quick"), &places, costs)
    }

    fn tested(comparison: &Comparison) -> Tested {
        match &comparison.found {
            Found::Tested(tested) => *tested,
            Found::Missing { missing } => panic!("{missing}"),
        }
    }

    fn missing(comparison: &Comparison) -> &str {
        match &comparison.found {
            Found::Missing { missing } => missing,
            Found::Tested(tested) => panic!("{tested:?}"),
        }
    }

    const ONE: &str = "[{ method = 'two_stage' }]";

    /// Seeds 0 and 1 cost (1, 2, 3, 9) on average, the baseline's one seed (2, 2, 5, 8): differences -1, 0, -2, 1, mean -.5, better on
    /// half.
    #[test]
    fn seeds_are_averaged_and_test_rows_paired() {
        let rows = [
            costs("two_stage", "mlp", 0, &[0.0, 1.0, 2.0, 8.0]),
            costs("two_stage", "mlp", 1, &[2.0, 3.0, 4.0, 10.0]),
            costs("policy_linear", "none", 0, &[2.0, 2.0, 5.0, 8.0]),
        ];
        let found = tested(&family(ONE, &rows).comparisons[0]);
        assert_eq!((found.n, found.seeds, found.difference, found.win_rate), (4, [2, 1], -0.5, 0.5));
        assert!(found.interval[0] >= -2.0 && found.interval[0] < -0.5 && found.interval[1] > -0.5 && found.interval[1] <= 1.0, "{found:?}");
        assert!(found.p > 0.05 && found.p_holm == found.p);
        // A baseline that was run with seeds of its own is compared at those both have.
        let own = [&rows[..], &[costs("policy_linear", "none", 1, &[9.0; 4]), costs("policy_linear", "none", 7, &[0.0; 4])]].concat();
        let found = tested(&family(ONE, &own).comparisons[0]);
        assert_eq!((found.seeds, found.difference), ([2, 2], 3.75 - (4.25 + 9.0) / 2.0));
    }

    /// Wins of each seed by itself, 3/4 and 1/2; of rows averaged over the seeds it would be 3/4.
    #[test]
    fn wins_are_counted_seed_by_seed() {
        let rows = [
            costs("two_stage", "mlp", 0, &[0.0, 1.0, 2.0, 8.0]),
            costs("two_stage", "mlp", 1, &[2.0, 3.0, 4.0, 7.0]),
            costs("policy_linear", "none", 0, &[2.0, 2.0, 5.0, 8.0]),
        ];
        assert_eq!(tested(&family(ONE, &rows).comparisons[0]).win_rate, 0.625);
        let both = [&rows[..], &[costs("policy_linear", "none", 1, &[9.0; 4])]].concat();
        assert_eq!(tested(&family(ONE, &both).comparisons[0]).win_rate, 0.875);
        let said =
            |wins: f64| Family { wins: Some(wins), ..family("[{ method = 'two_stage' }, { method = 'dfl_sf' }]", &rows) }.claimed_wins();
        assert_eq!(said(0.6).unwrap(), "claimed: wins on 60 %. two_stage (mlp) at power : reached; dfl_sf at power : not testable");
        assert_eq!(said(0.75).unwrap(), "claimed: wins on 75 %. two_stage (mlp) at power : fails by 12.5; dfl_sf at power : not testable");
        assert_eq!(family(ONE, &rows).claimed_wins(), None);
    }

    /// A row that is always better by 1 has the smallest p that 2000 draws can give, 2/2001, and Holm multiplies it by the three rows of
    /// the family, of which one was not measured; one without any difference stays at 1.
    #[test]
    fn the_family_counts_rows_that_are_missing() {
        let rows = [
            costs("two_stage", "mlp", 0, &[0.0; 30]),
            costs("policy_network", "mlp", 0, &[1.0; 30]),
            costs("policy_linear", "none", 0, &[1.0; 30]),
        ];
        let family = family("[{ method = 'two_stage' }, { method = 'policy_network' }, { method = 'dfl_sf' }]", &rows);
        let (better, same) = (tested(&family.comparisons[0]), tested(&family.comparisons[1]));
        assert_eq!((better.interval, better.p, better.p_holm, better.win_rate), ([-1.0; 2], 2.0 / 2001.0, 6.0 / 2001.0, 1.0));
        assert_eq!((same.interval, same.p, same.p_holm, same.win_rate), ([0.0; 2], 1.0, 1.0, 0.0));
        assert_eq!(missing(&family.comparisons[2]), "dfl_sf was not measured");
    }

    #[test]
    fn what_cannot_be_paired_says_why() {
        let baseline = costs("policy_linear", "none", 0, &[1.0; 3]);
        let reason = |rows: &[RowCosts]| missing(&family(ONE, &[rows, std::slice::from_ref(&baseline)].concat()).comparisons[0]).to_owned();
        let ours = |predictor, seed, n| costs("two_stage", predictor, seed, &vec![2.0; n]);
        assert_eq!(reason(&[ours("mlp", 0, 4)]), "two_stage (mlp) and policy_linear were not measured on the same test rows");
        assert_eq!(reason(&[ours("mlp", 0, 3), ours("linear", 0, 3)]), "two_stage is more than one row");
        assert_eq!(reason(&[ours("mlp", 0, 3), ours("mlp", 1, 2)]), "two_stage has other test rows at other seeds");
        let two = [costs("policy_linear", "none", 1, &[1.0; 3]), ours("mlp", 5, 3)];
        assert_eq!(reason(&two), "two_stage (mlp) and policy_linear have no seed in common");
        let single = [costs("two_stage", "mlp", 0, &[1.0]), costs("policy_linear", "none", 0, &[2.0])];
        assert!(missing(&family(ONE, &single).comparisons[0]).contains("block of the bootstrap"));
    }

    #[test]
    fn a_block_about_nothing_is_refused() {
        let places = [("power".to_owned(), String::new())];
        let refused = |text: &str| {
            let block = format!("text = 't'\nagainst = {{ method = 'policy_linear' }}\n{text}");
            toml::from_str::<Significance>(&block).unwrap().check(&places).unwrap_err().to_string()
        };
        assert!(refused("rows = []").contains("rows of a significance block"));
        assert!(refused("rows = [{ method = 'tow_stage' }]").contains("`tow_stage`"));
        assert!(refused("rows = [{ method = 'two_stage' }]\nblock = 0").contains("block of a significance block"));
        assert!(refused("rows = [{ method = 'two_stage' }]\nwins = 75").contains("wins of a significance block: 75"));
        assert!(refused("rows = [{ method = 'two_stage' }]\ndraws = 99").contains("draws of a significance block"));
        assert!(refused("rows = [{ method = 'two_stage' }]\nmetric = 'cost'").contains("unknown metric of a significance block `cost`"));
        assert!(refused("rows = [{ method = 'two_stage' }]\non = ['tsp']").contains("unknown place of a significance block `tsp`"));
    }
}
