use std::collections::BTreeMap;
use std::path::PathBuf;

use dfl_core::{Batch, Error, Generative, Instances, Result, Stream, metrics};
use serde::Deserialize;

use super::vectors::{cosine, dot, norm, normals};
use super::{Findings, Piece, Words};
use crate::data::pjm::Columns;
use crate::data::polynomial::check_positive;
use crate::registry::make_loss;
use crate::results::{HeatMap, ids};
use crate::suite::checkpoint::Checkpoint;
use crate::suite::definition::benchmarks;
use crate::suite::expand::expand;
use crate::suite::job::{Around, Fitted, Job};
use crate::suite::labels::LabelCache;
use crate::suite::pupil::WarmStarts;
use crate::suite::{Experiment, Profile};
use crate::tasks::{Benchmark, Figure};

/// The expected cost around the optimal decision, $E(x, a^\star + d_1 v_1 + d_2 v_2)$, as a trained distribution has it, beside the cost under
/// the truth (Fig. 4 of SO-EBM).
///
/// The directions are drawn at random, orthogonal and of length 1 (our choice; the paper says random); they are the same for all rows of the
/// experiment. Figures of each row and day: the correlation of both maps over the grid, and how far the grid's smallest energy is from its smallest cost.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnergyLandscape {
    /// What is trained: runs of distributions, at seed 0 and with the settings of the quick profile.
    experiment: Experiment,
    /// Which test rows, from 0.
    days: Vec<usize>,
    /// Largest $|d|$.
    reach: f64,
    /// Steps of the grid along each direction.
    points: usize,
}

/// Seed of the directions, and of training.
const SEED: u64 = 0;

impl EnergyLandscape {
    pub(super) fn check(&self) -> Result<()> {
        check_positive("days of a landscape", self.days.len())?;
        check_positive("points of a landscape", self.points.saturating_sub(1))?;
        if !(self.reach > 0.0 && self.reach.is_finite()) {
            return Err(Error::Domain { what: "reach of a landscape", value: self.reach, need: "positive and finite" });
        }
        if self.experiment.run.iter().any(|run| run.columns != Columns::Published) {
            return Err(Error::Unsupported {
                who: "an energy landscape, whose rows are named without them,",
                what: "columns other than `published`",
            });
        }
        let expanded = expand(vec![self.experiment.clone()], &BTreeMap::new())?;
        if expanded.len() != 1 || expanded[0].size != self.experiment.size {
            return Err(Error::Unsupported { who: "an energy landscape", what: "several sizes or shares" });
        }
        self.experiment.check()
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        (0..self.experiment.run.len()).map(|run| Box::new(OneRun { study: self, run }) as Box<dyn Piece>).collect()
    }

    /// Decisions $a^\star + d_1 v_1 + d_2 v_2$, a row for each point, the first direction running fastest.
    fn grid(&self, optimum: &[f64]) -> Result<Batch> {
        let [first, second] = directions(optimum.len())?;
        let step = |k: usize| self.reach * (2.0 * k as f64 / (self.points - 1) as f64 - 1.0);
        let point = |i: usize, j: usize| optimum.iter().zip(&first).zip(&second).map(move |((a, v), w)| a + step(j) * v + step(i) * w);
        let all = (0..self.points).flat_map(|i| (0..self.points).flat_map(move |j| point(i, j))).collect();
        Batch::from_vec(self.points * self.points, optimum.len(), all)
    }
}

/// The fixed word for a word of the definition, which has been checked.
fn word(known: &'static [&'static str], given: &str) -> &'static str {
    known.iter().find(|word| **word == given).copied().unwrap_or("none")
}

fn centred(values: &[f64]) -> Vec<f64> {
    let mean = metrics::mean(values);
    values.iter().map(|v| v - mean).collect()
}

/// Two orthogonal directions of length 1.
fn directions(n: usize) -> Result<[Vec<f64>; 2]> {
    if n < 2 {
        return Err(Error::Domain { what: "length of a decision with a landscape", value: n as f64, need: "at least 2" });
    }
    let stream = Stream { seed: SEED, step: 0 };
    let unit = |v: Vec<f64>| {
        let length = norm(&v);
        v.into_iter().map(|v| v / length).collect::<Vec<_>>()
    };
    let first = unit(normals(n, stream, "first direction of a landscape"));
    let second = normals(n, stream, "second direction of a landscape");
    let along = dot(&first, &second);
    let second = unit(second.iter().zip(&first).map(|(b, a)| b - along * a).collect());
    Ok([first, second])
}

