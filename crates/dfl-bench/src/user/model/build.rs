//! From what a model says to a program and the map of its parameters.

use dfl_core::{Csc, Entry, ParamMap, Program, Result};
use toml::Spanned;

use super::super::UserProblem;
use super::super::problem::{Parts, Predicted, costs_first};
use super::declare::{declare, given, in_order};
use super::expression::{Names, parse};
use super::sides::{Affine, limits, lone, without_variables};
use super::tokens::{Checked, fault};
use super::{Bound, Document, Sense, Source, Variable};

/// The problem of a document.
pub(super) fn build(source: &Source<'_>, document: Document) -> Result<UserProblem> {
    let Document { name, sense, parameters, objective, variables, constraints, values } = document;
    let variables = in_order(variables);
    let labels: Vec<String> = variables.iter().map(|(name, _)| name.clone()).collect();
    let theta: Vec<String> = parameters.iter().map(|name| name.get_ref().clone()).collect();
    let names = declare(source, &variables, &parameters, &labels, &theta)?;
    let mut build = Build::new(labels.len(), &names, sense == Sense::Maximise);
    build.objective(objective.get_ref()).map_err(|fault| source.fault("objective", &objective, fault))?;
    let rows = in_order(constraints);
    for (name, row) in &rows {
        build.row(row.get_ref()).map_err(|fault| source.fault(&format!("constraints.{name}"), row, fault))?;
    }
    for (j, (name, variable)) in variables.into_iter().enumerate() {
        build.variable(source, j, &name, variable.into_inner())?;
    }
    let given = given(source, values, &theta)?;
    if let Some(k) = (0..theta.len()).find(|&k| !build.links.iter().any(|link| link.index == k)) {
        let start = parameters[k].span().start;
        return Err(source.error("parameters", start, format!("`{}` occurs in no expression", theta[k]), "use it, or take it away"));
    }
    let name = name.unwrap_or_else(|| source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned());
    let costs = build.costs(theta.len());
    let (maximise, rows) = (build.maximise, rows.into_iter().map(|(name, _)| name).collect());
    let (program, params) = build.finish(theta.len());
    let parts = Parts { path: source.path.into(), name, program, variables: labels, rows, maximise };
    Ok(match costs {
        Some(first) => {
            let given = given.map(|values| values.into_iter().map(|v| if maximise { 0.0 - v } else { v }).collect());
            costs_first(parts, &first, theta, given)
        }
        None => parts.problem(params, Predicted::Parameters, theta, given),
    })
}

/// A place in the program that a parameter moves: entries of `A` and `P` by their position.
#[derive(Clone, Copy, Debug)]
struct Link {
    place: Place,
    index: usize,
    coef: f64,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Entry(Entry),
    A(usize, usize),
    P(usize, usize),
}

struct Build<'a> {
    names: &'a Names,
    maximise: bool,
    c: Vec<f64>,
    r: f64,
    p: Vec<(usize, usize, f64)>,
    a: Vec<(usize, usize, f64)>,
    row_lo: Vec<f64>,
    row_up: Vec<f64>,
    lo: Vec<f64>,
    up: Vec<f64>,
    integer: Vec<bool>,
    links: Vec<Link>,
}

impl<'a> Build<'a> {
    fn new(n: usize, names: &'a Names, maximise: bool) -> Self {
        let (lo, up) = (vec![f64::NEG_INFINITY; n], vec![f64::INFINITY; n]);
        let (c, integer, links) = (vec![0.0; n], vec![false; n], Vec::new());
        let (p, a, row_lo, row_up) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { names, maximise, c, r: 0.0, p, a, row_lo, row_up, lo, up, integer, links }
    }

    fn objective(&mut self, text: &str) -> Checked<()> {
        let sum = lone(parse(text, self.names)?)?;
        let sign = if self.maximise { -1.0 } else { 1.0 };
        for (term, value) in sum.terms() {
            let value = sign * value;
            // Half of the second derivative: x^2 has the entry 2, x y has 1 above the diagonal.
            let (place, size) = match *term.variables.as_slice() {
                [] => (None, value),
                [j] => (Some(Place::Entry(Entry::C(j))), value),
                [i, j] => (Some(Place::P(i, j)), if i == j { 2.0 * value } else { value }),
                _ => unreachable!("products of three are refused as they are read"),
            };
            match (place, term.parameter) {
                (Some(place), Some(index)) => self.link(place, index, size),
                (Some(Place::P(i, j)), None) => self.p.push((i, j, size)),
                (Some(_), None) => self.c[term.variables[0]] += size,
                (None, None) => self.r += size,
                (None, Some(_)) => {
                    let remedy = "it changes no decision: take it away";
                    return Err(fault(&(0..text.trim_end().len()), "a parameter stands in the objective without a variable", remedy));
                }
            }
        }
        Ok(())
    }

    /// A parameter moves a place, where there is an entry for it from now on.
    fn link(&mut self, place: Place, index: usize, coef: f64) {
        match place {
            Place::A(i, j) => self.a.push((i, j, 0.0)),
            Place::P(i, j) => self.p.push((i, j, 0.0)),
            Place::Entry(_) => {}
        }
        self.links.push(Link { place, index, coef });
    }

