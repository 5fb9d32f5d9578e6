use std::fs;
use std::path::Path;
use std::process::Command;

use dfl_core::metrics::mean;
use dfl_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{Findings, Line, Piece, Words};
use crate::data::polynomial::check_positive;
use crate::tasks::Figure;

/// Peak memory of one training step of a diffusion, by pathwise gradients (rp) with and without checkpoints and by the score function (sf),
/// against the number of steps $T$ or of samples $M$ (Fig. 4 of Diffusion-DFL: 60.75 GB and 0.13 GB).
///
/// Every figure is from a process of its own (`dfl measure-step`) that takes a single step: the resident peak, `VmHWM`, less what was
/// resident when model and decider had been made. Sampling for the score function runs all $T$ steps too, without a graph. The pathwise
/// graph holds $T$ steps of all samples and the score function $k$, hence `expected_ratio` $T/k$ beside `memory_ratio`, as far as the rest
/// is small. `bytes_per_timestep`, or `bytes_per_sample` where $M$ grows, is the slope of a least-squares line through all peaks, and
/// stands with the last of them.
///
/// A graph that would need more than 70 % of the memory available, by the ratio of $T M$ to the last one measured, is not begun: its row
/// says how much it would need.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Each $T$, ascending.
    steps: Vec<usize>,
    hidden: Vec<usize>,
    inputs: usize,
    outputs: usize,
    batch: usize,
    /// Each $M$, ascending; one alone where there are several $T$.
    samples: Vec<usize>,
    /// Each $k$.
    draws: Vec<usize>,
}

/// One training step, as another process is asked to take it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "as in `Memory`")]
pub(crate) struct TrainingStep {
    way: Way,
    steps: usize,
    hidden: Vec<usize>,
    inputs: usize,
    outputs: usize,
    batch: usize,
    samples: usize,
    threads: usize,
}

/// How the gradient is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    Graph,
    Checkpoint,
    Score { draws: usize },
}

/// $T$ and $M$ of a row.
#[derive(Clone, Copy, Debug)]
struct Size {
    steps: usize,
    samples: usize,
}

/// What a step took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Taken {
    bytes: f64,
    seconds: f64,
}

/// What came of one row.
#[derive(Clone, Copy, Debug)]
enum Row {
    Taken(Taken),
    /// The bytes that it would need.
    TooMuch(f64),
}

/// Share of the available memory that a step may take.
const SHARE: f64 = 0.7;

impl Memory {
    pub(super) fn check(&self) -> Result<()> {
        let counts = [
            ("numbers of steps", self.steps.len()),
            ("numbers of samples", self.samples.len()),
            ("inputs", self.inputs),
            ("outputs", self.outputs),
            ("batch", self.batch),
            ("samples beside the first", self.samples.first().map_or(1, |&samples| samples.saturating_sub(1))),
        ];
        counts.into_iter().chain(self.draws.iter().map(|&k| ("draws", k))).try_for_each(|(what, count)| check_positive(what, count))?;
        for (what, sizes) in [("numbers of steps", &self.steps), ("numbers of samples", &self.samples)] {
            if let Some(pair) = sizes.windows(2).find(|pair| pair[0] >= pair[1]) {
                return Err(Error::Domain { what, value: pair[1] as f64, need: "ascending" });
            }
        }
        match self.steps.len().min(self.samples.len()) {
            1 => Ok(()),
            _ => Err(Error::Domain { what: "numbers of samples", value: self.samples.len() as f64, need: "1 where steps grow" }),
        }
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        vec![Box::new(self)]
    }

    fn ways(&self) -> Vec<Way> {
        [Way::Graph, Way::Checkpoint].into_iter().chain(self.draws.iter().map(|&draws| Way::Score { draws })).collect()
    }

    /// Each $T$ at the only $M$, or each $M$ at the only $T$.
    fn sizes(&self) -> Vec<Size> {
        self.steps.iter().flat_map(|&steps| self.samples.iter().map(move |&samples| Size { steps, samples })).collect()
    }

    /// Whether $M$ grows, not $T$.
    fn over_samples(&self) -> bool {
        self.samples.len() > 1
    }

    fn words(&self, Size { steps, samples }: Size, way: Way) -> Words {
        let (method, solver) = match way {
            Way::Graph => ("dfl_rp", "graph".to_owned()),
            Way::Checkpoint => ("dfl_rp", "checkpoint".to_owned()),
            Way::Score { draws } => ("dfl_sf", format!("k{draws}")),
        };
        let size = format!("t{steps}-m{samples}");
        Words { task: "training_step", size, method: method.into(), predictor: "diffusion", solver, seed: Some(0) }
    }

