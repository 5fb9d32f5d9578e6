use std::collections::HashMap;

use dfl_core::{Error, Result};
use dfl_solvers::Grid;
use serde::{Deserialize, Serialize};

use super::UserProblem;
use crate::page::Drawing;

/// What decisions are drawn as, the `[drawing]` of the settings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "described at each variant")]
pub enum DrawAs {
    /// The values of the variables by name.
    #[default]
    Values,
    /// A path on a grid of `height` by `width` nodes; the first variables of the file are its arcs in the order of [`Grid`].
    Path { height: usize, width: usize },
    /// A round trip over `points`; the first variables of the file say which of the `edges` (pairs of points, from 0) are taken.
    Tour { points: Vec<[f64; 2]>, edges: Vec<[usize; 2]> },
    /// Amounts over time: the variables of these names, beside the true values of the parameters named in `demand`.
    Schedule { variables: Vec<String>, demand: Vec<String> },
    /// Shares of a whole: the variables of these names, all if there are none.
    Portfolio {
        #[serde(default)]
        variables: Vec<String>,
    },
}

/// What a decision is about.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    /// The problem, which may have its variables in another order than its file.
    pub(super) problem: &'a UserProblem,
    /// What turned out, by the names of the parameters; empty where only decisions are known.
    pub(super) truth: &'a HashMap<&'a str, f64>,
}

impl DrawAs {
    /// Refuses data that do not fit a problem.
    pub(super) fn check(&self, problem: &UserProblem) -> Result<()> {
        self.check_names(&problem.variables, &problem.parameters)
    }

    fn check_names(&self, variables: &[String], parameters: &[String]) -> Result<()> {
        let known = |names: &[String], all: &[String], what| match names.iter().find(|name| !all.contains(name)) {
            Some(name) => Err(Error::Unknown { what, given: name.clone(), known: super::near::near(name, all) }),
            None => Ok(()),
        };
        let enough = |what, needed: usize| {
            let need = "at most the number of variables; [drawing] must describe this problem";
            if needed <= variables.len() { Ok(()) } else { Err(Error::Domain { what, value: needed as f64, need }) }
        };
        match self {
            Self::Values => Ok(()),
            Self::Path { height, width } => enough("arcs of the grid in [drawing]", Grid::new(*height, *width)?.arcs()),
            Self::Tour { points, edges } => {
                let need = "below the number of points in [drawing]";
                match edges.iter().flatten().find(|&&end| end >= points.len()) {
                    Some(&end) => Err(Error::Domain { what: "end of an edge", value: end as f64, need }),
                    None => enough("edges in [drawing]", edges.len()),
                }
            }
            Self::Schedule { variables: names, demand } => {
                known(names, variables, "variable in [drawing]")?;
                known(demand, parameters, "parameter in [drawing]")
            }
            Self::Portfolio { variables: names } => known(names, variables, "variable in [drawing]"),
        }
    }

    /// The decision, in the order of the problem's variables, as what it is.
    pub(super) fn draw(&self, decision: &[f64], scene: Scene<'_>) -> Drawing {
        let UserProblem { in_file, variables: own, .. } = scene.problem;
        let all: Vec<String> = in_file.iter().map(|&j| own[j].clone()).collect();
        let decision: Vec<f64> = in_file.iter().map(|&j| decision[j]).collect();
        let named = |names: &[String]| -> Vec<f64> {
            let value = |name: &String| all.iter().position(|v| v == name).map_or(0.0, |j| decision[j]);
            names.iter().map(value).collect()
        };
        let truth = |name: &String| scene.truth.get(name.as_str()).copied().unwrap_or(0.0);
        match self {
            Self::Values => Drawing::Values { names: all, values: decision },
            Self::Path { height, width } => {
                let arcs = Grid::new(*height, *width).map_or(0, |grid| grid.arcs());
                let costs = all[..arcs].iter().map(truth).collect();
                Drawing::Path { height: *height, width: *width, weights: decision[..arcs].to_vec(), costs }
            }
            Self::Tour { points, edges } => Drawing::Tour { points: points.clone(), order: order(edges, &decision, points.len()) },
            Self::Schedule { variables, demand } => {
                Drawing::Schedule { amounts: named(variables), demand: demand.iter().map(truth).collect(), band: None }
            }
            Self::Portfolio { variables } => {
                let names = if variables.is_empty() { all.clone() } else { variables.clone() };
                Drawing::Portfolio { shares: named(&names), names }
            }
        }
    }
}

/// The points in the order in which the edges that are taken lead from point 0 on, until they lead no further.
fn order(edges: &[[usize; 2]], taken: &[f64], points: usize) -> Vec<usize> {
    let mut left: Vec<[usize; 2]> = edges.iter().zip(taken).filter(|(_, x)| **x > 0.5).map(|(edge, _)| *edge).collect();
    let mut order = vec![0];
    while order.len() < points {
        let at = order[order.len() - 1];
        let Some(k) = left.iter().position(|edge| edge.contains(&at)) else { break };
        let [a, b] = left.swap_remove(k);
        order.push(if a == at { b } else { a });
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The square 0-1-2-3 without its diagonals, edges in any direction.
    #[test]
    fn a_tour_follows_the_edges_that_are_taken() {
        let edges = [[0, 1], [0, 2], [3, 0], [1, 2], [1, 3], [2, 3]];
        assert_eq!(order(&edges, &[1.0, 0.0, 1.0, 1.0, 0.0, 1.0], 4), [0, 1, 2, 3]);
        assert_eq!(order(&edges, &[0.0; 6], 4), [0]);
    }

    #[test]
    fn data_that_do_not_fit_the_problem_are_refused() {
        let names: Vec<String> = ["a", "b"].map(str::to_owned).into();
        let refused = |draw: DrawAs| draw.check_names(&names, &names).unwrap_err().to_string();
        assert!(refused(DrawAs::Path { height: 2, width: 2 }).contains("arcs of the grid"));
        assert!(refused(DrawAs::Portfolio { variables: vec!["c".into()] }).contains("variable in [drawing] `c`"));
        assert!(refused(DrawAs::Tour { points: vec![[0.0; 2]], edges: vec![[0, 1]] }).contains("end of an edge: 1"));
        DrawAs::Schedule { variables: names.clone(), demand: names.clone() }.check_names(&names, &names).unwrap();
    }

    /// The grid of 2 by 2 nodes has the arcs 0-1, 0-2, 1-3 and 2-3. Costs whose columns are in another order move the variables, and the
    /// drawing does not follow.
    #[test]
    fn a_path_has_the_arcs_of_the_file_whatever_the_order_of_the_costs() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("grid.lp");
        let text = "min\n obj: right + down + down2 + right2 + other\nst\n c: right + down >= 1\nend\n";
        std::fs::write(&file, text).unwrap();
        let columns = ["right2", "down", "right", "down2"].map(str::to_owned);
        let problem = super::super::read_user_problem(&file, Some(&columns)).unwrap();
        assert_eq!(problem.variables, ["right2", "down", "right", "down2", "other"]);
        let truth: HashMap<&str, f64> = columns.iter().map(String::as_str).zip([4.0, 2.0, 1.0, 3.0]).collect();
        let drawn = DrawAs::Path { height: 2, width: 2 }.draw(&[0.0, 0.0, 1.0, 0.5, 9.0], Scene { problem: &problem, truth: &truth });
        let Drawing::Path { weights, costs, .. } = drawn else { panic!("a path stays a path") };
        assert_eq!((weights, costs), (vec![1.0, 0.0, 0.5, 0.0], vec![1.0, 2.0, 3.0, 4.0]));
    }
}