/// One run of the experiment, on all days.
struct OneRun<'a> {
    study: &'a EnergyLandscape,
    run: usize,
}

impl OneRun<'_> {
    fn words(&self, day: usize) -> Words {
        let Experiment { task, size, run, .. } = &self.study.experiment;
        let run = &run[self.run];
        Words {
            task: word(ids::TASKS, task),
            size: format!("{size}-day{day}"),
            method: run.method.clone(),
            predictor: word(ids::PREDICTORS, &run.predictor),
            solver: run.solver_key(),
            seed: Some(SEED),
        }
    }

    fn trained(&self) -> Result<Fitted> {
        let job = Job { experiment: &self.study.experiment, run: &self.study.experiment.run[self.run], seed: SEED };
        let folder: PathBuf = benchmarks().join("../target/landscapes");
        let (checkpoint, warm) = (Checkpoint::new(&folder, &crate::results::Key::default()), WarmStarts::default());
        let labels = LabelCache::new(&folder, &|_| ());
        let around = Around {
            profile: Profile::Quick,
            device: "auto",
            methods: make_loss,
            interrupted: &|| false,
            checkpoint: &checkpoint,
            labels: &labels,
            warm: &warm,
        };
        job.distribution(&around)
    }

    /// The true and the recovered map of a day.
    fn maps(&self, task: &dyn Benchmark, model: &dyn Generative, day: &Instances) -> Result<[Vec<f64>; 2]> {
        let energy = task.expected_cost().ok_or(Error::Unsupported { who: task.name(), what: "an expected cost in closed form" })?;
        let optimum = dfl_core::decide(&*task.oracle()?, &day.truth, &day.ids)?.0;
        let grid = self.study.grid(optimum.row(0))?;
        let truth = grid.iter().map(|a| task.cost(day.truth.row(0), a)).collect();
        let mut recovered = vec![0.0; grid.rows()];
        energy.values(model.moments(&day.features)?.row(0), grid.as_slice(), &mut recovered)?;
        Ok([truth, recovered])
    }
}

impl Piece for OneRun<'_> {
    fn label(&self) -> String {
        let Experiment { task, size, run, .. } = &self.study.experiment;
        format!("{task} {size} {} landscape", run[self.run].method)
    }

    fn metric(&self) -> &'static str {
        "correlation"
    }

    fn rows(&self) -> Vec<Words> {
        self.study.days.iter().map(|&day| self.words(day)).collect()
    }

    fn compute(&self) -> Result<Findings> {
        let Fitted { task, data, model } = self.trained()?;
        let test = data.test;
        let (mut figures, mut maps) = (Vec::new(), Vec::new());
        for &day in &self.study.days {
            if day >= test.len() {
                return Err(Error::Domain { what: "day of a landscape", value: day as f64, need: "below the number of test rows" });
            }
            let both = self.maps(&*task, &*model, &test.select(&[day]))?;
            let value = cosine(&centred(&both[0]), &centred(&both[1]));
            let [known, recovered] = both.map(|values| HeatMap {
                key: crate::results::Key::default(),
                what: String::new(),
                reach: self.study.reach,
                values: values.chunks(self.study.points).map(<[f64]>::to_vec).collect(),
            });
            let [a, b] = [known.lowest(), recovered.lowest()];
            let shift = (a[0] - b[0]).hypot(a[1] - b[1]);
            figures
                .push(vec![Figure { metric: "correlation", value, se: None }, Figure { metric: "minimum_shift", value: shift, se: None }]);
            maps.push((self.words(day), HeatMap { what: "true".into(), ..known }));
            maps.push((self.words(day), HeatMap { what: "recovered".into(), ..recovered }));
        }
        Ok(Findings { figures, instances: self.study.points * self.study.points, lines: Vec::new(), maps })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_orthogonal_and_of_length_one() {
        let [v, w] = directions(24).unwrap();
        assert!((dot(&v, &v) - 1.0).abs() < 1e-12 && (dot(&w, &w) - 1.0).abs() < 1e-12 && dot(&v, &w).abs() < 1e-12);
        assert!(directions(1).is_err());
    }
}
