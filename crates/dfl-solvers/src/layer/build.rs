//! From a model to a program and the map of its parameters.

use std::collections::HashMap;
use std::sync::Arc;

use dfl_core::{Csc, Entry, Error, Formulation, ParamMap, Program, Result};

use super::built::{Layer, Named};
use super::model::Model;
use super::names::{refuse, unique};
use super::parameter::{Bound, Link, Shift, Slot};
use crate::check_convex;

/// A bound that became a row, since it may cross the other bound at `theta = 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BoundRow {
    pub(super) row: usize,
    pub(super) variable: usize,
    pub(super) bound: Bound,
}

impl Model {
    /// The model as a program with parameters, ready to be solved and differentiated at any values of them.
    ///
    /// # Errors
    /// [`Error::Model`] with the names: for what was found wrong while the model was written, a bound that is NaN or crossed, and a
    /// quadratic term that is not convex (not concave, for a maximum) at the nominal values.
    pub fn layer(self) -> Result<Layer> {
        self.check()?;
        self.check_bounds()?;
        let rows = self.crossing();
        let program = self.program(&rows)?;
        let mut base = program.clone();
        let params = self.link(&program, &rows, &mut base);
        params.check(&base)?;
        name_curved(check_convex(&program), &self.names)?;
        let formulation = Formulation { visible: program.n(), program: base, params };
        let parameters = self.parameters;
        let named = Named {
            maximise: self.maximise,
            formulation,
            variables: self.names,
            place: self.place,
            constraints: unique(self.rows.iter().map(|row| row.name.as_str()), 'c'),
            stamps: self.rows.iter().map(|row| row.stamp).collect(),
            equality: self.rows.iter().map(|row| row.equality).collect(),
            bound_rows: rows,
            parameters,
        };
        Ok(Layer::new(Arc::new(named)))
    }

    fn check_bounds(&self) -> Result<()> {
        for (definition, name) in self.variables.iter().zip(&self.names) {
            let (lo, up) = (definition.get_min(), definition.get_max());
            if lo.is_nan() || up.is_nan() || lo == f64::INFINITY || up == f64::NEG_INFINITY {
                return refuse("a bound is no number", format!("{lo} <= {name} <= {up}"), "write a number, or leave the bound out");
            }
            if lo > up {
                return refuse("a lower bound exceeds the upper one", format!("{lo} <= {name} <= {up}"), "swap or widen them");
            }
        }
        Ok(())
    }

    /// The program with the numbers of the model, and a stored entry wherever a parameter may need one.
    fn program(&self, rows: &[BoundRow]) -> Result<Program> {
        let (n, m) = (self.variables.len(), self.rows.len() + rows.len());
        let sense = if self.maximise { -1.0 } else { 1.0 };
        let mut p: Vec<_> = self.quadratic.iter().map(|(&(i, j), v)| (i, j, sense * if i == j { 2.0 * v } else { *v })).collect();
        let terms = self.rows.iter().enumerate().flat_map(|(i, row)| row.terms.iter().map(move |&(j, v)| (i, j, v)));
        let mut a: Vec<_> = terms.chain(rows.iter().map(|r| (r.row, r.variable, 1.0))).collect();
        for link in self.links() {
            match link.slot {
                Slot::Quadratic(i, j) => p.push((i, j, 0.0)),
                Slot::Coefficient(i, j) => a.push((i, j, 0.0)),
                _ => {}
            }
        }
        let (mut lo, mut up): (Vec<f64>, Vec<f64>) = self.variables.iter().map(|v| (v.get_min(), v.get_max())).unzip();
        let (mut row_lo, mut row_up) = (vec![f64::NEG_INFINITY; m], vec![f64::INFINITY; m]);
        for (i, row) in self.rows.iter().enumerate() {
            (row_lo[i], row_up[i]) = (if row.equality { row.rhs } else { f64::NEG_INFINITY }, row.rhs);
        }
        for r in rows {
            let (side, bound, none) = match r.bound {
                Bound::Lower => (&mut row_lo[r.row], &mut lo[r.variable], f64::NEG_INFINITY),
                _ => (&mut row_up[r.row], &mut up[r.variable], f64::INFINITY),
            };
            (*side, *bound) = (*bound, none);
        }
        let c = self.objective.iter().map(|c| sense * c).collect();
        let linear = Program { r: sense * self.constant, ..Program::linear(c) };
        Ok(linear
            .with_quadratic(Csc::from_triplets(n, n, &p)?)
            .with_rows(Csc::from_triplets(m, n, &a)?, row_lo, row_up)
            .with_bounds(lo, up)
            .with_integers(self.variables.iter().map(good_lp::VariableDefinition::is_integer).collect()))
    }

