use dfl_core::{Adjoint, Entry, ParamMap, Program, Side, Solution};

/// What of a program `theta` moves, and how the entries it moves enter the KKT conditions; the same for every `theta`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Entries {
    /// Row and column of each stored entry of `P` and of `A`; empty if `theta` moves none of it.
    p: Vec<(usize, usize)>,
    a: Vec<(usize, usize)>,
    rows: bool,
    bounds: bool,
}

/// A right-hand side of the KKT system, to add to.
pub(crate) struct Parts<'a> {
    pub(crate) x: &'a mut [f64],
    pub(crate) rows: &'a mut [f64],
    pub(crate) bounds: &'a mut [f64],
}

impl Entries {
    pub(crate) fn of(program: &Program, params: &ParamMap) -> Self {
        Self {
            p: if params.moves(|e| matches!(e, Entry::P(_))) { program.p.positions() } else { Vec::new() },
            a: if params.moves(|e| matches!(e, Entry::A(_))) { program.a.positions() } else { Vec::new() },
            rows: params.moves(|e| matches!(e, Entry::RowLo(_) | Entry::RowUp(_))),
            bounds: params.moves(|e| matches!(e, Entry::Lo(_) | Entry::Up(_))),
        }
    }

    /// Whether `theta` moves `P` or `A`.
    pub(crate) fn move_matrices(&self) -> bool {
        !(self.p.is_empty() && self.a.is_empty())
    }

    /// The part of an answer that [`Entries::gradient`] and [`Entries::add_tangent`] read; the rest is left empty.
    pub(crate) fn keep(&self, s: &Solution) -> Solution {
        fn only_if<T: Clone>(needed: bool, values: &[T]) -> Vec<T> {
            if needed { values.to_vec() } else { Vec::new() }
        }
        Solution {
            x: only_if(self.move_matrices(), &s.x),
            row_dual: only_if(!self.a.is_empty(), &s.row_dual),
            row_side: only_if(self.rows, &s.row_side),
            bound_side: only_if(self.bounds, &s.bound_side),
            ..Solution::default()
        }
    }

    /// `u' dF/d(entry)`.
    pub(crate) fn gradient(&self, s: &Solution, u: &Adjoint, entry: Entry) -> f64 {
        let on = |side: Side, wanted: Side, value: f64| if side == wanted { -value } else { 0.0 };
        match entry {
            Entry::C(j) => u.x[j],
            Entry::P(k) => match self.p[k] {
                (i, j) if i == j => u.x[i] * s.x[i],
                (i, j) => u.x[i] * s.x[j] + u.x[j] * s.x[i],
            },
            Entry::A(k) => {
                let (i, j) = self.a[k];
                u.x[j] * s.row_dual[i] + u.rows[i] * s.x[j]
            }
            Entry::RowLo(i) => on(s.row_side[i], Side::Lower, u.rows[i]),
            Entry::RowUp(i) => on(s.row_side[i], Side::Upper, u.rows[i]),
            Entry::Lo(j) => on(s.bound_side[j], Side::Lower, u.bounds[j]),
            Entry::Up(j) => on(s.bound_side[j], Side::Upper, u.bounds[j]),
        }
    }

    /// `rhs -= dF/d(entry) d`, so that `K^-1 rhs` is the tangent of the answer. Rows that are not tight may be written to.
    pub(crate) fn add_tangent(&self, s: &Solution, entry: Entry, d: f64, rhs: &mut Parts<'_>) {
        match entry {
            Entry::C(j) => rhs.x[j] -= d,
            Entry::P(k) => {
                let (i, j) = self.p[k];
                rhs.x[i] -= d * s.x[j];
                if i != j {
                    rhs.x[j] -= d * s.x[i];
                }
            }
            Entry::A(k) => {
                let (i, j) = self.a[k];
                rhs.x[j] -= d * s.row_dual[i];
                rhs.rows[i] -= d * s.x[j];
            }
            Entry::RowLo(i) if s.row_side[i] == Side::Lower => rhs.rows[i] += d,
            Entry::RowUp(i) if s.row_side[i] == Side::Upper => rhs.rows[i] += d,
            Entry::Lo(j) if s.bound_side[j] == Side::Lower => rhs.bounds[j] += d,
            Entry::Up(j) if s.bound_side[j] == Side::Upper => rhs.bounds[j] += d,
            Entry::RowLo(_) | Entry::RowUp(_) | Entry::Lo(_) | Entry::Up(_) => {}
        }
    }
}
