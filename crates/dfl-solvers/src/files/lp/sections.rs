//! The sections of an LP file.

use super::super::{Checked, Fault};
use super::expression::Place;
use super::model::{Sum, ends};
use super::tokens::{Relation, Section, Token, is_infinity};
use super::{CUT_OFF, NO_FILE, Reader};

const BOUND: Fault = Fault("not a bound", "write it as `1 <= x <= 4`, `x >= 1`, `x = 3` or `x free`");

const SIDE: Fault = Fault("a side of a row that is empty", "write its terms, or 0");

impl<'a> Reader<'a> {
    /// The whole file: the objective, the rows if there are any, and the other sections in any order.
    pub(super) fn sections(&mut self) -> Checked<()> {
        match self.tokens.take()? {
            Some(Token::Section(Section::Minimise)) => {}
            Some(Token::Section(Section::Maximise)) => self.model.maximise = true,
            _ => return Err(NO_FILE),
        }
        self.objective()?;
        let mut rows_may_come = true;
        loop {
            let Some(Token::Section(section)) = self.tokens.take()? else { return Err(CUT_OFF) };
            match section {
                Section::Rows if rows_may_come => self.each(Self::row)?,
                Section::Minimise | Section::Maximise | Section::Rows => {
                    return Err(Fault("a section out of its place", "give the objective first, then the rows, each once"));
                }
                Section::Bounds => self.each(Self::bound)?,
                Section::Integers => self.each(|reader| reader.integer(false))?,
                Section::Binaries => self.each(|reader| reader.integer(true))?,
                Section::Beyond(fault) => self.each(|reader| reader.refuse(fault))?,
                Section::End => return self.end(),
            }
            rows_may_come = false;
        }
    }

    fn objective(&mut self) -> Checked<()> {
        self.label()?;
        let sum = self.sum(Place::Objective)?;
        match self.tokens.peek()?.map(|next| next.token) {
            Some(Token::Section(_)) | None => self.model.set_objective(sum),
            _ => self.refuse(Fault("a row in the objective", "begin the rows with `subject to`, at the beginning of a line")),
        }
    }

    fn end(&mut self) -> Checked<()> {
        match self.tokens.peek()? {
            Some(_) => self.refuse(Fault("content after `end`", "take it away, or move `end` behind it")),
            None => Ok(()),
        }
    }

    /// Reads up to the next section or the end of the file.
    fn each(&mut self, mut read: impl FnMut(&mut Self) -> Checked<()>) -> Checked<()> {
        while self.tokens.peek()?.is_some_and(|next| !matches!(next.token, Token::Section(_))) {
            read(self)?;
        }
        Ok(())
    }

    fn label(&mut self) -> Checked<Option<&'a str>> {
        match self.tokens.peek()?.map(|next| next.token) {
            Some(Token::Label(name)) => self.tokens.take().map(|_| Some(name)),
            _ => Ok(None),
        }
    }

    fn relation(&mut self) -> Checked<Option<Relation>> {
        match self.tokens.peek()?.map(|next| next.token) {
            Some(Token::Relation(relation)) => self.tokens.take().map(|_| Some(relation)),
            _ => Ok(None),
        }
    }

    /// A row that has a name may have no terms on the left: HiGHS writes those without variables like that.
    fn row(&mut self) -> Checked<()> {
        let name = self.label()?;
        if let Some(name) = name {
            self.model.name_row(name)?;
        }
        let first = self.sum(Place::Left)?;
        let relation = self.relation()?.ok_or(Fault("a row without <=, >= or =", "add it and its right-hand side"))?;
        if first.terms == 0 && name.is_none() {
            return Err(SIDE);
        }
        let second = self.right()?;
        let Some(next) = self.relation()? else { return self.model.add_row(first, relation, second) };
        let third = self.right()?;
        self.model.add_range([first, second, third], [relation, next])
    }

    fn right(&mut self) -> Checked<Sum> {
        let sum = self.sum(Place::Right)?;
        if sum.terms == 0 { Err(SIDE) } else { Ok(sum) }
    }

    fn bound(&mut self) -> Checked<()> {
        let Some(next) = self.tokens.peek()? else { return Err(BOUND) };
        match next.token {
            Token::Word(name) if !is_infinity(name) => {
                self.tokens.take()?;
                let j = self.model.find(name)?;
                match self.tokens.take()? {
                    Some(Token::Word(word)) if word.eq_ignore_ascii_case("free") => self.model.set_free(j, next.line),
                    Some(Token::Relation(relation)) => {
                        let value = self.value()?;
                        self.model.set_bound(j, relation, value, next.line)?;
                    }
                    _ => return Err(BOUND),
                }
            }
            Token::Number(_) | Token::Sign(_) | Token::Word(_) => {
                let first = self.value()?;
                let (Some(relation), Some(Token::Word(name))) = (self.relation()?, self.tokens.take()?) else { return Err(BOUND) };
                let j = self.model.find(name)?;
                let line = self.tokens.line;
                match self.relation()? {
                    None => self.model.set_bound(j, relation.reversed(), first, line)?,
                    Some(next) => {
                        let last = self.value()?;
                        let (lo, up) = ends([relation, next], first, last)?;
                        self.model.set_bound(j, Relation::AtLeast, lo, line)?;
                        self.model.set_bound(j, Relation::AtMost, up, line)?;
                    }
                }
            }
            _ => return self.refuse(BOUND),
        }
        Ok(())
    }

    fn integer(&mut self, binary: bool) -> Checked<()> {
        match self.tokens.take()? {
            Some(Token::Word(name)) => {
                let j = self.model.find(name)?;
                self.model.set_integer(j, binary);
                Ok(())
            }
            _ => Err(Fault("not a name of a variable", "list the names, with blanks between them")),
        }
    }
}
