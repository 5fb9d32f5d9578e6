use clap::Args;
use dfl_core::Result;

use super::{Common, Written, whole};
use crate::data::portfolio::PortfolioData;

const HELP: &str = "\
Example, 20 instances of the usual benchmark:
  dfl generate portfolio --assets 50 --samples 20 --features 5 \\
    --degree 6 --noise-level 1 --seed 135 --out portfolio.json

The file has features x [samples, features], returns c [samples, assets] (to be
maximised; in double precision, before PyEPO's cast to float32) and their
covariance cov [assets, assets], the same for all instances. PyEPO's budget of
risk is 2.25 times the mean of cov.
  JSON:   {\"task\": .., \"args\": .., \"x\": .., \"c\": .., \"cov\": [[..]]}
  Python: data = numpy.load(\"portfolio.npz\"); data[\"x\"], data[\"c\"], data[\"cov\"]";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Number of assets
    #[arg(long, value_name = "N", default_value = "50", value_parser = whole::<usize>)]
    assets: usize,
    /// Scale of the random part of the returns, 0 or more
    #[arg(long, value_name = "LEVEL", default_value = "1", allow_hyphen_values = true)]
    noise_level: f64,
    #[command(flatten)]
    common: Common,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { assets, noise_level, common: Common { samples, features, degree, to } } = self;
        let file = to.out.open()?;
        let args = PortfolioData { assets, samples, features, degree, noise_level, seed: to.seed };
        let (data, covariance) = (args.generate()?, args.covariance()?);
        file.write("portfolio", &args, &[("x", &data.x), ("c", &data.c), ("cov", &covariance)])
    }
}