    fn step(&self, Size { steps, samples }: Size, way: Way) -> TrainingStep {
        let Self { inputs, outputs, batch, .. } = *self;
        TrainingStep { way, steps, hidden: self.hidden.clone(), inputs, outputs, batch, samples, threads: rayon::current_num_threads() }
    }

    /// Each way at one size; `before` is what the graph took at the last one.
    fn at(&self, size: Size, before: Option<(Size, f64)>) -> Result<Vec<Row>> {
        let one = |way| {
            let needed = before.map_or(0.0, |(earlier, bytes)| bytes * size.chains() / earlier.chains());
            if way == Way::Graph && needed > SHARE * available()? {
                Ok(Row::TooMuch(needed))
            } else {
                Ok(Row::Taken(ask(&self.step(size, way))?))
            }
        };
        self.ways().into_iter().map(one).collect()
    }

    fn measure(&self) -> Result<Vec<Vec<Row>>> {
        let (mut all, sizes): (Vec<Vec<Row>>, _) = (Vec::new(), self.sizes());
        for &size in &sizes {
            let before = all.iter().zip(&sizes).rev().find_map(|(rows, &size)| Some((size, rows[0].bytes()?)));
            all.push(self.at(size, before)?);
        }
        Ok(all)
    }

    fn figures(&self, all: &[Vec<Row>]) -> Vec<Vec<Figure>> {
        let figure = |metric, value| Figure { metric, value, se: None };
        let per = if self.over_samples() { "bytes_per_sample" } else { "bytes_per_timestep" };
        let sizes = self.sizes();
        let row = |at: usize, way: usize| {
            let (size, found) = (sizes[at], all[at][way]);
            let Row::Taken(taken) = found else { return vec![figure("needed_bytes", found.needed())] };
            let mut out = vec![figure("peak_bytes", taken.bytes), figure("step_seconds", taken.seconds)];
            out.extend(all[at][0].bytes().filter(|_| way > 0).map(|graph| figure("memory_ratio", graph / taken.bytes)));
            if let Way::Score { draws } = self.ways()[way] {
                out.push(figure("expected_ratio", size.steps as f64 / draws as f64));
            }
            let line = self.points(all, way);
            let last = line.last().is_some_and(|point| point[0] == self.along(size));
            out.extend(slope(&line).filter(|_| last).map(|slope| figure(per, slope)));
            out
        };
        (0..all.len()).flat_map(|at| (0..self.ways().len()).map(move |way| (at, way))).map(|(at, way)| row(at, way)).collect()
    }

    /// Whichever of $T$ and $M$ grows.
    fn along(&self, size: Size) -> f64 {
        if self.over_samples() { size.samples as f64 } else { size.steps as f64 }
    }

    /// Peak over that.
    fn points(&self, all: &[Vec<Row>], way: usize) -> Vec<[f64; 2]> {
        all.iter().zip(self.sizes()).filter_map(|(rows, size)| Some([self.along(size), rows[way].bytes()?])).collect()
    }
}

impl Size {
    /// Steps of all samples: what a graph grows with.
    fn chains(self) -> f64 {
        self.steps as f64 * self.samples as f64
    }
}

impl Row {
    fn bytes(self) -> Option<f64> {
        match self {
            Self::Taken(taken) => Some(taken.bytes),
            Self::TooMuch(_) => None,
        }
    }

    fn needed(self) -> f64 {
        match self {
            Self::Taken(taken) => taken.bytes,
            Self::TooMuch(needed) => needed,
        }
    }
}

/// Of the least-squares line; `None` for a single point.
fn slope(points: &[[f64; 2]]) -> Option<f64> {
    let centre = [0, 1].map(|at| mean(&points.iter().map(|p| p[at]).collect::<Vec<_>>()));
    let sum = |at: usize| points.iter().map(|p| (p[0] - centre[0]) * (p[at] - centre[at])).sum::<f64>();
    (points.len() > 1).then(|| sum(1) / sum(0))
}

impl Piece for &Memory {
    fn label(&self) -> String {
        "memory of a training step".into()
    }

    fn metric(&self) -> &'static str {
        "peak_bytes"
    }

    fn rows(&self) -> Vec<Words> {
        self.sizes().into_iter().flat_map(|size| self.ways().into_iter().map(move |way| self.words(size, way))).collect()
    }

    fn compute(&self) -> Result<Findings> {
        let (all, sizes) = (self.measure()?, self.sizes());
        let over = if self.over_samples() { "samples M" } else { "steps T" };
        let last = sizes[sizes.len() - 1];
        let line = |(at, way): (usize, Way)| Line {
            words: self.words(last, way),
            what: "peak_bytes",
            over,
            log: [true, true],
            points: self.points(&all, at),
        };
        let lines = self.ways().into_iter().enumerate().map(line).collect();
        Ok(Findings { figures: self.figures(&all), instances: 1, lines, maps: Vec::new() })
    }
}

