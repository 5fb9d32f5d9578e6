//! Sums and the sides of rows.

use super::expression::Expression;
use super::polynomial::Polynomial;
use super::tokens::{Checked, Relation, fault};

/// A number and its shares of parameters.
#[derive(Clone, Debug, Default)]
pub(super) struct Affine {
    pub(super) constant: f64,
    pub(super) shares: Vec<(usize, f64)>,
}

/// The only sum of an expression without relations.
pub(super) fn lone(read: Expression) -> Checked<Polynomial> {
    match (read.relations.first(), read.sums.into_iter().next()) {
        (None, Some((sum, _))) => Ok(sum),
        (at, _) => Err(fault(&at.map_or(0..0, |(_, at)| at.clone()), "a relation in a sum", "write rows under [constraints]")),
    }
}

/// The sum of a row and its lower and upper side.
pub(super) fn limits(read: Expression, text: &str) -> Checked<(Polynomial, Option<Affine>, Option<Affine>)> {
    use Relation::{AtLeast, AtMost, Equal};
    let relations: Vec<Relation> = read.relations.iter().map(|(relation, _)| *relation).collect();
    match (relations.as_slice(), read.sums.as_slice()) {
        (&[relation], [(left, _), (right, _)]) => {
            let sum = left.clone().plus(-1.0, right);
            let side = Some(minus(&sum));
            Ok(match relation {
                AtMost => (sum, None, side),
                Equal => (sum, side.clone(), side),
                AtLeast => (sum, side, None),
            })
        }
        ([AtMost, AtMost] | [AtLeast, AtLeast], [(first, at), (middle, _), (last, end)]) => {
            for (sum, at) in [(first, at), (last, end)] {
                if sum.degree() > 0 {
                    return Err(fault(at, "a variable beside a range", "write two rows, or no variable on both sides"));
                }
            }
            let side = |outer: &Polynomial| Some(minus(&middle.clone().plus(-1.0, outer)));
            let (lo, up) = if relations[0] == AtMost { (side(first), side(last)) } else { (side(last), side(first)) };
            Ok((middle.clone(), lo, up))
        }
        ([], _) => Err(fault(&(0..text.trim_end().len()), "a row without a relation", "add <=, >= or = and its right-hand side")),
        _ => Err(fault(&read.relations[1].1, "relations that do not point the same way", "write it as in `1 <= x + y <= 4`")),
    }
}

/// Minus what of a sum has no variables.
fn minus(sum: &Polynomial) -> Affine {
    let mut affine = Affine::default();
    for (term, value) in sum.terms().filter(|(term, _)| term.variables.is_empty()) {
        match term.parameter {
            Some(index) => affine.shares.push((index, 0.0 - value)),
            None => affine.constant -= value,
        }
    }
    affine
}

pub(super) fn without_variables(sum: &Polynomial, text: &str) -> Checked<Affine> {
    if sum.degree() > 0 {
        return Err(fault(&(0..text.trim_end().len()), "a variable in a bound", "write a row under [constraints]"));
    }
    Ok(minus(&Polynomial::default().plus(-1.0, sum)))
}
