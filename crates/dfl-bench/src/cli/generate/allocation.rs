use clap::{Args, ValueEnum};
use dfl_core::Result;

use super::{Own, Written, whole};
use crate::data::allocation::{AllocationData, Returns};

const HELP: &str = "\
Example, 1000 instances of 10 products by the constants of the published code:
  dfl generate allocation --products 10 --samples 1000 --out allocation.json

The file has features x [samples, features], which are noise, and the returns
y [samples, products]. A decision z in [0, 2] costs exp(-y'z).
  JSON:   {\"task\": .., \"args\": .., \"x\": [[..]], \"y\": [[..]]}
  Python: data = numpy.load(\"allocation.npz\"); data[\"x\"], data[\"y\"]";

/// Where the constants come from.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Constants {
    /// The published code, and so the published figures
    Code,
    /// The published text
    Paper,
}

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Number of features of an instance, all noise
    #[arg(long, value_name = "N", default_value = "20", value_parser = whole::<usize>)]
    features: usize,
    /// Constants of the distribution: those of the published code, and so of its figures, or paper
    #[arg(long, value_enum, default_value = "code", hide_possible_values = true)]
    constants: Constants,
    #[command(flatten)]
    own: Own,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { features, constants, own: Own { products, samples, seed, out } } = self;
        let file = out.open()?;
        let returns = match constants {
            Constants::Code => Returns::CODE,
            Constants::Paper => Returns::PAPER,
        };
        let args = AllocationData { products, samples, features, returns, seed };
        let (x, y) = args.generate()?;
        file.write("allocation", &args, &[("x", &x), ("y", &y)])
    }
}
