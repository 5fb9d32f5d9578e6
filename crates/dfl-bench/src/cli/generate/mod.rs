//! `dfl generate`: synthetic data of a task, to a file.

mod allocation;
mod covid;
mod inventory;
mod knapsack;
mod output;
mod perturbed;
mod portfolio;
mod security;
mod shortest_path;
mod top_k;
mod tsp;

use std::process::ExitCode;
use std::str::FromStr;

use clap::{Args, Subcommand};
use dfl_core::Result;

use output::{Output, Written, parse_output};

/// Arguments of `dfl generate`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  dfl generate shortest-path --grid 5x5 --samples 1000 --out sp.json
  dfl generate knapsack --items 40 --out knapsack.npz    for numpy.load
  dfl generate TASK --help                               all flags, and what the file has")]
pub(super) struct Generate {
    #[command(subcommand)]
    task: Task,
    /// Say what was written as one JSON object
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Arc costs of a grid, equal to PyEPO's for the same arguments and seed
    ShortestPath(shortest_path::Flags),
    /// Values and weights of items, equal to PyEPO's for the same arguments and seed
    Knapsack(knapsack::Flags),
    /// Edge costs of a tour, equal to PyEPO's for the same arguments and seed
    Tsp(tsp::Flags),
    /// Returns and covariance of assets, equal to PyEPO's for the same arguments and seed
    Portfolio(portfolio::Flags),
    /// Values of items with one feature each, whose curve misleads a line
    TopK(top_k::Flags),
    /// Returns of products with rare heavy losses, and features that say nothing of them
    Allocation(allocation::Flags),
    /// Demand from a mixture whose weights and means follow from features
    Inventory(inventory::Flags),
    /// Features and costs for a problem of a file: its own costs times polynomials of the features
    Perturbed(perturbed::Flags),
    /// Windows of simulated epidemics: compartments, then patients and transmission
    Covid(covid::Flags),
    /// Attractiveness of the nodes of a graph to attackers, and features that hide it
    Security(security::Flags),
}

/// What all generators with a map from features to costs are told.
#[derive(Args, Debug)]
struct Common {
    /// Number of instances
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole::<usize>)]
    samples: usize,
    /// Number of features of an instance
    #[arg(long, value_name = "N", default_value = "5", value_parser = whole::<usize>)]
    features: usize,
    /// Degree of the polynomial from features to costs
    #[arg(long, value_name = "N", default_value = "6", value_parser = whole::<u32>)]
    degree: u32,
    #[command(flatten)]
    to: To,
}

/// Seed and file.
#[derive(Args, Debug)]
struct To {
    /// Seed of numpy's legacy generator
    #[arg(long, default_value = "135", value_parser = clap::value_parser!(u32))]
    seed: u32,
    /// File to write: .json, or .npz for numpy
    #[arg(long, value_name = "FILE", value_parser = parse_output)]
    out: Output,
}

/// Size, seed and file of data from this project's own streams.
#[derive(Args, Debug)]
struct Own {
    /// Number of products
    #[arg(long, value_name = "N", default_value = "1", value_parser = whole::<usize>)]
    products: usize,
    /// Number of instances
    #[arg(long, value_name = "N", default_value = "1000", value_parser = whole::<usize>)]
    samples: usize,
    /// Seed of the stream; a row depends on it and on the row's number alone
    #[arg(long, default_value = "0", value_parser = clap::value_parser!(u64))]
    seed: u64,
    /// File to write: .json, or .npz for numpy
    #[arg(long, value_name = "FILE", value_parser = parse_output)]
    out: Output,
}

/// Noise that multiplies.
#[derive(Args, Debug)]
struct Noise {
    /// Half width of the noise: costs are multiplied by factors from 1 - NOISE to 1 + NOISE
    #[arg(long, default_value = "0.5", allow_hyphen_values = true)]
    noise: f64,
}

impl Generate {
    pub(super) fn run(self) -> Result<ExitCode> {
        let written = match self.task {
            Task::ShortestPath(flags) => flags.run(),
            Task::Knapsack(flags) => flags.run(),
            Task::Tsp(flags) => flags.run(),
            Task::Portfolio(flags) => flags.run(),
            Task::TopK(flags) => flags.run(),
            Task::Allocation(flags) => flags.run(),
            Task::Inventory(flags) => flags.run(),
            Task::Perturbed(flags) => flags.run(),
            Task::Covid(flags) => flags.run(),
            Task::Security(flags) => flags.run(),
        }?;
        written.say(self.json);
        Ok(ExitCode::SUCCESS)
    }
}

fn whole<T: FromStr>(text: &str) -> std::result::Result<T, String> {
    text.parse().map_err(|_| "give a whole number, 1 or more".into())
}
