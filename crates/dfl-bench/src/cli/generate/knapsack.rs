use clap::Args;
use dfl_core::Result;

use super::{Common, Noise, Written, whole};
use crate::data::knapsack::KnapsackData;

const HELP: &str = "\
Example, 20 instances of the usual benchmark:
  dfl generate knapsack --items 10 --dim 2 --samples 20 --features 5 \\
    --degree 6 --noise 0.5 --seed 135 --out kp.json

The file has features x [samples, features], the values of the items
c [samples, items] (whole numbers, to be maximised) and weights [dim, items],
the same for all instances. A common capacity is half the sum of each row of
weights.
  JSON:   {\"task\": .., \"args\": .., \"x\": .., \"c\": .., \"weights\": [[..]]}
  Python: data = numpy.load(\"kp.npz\"); data[\"x\"], data[\"c\"], data[\"weights\"]";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Number of items
    #[arg(long, value_name = "N", default_value = "10", value_parser = whole::<usize>)]
    items: usize,
    /// Number of constraints, each with weights of its own
    #[arg(long, value_name = "N", default_value = "2", value_parser = whole::<usize>)]
    dim: usize,
    #[command(flatten)]
    noise: Noise,
    #[command(flatten)]
    common: Common,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { items, dim, noise: Noise { noise }, common: Common { samples, features, degree, to } } = self;
        let file = to.out.open()?;
        let args = KnapsackData { items, dim, samples, features, degree, noise, seed: to.seed };
        let (data, weights) = (args.generate()?, args.weights()?);
        file.write("knapsack", &args, &[("x", &data.x), ("c", &data.c), ("weights", &weights)])
    }
}
