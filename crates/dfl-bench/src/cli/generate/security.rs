use clap::Args;
use dfl_core::{Batch, Result};

use super::output::{Output, Written, parse_output};
use super::whole;
use crate::data::security::SecurityData;
use crate::security::RandomGraph;

const HELP: &str = "\
Example, 50 instances on one graph of 50 nodes:
  dfl generate security --nodes 50 --samples 50 --out security.json

The file has features x [samples, nodes * features], those of a node together,
the attractiveness phi [samples, nodes], the edges [edges, 2] of the graph, which
all instances share, its sources [1, 5], targets [1, 5] and their payoffs [1, 5].
Features are standardised by the first 70 % of the rows, which are for training;
10 % for validation and 20 % for tests follow.
  JSON:   {\"task\": .., \"args\": .., \"x\": [[..]], \"phi\": [[..]], ..}
  Python: data = numpy.load(\"security.npz\"); data[\"x\"], data[\"phi\"]";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Number of nodes of the graph
    #[arg(long, value_name = "N", default_value = "50", value_parser = whole::<usize>)]
    nodes: usize,
    /// What a coverage sums to; the graph's minimum cut has more edges
    #[arg(long, default_value = "3")]
    budget: f64,
    /// Number of features of a node
    #[arg(long, value_name = "N", default_value = "16", value_parser = whole::<usize>)]
    features: usize,
    /// Deviation of the noise on the features
    #[arg(long, default_value = "0.2")]
    noise: f64,
    /// Number of instances
    #[arg(long, value_name = "N", default_value = "50", value_parser = whole::<usize>)]
    samples: usize,
    /// Seed of graph, weights and instances
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(u64))]
    seed: u64,
    /// File to write: .json, or .npz for numpy
    #[arg(long, value_name = "FILE", value_parser = parse_output)]
    out: Output,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { nodes, budget, features, noise, samples, seed, out } = self;
        let file = out.open()?;
        let args = SecurityData { graph: RandomGraph { budget, ..RandomGraph::of_size(nodes) }, features, noise, samples, seed };
        let game = args.game()?;
        let (x, phi) = args.generate(&game, (samples * 7 / 10).max(1))?;
        let graph = game.graph();
        let row = |nodes: &[usize]| Batch::from_vec(1, nodes.len(), nodes.iter().map(|&v| v as f64).collect());
        let edges = Batch::from_vec(graph.edges().len(), 2, graph.edges().iter().flatten().map(|&v| v as f64).collect())?;
        let (sources, targets) = (row(graph.sources())?, row(graph.targets())?);
        let payoffs = Batch::from_rows(&[game.payoffs()])?;
        let arrays = [("x", &x), ("phi", &phi), ("edges", &edges), ("sources", &sources), ("targets", &targets), ("payoffs", &payoffs)];
        file.write("security", &args, &arrays)
    }
}
