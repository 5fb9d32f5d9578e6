use std::path::{Path, PathBuf};

use clap::Args;
use dfl_core::{Batch, Error, Result};
use dfl_solvers::read_problem;

use super::output::Written;
use super::whole;
use crate::cli::show;
use crate::data::perturbed::PerturbedCosts;

const HELP: &str = "\
Example, data to try everything else with:
  dfl generate perturbed --problem plan.mps --rows 500 --out-features X.csv --out-costs C.csv
  dfl train --problem plan.mps --features X.csv --costs C.csv --out run

Features are standard normal. The cost of each variable that has one in the file is multiplied by
1/2 (1 + ((b'x / sqrt(FEATURES) + 3) / 3)^DEGREE) and by noise, with a random map b of zeros and ones
for each variable. So rows with average features have the file's own costs, and signs stay.
Columns of costs are called as the variables are; of a file that maximises they are its own numbers.";

#[derive(Args, Debug)]
#[command(allow_negative_numbers = true, after_help = HELP)]
pub(super) struct Flags {
    /// Problem whose costs are perturbed: .mps, .qps, .lp or .json
    #[arg(long, value_name = "FILE")]
    problem: PathBuf,
    /// Number of rows
    #[arg(long, value_name = "N", default_value = "500", value_parser = whole::<usize>)]
    rows: usize,
    /// Number of the first row: behind those of an earlier call, for new rows of the same kind
    #[arg(long, value_name = "N", default_value = "0")]
    from: usize,
    /// Number of features of a row
    #[arg(long, value_name = "N", default_value = "5", value_parser = whole::<usize>)]
    features: usize,
    /// Degree of the polynomial from features to costs
    #[arg(long, value_name = "N", default_value = "4", value_parser = whole::<u32>)]
    degree: u32,
    /// Half width of the noise: costs are multiplied by factors from 1 - NOISE to 1 + NOISE
    #[arg(long, default_value = "0.1")]
    noise: f64,
    /// Seed; a row depends on it and on the row's number alone
    #[arg(long, default_value = "0")]
    seed: u64,
    /// File for the features: .csv
    #[arg(long, value_name = "FILE")]
    out_features: PathBuf,
    /// File for the costs: .csv
    #[arg(long, value_name = "FILE")]
    out_costs: PathBuf,
}

impl Flags {
    pub(super) fn run(self) -> Result<Written> {
        let Self { from, rows, features, degree, noise, seed, .. } = self;
        let problem = read_problem(&self.problem)?.named();
        let (mut names, mut costs) = (Vec::new(), Vec::new());
        for (j, &cost) in problem.program.c.iter().enumerate().filter(|(_, cost)| **cost != 0.0) {
            names.push(problem.variables[j].clone());
            costs.push(problem.in_own_sense(cost));
        }
        if costs.is_empty() {
            return Err(Error::Domain { what: "number of variables with a cost in the problem", value: 0.0, need: "at least 1" });
        }
        let (x, c) = PerturbedCosts { costs, from, rows, features, degree, noise, seed }.generate()?;
        let columns: Vec<String> = (1..=features).map(|k| format!("f{k}")).collect();
        write(&self.out_features, &columns, from, &x)?;
        write(&self.out_costs, &names, from, &c)?;
        Ok(Written::default().and(self.out_features, &[("features", &x)]).and(self.out_costs, &[("costs", &c)]))
    }
}

fn write(path: &Path, columns: &[String], from: usize, values: &Batch) -> Result<()> {
    let header: Vec<String> = ["id".to_owned()].into_iter().chain(columns.iter().cloned()).collect();
    let row = |(i, row): (usize, &[f64])| [(from + i).to_string()].into_iter().chain(row.iter().map(|v| show::number(*v))).collect();
    show::csv(Some(path), &header, values.iter().enumerate().map(row))
}
