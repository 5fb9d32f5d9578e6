use clap::Args;
use dfl_core::Result;

use super::{Output, Written, parse_output, whole};
use crate::data::epidemic::{EpidemicData, Process};

const HELP: &str = "\
Example, 1000 windows of simulated epidemics, 8 of each:
  dfl generate covid --samples 1000 --out covid.json

The file has features x [samples, 210], the 10 compartments of 21 days coded by
constants, and y [samples, 2 DAYS]: people in hospital on the next days, then
their latent transmission l, where beta = 2 / (1 + exp(-l)).
  JSON:   {\"task\": .., \"args\": .., \"x\": [[..]], \"y\": [[..]]}
  Python: data = numpy.load(\"covid.npz\"); data[\"x\"], data[\"y\"]";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Number of rows; those of one epidemic stand together
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole::<usize>)]
    samples: usize,
    /// Number of days ahead
    #[arg(long, value_name = "DAYS", default_value = "7", value_parser = whole::<usize>)]
    horizon: usize,
    /// People
    #[arg(long, value_name = "N", default_value = "2000000")]
    population: f64,
    /// Deviation of the latent transmission about its path
    #[arg(long, value_name = "S", default_value = "0.3")]
    volatility: f64,
    /// What is observed: ode, the differential equations, or binomial, whole people by chance
    #[arg(long, value_enum, default_value = "ode", hide_possible_values = true)]
    process: Process,
    /// Seed of the stream; an epidemic depends on it and on its number alone
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(u64))]
    seed: u64,
    /// File to write: .json, or .npz for numpy
    #[arg(long, value_name = "FILE", value_parser = parse_output)]
    out: Output,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { samples, horizon, population, volatility, process, seed, out } = self;
        let file = out.open()?;
        let args = EpidemicData { samples, horizon, population, volatility, process, seed };
        let (x, y) = args.generate()?;
        file.write("covid", &args, &[("x", &x), ("y", &y)])
    }
}
