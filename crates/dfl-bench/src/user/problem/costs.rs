//! Linear costs as what is predicted.

use std::collections::HashMap;
use std::path::Path;

use dfl_core::{Cone, Csc, Entry, Error, ParamMap, Program, Result};
use dfl_solvers::Problem;

use super::super::near::near;
use super::{Predicted, UserProblem};

/// The problem with the costs of these variables to be predicted, and these variables first.
pub(super) fn predict(path: &Path, problem: Problem, costs: Option<&[String]>) -> Result<UserProblem> {
    let Problem { name, program, maximise, variables, rows } = problem;
    let (n, m) = (program.n(), program.m());
    let (variables, rows) = (filled(variables, n, "x"), filled(rows, m, "row"));
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
    let order: Vec<usize> = first.iter().copied().chain((0..n).filter(|&j| !taken[j])).collect();
    let mut program = reordered(&program, &order);
    let variables: Vec<String> = order.iter().map(|&j| variables[j].clone()).collect();
    let theta = first.len();
    let given = program.c[..theta].to_vec();
    program.c[..theta].fill(0.0);
    let params = (0..theta).fold(ParamMap::new(theta), |map, j| map.link(Entry::C(j), j, 1.0));
    let parameters = variables[..theta].to_vec();
    let (path, predicted) = (path.into(), Predicted::Costs);
    Ok(UserProblem { name, path, program, params, predicted, parameters, given: Some(given), variables, rows, maximise })
}

/// Names of all, with a number where the file has none.
fn filled(mut names: Vec<String>, count: usize, stem: &str) -> Vec<String> {
    names.resize(count, String::new());
    names.iter_mut().enumerate().filter(|(_, name)| name.is_empty()).for_each(|(k, name)| *name = format!("{stem}{k}"));
    names
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

/// The same program with variable `order[k]` in place `k`.
fn reordered(program: &Program, order: &[usize]) -> Program {
    let mut place = vec![0; order.len()];
    order.iter().enumerate().for_each(|(k, &j)| place[j] = k);
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
