//! The part of a program that costs and bounds do not touch: computed once if `theta` moves neither `P` nor `A`.

use dfl_core::Program;

use super::kernels::padded;
use super::metric::Metric;
use super::rows::Rows;
use super::units::Units;

/// Constraints $\underline b_i \le a_i^\top x \le \overline b_i$ in one list: first the rows with a finite side, then the variables
/// with one, whose normal is a unit vector.
#[derive(Clone, Debug)]
pub(super) struct Model {
    pub(super) rows: Rows,
    /// The bounded variables.
    pub(super) vars: Vec<usize>,
    /// Place of each variable among them; `usize::MAX` for a free one.
    pub(super) place: Vec<usize>,
    pub(super) metric: Metric,
    /// $\|a_i\|$; 1 for a zero row and as padding.
    pub(super) norm: Vec<f64>,
    /// $1 / \|a_i\|$; 1 for a zero row and as padding.
    pub(super) weight: Vec<f64>,
    /// Of the base program; a moved one keeps them.
    pub(super) units: Units,
    /// The unit of the value of each constraint: its value in the program is this times its value here; 1 as padding.
    pub(super) unit: Vec<f64>,
    /// Whether all units are 1.
    pub(super) own_units: bool,
}

impl Model {
    pub(super) fn new(program: &Program) -> Self {
        let bounded = |lo: &[f64], up: &[f64]| -> Vec<usize> {
            (0..lo.len()).filter(|&i| lo[i] > f64::NEG_INFINITY || up[i] < f64::INFINITY).collect()
        };
        let mut units = Units::own(program);
        let mut metric = Metric::new(&program.p, &units.column);
        if metric.shift > 0.0 {
            units = Units::alike(program);
            metric.fill(&program.p, &units.column);
        }
        let rows = Rows::new(&program.a, bounded(&program.row_lo, &program.row_up), &units);
        let vars = bounded(&program.lo, &program.up);
        let mut place = vec![usize::MAX; program.n()];
        vars.iter().enumerate().for_each(|(k, &j)| place[j] = rows.len() + k);
        let ones = vec![1.0; padded(rows.len() + vars.len())];
        let mut unit = ones.clone();
        let of_constraint = rows.kept.iter().map(|&i| 1.0 / units.row[i]).chain(vars.iter().map(|&j| units.column[j]));
        unit.iter_mut().zip(of_constraint).for_each(|(to, unit)| *to = unit);
        let mut out = Self {
            rows,
            vars,
            place,
            metric,
            norm: ones.clone(),
            weight: ones,
            own_units: units.column.iter().chain(&units.row).all(|&v| v == 1.0),
            units,
            unit,
        };
        out.weigh();
        out
    }

    /// Takes over `P` and `A` of a program of the same pattern.
    pub(super) fn fill(&mut self, program: &Program) {
        self.rows.fill(&program.a, &self.units);
        self.metric.fill(&program.p, &self.units.column);
        self.weigh();
    }

    fn weigh(&mut self) {
        for k in 0..self.rows.len() {
            let norm = self.rows.norm(k);
            self.norm[k] = if norm > 0.0 { norm } else { 1.0 };
            self.weight[k] = 1.0 / self.norm[k];
        }
    }

    /// Number of variables.
    #[inline(always)]
    pub(super) fn n(&self) -> usize {
        self.place.len()
    }

    /// Number of constraints.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.rows.len() + self.vars.len()
    }

    /// `out += s a_i`; `out` is padded.
    #[inline(always)]
    pub(super) fn add_normal(&self, i: usize, s: f64, out: &mut [f64]) {
        match i.checked_sub(self.rows.len()) {
            None => self.rows.add(i, s, out),
            Some(k) => out[self.vars[k]] += s,
        }
    }

    /// `a_i'x`; `x` is padded.
    #[inline(always)]
    pub(super) fn normal_dot(&self, i: usize, x: &[f64]) -> f64 {
        match i.checked_sub(self.rows.len()) {
            None => self.rows.dot(i, x),
            Some(k) => x[self.vars[k]],
        }
    }

    /// `a_i'x` of every constraint; both are padded.
    #[inline(always)]
    pub(super) fn values(&self, x: &[f64], out: &mut [f64]) {
        self.rows.mul(&x[..self.n()], out);
        out[self.rows.len()..].iter_mut().zip(&self.vars).for_each(|(to, &j)| *to = x[j]);
    }
}
