//! The search for a smallest conflict, by halves.

use dfl_core::{Csc, Entry, Program, Result, Status};

use super::certificate::certificate;
use super::{Conflict, ConflictOptions};
use crate::Limits;
use crate::limits::Deadline;

pub(super) struct Search<'a> {
    program: &'a Program,
    options: &'a ConflictOptions,
    /// The program without objective, sides of rows and bounds.
    bare: Program,
    solves: usize,
    deadline: Deadline,
    /// Whether each question so far has been answered.
    certain: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(program: &'a Program, options: &'a ConflictOptions) -> Self {
        let (n, m) = (program.n(), program.m());
        let bare = Program {
            p: Csc::empty(n, n),
            c: vec![0.0; n],
            r: 0.0,
            row_lo: vec![f64::NEG_INFINITY; m],
            row_up: vec![f64::INFINITY; m],
            lo: vec![f64::NEG_INFINITY; n],
            up: vec![f64::INFINITY; n],
            ..program.clone()
        };
        Self { program, options, bare, solves: 0, deadline: Deadline::after(options.limits.seconds), certain: true }
    }

    pub(super) fn run(mut self) -> Result<Option<Conflict>> {
        let (mut sides, integers) = (self.sides(), self.program.has_integers());
        if !self.infeasible(&sides, integers)? {
            return Ok(None);
        }
        self.solves += 1;
        if let Some(few) = certificate(self.program, &sides, self.options.backend, &self.limits())? {
            // A proof up to rounding: it counts if the solver finds so too.
            if self.infeasible(&few, integers)? {
                sides = few;
            }
        }
        // Only what follows has to be answered: it is what makes the result irreducible.
        self.certain = true;
        sides = self.smallest(&mut Vec::new(), true, &sides, integers)?;
        let irreducible = self.certain;
        let integrality = integers && self.answer(&sides, false)? == Some(false);
        sides.sort_by_key(order);
        Ok(Some(Conflict { sides, integrality, irreducible, solves: self.solves }))
    }

    /// All that is finite; rows first, so that they are preferred.
    fn sides(&self) -> Vec<Entry> {
        let (n, m) = (self.program.n(), self.program.m());
        let rows = (0..m).flat_map(|i| [Entry::RowLo(i), Entry::RowUp(i)]);
        let bounds = (0..n).flat_map(|j| [Entry::Lo(j), Entry::Up(j)]);
        rows.chain(bounds).filter(|side| side.get(self.program).is_some_and(f64::is_finite)).collect()
    }

    /// What of `candidates` is needed beside `given` to conflict, which all of them together do. `ask` is whether `given` alone may.
    fn smallest(&mut self, given: &mut Vec<Entry>, ask: bool, candidates: &[Entry], whole: bool) -> Result<Vec<Entry>> {
        if ask && self.infeasible(given, whole)? {
            return Ok(Vec::new());
        }
        if candidates.len() <= 1 {
            return Ok(candidates.to_vec());
        }
        let (first, second) = candidates.split_at(candidates.len() / 2);
        let before = given.len();
        given.extend(first);
        let late = self.smallest(given, true, second, whole)?;
        given.truncate(before);
        given.extend(&late);
        let early = self.smallest(given, !late.is_empty(), first, whole)?;
        given.truncate(before);
        Ok([early, late].concat())
    }

    /// Those of one program.
    fn limits(&self) -> Limits {
        Limits { seconds: self.deadline.left().map(|left| left.as_secs_f64()), ..self.options.limits }
    }

    /// Whether these sides are proven to conflict, with variables integer where they are if `whole`.
    fn infeasible(&mut self, sides: &[Entry], whole: bool) -> Result<bool> {
        let answer = self.answer(sides, whole)?;
        self.certain &= answer.is_some();
        Ok(answer == Some(true))
    }

    /// The same; `None` if a limit comes before the answer.
    fn answer(&mut self, sides: &[Entry], whole: bool) -> Result<Option<bool>> {
        if sides.is_empty() && self.program.cones.is_empty() {
            return Ok(Some(false));
        }
        if self.solves >= self.options.solves || self.deadline.passed() {
            return Ok(None);
        }
        self.solves += 1;
        let mut program = self.bare.clone();
        sides.iter().for_each(|&side| copy(side, self.program, &mut program));
        if !whole {
            program.integer.clear();
        }
        let status = self.options.backend.solve(&program, &self.limits())?.info.status;
        let answered = status.usable() || matches!(status, Status::Infeasible | Status::Unbounded);
        Ok(answered.then_some(status == Status::Infeasible))
    }
}

fn copy(side: Entry, from: &Program, to: &mut Program) {
    match side {
        Entry::RowLo(i) => to.row_lo[i] = from.row_lo[i],
        Entry::RowUp(i) => to.row_up[i] = from.row_up[i],
        Entry::Lo(j) => to.lo[j] = from.lo[j],
        Entry::Up(j) => to.up[j] = from.up[j],
        Entry::P(_) | Entry::C(_) | Entry::A(_) => unreachable!("only sides are searched"),
    }
}

fn order(side: &Entry) -> (u8, usize, u8) {
    match *side {
        Entry::RowLo(i) => (0, i, 0),
        Entry::RowUp(i) => (0, i, 1),
        Entry::Lo(j) => (1, j, 0),
        Entry::Up(j) => (1, j, 1),
        Entry::P(k) | Entry::C(k) | Entry::A(k) => (2, k, 0),
    }
}