    fn row(&mut self, text: &str) -> Checked<()> {
        let (sum, lo, up) = limits(parse(text, self.names)?, text)?;
        let all = 0..text.trim_end().len();
        match sum.degree() {
            0 => return Err(fault(&all, "a row without variables", "take it away, or check its names")),
            1 => {}
            _ => return Err(fault(&all, "a product of variables in a row", "only the objective may be quadratic: model it otherwise")),
        }
        let i = self.row_lo.len();
        for (term, value) in sum.terms() {
            if let [j] = *term.variables.as_slice() {
                match term.parameter {
                    Some(index) => self.link(Place::A(i, j), index, value),
                    None => self.a.push((i, j, value)),
                }
            }
        }
        let (lo, up) = (self.side(lo, Entry::RowLo(i), f64::NEG_INFINITY), self.side(up, Entry::RowUp(i), f64::INFINITY));
        self.row_lo.push(lo);
        self.row_up.push(up);
        Ok(())
    }

    /// The number of a side, whose parameters are linked to it.
    fn side(&mut self, side: Option<Affine>, entry: Entry, none: f64) -> f64 {
        let Some(Affine { constant, shares }) = side else { return none };
        shares.into_iter().for_each(|(index, coef)| self.link(Place::Entry(entry), index, coef));
        constant
    }

    fn variable(&mut self, source: &Source<'_>, j: usize, name: &str, variable: Variable) -> Result<()> {
        let Variable { lower, upper, integer, binary } = variable;
        let key = format!("variables.{name}");
        if let Some(bound) = lower.as_ref().or(upper.as_ref()).filter(|_| binary) {
            let remedy = "leave the bounds out, or write `integer = true` with them";
            return Err(source.error(&key, bound.span().start, "a binary variable is 0 or 1", remedy));
        }
        self.integer[j] = integer || binary;
        if binary {
            (self.lo[j], self.up[j]) = (0.0, 1.0);
            return Ok(());
        }
        let start = upper.as_ref().or(lower.as_ref()).map_or(0, |bound| bound.span().start);
        self.lo[j] = self.bound(source, &key, "lower", lower, Entry::Lo(j), f64::NEG_INFINITY)?;
        self.up[j] = self.bound(source, &key, "upper", upper, Entry::Up(j), f64::INFINITY)?;
        let moved = self.links.iter().any(|link| matches!(link.place, Place::Entry(Entry::Lo(k) | Entry::Up(k)) if k == j));
        let (lo, up) = (self.lo[j], self.up[j]);
        if lo == f64::INFINITY || up == f64::NEG_INFINITY || (lo > up && !moved) {
            return Err(source.error(&key, start, format!("no number is between {lo} and {up}"), "swap or widen its bounds"));
        }
        Ok(())
    }

    fn bound(&mut self, source: &Source<'_>, key: &str, end: &str, bound: Option<Spanned<Bound>>, entry: Entry, none: f64) -> Result<f64> {
        let Some(bound) = bound else { return Ok(none) };
        let (span, key) = (bound.span(), format!("{key}.{end}"));
        match bound.into_inner() {
            Bound::Number(value) if value.is_nan() => {
                Err(source.error(&key, span.start, "NaN is no bound", "give a number, or leave it out"))
            }
            Bound::Number(value) => Ok(value),
            Bound::Text(text) => {
                let text = Spanned::new(span, text);
                let affine = parse(text.get_ref(), self.names).and_then(|read| without_variables(&lone(read)?, text.get_ref()));
                Ok(self.side(Some(affine.map_err(|fault| source.fault(&key, &text, fault))?), entry, none))
            }
        }
    }

    /// The variable whose cost each parameter is, if all are costs of one variable each and nothing else.
    fn costs(&self, theta: usize) -> Option<Vec<usize>> {
        let sign = if self.maximise { -1.0 } else { 1.0 };
        let mut first = vec![None; theta];
        for link in &self.links {
            let Place::Entry(Entry::C(j)) = link.place else { return None };
            let used = first.contains(&Some(j)) || self.c[j] != 0.0 || link.coef != sign;
            if used || first[link.index].replace(j).is_some() {
                return None;
            }
        }
        first.into_iter().collect::<Option<Vec<_>>>().filter(|first| !first.is_empty())
    }

    fn finish(self, theta: usize) -> (Program, ParamMap) {
        let (n, m) = (self.c.len(), self.row_lo.len());
        let matrix = |rows, triplets: &[_]| Csc::from_triplets(rows, n, triplets).expect("indices were given by this builder");
        let (p, a) = (matrix(n, &self.p), matrix(m, &self.a));
        let position = |m: &Csc, i, j| m.position(i, j).expect("linked entries are stored");
        let params = self.links.iter().fold(ParamMap::new(theta), |map, link| {
            let entry = match link.place {
                Place::Entry(entry) => entry,
                Place::A(i, j) => Entry::A(position(&a, i, j)),
                Place::P(i, j) => Entry::P(position(&p, i, j)),
            };
            map.link(entry, link.index, link.coef)
        });
        let integer = if self.integer.contains(&true) { self.integer } else { Vec::new() };
        let program = Program::linear(self.c).with_quadratic(p).with_rows(a, self.row_lo, self.row_up).with_bounds(self.lo, self.up);
        (Program { r: self.r, integer, ..program }, params)
    }
}
