//! Linear costs as what is predicted.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use dfl_core::{Cone, Csc, Entry, Error, ParamMap, Program, Result};
use dfl_solvers::Problem;

use super::super::near::near;
use super::{Predicted, UserProblem};

/// The problem with the costs of these variables to be predicted, and these variables first.
pub(super) fn predict(path: &Path, problem: Problem, costs: Option<&[String]>) -> Result<UserProblem> {
    let Problem { name, program, maximise, variables, rows } = problem.named();
    let n = program.n();
    let first = match costs.filter(|costs| !unnamed(costs, &variables)) {
        Some(costs) => places(path, costs, &variables)?,
        None => {
            check_count(path, costs.map_or(n, <[String]>::len), n)?;
            (0..n).collect()
        }
    };
    let mut taken = vec![false; n];
    if let Some(&j) = first.iter().find(|&&j| std::mem::replace(&mut taken[j], true)) {
        return Err(fault(path, format!("the costs of `{}` are predicted twice", variables[j]), "name each variable once"));
    }
    let given = first.iter().map(|&j| program.c[j]).collect();
    let parameters = first.iter().map(|&j| variables[j].clone()).collect();
    Ok(costs_first(Parts { path: path.into(), name, program, variables, rows, maximise }, &first, parameters, Some(given)))
}

/// What a problem is before anything of it is predicted.
pub(in crate::user) struct Parts {
    pub(in crate::user) path: PathBuf,
    pub(in crate::user) name: String,
    pub(in crate::user) program: Program,
    pub(in crate::user) variables: Vec<String>,
    pub(in crate::user) rows: Vec<String>,
    pub(in crate::user) maximise: bool,
}

impl Parts {
    /// The problem with these parameters, which `params` puts into the program.
    pub(in crate::user) fn problem(
        self,
        params: ParamMap,
        predicted: Predicted,
        parameters: Vec<String>,
        given: Option<Vec<f64>>,
    ) -> UserProblem {
        let Self { path, name, program, variables, rows, maximise } = self;
        let in_file = (0..variables.len()).collect();
        UserProblem { name, path, program, params, predicted, parameters, given, variables, in_file, rows, maximise }
    }
}

/// The problem with the costs of these variables, which are different ones, as parameters in place of those it has, and these variables
/// first. `given` are the costs as they are minimised.
pub(in crate::user) fn costs_first(parts: Parts, first: &[usize], parameters: Vec<String>, given: Option<Vec<f64>>) -> UserProblem {
    let theta = first.len();
    let mut left = vec![true; parts.program.n()];
    first.iter().for_each(|&j| left[j] = false);
    let order: Vec<usize> = first.iter().copied().chain((0..left.len()).filter(|&j| left[j])).collect();
    let mut program = reordered(&parts.program, &order);
    program.c[..theta].fill(0.0);
    let variables = order.iter().map(|&j| parts.variables[j].clone()).collect();
    let params = (0..theta).fold(ParamMap::new(theta), |map, j| map.link(Entry::C(j), j, 1.0));
    let problem = Parts { program, variables, ..parts }.problem(params, Predicted::Costs, parameters, given);
    UserProblem { in_file: inverse(&order), ..problem }
}

/// Whether columns are only counted, and no variable happens to have such a name.
fn unnamed(columns: &[String], variables: &[String]) -> bool {
    columns.iter().enumerate().all(|(k, name)| *name == k.to_string()) && !variables.iter().any(|name| columns.contains(name))
}

fn check_count(path: &Path, columns: usize, variables: usize) -> Result<()> {
    if columns == variables {
        return Ok(());
    }
    let problem = format!("{variables} variables, but the table of costs has {columns} columns without names");
    Err(fault(path, problem, "give a cost for each variable, or name the columns after the variables whose costs they are"))
}

/// Where each of these variables stands.
fn places(path: &Path, names: &[String], variables: &[String]) -> Result<Vec<usize>> {
    let places: HashMap<&str, usize> = variables.iter().enumerate().map(|(j, name)| (name.as_str(), j)).collect();
    let unknown = |name: &String| {
        let problem = format!("no variable is called `{name}`, as a column of costs is");
        fault(path, problem, format!("rename that column, or drop it; variables are {}", near(name, variables)))
    };
    names.iter().map(|name| places.get(name.as_str()).copied().ok_or_else(|| unknown(name))).collect()
}

fn fault(path: &Path, problem: String, remedy: impl Into<String>) -> Error {
    Error::Input { what: "problem", path: path.into(), place: String::new(), problem, remedy: remedy.into() }
}

/// The place of each variable where `order[k]` is in place `k`.
fn inverse(order: &[usize]) -> Vec<usize> {
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(k, &j)| place[j] = k);
    place
}

/// The same program with variable `order[k]` in place `k`.
fn reordered(program: &Program, order: &[usize]) -> Program {
    let place = inverse(order);
    let take = |values: &[f64]| order.iter().map(|&j| values[j]).collect();
    let matrix = |a: &Csc, at: &dyn Fn(usize, usize) -> (usize, usize)| {
        let moved: Vec<_> = a.triplets().map(|(i, j, v)| (at(i, j), v)).map(|((i, j), v)| (i, j, v)).collect();
        Csc::from_triplets(a.rows(), a.cols(), &moved).expect("places of a permutation fit")
    };
    let columns = |a: &Csc| matrix(a, &|i, j| (i, place[j]));
    Program {
        p: matrix(&program.p, &|i, j| (place[i].min(place[j]), place[i].max(place[j]))),
        c: take(&program.c),
        r: program.r,
        a: columns(&program.a),
        row_lo: program.row_lo.clone(),
        row_up: program.row_up.clone(),
        lo: take(&program.lo),
        up: take(&program.up),
        integer: if program.integer.is_empty() { Vec::new() } else { order.iter().map(|&j| program.integer[j]).collect() },
        cones: program.cones.iter().map(|k| Cone { f: columns(&k.f), d: take(&k.d), ..k.clone() }).collect(),
    }
}
