//! Linear programs smoothed by a quadratic term, as programs that any QP solver takes.

use dfl_core::{Csc, Entry, Error, Formulation, Program, Result};

/// Adds $\tfrac\mu2 \|x\|^2$ to the objective, over all variables of the program; minimises.
///
/// A linear program becomes a strictly convex one whose optimum is unique and, where no constraint is tight with a zero multiplier, a
/// smooth function of every entry: with $I$ the variables off their bounds and $A_I$ the tight rows, $\partial x_I / \partial c_I =
/// -\tfrac1\mu (I - A_I^\top (A_I A_I^\top)^+ A_I)$. That is the derivative of the *smoothed* program. It is zero
/// wherever the smoothed optimum is a vertex, which for a small enough $\mu$ it is: for a linear program the smoothed optimum is then
/// an optimum of the program itself (Mangasarian). See `docs/smoothing.md`.
///
/// # Errors
/// [`Error::Domain`] unless $\mu$ is positive and finite; what [`Program::check`] finds.
///
/// # References
/// Wilder, Dilkina & Tambe (2019), Melding the data-decisions pipeline, AAAI, Eq. 3; Mangasarian & Meyer (1979), SIAM J. Control Optim. 17,
/// Theorem 1.
pub fn smooth_quadratic(formulation: Formulation, mu: f64) -> Result<Formulation> {
    check(&formulation.program, mu)?;
    let Formulation { mut program, params, visible } = formulation;
    let before = program.p.positions();
    program.p = with_diagonal(&program.p, program.n(), mu)?;
    let place = |(i, j): (usize, usize)| program.p.position(i, j).expect("every entry of P stays");
    let params = params.redirect(|entry| match entry {
        Entry::P(k) => vec![Entry::P(before.get(k).map_or(k, |&at| place(at)))],
        other => vec![other],
    });
    Ok(Formulation { program, params, visible })
}

/// Makes the slack of each inequality row a variable and adds $\tfrac\mu2 (\|x\|^2 + \|s\|^2)$: what a method in standard form smooths.
///
/// A row $a^\top x \le \overline b$ becomes $a^\top x + s = \overline b$ with $s \ge 0$, a row $\underline b \le a^\top x$ becomes $a^\top x - s =
/// \underline b$; a row with both sides becomes one of each, the lower one behind all others. Equalities and the bounds of variables stay as they
/// are: a bound whose slack should be smoothed too has to be a row. The slacks come behind the program's variables, and the
/// decision stays the first `visible` ones. For the same $\mu$ the optimum is not that of [`smooth_quadratic`]; both tend to an optimum of
/// the program as $\mu \to 0$.
///
/// # Errors
/// As [`smooth_quadratic`], and [`Error::Unsupported`] for cone rows.
///
/// # References
/// McKenzie, Heaton & Wu Fung (2024), Differentiating through integer linear programs with quadratic regularization and Davis-Yin
/// splitting, TMLR, section 3 (standard form).
pub fn smooth_quadratic_with_slacks(formulation: Formulation, mu: f64) -> Result<Formulation> {
    check(&formulation.program, mu)?;
    smooth_quadratic(with_slacks(formulation)?, mu)
}

/// The same without the quadratic term; the program has been checked.
pub(crate) fn with_slacks(formulation: Formulation) -> Result<Formulation> {
    if !formulation.program.cones.is_empty() {
        return Err(Error::Unsupported { who: "smoothing of slacks", what: "second-order cones" });
    }
    let Formulation { program, params, visible } = formulation;
    let slacks = Slacks::of(&program);
    let entries = program.a.positions();
    let standard = slacks.standard_form(&program)?;
    let params = params.redirect(|entry| match entry {
        Entry::A(k) => {
            entries.get(k).map_or_else(Vec::new, |&(i, j)| slacks.rows_of(i).map(|r| Entry::A(position(&standard.a, r, j))).collect())
        }
        Entry::RowLo(i) => slacks.lower[i].map_or(vec![entry], both_sides),
        Entry::RowUp(i) => slacks.upper[i].map_or(vec![entry], both_sides),
        other => vec![other],
    });
    Ok(Formulation { program: standard, params, visible })
}

fn check(program: &Program, mu: f64) -> Result<()> {
    program.check()?;
    if mu > 0.0 && mu.is_finite() { Ok(()) } else { Err(Error::Domain { what: "smoothing mu", value: mu, need: "positive and finite" }) }
}

fn with_diagonal(p: &Csc, n: usize, mu: f64) -> Result<Csc> {
    let mut triplets: Vec<_> = p.triplets().collect();
    triplets.extend((0..n).map(|j| (j, j, mu)));
    Csc::from_triplets(n, n, &triplets)
}

fn position(a: &Csc, i: usize, j: usize) -> usize {
    a.position(i, j).expect("every entry of A stays")
}

/// An equality's right-hand side.
fn both_sides(row: usize) -> Vec<Entry> {
    vec![Entry::RowLo(row), Entry::RowUp(row)]
}

/// The equality that stands for each side of each inequality row, in the standard form.
struct Slacks {
    lower: Vec<Option<usize>>,
    upper: Vec<Option<usize>>,
    rows: usize,
}

impl Slacks {
    fn of(program: &Program) -> Self {
        let m = program.m();
        let mut out = Self { lower: vec![None; m], upper: vec![None; m], rows: m };
        for i in (0..m).filter(|&i| program.row_lo[i] < program.row_up[i]) {
            out.upper[i] = program.row_up[i].is_finite().then_some(i);
            out.lower[i] = program.row_lo[i].is_finite().then_some(i);
            if out.upper[i].is_some() && out.lower[i].is_some() {
                out.lower[i] = Some(out.rows);
                out.rows += 1;
            }
        }
        out
    }

    /// The rows that row `i` has become.
    fn rows_of(&self, i: usize) -> impl Iterator<Item = usize> {
        [Some(i), self.lower[i].filter(|&r| r != i)].into_iter().flatten()
    }

    fn standard_form(&self, program: &Program) -> Result<Program> {
        let (n, mut slacks) = (program.n(), 0);
        let mut a: Vec<_> = program.a.triplets().flat_map(|(i, j, v)| self.rows_of(i).map(move |r| (r, j, v))).collect();
        let (mut row_lo, mut row_up) = (program.row_lo.clone(), program.row_up.clone());
        row_lo.resize(self.rows, 0.0);
        row_up.resize(self.rows, 0.0);
        for i in 0..program.m() {
            for (row, sign, side) in [(self.upper[i], 1.0, program.row_up[i]), (self.lower[i], -1.0, program.row_lo[i])] {
                let Some(row) = row else { continue };
                a.push((row, n + slacks, sign));
                (row_lo[row], row_up[row]) = (side, side);
                slacks += 1;
            }
        }
        let size = n + slacks;
        let extend = |values: &[f64], with: f64| [values, &vec![with; slacks]].concat();
        let mut integer = program.integer.clone();
        if !integer.is_empty() {
            integer.resize(size, false);
        }
        Ok(Program {
            r: program.r,
            ..Program::linear(extend(&program.c, 0.0))
                .with_quadratic(Csc::from_triplets(size, size, &program.p.triplets().collect::<Vec<_>>())?)
                .with_rows(Csc::from_triplets(self.rows, size, &a)?, row_lo, row_up)
                .with_bounds(extend(&program.lo, 0.0), extend(&program.up, f64::INFINITY))
                .with_integers(integer)
        })
    }
}
