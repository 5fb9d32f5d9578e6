use clap::Args;
use dfl_core::Result;

use super::{Common, Noise, Written};
use crate::data::shortest_path::ShortestPathData;

const HELP: &str = "\
Example, 20 instances of the usual benchmark:
  dfl generate shortest-path --grid 5x5 --samples 20 --features 5 \\
    --degree 6 --noise 0.5 --seed 135 --out sp.json

The file has features x [samples, features] and costs c [samples, arcs] in
double precision, before PyEPO's cast to float32. Arcs come row by row of
the grid: those to the right, then those down.
  JSON:   {\"task\": .., \"args\": .., \"x\": [[..]], \"c\": [[..]]}
  Python: data = numpy.load(\"sp.npz\"); data[\"x\"], data[\"c\"]";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Height and width of the grid in nodes
    #[arg(long, value_name = "HxW", default_value = "5x5", allow_hyphen_values = true, value_parser = parse_grid)]
    grid: [usize; 2],
    #[command(flatten)]
    noise: Noise,
    #[command(flatten)]
    common: Common,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { grid, noise: Noise { noise }, common: Common { samples, features, degree, to } } = self;
        let file = to.out.open()?;
        let args = ShortestPathData { grid, samples, features, degree, noise, seed: to.seed };
        let data = args.generate()?;
        file.write("shortest_path", &args, &[("x", &data.x), ("c", &data.c)])
    }
}

fn parse_grid(text: &str) -> std::result::Result<[usize; 2], String> {
    let sides = text.split_once('x').and_then(|(height, width)| Some([height.parse().ok()?, width.parse().ok()?]));
    sides.ok_or_else(|| "give height and width in nodes with an x between them, as in 5x5".into())
}
