//! `dfl generate`: synthetic data of a task, to a file.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand};
use dfl_core::{Batch, Result};
use serde::{Serialize, Serializer};

use super::npz;
use crate::data::polynomial::Generated;
use crate::data::shortest_path::ShortestPathData;
use crate::files::AtomicFile;

/// Arguments of `dfl generate`.
#[derive(Args, Debug)]
pub(super) struct Generate {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Arc costs of a grid, equal to PyEPO's for the same arguments and seed
    #[command(after_help = SHORTEST_PATH_HELP)]
    ShortestPath(ShortestPathArgs),
}

const SHORTEST_PATH_HELP: &str = "\
Example, 20 instances of the usual benchmark:
  dfl generate shortest-path --grid 5x5 --samples 20 --features 5 \\
    --degree 6 --noise 0.5 --seed 135 --out sp.json

The file has features x [samples, features] and costs c [samples, arcs] in
double precision, before PyEPO's cast to float32. Arcs come row by row of
the grid: those to the right, then those down.
  JSON:   {\"task\": .., \"args\": .., \"x\": [[..]], \"c\": [[..]]}
  Python: data = numpy.load(\"sp.npz\"); data[\"x\"], data[\"c\"]";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true)]
struct ShortestPathArgs {
    /// Height and width of the grid in nodes
    #[arg(long, value_name = "HxW", default_value = "5x5", allow_hyphen_values = true, value_parser = parse_grid)]
    grid: [usize; 2],
    /// Number of instances
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole::<usize>)]
    samples: usize,
    /// Number of features of an instance
    #[arg(long, value_name = "N", default_value = "5", value_parser = whole::<usize>)]
    features: usize,
    /// Degree of the polynomial from features to costs
    #[arg(long, value_name = "N", default_value = "6", value_parser = whole::<u32>)]
    degree: u32,
    /// Half width of the noise: costs are multiplied by factors from 1 - NOISE to 1 + NOISE
    #[arg(long, default_value = "0.5", allow_hyphen_values = true)]
    noise: f64,
    /// Seed of numpy's legacy generator
    #[arg(long, default_value = "135", value_parser = clap::value_parser!(u32))]
    seed: u32,
    /// File to write: .json, or .npz for numpy
    #[arg(long, value_name = "FILE", value_parser = parse_output)]
    out: Output,
}

#[derive(Clone, Debug)]
struct Output {
    path: PathBuf,
    format: Format,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Json,
    Npz,
}

/// What a JSON file holds, in this order.
#[derive(Serialize)]
struct Document<'a, A> {
    task: &'static str,
    args: A,
    #[serde(serialize_with = "rows")]
    x: &'a Batch,
    #[serde(serialize_with = "rows")]
    c: &'a Batch,
}

#[derive(Serialize)]
struct ShortestPathRecord {
    grid: [usize; 2],
    samples: usize,
    features: usize,
    degree: u32,
    noise: f64,
    seed: u32,
}

impl Generate {
    pub(super) fn run(self) -> Result<ExitCode> {
        match self.task {
            Task::ShortestPath(args) => args.run(),
        }
    }
}

impl ShortestPathArgs {
    fn run(self) -> Result<ExitCode> {
        let Self { grid, samples, features, degree, noise, seed, out } = self;
        // Opened first: a directory that cannot be written must not cost the time of the generation.
        let file = AtomicFile::create(&out.path)?;
        let data = ShortestPathData { grid, samples, features, degree, noise, seed }.generate()?;
        let args = ShortestPathRecord { grid, samples, features, degree, noise, seed };
        write("shortest_path", args, &data, out.format, file)?;
        let (path, arcs) = (out.path.display(), data.c.cols());
        let _ = writeln!(io::stdout(), "wrote {path}: x [{samples}, {features}], c [{samples}, {arcs}]");
        Ok(ExitCode::SUCCESS)
    }
}

fn write<A: Serialize>(task: &'static str, args: A, data: &Generated, format: Format, file: AtomicFile) -> Result<()> {
    let Generated { x, c, .. } = data;
    file.write(|file| match format {
        Format::Json => Ok(serde_json::to_writer(file, &Document { task, args, x, c })?),
        Format::Npz => npz::write(file, &[("x", x), ("c", c)]),
    })
}

fn rows<S: Serializer>(batch: &Batch, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.collect_seq(batch.iter())
}

fn parse_grid(text: &str) -> std::result::Result<[usize; 2], String> {
    let sides = text.split_once('x').and_then(|(height, width)| Some([height.parse().ok()?, width.parse().ok()?]));
    sides.ok_or_else(|| "give height and width in nodes with an x between them, as in 5x5".into())
}

fn whole<T: FromStr>(text: &str) -> std::result::Result<T, String> {
    text.parse().map_err(|_| "give a whole number, 1 or more".into())
}

fn parse_output(text: &str) -> std::result::Result<Output, String> {
    let path = PathBuf::from(text);
    let extension = path.extension().map(|e| e.to_ascii_lowercase());
    match extension.as_ref().and_then(|e| e.to_str()) {
        Some("json") => Ok(Output { path, format: Format::Json }),
        Some("npz") => Ok(Output { path, format: Format::Npz }),
        _ => Err("the name must end in .json or .npz, which says the format".into()),
    }
}
