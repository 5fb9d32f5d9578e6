use std::collections::HashMap;

use dfl_core::{Error, Result};
use dfl_solvers::Grid;
use serde::{Deserialize, Serialize};

use crate::page::Drawing;

/// What decisions are drawn as, the `[drawing]` of the settings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[allow(missing_docs, reason = "described at each variant")]
pub enum DrawAs {
    /// The values of the variables by name.
    #[default]
    Values,
    /// A path on a grid of `height` by `width` nodes; the first variables are its arcs in the order of [`Grid`].
    Path { height: usize, width: usize },
    /// A round trip over `points`; the first variables say which of the `edges` (pairs of points, from 0) are taken.
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
    /// Names of the variables, `[n]`.
    pub(super) variables: &'a [String],
    /// What turned out, by the names of the parameters; empty where only decisions are known.
    pub(super) truth: &'a HashMap<&'a str, f64>,
}

impl DrawAs {
    /// Refuses data that do not fit a problem of these variables and parameters.
    pub(super) fn check(&self, variables: &[String], parameters: &[String]) -> Result<()> {
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

    /// The decision as what it is.
    pub(super) fn draw(&self, decision: &[f64], scene: Scene<'_>) -> Drawing {
        let named = |names: &[String]| -> Vec<f64> {
            let value = |name: &String| scene.variables.iter().position(|v| v == name).map_or(0.0, |j| decision[j]);
            names.iter().map(value).collect()
        };
        let truth = |name: &String| scene.truth.get(name.as_str()).copied().unwrap_or(0.0);
        match self {
            Self::Values => Drawing::Values { names: scene.variables.to_vec(), values: decision.to_vec() },
            Self::Path { height, width } => {
                let arcs = Grid::new(*height, *width).map_or(0, |grid| grid.arcs());
                let costs = scene.variables[..arcs].iter().map(truth).collect();
                Drawing::Path { height: *height, width: *width, weights: decision[..arcs].to_vec(), costs }
            }
            Self::Tour { points, edges } => Drawing::Tour { points: points.clone(), order: order(edges, decision, points.len()) },
            Self::Schedule { variables, demand } => {
                Drawing::Schedule { amounts: named(variables), demand: demand.iter().map(truth).collect(), band: None }
            }
            Self::Portfolio { variables } => {
                let names = if variables.is_empty() { scene.variables.to_vec() } else { variables.clone() };
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
        let refused = |draw: DrawAs| draw.check(&names, &names).unwrap_err().to_string();
        assert!(refused(DrawAs::Path { height: 2, width: 2 }).contains("arcs of the grid"));
        assert!(refused(DrawAs::Portfolio { variables: vec!["c".into()] }).contains("variable in [drawing] `c`"));
        assert!(refused(DrawAs::Tour { points: vec![[0.0; 2]], edges: vec![[0, 1]] }).contains("end of an edge: 1"));
        DrawAs::Schedule { variables: names.clone(), demand: names.clone() }.check(&names, &names).unwrap();
    }
}
