//! A distance between two rows that grows from place to place.

use std::collections::BTreeMap;

use dfl_core::metrics::{mean, standard_error};

use super::judge::{best, here};
use super::{Claim, Compared, Evidence, Found};
use crate::results::Measurement;

/// By how much one side exceeds the other at one place, by seed.
struct Gap {
    name: String,
    by_seed: BTreeMap<Option<u64>, f64>,
}

/// The gap at each place but the first, against the gap there; seed by seed, so that what a seed's models share cancels.
pub(super) fn widens(claim: &Claim, places: &[&(String, String)], rows: &[&Measurement]) -> Vec<Evidence> {
    let Some((first, others)) = places.split_first() else { return Vec::new() };
    let start = gap(claim, first, rows);
    let at = |place: &&(String, String)| {
        let compared = start.as_ref().map_err(Clone::clone).and_then(|start| compare(start, &gap(claim, place, rows)?));
        Evidence {
            place: format!("{} {}", place.0, place.1),
            found: compared.map_or_else(|missing| Found::Missing { missing }, Found::Compared),
        }
    };
    others.iter().map(at).collect()
}

fn gap(claim: &Claim, place: &(String, String), rows: &[&Measurement]) -> Result<Gap, String> {
    let here = here(place, rows);
    let missing = |why: String| format!("at {}: {why}", place.1);
    let (left, right) = (best(&claim.left, &here).map_err(missing)?, best(&claim.right, &here).map_err(missing)?);
    let exceeds = |(seed, value): (&Option<u64>, &f64)| Some((*seed, right.values.get(seed)? - claim.factor * value));
    let name = format!("{} less {} at {}", right.name(), left.name(), place.1);
    Ok(Gap { name, by_seed: left.values.iter().filter_map(exceeds).collect() })
}

/// The gap at the start is claimed to be the smaller one, and the gap here to be one: two rows that close up from the wrong side do not
/// widen.
fn compare(start: &Gap, here: &Gap) -> Result<Compared, String> {
    let pairs = start.by_seed.iter().filter_map(|(seed, gap)| Some((*gap, *here.by_seed.get(seed)?)));
    let (left, right): (Vec<f64>, Vec<f64>) = pairs.unzip();
    if left.is_empty() {
        return Err("no seed is in all four rows".to_owned());
    }
    let differences: Vec<f64> = left.iter().zip(&right).map(|(start, here)| start - here).collect();
    let difference = mean(&differences);
    Ok(Compared {
        left: (start.name.clone(), mean(&left)),
        right: (here.name.clone(), mean(&right)),
        difference,
        se: standard_error(&differences),
        seeds: left.len(),
        holds: difference < 0.0 && mean(&right) > 0.0,
    })
}

#[cfg(test)]
mod tests {
    use crate::results::claims::{Claim, Found, Outcome, judge};
    use crate::results::{Key, Measurement};

    const CLAIM: &str = "text = 't'\nmetric = 'task_loss'\nrelation = 'widens'\n\
        left = [{ method = 'dfl_sf' }]\nright = [{ method = 'two_stage' }]";

    fn places() -> Vec<(String, String)> {
        ["n10", "n25", "n50"].map(|size| ("portfolio".to_owned(), size.to_owned())).to_vec()
    }

    fn measured(method: &str, size: &str, values: &[f64]) -> Vec<Measurement> {
        let key = |seed| Key {
            suite: "s".into(),
            task: "portfolio".into(),
            size: size.into(),
            method: method.into(),
            predictor: "linear".into(),
            solver: "none".into(),
            columns: "honest".into(),
            seed: Some(seed),
            profile: "quick".into(),
        };
        values.iter().enumerate().map(|(seed, value)| Measurement::new(&key(seed as u64), "task_loss", *value)).collect()
    }

    /// Rows whose gap is `gaps[place][seed]` above what differs from seed to seed and place to place.
    fn rows(gaps: [[f64; 3]; 3]) -> Vec<Measurement> {
        let mut all = Vec::new();
        for (at, (place, gaps)) in places().iter().zip(gaps).enumerate() {
            let base = [1.0, 2.0, 3.0].map(|seed| seed * (1.0 + at as f64));
            all.extend(measured("dfl_sf", &place.1, &base));
            all.extend(measured("two_stage", &place.1, &std::array::from_fn::<f64, 3, _>(|seed| base[seed] + gaps[seed])));
        }
        all
    }

    fn verdict(rows: &[Measurement]) -> crate::results::claims::Verdict {
        let claim: Claim = toml::from_str(CLAIM).unwrap();
        claim.check(&places()).unwrap();
        judge(&claim, ("s", "quick"), &places(), rows, &|_, _| None)
    }

    /// Gaps .1, .2, .3 grow by .1 and .2 in each seed; the second comparison has the differences -.1, -.2, -.3.
    #[test]
    fn a_gap_is_compared_with_that_of_the_first_place_by_seed() {
        let judged = verdict(&rows([[0.1; 3], [0.2; 3], [0.2, 0.3, 0.4]]));
        assert_eq!((judged.outcome, judged.evidence.len()), (Outcome::Holds, 2));
        let Found::Compared(c) = &judged.evidence[1].found else { panic!("{judged:?}") };
        assert_eq!(
            (judged.evidence[1].place.as_str(), c.left.0.as_str()),
            ("portfolio n50", "two_stage (linear) less dfl_sf (linear) at n10")
        );
        assert!((c.left.1 - 0.1).abs() < 1e-12 && (c.right.1 - 0.3).abs() < 1e-12 && (c.difference + 0.2).abs() < 1e-12);
        assert!((c.se.unwrap() - 0.1 / 3f64.sqrt()).abs() < 1e-12 && c.is_clear());
    }

    #[test]
    fn one_place_where_it_is_no_wider_fails_the_claim() {
        assert_eq!(verdict(&rows([[0.1; 3], [0.2; 3], [0.05; 3]])).outcome, Outcome::Fails);
        assert_eq!(verdict(&rows([[0.1; 3], [0.2; 3], [0.1; 3]])).outcome, Outcome::Fails);
        assert_eq!(verdict(&rows([[-0.3; 3], [-0.2; 3], [-0.1; 3]])).outcome, Outcome::Fails, "a deficit that shrinks is no gap");
        let without_last: Vec<_> = rows([[0.1; 3], [0.2; 3], [0.3; 3]]).into_iter().filter(|row| row.key.size != "n50").collect();
        assert_eq!(verdict(&without_last).outcome, Outcome::NotTestable);
        assert_eq!(verdict(&without_last[6..]).outcome, Outcome::NotTestable, "nothing at the first place");
        assert!(toml::from_str::<Claim>(&CLAIM.replace("right", "on = []\n#")).unwrap().check(&places()).is_err());
    }
}
