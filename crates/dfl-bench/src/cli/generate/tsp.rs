use clap::Args;
use dfl_core::Result;

use super::{Common, Noise, Written, whole};
use crate::data::tsp::TspData;

const HELP: &str = "\
Example, 20 instances of the usual benchmark:
  dfl generate tsp --nodes 5 --samples 20 --features 5 \\
    --degree 6 --noise 0.5 --seed 135 --out tsp.json

The file has features x [samples, features], costs c [samples, edges] with
four decimals and the coordinates coords [nodes, 2] of the nodes, the same for
all instances. Edges come as (0,1), (0,2), .., (1,2), ..; with an odd degree
some costs can be negative.
  JSON:   {\"task\": .., \"args\": .., \"x\": .., \"c\": .., \"coords\": [[..]]}
  Python: data = numpy.load(\"tsp.npz\"); data[\"x\"], data[\"c\"], data[\"coords\"]";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Number of nodes of the tour
    #[arg(long, value_name = "N", default_value = "5", value_parser = whole::<usize>)]
    nodes: usize,
    #[command(flatten)]
    noise: Noise,
    #[command(flatten)]
    common: Common,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { nodes, noise: Noise { noise }, common: Common { samples, features, degree, to } } = self;
        let file = to.out.open()?;
        let args = TspData { nodes, samples, features, degree, noise, seed: to.seed };
        let (data, coordinates) = (args.generate()?, args.coordinates()?);
        file.write("tsp", &args, &[("x", &data.x), ("c", &data.c), ("coords", &coordinates)])
    }
}
