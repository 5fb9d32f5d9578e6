use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use dfl_core::{Error, Result, Schedule};
use serde::Deserialize;

use super::expand::expand;
use super::{Published, RunSpec, Study, Timing};
use crate::data::epidemic::Process;
use crate::data::pjm::Columns;
use crate::registry::Start;
use crate::results::claims::{Claim, Verdict, judge};
use crate::results::significance::{self, Family, Significance};
use crate::results::{Key, Measurement, RowCosts};
use crate::tasks::{TaskOptions, make_task, unknown};

/// How much work a suite does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Minutes on two cores.
    #[default]
    Quick,
    /// Longer training and more seeds.
    Full,
}

impl Profile {
    /// Id in `results.jsonl`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }
}

/// A setting that differs between the profiles.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "the profiles")]
pub struct ByProfile<T> {
    pub quick: T,
    pub full: T,
}

impl<T: Copy> ByProfile<T> {
    /// The setting of one profile.
    pub fn of(&self, profile: Profile) -> T {
        match profile {
            Profile::Quick => self.quick,
            Profile::Full => self.full,
        }
    }
}

/// One file of `benchmarks/definitions/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definition {
    /// File name without its ending.
    #[serde(skip)]
    pub name: String,
    /// One line for `--list`.
    pub title: String,
    /// Expected minutes on two cores.
    pub minutes: ByProfile<f64>,
    /// Lists of runs that experiments share.
    #[serde(default)]
    pub runs: BTreeMap<String, Vec<RunSpec>>,
    /// What is learned, in this order.
    #[serde(default)]
    pub experiment: Vec<Experiment>,
    /// What is computed without data, after that.
    #[serde(default)]
    pub study: Vec<Study>,
    /// What is timed in the end.
    #[serde(default)]
    pub timing: Vec<Timing>,
    /// What is said of the results, to be judged by them.
    #[serde(default)]
    pub claim: Vec<Claim>,
    /// Rows that are compared test row by test row.
    #[serde(default)]
    pub significance: Vec<Significance>,
}

/// One task at one size, with all that is run on it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Id of the task.
    pub task: String,
    /// Size id, e.g. `5x5`.
    #[serde(default)]
    pub size: String,
    /// Several in its place; empty once the definition is read.
    #[serde(default)]
    pub sizes: Vec<String>,
    /// Share of the training rows that models learn from; smaller shares are parts of larger ones.
    #[serde(default = "all")]
    pub share: f64,
    /// Several in its place, each with a size of its own, such as `24h-share0_05`; empty once the definition is read.
    #[serde(default)]
    pub shares: Vec<f64>,
    /// Under which profiles it is run.
    #[serde(default = "both")]
    pub profiles: Vec<Profile>,
    /// Settings of the data.
    #[serde(default)]
    pub data: DataOptions,
    /// Seeds of the learned runs: 0, 1, ...
    pub seeds: ByProfile<u64>,
    /// Seeds of the baselines; one where the data are fixed. The learned runs' number by default.
    pub baseline_seeds: Option<u64>,
    /// How models are trained unless a run says otherwise.
    pub training: Training,
    /// What is run.
    #[serde(default)]
    pub run: Vec<RunSpec>,
    /// Names of lists of further runs; empty once the definition is read.
    #[serde(default)]
    pub runs: Vec<String>,
}

/// Settings of a data set; a set that fixes them ignores them.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[allow(missing_docs, reason = "named like the generator's arguments")]
pub struct DataOptions {
    pub features: usize,
    pub degree: u32,
    pub noise: f64,
    /// Half width of what is added to the values of top-k items; the published regrets come with 0.25.
    pub added_noise: f64,
    /// Of the returns of PyEPO's portfolio.
    pub noise_level: f64,
    /// Number of constraints of a knapsack.
    pub dim: usize,
    /// Capacity of a knapsack as a share of the sum of its weights.
    pub capacity: f64,
    /// How many of the items are chosen.
    pub k: usize,
    /// Share of the worst outcomes that decisions of the `cvar_` tasks are judged by; 1 is the mean.
    pub tail: f64,
    /// Of an epidemic: people.
    pub population: f64,
    /// Of an epidemic: deviation of the latent transmission about its path.
    pub volatility: f64,
    /// Of an epidemic: what is observed.
    pub process: Process,
    /// Price of a missing bed, of an empty one's.
    pub shortage: f64,
    pub train: usize,
    pub valid: usize,
    pub test: usize,
}

