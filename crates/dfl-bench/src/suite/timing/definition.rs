use dfl_core::{Error, Result};
use serde::Deserialize;

use super::super::ByProfile;
use super::super::definition::one_of;
use super::course::TASK;
use super::epoch::{EPOCHS, task_of};
use crate::layers::LAYERS;
use crate::registry::{SOLVERS, sampled_options_read};
use crate::results::ids;
use crate::tasks::TASKS;

/// The task of cold, warm and reference solves of separate dense QPs.
const DENSE: &str = "qp_dense";

/// A layer or a solver to time, at several sizes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timing {
    /// Id of the task: one of [`LAYERS`], `qp_dense`, a task of which an epoch of SPO+ is timed, or `power`, of which epochs of distributions are.
    pub task: String,
    /// `batch128` for a layer, `n24_m96` for dense QPs, the task's own for an epoch.
    pub sizes: Vec<String>,
    /// Id of our solver; `active_set` for dense QPs.
    pub solver: String,
    /// Ids of further solvers of ours, for epochs; one that is not built in is left out.
    #[serde(default)]
    pub beside: Vec<String>,
    /// Methods of distributions whose epochs are timed, for `power`.
    #[serde(default)]
    pub methods: Vec<String>,
    /// Threads of ours and of the peers; those of the run where it says nothing.
    pub threads: Option<usize>,
    /// How often everyone has a turn.
    pub turns: ByProfile<usize>,
    /// Peers to compare with, as `benchmarks/peers/driver.py` names them.
    #[serde(default)]
    pub peers: Vec<String>,
}

/// What one job of a [`Timing`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Forward and backward of a layer.
    Layer { rows: usize },
    /// Solves of dense QPs.
    Dense { n: usize, m: usize },
    /// Training for one epoch.
    Epoch,
    /// The same of distributions.
    Course,
}

impl Timing {
    pub(in crate::suite) fn check(&self) -> Result<()> {
        let trained = TASKS.iter().map(|task| task.0).filter(|task| EPOCHS.contains(task));
        one_of("timed task", &self.task, LAYERS.iter().map(|layer| layer.0).chain([DENSE, TASK]).chain(trained))?;
        let solvers: Vec<_> = if self.task == DENSE { vec!["active_set"] } else { SOLVERS.iter().map(|s| s.id).collect() };
        std::iter::once(&self.solver).chain(&self.beside).try_for_each(|solver| one_of("solver", solver, solvers.clone()))?;
        self.check_methods()?;
        if !self.beside.is_empty() && !self.trains() {
            return Err(Error::Unsupported { who: "a timing of solves", what: "solvers beside; give each a timing of its own" });
        }
        for (what, count) in [("turns", self.turns.quick), ("turns", self.turns.full), ("sizes", self.sizes.len())] {
            crate::data::polynomial::check_positive(what, count)?;
        }
        if self.threads == Some(0) {
            crate::data::polynomial::check_positive("threads", 0)?;
        }
        if let Some(peer) = self.peers.iter().find(|peer| !ids::is_word(peer)) {
            return Err(Error::Unknown { what: "peer", given: peer.clone(), known: "words of small letters, digits and _".into() });
        }
        self.sizes.iter().try_for_each(|size| self.work(size).map(|_| ()))
    }

    fn check_methods(&self) -> Result<()> {
        let who = "a timing of distributions";
        match self.task == TASK {
            false if !self.methods.is_empty() => Err(Error::Unsupported { who: "a timing of solvers", what: "methods" }),
            true if self.threads.is_some() => Err(Error::Unsupported { who, what: "threads of its own; networks have those of the run" }),
            true if self.methods.is_empty() => Err(Error::Missing { loss: who, what: "methods" }),
            _ => self.methods.iter().try_for_each(|method| sampled_options_read(method, &self.solver).map(|_| ())),
        }
    }

    fn trains(&self) -> bool {
        EPOCHS.contains(&self.task.as_str())
    }