/// Has another process take the step.
fn ask(step: &TrainingStep) -> Result<Taken> {
    let failed =
        |source: Box<dyn std::error::Error + Send + Sync>| Error::Backend { backend: "a process that takes a training step", source };
    let program = std::env::current_exe().map_err(|e| failed(e.into()))?;
    let text = serde_json::to_string(step).map_err(|e| failed(e.into()))?;
    let output = Command::new(program).arg("measure-step").arg(text).output().map_err(|e| failed(e.into()))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(failed(format!("{}: {said}", output.status).into()));
    }
    serde_json::from_slice(&output.stdout).map_err(|e| failed(e.into()))
}

/// Bytes that can be had without swapping.
fn available() -> Result<f64> {
    kibibytes(Path::new("/proc/meminfo"), "MemAvailable:")
}

/// A line such as `VmHWM:  1234 kB` of a file that Linux makes, in bytes.
fn kibibytes(path: &Path, name: &str) -> Result<f64> {
    let remedy = "memory is measured on Linux only";
    let failed = |source| Error::File { path: path.into(), action: "reading memory in use", remedy, source };
    let text = fs::read_to_string(path).map_err(failed)?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse::<f64>().ok());
    value.map(|kib| 1024.0 * kib).ok_or_else(|| failed(std::io::Error::other(format!("no line `{name}`"))))
}

#[cfg(not(feature = "torch"))]
impl TrainingStep {
    /// Needs libtorch.
    pub(crate) fn take(&self) -> Result<String> {
        Err(crate::registry::without_libtorch())
    }
}

#[cfg(feature = "torch")]
impl TrainingStep {
    /// Takes the step in this process, once; what it took, as JSON.
    ///
    /// # Errors
    /// [`Error::File`] where there is no `/proc`, and those of the step.
    pub(crate) fn take(&self) -> Result<String> {
        use dfl_core::{Batch, Parameters, Stream};

        use super::squared::{decision, gradient};
        use super::vectors::normals;

        dfl_models::torch::set_threads(self.threads)?;
        let (mut model, objective) = (self.model()?, decision(self.outputs, self.options())?);
        let draw =
            |columns: usize, purpose| Batch::from_vec(self.batch, columns, normals(self.batch * columns, Stream::default(), purpose));
        let (features, truth) = (draw(self.inputs, "features")?, draw(self.outputs, "truth")?);
        forget_peak()?;
        let before = peak()?;
        let started = std::time::Instant::now();
        gradient(&mut model, &objective, (&features, &truth), Stream::default())?;
        model.step(1e-5)?;
        let taken = Taken { bytes: peak()? - before, seconds: started.elapsed().as_secs_f64() };
        serde_json::to_string(&taken).map_err(|e| Error::Backend { backend: "serde_json", source: e.into() })
    }

    fn options(&self) -> dfl_losses::SampledOptions {
        use dfl_losses::{Correction, Estimator, SampledOptions};
        let estimator = match self.way {
            Way::Score { .. } => Estimator::Score { correction: Correction::Plain },
            _ => Estimator::Pathwise,
        };
        SampledOptions { samples: self.samples, estimator, anchor: None }
    }

    fn model(&self) -> Result<dfl_models::torch::Diffusion> {
        use dfl_models::torch::{Device, Diffusion, DiffusionConfig, DiffusionSampler, NoiseSchedule};
        let draws = if let Way::Score { draws } = self.way { draws } else { 1 };
        let config = DiffusionConfig {
            hidden: self.hidden.clone(),
            steps: self.steps,
            noise: NoiseSchedule::VariancePreserving { first: 0.1, last: 20.0 },
            sampler: DiffusionSampler::Ancestral,
            checkpoint: self.way == Way::Checkpoint,
            draws,
            ..DiffusionConfig::new(self.inputs, self.outputs)
        };
        Diffusion::new(config, 0, Device::Cpu)
    }
}

#[cfg(feature = "torch")]
fn peak() -> Result<f64> {
    kibibytes(Path::new("/proc/self/status"), "VmHWM:")
}