impl Default for DataOptions {
    fn default() -> Self {
        Self {
            features: 5,
            degree: 6,
            noise: 0.5,
            added_noise: 0.25,
            noise_level: 1.0,
            dim: 2,
            capacity: 0.5,
            k: 1,
            tail: 1.0,
            population: 2e6,
            volatility: 0.3,
            process: Process::Ode,
            shortage: 10.0,
            train: 100,
            valid: 100,
            test: 1000,
        }
    }
}

/// Which weights are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Select {
    /// Those after the last epoch.
    #[default]
    Last,
    /// Those of the epoch that is best on the validation rows.
    BestValid,
}

/// On whose validation rows learning rate and options are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choose {
    /// Each seed's own.
    #[default]
    EachSeed,
    /// Those of seed 0, for all seeds.
    FirstSeed,
}

/// How a model is trained.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Training {
    /// Passes over the training rows.
    pub epochs: ByProfile<usize>,
    /// Rows per step.
    pub batch: usize,
    /// If several, the one that is best on validation rows is used.
    pub learning_rates: Vec<f64>,
    /// On whose.
    #[serde(default)]
    pub choose: Choose,
    /// How the rate falls.
    #[serde(default, deserialize_with = "schedule")]
    pub schedule: Schedule,
    /// Which weights are reported.
    #[serde(default)]
    pub select: Select,
    /// Whether features are made uncorrelated first, see [`Whitening`](crate::data::Whitening).
    #[serde(default)]
    pub whiten: bool,
    /// Weights with which a linear predictor begins.
    #[serde(default)]
    pub start: Start,
    /// Training on the squared error, or on the likelihood of a distribution, before the decision loss.
    pub warm_up: Option<WarmUp>,
}

/// Training on the squared error, or on the likelihood of a distribution, first, so that the decision loss starts from a sensible prediction.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "as in `Training`")]
pub struct WarmUp {
    pub epochs: ByProfile<usize>,
    pub learning_rate: f64,
    /// That of the main phase unless given.
    pub batch: Option<usize>,
    /// Whether all runs that begin alike go on from the same weights, with an optimiser that starts anew; else the optimiser goes on as well.
    #[serde(default)]
    pub shared: bool,
}

fn schedule<'de, D: serde::Deserializer<'de>>(from: D) -> std::result::Result<Schedule, D::Error> {
    match String::deserialize(from)?.as_str() {
        "constant" => Ok(Schedule::Constant),
        "cosine" => Ok(Schedule::Cosine),
        other => Err(serde::de::Error::unknown_variant(other, &["constant", "cosine"])),
    }
}

fn all() -> f64 {
    1.0
}

fn both() -> Vec<Profile> {
    vec![Profile::Quick, Profile::Full]
}

impl Experiment {
    /// Refuses words that are not ids, a problem that is none, a run that stands twice, and settings under which nothing is measured.
    pub(super) fn check(&self) -> Result<()> {
        // Names a size or a setting of the data that is none, before anything is run.
        let task = make_task(&self.task, &TaskOptions { size: &self.size, data: &self.data, columns: Columns::Published, seed: 0 })?;
        let rows = [("training rows", self.data.train), ("test rows", self.data.test), ("runs", self.run.len())];
        for (what, count) in rows {
            crate::data::polynomial::check_positive(what, count)?;
        }
        if !(self.share > 0.0 && self.share <= 1.0) {
            return Err(Error::Domain { what: "share of the training rows", value: self.share, need: "above 0 and at most 1" });
        }
        for (i, run) in self.run.iter().enumerate() {
            run.check()?;
            run.check_fits(&*task, run.training.as_ref().unwrap_or(&self.training))?;
            let name = |r: &RunSpec| (r.method.clone(), r.solver_key(), r.predictor.clone(), r.columns);
            if self.run[..i].iter().any(|earlier| name(earlier) == name(run)) {
                let known = "distinct in method, solver, label, predictor and columns".into();
                return Err(Error::Unknown { what: "second run of the same name", given: run.method.clone(), known });
            }
        }
        std::iter::once(&self.training).chain(self.run.iter().filter_map(|r| r.training.as_ref())).try_for_each(Training::check)
    }
}