    /// What a size asks for.
    pub(super) fn work(&self, size: &str) -> Result<Work> {
        if self.task == TASK {
            return Ok(Work::Course);
        }
        if self.trains() {
            return task_of(&self.task, size).map(|_| Work::Epoch);
        }
        let count = |text: Option<&str>| text.and_then(|t| t.parse::<usize>().ok()).filter(|&k| k > 0);
        let parsed = if self.task == DENSE {
            let pair = size.split_once('_').and_then(|(n, m)| Some((count(n.strip_prefix('n'))?, count(m.strip_prefix('m'))?)));
            pair.map(|(n, m)| Work::Dense { n, m })
        } else {
            count(size.strip_prefix("batch")).map(|rows| Work::Layer { rows })
        };
        let known = if self.task == DENSE { "nN_mM, e.g. n24_m96" } else { "batchN, e.g. batch128" };
        parsed.ok_or_else(|| Error::Unknown { what: "size of a timing", given: size.into(), known: known.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(text: &str) -> std::result::Result<Timing, String> {
        let timing: Timing = toml::from_str(text).map_err(|e| e.to_string())?;
        timing.check().map(|()| timing).map_err(|e| e.to_string())
    }

    const LAYER: &str = "task = 'qp_power24'\nsizes = ['batch1', 'batch128']\nsolver = 'active_set'\nturns = { quick = 3, full = 9 }\n";

    #[test]
    fn sizes_say_how_much_there_is_to_do() {
        let layer = timing(LAYER).unwrap();
        assert_eq!(layer.work("batch128").unwrap(), Work::Layer { rows: 128 });
        let dense = timing(&LAYER.replace("qp_power24", "qp_dense").replace("['batch1', 'batch128']", "['n24_m96']")).unwrap();
        assert_eq!(dense.work("n24_m96").unwrap(), Work::Dense { n: 24, m: 96 });
        let epoch = LAYER.replace("qp_power24", "shortest_path").replace("['batch1', 'batch128']", "['5x5']");
        assert_eq!(timing(&format!("{epoch}beside = ['highs']\n")).unwrap().work("5x5").unwrap(), Work::Epoch);
    }

    #[test]
    fn epochs_of_distributions_are_of_methods_that_are_named() {
        let course = "task = 'power'\nsizes = ['24h']\nsolver = 'stochastic'\nturns = { quick = 1, full = 1 }\n";
        let given = |more: &str| timing(&format!("{course}{more}\n"));
        assert_eq!(given("methods = ['two_stage']").unwrap().work("24h").unwrap(), Work::Course);
        assert!(given("").unwrap_err().contains("methods"));
        assert!(given("methods = ['spo_plus']").unwrap_err().contains("spo_plus"));
        assert!(given("methods = ['two_stage']\nthreads = 1").unwrap_err().contains("threads of its own"));
        assert!(timing(&format!("{LAYER}methods = ['two_stage']\n")).unwrap_err().contains("methods"));
    }

    #[test]
    fn a_wrong_word_is_refused_with_those_that_are_known() {
        let refused = |from: &str, to: &str| timing(&LAYER.replace(from, to)).unwrap_err();
        assert!(refused("qp_power24", "powder").contains("known are qp_power24"));
        assert!(refused("'active_set'", "'fastest'").contains("unknown solver `fastest`"));
        assert!(refused("batch128", "n24_m96").contains("e.g. batch128"));
        assert!(refused("batch128", "batch0").contains("batch0"));
        assert!(refused("quick = 3", "quick = 0").contains("turns"));
        assert!(refused("turns", "turnz").contains("turnz"));
        assert!(refused("solver = 'active_set'", "solver = 'active_set'\nbeside = ['separable']").contains("a timing of its own"));
        assert!(refused("qp_power24", "shortest_path").contains("size of a shortest path"));
        let spaced = timing(&format!("{LAYER}peers = ['rm -rf']\n")).unwrap_err();
        assert!(spaced.contains("peer"), "{spaced}");
    }
}