/// Sets the peak to what is resident now, so that memory which was needed for a moment before does not hide growth.
#[cfg(feature = "torch")]
fn forget_peak() -> Result<()> {
    let path = Path::new("/proc/self/clear_refs");
    let remedy = "memory is measured on Linux only";
    fs::write(path, "5").map_err(|source| Error::File { path: path.into(), action: "resetting the peak of memory in use", remedy, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study() -> Memory {
        Memory { steps: vec![10, 20, 40], hidden: vec![8], inputs: 1, outputs: 1, batch: 2, samples: vec![2], draws: vec![2] }
    }

    /// Graph 100, 200 and too much; checkpoints 50 each; score 10, 10, 20.
    #[test]
    fn ratios_and_slopes_by_hand() {
        let taken = |bytes| Row::Taken(Taken { bytes, seconds: 1.0 });
        let all = [
            vec![taken(100.0), taken(50.0), taken(10.0)],
            vec![taken(200.0), taken(50.0), taken(10.0)],
            vec![Row::TooMuch(400.0), taken(50.0), taken(20.0)],
        ];
        let figures = study().figures(&all);
        let of = |row: usize| figures[row].iter().map(|f| (f.metric, f.value)).collect::<Vec<_>>();
        assert_eq!(of(0), [("peak_bytes", 100.0), ("step_seconds", 1.0)]);
        assert_eq!(of(2), [("peak_bytes", 10.0), ("step_seconds", 1.0), ("memory_ratio", 10.0), ("expected_ratio", 5.0)]);
        assert_eq!(of(3), [("peak_bytes", 200.0), ("step_seconds", 1.0), ("bytes_per_timestep", 10.0)]);
        assert_eq!(of(6), [("needed_bytes", 400.0)]);
        assert_eq!(of(7), [("peak_bytes", 50.0), ("step_seconds", 1.0), ("bytes_per_timestep", 0.0)]);
        // (10, 10), (20, 10), (40, 20): slope (-13.3 * -3.3 - 3.3 * -3.3 + 16.7 * 6.7) / (13.3^2 + 3.3^2 + 16.7^2) = 166.7 / 466.7.
        let last = figures[8].iter().find(|f| f.metric == "bytes_per_timestep").unwrap().value;
        assert!((last - 500.0 / 1400.0).abs() < 1e-12, "{last}");
        assert_eq!((&study()).rows().len(), figures.len());
    }

    /// At T = 10: graph 100 at M = 5, 300 at 15; the graph of 45 is too much, the slope of the others is 20.
    #[test]
    fn samples_are_the_other_axis() {
        let study = Memory { steps: vec![10], samples: vec![5, 15, 45], draws: vec![], ..study() };
        study.check().unwrap();
        let taken = |bytes| Row::Taken(Taken { bytes, seconds: 1.0 });
        let all = [[taken(100.0), taken(50.0)], [taken(300.0), taken(50.0)], [Row::TooMuch(900.0), taken(50.0)]].map(Vec::from);
        let figures = study.figures(&all);
        let of = |row: usize| figures[row].iter().map(|f| (f.metric, f.value)).collect::<Vec<_>>();
        assert_eq!(of(2), [("peak_bytes", 300.0), ("step_seconds", 1.0), ("bytes_per_sample", 20.0)]);
        assert_eq!(of(4), [("needed_bytes", 900.0)]);
        let sizes: Vec<String> = (&study).rows().into_iter().map(|words| words.size).collect();
        assert_eq!(sizes, ["t10-m5", "t10-m5", "t10-m15", "t10-m15", "t10-m45", "t10-m45"]);
    }

    #[test]
    fn one_axis_ascends_alone() {
        let refused = |study: Memory| study.check().unwrap_err().to_string();
        assert!(refused(Memory { steps: vec![10, 10], ..study() }).contains("numbers of steps: 10"));
        assert!(refused(Memory { samples: vec![2, 3], ..study() }).contains("numbers of samples: 2"));
        assert!(refused(Memory { samples: vec![1], ..study() }).contains("samples beside the first"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_says_how_much_memory_there_is() {
        let bytes = available().unwrap();
        assert!(bytes > 1e6 && bytes < 1e15, "{bytes}");
        let error = kibibytes(Path::new("/proc/meminfo"), "MemImagined:").unwrap_err();
        assert!(error.to_string().contains("Linux only"), "{error}");
    }

    /// What is written is on the peak, less a page or two, and a peak that was forgotten is not.
    #[cfg(all(target_os = "linux", feature = "torch"))]
    #[test]
    fn a_peak_is_seen_and_forgotten() {
        const SIZE: usize = 64 << 20;
        drop(std::hint::black_box(vec![1_u8; SIZE]));
        forget_peak().unwrap();
        let before = peak().unwrap();
        drop(std::hint::black_box(vec![1_u8; SIZE]));
        assert!(peak().unwrap() - before > 0.9 * SIZE as f64);
    }
}