    fn links(&self) -> impl Iterator<Item = &Link> {
        self.parameters.iter().flat_map(|p| &p.links)
    }

    /// Links the parameters, and makes `base` the program at `theta = 0`.
    fn link(&self, program: &Program, rows: &[BoundRow], base: &mut Program) -> ParamMap {
        let linked: Vec<(Entry, &Link)> =
            self.links().flat_map(|link| self.entries(link.slot, program, rows).into_iter().map(move |entry| (entry, link))).collect();
        for (entry, _) in linked.iter().filter(|(_, link)| link.shift == Shift::Replaced) {
            set(base, *entry, |_| 0.0);
        }
        for (entry, link) in &linked {
            if let Shift::Nominal(nominal) = link.shift {
                set(base, *entry, |number| number - link.factor * nominal);
            }
        }
        linked.iter().fold(ParamMap::new(self.theta()), |map, (entry, link)| map.link(*entry, link.index, link.factor))
    }

    fn entries(&self, slot: Slot, program: &Program, rows: &[BoundRow]) -> Vec<Entry> {
        const STORED: &str = "an entry was stored for every link";
        // At most one of each variable, in their order.
        let of = |variable: usize| rows.binary_search_by_key(&variable, |r| r.variable).ok().map(|k| rows[k]);
        let row = |variable: usize, bound: Bound| of(variable).filter(|r| r.bound == bound).map(|r| r.row);
        match slot {
            Slot::Cost(j) => vec![Entry::C(j)],
            Slot::Rhs(i) if self.rows[i].equality => vec![Entry::RowLo(i), Entry::RowUp(i)],
            Slot::Rhs(i) => vec![Entry::RowUp(i)],
            Slot::Coefficient(i, j) => vec![Entry::A(program.a.position(i, j).expect(STORED))],
            Slot::Quadratic(i, j) => vec![Entry::P(program.p.position(i, j).expect(STORED))],
            Slot::Lower(j) => vec![row(j, Bound::Lower).map_or(Entry::Lo(j), Entry::RowLo)],
            Slot::Upper(j) => vec![row(j, Bound::Upper).map_or(Entry::Up(j), Entry::RowUp)],
        }
    }

    /// Bounds that a parameter moves and that lie beyond the other bound at `theta = 0`, where a program must have a point.
    fn crossing(&self) -> Vec<BoundRow> {
        let mut moved: HashMap<Slot, f64> = HashMap::new();
        for link in self.links().filter(|link| matches!(link.slot, Slot::Lower(_) | Slot::Upper(_))) {
            let by = if let Shift::Nominal(nominal) = link.shift { link.factor * nominal } else { 0.0 };
            *moved.entry(link.slot).or_default() += by;
        }
        let base = |slot: Slot| {
            let number = if self.owners.contains_key(&slot) { 0.0 } else { self.number(slot) };
            (number - moved.get(&slot).unwrap_or(&0.0), moved.contains_key(&slot))
        };
        let mut out = Vec::new();
        for variable in 0..self.variables.len() {
            let ((lo, _), (up, linked)) = (base(Slot::Lower(variable)), base(Slot::Upper(variable)));
            if lo > up {
                let bound = if linked { Bound::Upper } else { Bound::Lower };
                out.push(BoundRow { row: self.rows.len() + out.len(), variable, bound });
            }
        }
        out
    }
}

fn set(base: &mut Program, entry: Entry, change: impl Fn(f64) -> f64) {
    let slot = match entry {
        Entry::P(k) => &mut base.p.values_mut()[k],
        Entry::C(j) => &mut base.c[j],
        Entry::A(k) => &mut base.a.values_mut()[k],
        Entry::RowLo(i) => &mut base.row_lo[i],
        Entry::RowUp(i) => &mut base.row_up[i],
        Entry::Lo(j) => &mut base.lo[j],
        Entry::Up(j) => &mut base.up[j],
    };
    *slot = change(*slot);
}

/// Says which variable a quadratic term curves the wrong way in.
pub(super) fn name_curved<T>(result: Result<T>, variables: &[String]) -> Result<T> {
    match result {
        Err(Error::NotConvex { row, pivot }) => refuse(
            "the quadratic term is not convex (for a maximum: not concave)",
            format!("{} (pivot {pivot:.3e})", variables[row]),
            "a minimum needs positive curvature, a maximum negative",
        ),
        other => other,
    }
}
