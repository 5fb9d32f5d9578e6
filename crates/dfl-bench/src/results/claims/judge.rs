use std::collections::BTreeMap;

use dfl_core::metrics::{mean, standard_error};

use super::widens::widens;
use super::{Claim, Compared, Evidence, Found, Outcome, Relation, Selector, Verdict, is_at};
use crate::results::{Key, Measurement, latest};

/// A figure that others measured, with its standard error.
pub type Figure = (f64, Option<f64>);

/// Judges a claim about `places` (task and size) of a suite by what was measured there; `published` is what others measured of a row.
pub fn judge(
    claim: &Claim,
    (suite, profile): (&str, &str),
    places: &[(String, String)],
    measurements: &[Measurement],
    published: &dyn Fn(&Key, &str) -> Option<Figure>,
) -> Verdict {
    let own = |m: &&Measurement| m.key.suite == suite && m.key.profile == profile && m.metric == claim.metric;
    let rows: Vec<&Measurement> = latest(measurements).into_iter().filter(own).collect();
    let claimed = |at: &&(String, String)| claim.on.is_empty() || claim.on.iter().any(|place| is_at(place, at));
    let claimed = places.iter().filter(claimed);
    let evidence: Vec<Evidence> = match claim.relation {
        Relation::Widens => widens(claim, &claimed.collect::<Vec<_>>(), &rows),
        _ => claimed.flat_map(|at| at_place(claim, at, &rows, published)).collect(),
    };
    let outcome = outcome(&evidence);
    let (suite, profile) = (suite.to_owned(), profile.to_owned());
    Verdict { suite, profile, text: claim.text.clone(), metric: claim.metric.clone(), outcome, evidence }
}

fn outcome(evidence: &[Evidence]) -> Outcome {
    let fails = |e: &Evidence| matches!(&e.found, Found::Compared(c) if !c.holds);
    let holds = |e: &Evidence| matches!(&e.found, Found::Compared(c) if c.holds);
    match (evidence.iter().any(fails), !evidence.is_empty() && evidence.iter().all(holds)) {
        (true, _) => Outcome::Fails,
        (_, true) => Outcome::Holds,
        _ => Outcome::NotTestable,
    }
}

fn at_place(
    claim: &Claim,
    at: &(String, String),
    rows: &[&Measurement],
    published: &dyn Fn(&Key, &str) -> Option<Figure>,
) -> Vec<Evidence> {
    let here = here(at, rows);
    let evidence = |found| Evidence { place: format!("{} {}", at.0, at.1), found };
    match claim.relation {
        Relation::Below => vec![evidence(below(claim, &here))],
        _ => claim.left.iter().filter_map(|row| beside_published(claim, row, &here, published)).map(evidence).collect(),
    }
}

pub(super) fn here<'a>(at: &(String, String), rows: &[&'a Measurement]) -> Vec<&'a Measurement> {
    rows.iter().copied().filter(|m| (&m.key.task, &m.key.size) == (&at.0, &at.1)).collect()
}

/// The values of one row by seed.
pub(super) struct Series<'a> {
    key: &'a Key,
    pub(super) values: BTreeMap<Option<u64>, f64>,
}

impl<'a> Series<'a> {
    /// `Err` is why there is none: nothing was measured, some seed failed, or the selector fits several rows.
    fn of(row: &Selector, here: &[&'a Measurement]) -> Result<Self, String> {
        let found: Vec<_> = here.iter().copied().filter(|m| row.fits(&m.key)).collect();
        let first = found.first().ok_or_else(|| format!("{row} was not measured"))?;
        if found.iter().any(|m| m.key.without_seed() != first.key.without_seed()) {
            return Err(format!("{row} is more than one row"));
        }
        let values = found.iter().map(|m| m.value.map(|value| (m.key.seed, value)).ok_or_else(|| format!("{row} failed")));
        Ok(Self { key: &first.key, values: values.collect::<Result<_, _>>()? })
    }

    fn mean(&self) -> f64 {
        mean(&self.values.values().copied().collect::<Vec<_>>())
    }

    pub(super) fn name(&self) -> String {
        self.key.row_name()
    }
}

/// Of several rows the one with the smallest mean.
pub(super) fn best<'a>(rows: &[Selector], here: &[&'a Measurement]) -> Result<Series<'a>, String> {
    let series = rows.iter().map(|row| Series::of(row, here)).collect::<Result<Vec<_>, _>>()?;
    series.into_iter().min_by(|a, b| a.mean().total_cmp(&b.mean())).ok_or_else(|| "no row is named".to_owned())
}

fn below(claim: &Claim, here: &[&Measurement]) -> Found {
    let compared = || -> Result<Compared, String> {
        let (left, right) = (best(&claim.left, here)?, best(&claim.right, here)?);
        let pairs: Vec<(f64, f64)> = left.values.iter().filter_map(|(seed, value)| Some((*value, *right.values.get(seed)?))).collect();
        if pairs.is_empty() {
            return Err(format!("{} and {} have no seed in common", left.name(), right.name()));
        }
        let differences: Vec<f64> = pairs.iter().map(|(left, right)| claim.factor * left - right - claim.margin).collect();
        let (left_values, right_values): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
        let difference = mean(&differences);
        Ok(Compared {
            left: (left.name(), mean(&left_values)),
            right: (right.name(), mean(&right_values)),
            difference,
            se: standard_error(&differences),
            seeds: pairs.len(),
            holds: difference < 0.0,
        })
    };
    compared().map_or_else(|missing| Found::Missing { missing }, Found::Compared)
}