impl Training {
    fn check(&self) -> Result<()> {
        let settings = [
            ("epochs", self.epochs.quick),
            ("epochs", self.epochs.full),
            ("batch", self.batch),
            ("learning rates", self.learning_rates.len()),
            ("batch of the warm-up", self.warm_up.and_then(|w| w.batch).unwrap_or(self.batch)),
        ];
        settings.into_iter().try_for_each(|(what, count)| crate::data::polynomial::check_positive(what, count))
    }
}

pub(super) fn one_of<'a>(what: &'static str, given: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Result<()> {
    if known.clone().into_iter().any(|k| k == given) { Ok(()) } else { Err(unknown(what, given, known)) }
}

impl Definition {
    /// The folder with the definitions of this checkout.
    pub fn folder() -> PathBuf {
        benchmarks().join("definitions")
    }

    /// Reads one definition by name.
    ///
    /// # Errors
    /// [`Error::Unknown`] naming those there are, [`Error::File`] or [`Error::Format`].
    pub fn load(folder: &Path, name: &str) -> Result<Self> {
        let names = Self::names(folder)?;
        if !names.iter().any(|n| n == name) {
            return Err(unknown("suite", name, names.iter().map(String::as_str)));
        }
        let mut definition: Self = read_toml(&folder.join(format!("{name}.toml")), "suite definition")?;
        definition.experiment = expand(definition.experiment, &definition.runs)?;
        definition.experiment.iter().try_for_each(Experiment::check)?;
        definition.study.iter().try_for_each(Study::check)?;
        definition.timing.iter().try_for_each(Timing::check)?;
        let places = definition.places(None);
        definition.claim.iter().try_for_each(|claim| claim.check(&places))?;
        definition.significance.iter().try_for_each(|block| block.check(&places))?;
        Ok(Self { name: name.into(), ..definition })
    }

    /// Task and size of each experiment, of one profile or of any, and of each row of a study; once where several share them.
    fn places(&self, profile: Option<Profile>) -> Vec<(String, String)> {
        let run = |e: &&Experiment| profile.is_none_or(|profile| e.profiles.contains(&profile));
        let learned = self.experiment.iter().filter(run).map(|e| (e.task.clone(), e.size.clone()));
        let pieces: Vec<_> = self.study.iter().flat_map(Study::pieces).collect();
        let computed = pieces.iter().flat_map(|piece| piece.rows()).map(|row| (row.task.to_owned(), row.size));
        let mut places = Vec::new();
        for place in learned.chain(computed) {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }

    /// What the measurements of a profile say of the claims.
    pub fn judge(&self, profile: Profile, measurements: &[Measurement], published: &Published) -> Vec<Verdict> {
        let places = self.places(Some(profile));
        let figure = |key: &Key, metric: &str| published.get(key, metric).map(|figure| (figure.value, figure.se));
        self.claim.iter().map(|claim| judge(claim, (&self.name, profile.id()), &places, measurements, &figure)).collect()
    }

    /// What the costs of test rows under a profile say of the comparisons.
    pub fn compare_rows(&self, profile: Profile, costs: &[RowCosts]) -> Vec<Family> {
        let places = self.places(Some(profile));
        self.significance.iter().map(|block| significance::judge(block, (&self.name, profile.id()), &places, costs)).collect()
    }

    /// Names of the definitions in a folder, sorted.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn names(folder: &Path) -> Result<Vec<String>> {
        let failed = |source| Error::File { path: folder.into(), action: "listing", remedy: "run from a checkout of the project", source };
        let entries = std::fs::read_dir(folder).map_err(failed)?.collect::<std::io::Result<Vec<_>>>().map_err(failed)?;
        let toml = |p: &Path| p.extension().is_some_and(|e| e == "toml");
        let mut names: Vec<String> =
            entries.iter().map(|e| e.path()).filter(|p| toml(p)).filter_map(|p| Some(p.file_stem()?.to_str()?.to_owned())).collect();
        names.sort();
        Ok(names)
    }
}

/// The folder `benchmarks/` of the checkout this crate was built from. A program that was installed from a package has none, and takes the one
/// of the checkout in which it runs.
pub(crate) fn benchmarks() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../benchmarks");
    let here = || above(&std::env::current_dir().ok()?);
    folder.canonicalize().ok().or_else(here).unwrap_or(folder)
}

/// The nearest folder `benchmarks/` with definitions, in `from` or above.
fn above(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join("benchmarks")).find(|folder| folder.join("definitions").is_dir())
}

