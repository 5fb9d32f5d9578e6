//! MPS files, with the sections for a quadratic term: one pass over the lines, every one of which must make sense.

mod build;
mod lines;
mod model;

use std::path::Path;

use dfl_core::Result;

use super::{Checked, Fault, Problem};
use lines::{Layout, Section, header, number};
use model::{Model, Row};

/// Reads a file by blanks; if that does not work, by columns, as files whose names have blanks need.
pub(super) fn read(path: &Path, text: &str) -> Result<Problem> {
    let read = |layout| Reader { path, layout, line: 0, model: Model::default() }.read(text);
    read(Layout::Free).or_else(|error| read(Layout::Fixed).map_err(|_| error))
}

struct Reader<'a> {
    path: &'a Path,
    layout: Layout,
    line: usize,
    model: Model<'a>,
}

impl<'a> Reader<'a> {
    fn read(mut self, text: &'a str) -> Result<Problem> {
        let mut section = Section::Name;
        for line in text.lines() {
            self.line += 1;
            if line.starts_with('*') || line.trim().is_empty() {
                continue;
            }
            let read = match header(line) {
                Some((Section::End, _)) => return self.end(),
                Some((next, more)) => {
                    section = next;
                    self.open(next, &more)
                }
                None => self.data(section, line),
            };
            read.map_err(|fault| fault.at(self.path, self.line))?;
        }
        Err(Fault("the file ends without ENDATA", "it is cut off or no MPS file: fetch or write it again").at(self.path, self.line))
    }

    fn end(self) -> Result<Problem> {
        let Self { path, line, model, .. } = self;
        model.finish().map_err(|fault| fault.at(path, line))
    }

    fn open(&mut self, section: Section, more: &[&'a str]) -> Checked<()> {
        self.model.begin();
        match (section, more) {
            (Section::Name, words) => self.model.name = words.join(" "),
            (Section::Sense, [word, ..]) => self.sense(word)?,
            (Section::Triangle, [row]) if !matches!(self.model.row(row)?, Row::Objective) => {
                return Err(Fault("a quadratic constraint", "only the objective may be quadratic: write it as a cone or leave it out"));
            }
            (Section::Beyond, _) => {
                return Err(Fault("a section for what a program does not hold", "special ordered sets, indicators and cones are not read"));
            }
            _ => {}
        }
        Ok(())
    }

    fn data(&mut self, section: Section, line: &'a str) -> Checked<()> {
        let fields = self.layout.fields(line, matches!(section, Section::Rows | Section::Bounds));
        match section {
            Section::Name | Section::End | Section::Beyond => Err(Fault("not a section of an MPS file", "check that this is an MPS file")),
            Section::Sense => self.sense(line.trim()),
            Section::Rows => match fields[..] {
                [kind, name] => self.model.add_row(kind, name),
                _ => Err(Fault("not a row", "give a type and a name, as in ` N  COST`")),
            },
            Section::Columns => self.column(line, &fields),
            Section::Sides => self.pairs(&fields, Model::add_side),
            Section::Ranges => self.pairs(&fields, Model::add_range),
            Section::Bounds => self.bound(&fields),
            Section::Triangle | Section::Square => {
                let (column, pairs) = fields.split_first().ok_or(PAIRS)?;
                let j = self.model.variable(column)?;
                self.each(pairs, |model, name, value| {
                    let i = model.variable(name)?;
                    model.add_quadratic(i, j, value, section == Section::Square)
                })
            }
        }
    }

    fn sense(&mut self, word: &str) -> Checked<()> {
        self.model.maximise = match word.to_ascii_uppercase().as_str() {
            "MAX" | "MAXIMIZE" | "MAXIMISE" => true,
            "MIN" | "MINIMIZE" | "MINIMISE" => false,
            _ => return Err(Fault("not a sense of optimisation", "write MAX or MIN")),
        };
        Ok(())
    }

    fn column(&mut self, line: &'a str, fields: &[&'a str]) -> Checked<()> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match (words.get(1), words.last(), fields) {
            (Some(&"'MARKER'"), Some(&"'INTORG'"), _) => self.model.integer_from_here = true,
            (Some(&"'MARKER'"), Some(&"'INTEND'"), _) => self.model.integer_from_here = false,
            (Some(&"'MARKER'"), ..) => return Err(Fault("not a marker that is known", "only 'INTORG' and 'INTEND' are read")),
            (_, _, [name, pairs @ ..]) => {
                let column = self.model.column(name)?;
                self.each(pairs, |model, row, value| model.add_entry(row, column, value))?;
            }
            _ => return Err(PAIRS),
        }
        Ok(())
    }

    /// Pairs of a name and a number, after the name of a set if their number is odd.
    fn pairs(&mut self, fields: &[&'a str], add: fn(&mut Model<'a>, &'a str, f64) -> Checked<()>) -> Checked<()> {
        let (set, pairs) = fields.split_at(fields.len() % 2);
        self.model.use_set(set.first().copied())?;
        self.each(pairs, add)
    }

    fn each(&mut self, pairs: &[&'a str], mut add: impl FnMut(&mut Model<'a>, &'a str, f64) -> Checked<()>) -> Checked<()> {
        if !matches!(pairs.len(), 2 | 4) {
            return Err(PAIRS);
        }
        pairs.chunks_exact(2).try_for_each(|pair| add(&mut self.model, pair[0], number(pair[1]).ok_or(NUMBER)?))
    }

    /// `kind [set] variable [value]`; the kinds without a value may have one, which says nothing.
    fn bound(&mut self, fields: &[&'a str]) -> Checked<()> {
        let valued = matches!(fields.first(), Some(&("UP" | "LO" | "FX" | "UI" | "LI" | "SC" | "SI")));
        let (kind, set, name, value) = match *fields {
            [kind, set, name, value] => (kind, Some(set), name, Some(value)),
            [kind, name, value] if valued => (kind, None, name, Some(value)),
            [kind, set, name] if self.model.variable(name).is_ok() => (kind, Some(set), name, None),
            [kind, name, value] => (kind, None, name, Some(value)),
            [kind, name] => (kind, None, name, None),
            _ => return Err(Fault("not a bound", "give a type, a set, a variable and a value, as in ` UP BND x 4`")),
        };
        self.model.use_set(set)?;
        let value = value.map(|v| number(v).ok_or(NUMBER)).transpose()?;
        let j = self.model.variable(name)?;
        self.model.add_bound(kind, j, value)
    }
}

const NUMBER: Fault = Fault("not a number", "write digits, as in -1.5e3; NaN is none");
const PAIRS: Fault = Fault("not one or two pairs of a name and a number", "check the fields of this line");
