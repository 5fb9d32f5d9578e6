//! What the examples share: derivatives by name beside central differences of solves anew.

use dfl_core::Result;
use dfl_solvers::layer::{Answer, Layer};

/// What is differentiated and in which parameter, the derivative, and the central difference.
pub(crate) type Line = (String, f64, f64);

/// The gradient of the value and the sensitivity of every variable, in every parameter.
pub(crate) fn compare(layer: &Layer, answer: &Answer, step: f64) -> Result<Vec<Line>> {
    let (value, decision) = (answer.envelope_gradients()?, answer.sensitivity_matrix()?);
    let mut lines = Vec::new();
    for (k, parameter) in layer.parameter_names().iter().enumerate() {
        let at = |step: f64| {
            let mut theta = answer.theta().to_vec();
            theta[k] += step;
            layer.solve(&theta)
        };
        let (more, less) = (at(step)?, at(-step)?);
        lines.push((format!("value by {parameter}"), value[k], (more.objective() - less.objective()) / (2.0 * step)));
        for (j, variable) in layer.variable_names().iter().enumerate() {
            let difference = (more.decision()[j] - less.decision()[j]) / (2.0 * step);
            lines.push((format!("{variable} by {parameter}"), decision.get(variable, parameter)?, difference));
        }
    }
    Ok(lines)
}

/// Prints the lines that are not zero.
pub(crate) fn print(lines: &[Line]) {
    println!("\n{:<32}{:>12}{:>22}", "derivative of", "by name", "central difference");
    let moved = lines.iter().filter(|(_, ours, difference)| ours.abs().max(difference.abs()) > 1e-9);
    moved.for_each(|(name, ours, difference)| println!("{name:<32}{ours:>12.6}{difference:>22.6}"));
}
