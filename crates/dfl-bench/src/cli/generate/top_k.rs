use clap::Args;
use dfl_core::Result;

use super::{To, Written, whole};
use crate::data::top_k::TopKData;

const HELP: &str = "\
Example, 400 instances of 50 items as published:
  dfl generate top-k --items 50 --samples 400 --out top.json

The file has the features x [samples, items], one per item and uniform on
[-1, 1), and the values c [samples, items], to be maximised:
  c = 10 x^3 - 6.5 x + noise
A model is shared by all items: it maps the feature of one to its value.
  JSON:   {\"task\": .., \"args\": .., \"x\": [[..]], \"c\": [[..]]}
  Python: data = numpy.load(\"top.npz\"); data[\"x\"], data[\"c\"]";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Number of items
    #[arg(long, value_name = "N", default_value = "50", value_parser = whole::<usize>)]
    items: usize,
    /// Number of instances
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole::<usize>)]
    samples: usize,
    /// Number of features of an item: there is one
    #[arg(long, value_name = "N", default_value = "1", value_parser = one)]
    features: usize,
    /// Degree of the first term; 3 as published
    #[arg(long, value_name = "N", default_value = "3", value_parser = whole::<u32>)]
    degree: u32,
    /// Half width of the noise: a number from -NOISE to NOISE is added to each value
    #[arg(long, default_value = "0", allow_hyphen_values = true)]
    noise: f64,
    #[command(flatten)]
    to: To,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { items, samples, features: _, degree, noise, to } = self;
        let file = to.out.open()?;
        let args = TopKData { items, samples, degree, noise, seed: to.seed };
        let (x, c) = args.generate()?;
        file.write("top_k", &args, &[("x", &x), ("c", &c)])
    }
}

fn one(text: &str) -> std::result::Result<usize, String> {
    if text == "1" { Ok(1) } else { Err("each item has one feature, so that it must be 1; --items says how many there are".into()) }
}