/// Reads a TOML file.
pub(super) fn read_toml<T: serde::de::DeserializeOwned>(path: &Path, what: &'static str) -> Result<T> {
    let remedy = "check the path and its permissions";
    let text = std::fs::read_to_string(path).map_err(|source| Error::File { path: path.into(), action: "reading", remedy, source })?;
    toml::from_str(&text).map_err(|e| Error::Format { path: path.into(), what, source: Box::new(e) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installed_program_takes_the_suites_of_the_checkout_around_it() {
        let checkout = tempfile::tempdir().unwrap();
        let inside = checkout.path().join("crates/deep");
        std::fs::create_dir_all(&inside).unwrap();
        std::fs::create_dir_all(checkout.path().join("crates/benchmarks")).unwrap();
        assert_eq!(above(&inside), None);
        std::fs::create_dir_all(checkout.path().join("benchmarks/definitions")).unwrap();
        assert_eq!(above(&inside), Some(checkout.path().join("benchmarks")));
    }

    #[test]
    fn every_definition_of_the_checkout_is_valid() {
        let names = Definition::names(&Definition::folder()).unwrap();
        assert!(names.contains(&"default".into()), "{names:?}");
        for name in names {
            let definition = Definition::load(&Definition::folder(), &name).unwrap();
            let work = definition.experiment.len() + definition.study.len() + definition.timing.len();
            assert!(work > 0, "{name} does nothing");
            assert!(definition.experiment.iter().all(|e| !e.training.learning_rates.is_empty() && !e.run.is_empty()), "{name}");
        }
    }

    /// A claim about rows that its suite does not run, or runs under several labels, could never hold.
    #[test]
    fn every_claim_of_the_checkout_is_about_rows_that_are_run() {
        let published = Published::load().unwrap();
        for name in Definition::names(&Definition::folder()).unwrap() {
            let definition = Definition::load(&Definition::folder(), &name).unwrap();
            let key = |[task, size, method, predictor, solver, columns]: [&str; 6], seed: u64| {
                let [suite, task, size, method, predictor, solver, columns, profile] =
                    [&name, task, size, method, predictor, solver, columns, "full"].map(str::to_owned);
                Key { suite, task, size, method, predictor, solver, columns, seed: Some(seed), profile }
            };
            let runs = definition.experiment.iter().flat_map(|e| e.run.iter().map(move |r| (e, r)));
            let learned = runs.flat_map(|(e, r)| {
                [0, 1].map(|seed| key([&e.task, &e.size, &r.method, &r.predictor, &r.solver_key(), r.columns.id()], seed))
            });
            let pieces: Vec<_> = definition.study.iter().flat_map(Study::pieces).collect();
            let computed =
                pieces.iter().flat_map(|p| p.rows()).map(|w| key([w.task, &w.size, &w.method, w.predictor, &w.solver, "published"], 0));
            let keys: Vec<Key> = learned.chain(computed).collect();
            for claim in &definition.claim {
                let rows: Vec<_> = keys.iter().map(|key| Measurement::new(key, &claim.metric, 1.0)).collect();
                let figure = |key: &Key, metric: &str| published.get(key, metric).map(|figure| (figure.value, figure.se));
                let verdict = judge(claim, (&name, "full"), &definition.places(None), &rows, &figure);
                let gaps: Vec<_> = verdict.evidence.iter().filter(|e| e.compared().is_none()).collect();
                assert!(gaps.is_empty() && !verdict.evidence.is_empty(), "{name}, {}: {gaps:?}", claim.text);
            }
            let ids: Vec<u64> = (0..1000).collect();
            let costs: Vec<_> = keys.iter().filter_map(|key| RowCosts::new(key, &ids, &[1.0; 1000])).collect();
            for block in &definition.significance {
                let family = significance::judge(block, (&name, "full"), &definition.places(None), &costs);
                let gaps: Vec<_> = family.comparisons.iter().filter(|c| matches!(c.found, significance::Found::Missing { .. })).collect();
                assert!(gaps.is_empty() && !family.comparisons.is_empty(), "{name}, {}: {gaps:?}", block.text);
            }
        }
    }

    #[test]
    fn an_unknown_key_and_an_unknown_suite_are_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("bad.toml"), "title = 'x'\nminuts = 3\n").unwrap();
        let error = Definition::load(dir.path(), "bad").unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert!(cause.contains("minuts") && cause.contains("line 2"), "{cause}");
        let text = Definition::load(dir.path(), "worse").unwrap_err().to_string();
        assert_eq!(text, "unknown suite `worse`; known are bad");
    }
}
