use clap::Args;
use dfl_core::Result;

use super::{Own, Written, whole};
use crate::data::inventory::InventoryData;

const HELP: &str = "\
Example, 1000 instances of one product:
  dfl generate inventory --samples 1000 --out inventory.json

The file has features x [samples, features], uniform on [-1, 1), and demands
y [samples, products], from a mixture of two Gaussians whose weights and means
follow from two of the features.
  JSON:   {\"task\": .., \"args\": .., \"x\": [[..]], \"y\": [[..]]}
  Python: data = numpy.load(\"inventory.npz\"); data[\"x\"], data[\"y\"]";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Number of features of an instance
    #[arg(long, value_name = "N", default_value = "4", value_parser = whole::<usize>)]
    features: usize,
    #[command(flatten)]
    own: Own,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { features, own: Own { products, samples, seed, out } } = self;
        let file = out.open()?;
        let args = InventoryData { products, samples, features, seed };
        let (x, y) = args.generate()?;
        file.write("inventory", &args, &[("x", &x), ("y", &y)])
    }
}