/// `None` where nothing is published; for [`Relation::Agrees`], nothing that has a standard error.
fn beside_published(
    claim: &Claim,
    row: &Selector,
    here: &[&Measurement],
    published: &dyn Fn(&Key, &str) -> Option<Figure>,
) -> Option<Found> {
    let series = match Series::of(row, here) {
        Ok(series) => series,
        Err(missing) => return Some(Found::Missing { missing }),
    };
    let (figure, their_se) = published(series.key, &claim.metric)?;
    let our_se = standard_error(&series.values.values().copied().collect::<Vec<_>>());
    let difference = series.mean() - figure;
    let (se, allowed) = match claim.digits {
        // A unit of rounding for figures that lie in the middle.
        Some(digits) => (our_se, 0.5 * 0.1_f64.powi(digits) * (1.0 + 1e-9)),
        None => {
            let their_se = their_se?;
            let Some(our_se) = our_se else {
                return Some(Found::Missing { missing: format!("{} has a single seed", series.name()) });
            };
            (Some(our_se.hypot(their_se)), 2.0 * our_se.hypot(their_se))
        }
    };
    let (left, seeds) = ((series.name(), series.mean()), series.values.len());
    Some(Found::Compared(Compared {
        left,
        right: ("published".to_owned(), figure),
        difference,
        se,
        seeds,
        holds: difference.abs() <= allowed,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(method: &str, solver: &str, size: &str, values: &[f64]) -> Vec<Measurement> {
        let key = |seed| Key {
            suite: "s".into(),
            task: "tsp".into(),
            size: size.into(),
            method: method.into(),
            predictor: "linear".into(),
            solver: solver.into(),
            columns: "published".into(),
            seed: Some(seed),
            profile: "quick".into(),
        };
        values.iter().enumerate().map(|(seed, value)| Measurement::new(&key(seed as u64), "normalized_regret", *value)).collect()
    }

    fn claim(text: &str) -> Claim {
        toml::from_str(&format!("text = 't'\nmetric = 'normalized_regret'\n{text}")).unwrap()
    }

    fn places() -> Vec<(String, String)> {
        [("tsp".to_owned(), "5".to_owned()), ("tsp".to_owned(), "8".to_owned())].to_vec()
    }

    fn verdict(claim: &Claim, rows: &[Measurement]) -> Verdict {
        let published = |key: &Key, _: &str| (key.method == "spo_plus").then_some((0.30, Some(0.01)));
        claim.check(&places()).unwrap();
        judge(claim, ("s", "quick"), &places(), rows, &published)
    }

    const BELOW: &str = "left = [{ method = 'sce', solver = 'quadratic' }]\nright = [{ method = 'regret', solver = 'quadratic' }]";

    /// Paired differences -.1, -.2, -.3: mean -.2, standard error .1 / sqrt 3; unpaired the two would overlap.
    #[test]
    fn a_comparison_is_paired_by_seed() {
        let rows = [
            measured("sce", "quadratic", "5", &[1.0, 2.0, 3.0, 9.0]),
            measured("regret", "quadratic", "5", &[1.1, 2.2, 3.3]),
            measured("sce", "exact", "5", &[5.0; 3]),
        ];
        let verdict = verdict(&Claim { on: vec!["tsp 5".into()], ..claim(BELOW) }, &rows.concat());
        assert_eq!((verdict.outcome, verdict.evidence.len()), (Outcome::Holds, 1));
        let Found::Compared(c) = &verdict.evidence[0].found else { panic!("{verdict:?}") };
        assert!((c.difference + 0.2).abs() < 1e-12 && (c.se.unwrap() - 0.1 / 3f64.sqrt()).abs() < 1e-12 && c.is_clear());
        assert_eq!((c.left.clone(), c.seeds), (("sce (linear, quadratic)".into(), 2.0), 3));
    }

    #[test]
    fn one_place_against_it_fails_it_and_a_gap_leaves_it_open() {
        let at = |size: &str, ours: f64| {
            [measured("sce", "quadratic", size, &[ours; 2]), measured("regret", "quadratic", size, &[0.5; 2])].concat()
        };
        let outcome = |rows: &[Vec<Measurement>]| verdict(&claim(BELOW), &rows.concat()).outcome;
        assert_eq!(outcome(&[at("5", 0.4), at("8", 0.4)]), Outcome::Holds);
        assert_eq!(outcome(&[at("5", 0.4), at("8", 0.6)]), Outcome::Fails);
        assert_eq!(outcome(&[at("5", 0.4), at("8", 0.5)]), Outcome::Fails, "equal is not below");
        assert_eq!(outcome(&[at("5", 0.4)]), Outcome::NotTestable);
        assert_eq!(outcome(&[at("5", 0.6)]), Outcome::Fails);
        assert_eq!(outcome(&[]), Outcome::NotTestable);
        assert_eq!(outcome(&[at("5", 0.4), at("8", f64::NAN)]), Outcome::NotTestable, "a failed row is no evidence");
    }

    /// The better of the two, .3, is below .35, though the other, .4, is not; three times .3 is not.
    #[test]
    fn the_best_of_several_rows_stands_for_its_side_and_a_factor_multiplies_it() {
        let rows = [
            measured("sce", "exact", "5", &[0.3; 2]),
            measured("spo_plus", "exact", "5", &[0.4; 2]),
            measured("regret", "dys", "5", &[0.35; 2]),
        ];
        let text = "left = [{ method = 'sce' }, { method = 'spo_plus' }]\nright = [{ method = 'regret' }]\non = ['tsp 5']";
        let judged = verdict(&claim(text), &rows.concat());
        let Found::Compared(c) = &judged.evidence[0].found else { panic!("{judged:?}") };
        assert_eq!((judged.outcome, c.left.0.as_str()), (Outcome::Holds, "sce (linear, exact)"));
        assert_eq!(verdict(&Claim { factor: 3.0, ..claim(text) }, &rows.concat()).outcome, Outcome::Fails);
    }

    /// .37 is above .35 by .02: within a margin of .03 and not of .01.
    #[test]
    fn a_margin_forgives_what_is_a_little_worse() {
        let rows = [measured("sce", "quadratic", "5", &[0.37; 2]), measured("regret", "quadratic", "5", &[0.35; 2])].concat();
        let outcome = |margin: f64| verdict(&Claim { margin, on: vec!["tsp 5".into()], ..claim(BELOW) }, &rows).outcome;
        assert_eq!([0.03, 0.01, 0.0].map(outcome), [Outcome::Holds, Outcome::Fails, Outcome::Fails]);
    }

    /// Ours .30 + d with standard error .01 against .30 +- .01: two combined standard errors are .0283.
    #[test]
    fn agreement_is_within_two_combined_standard_errors() {
        let agrees = claim("relation = 'agrees'\nleft = [{ method = 'spo_plus' }, { method = 'sce' }]");
        let rows =
            |d: f64| [measured("spo_plus", "exact", "5", &[0.29 + d, 0.31 + d]), measured("sce", "exact", "5", &[1.0, 2.0])].concat();
        let outcome = |d| {
            let on_5 = Claim { on: vec!["tsp 5".into()], ..agrees.clone() };
            let verdict = verdict(&on_5, &rows(d));
            assert_eq!(verdict.evidence.len(), 1, "what nobody published is not counted");
            verdict.outcome
        };
        assert_eq!([outcome(0.0), outcome(0.028), outcome(-0.028)], [Outcome::Holds; 3]);
        assert_eq!([outcome(0.029), outcome(-0.029)], [Outcome::Fails; 2]);
        assert_eq!(verdict(&agrees, &rows(0.0)).outcome, Outcome::NotTestable, "tsp 8 was not measured");
    }

    /// .30 is printed for figures from .295 to .305.
    #[test]
    fn a_printed_figure_is_met_to_its_digits() {
        let prints = claim("relation = 'prints'\ndigits = 2\nleft = [{ method = 'spo_plus' }]\non = ['tsp 5']");
        let outcome = |value: f64| verdict(&prints, &measured("spo_plus", "exact", "5", &[value])).outcome;
        assert_eq!([0.295, 0.3, 0.305].map(outcome), [Outcome::Holds; 3]);
        assert_eq!([0.2949, 0.3051].map(outcome), [Outcome::Fails; 2]);
        assert_eq!(verdict(&prints, &[]).outcome, Outcome::NotTestable);
    }

    #[test]
    fn a_claim_about_nothing_is_refused() {
        let refused = |claim: &Claim| claim.check(&places()).unwrap_err().to_string();
        assert!(refused(&Claim { metric: "regrets".into(), ..claim(BELOW) }).contains("unknown metric of a claim `regrets`"));
        assert!(
            refused(&Claim { on: vec!["tsp 9".into()], ..claim(BELOW) })
                .contains("unknown place of a claim `tsp 9`; known are tsp 5, tsp 8")
        );
        assert!(refused(&Claim { right: vec![], ..claim(BELOW) }).contains("number of rows of a claim"));
        assert!(refused(&Claim { factor: 0.0, ..claim(BELOW) }).contains("factor of a claim"));
        assert!(refused(&Claim { margin: -0.1, ..claim(BELOW) }).contains("margin of a claim"));
        assert!(refused(&claim("relation = 'agrees'\nmargin = 0.1\nleft = [{ method = 'sce' }]")).contains("margin of a claim"));
        assert!(refused(&Claim { digits: Some(3), ..claim(BELOW) }).contains("digits of a claim"));
        assert!(refused(&claim("relation = 'prints'\nleft = [{ method = 'sce' }]")).contains("digits of a claim"));
        assert!(
            refused(&claim("left = [{ method = 'scee' }]\nright = [{ method = 'regret' }]")).contains("unknown method of a claim `scee`")
        );
    }
}
