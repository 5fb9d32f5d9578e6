use crate::{Csc, Error, Result, Solution, check_len};

/// One second-order-cone row: $\|Fx + g\| \le d^\top x + e$.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are the letters of the formula")]
pub struct Cone {
    pub f: Csc,
    pub g: Vec<f64>,
    pub d: Vec<f64>,
    pub e: f64,
}

/// An optimisation problem as plain data; minimised.
///
/// $$\min_x \tfrac12 x^\top P x + c^\top x + r \quad\text{s.t. } \underline b \le Ax \le \overline b,\ \underline x \le x \le \overline x$$
///
/// with some $x_j$ integer and second-order-cone rows. One structure for LP, QP, MILP and SOCP, so that each backend reads it
/// once; a backend refuses what it does not take. Bounds may be infinite; everything else is finite.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Program {
    /// Upper triangle of the symmetric $P$, `[n, n]`.
    pub p: Csc,
    /// Linear cost $c$, `[n]`.
    pub c: Vec<f64>,
    /// Constant $r$.
    pub r: f64,
    /// Rows $A$, `[m, n]`.
    pub a: Csc,
    /// $\underline b$, `[m]`.
    pub row_lo: Vec<f64>,
    /// $\overline b$, `[m]`.
    pub row_up: Vec<f64>,
    /// $\underline x$, `[n]`.
    pub lo: Vec<f64>,
    /// $\overline x$, `[n]`.
    pub up: Vec<f64>,
    /// Which variables are integer, `[n]`; empty means none.
    pub integer: Vec<bool>,
    /// Second-order-cone rows; empty for most.
    pub cones: Vec<Cone>,
}

impl Program {
    /// `min c'x` over free variables and without rows; the `with_` methods add the rest.
    pub fn linear(c: Vec<f64>) -> Self {
        let n = c.len();
        Self { p: Csc::empty(n, n), a: Csc::empty(0, n), lo: vec![f64::NEG_INFINITY; n], up: vec![f64::INFINITY; n], c, ..Self::default() }
    }

    /// Sets the upper triangle of `P`.
    pub fn with_quadratic(mut self, p: Csc) -> Self {
        self.p = p;
        self
    }

    /// Sets the rows `lo <= A x <= up`.
    pub fn with_rows(mut self, a: Csc, lo: Vec<f64>, up: Vec<f64>) -> Self {
        (self.a, self.row_lo, self.row_up) = (a, lo, up);
        self
    }

    /// Sets the bounds on the variables.
    pub fn with_bounds(mut self, lo: Vec<f64>, up: Vec<f64>) -> Self {
        (self.lo, self.up) = (lo, up);
        self
    }

    /// Sets which variables are integer.
    pub fn with_integers(mut self, integer: Vec<bool>) -> Self {
        self.integer = integer;
        self
    }

    /// Number of variables.
    pub fn n(&self) -> usize {
        self.c.len()
    }

    /// Number of rows.
    pub fn m(&self) -> usize {
        self.row_lo.len()
    }

    /// Number of entries of the cone rows' duals: `1 +` the rows of `F` for each.
    pub fn cone_duals(&self) -> usize {
        self.cones.iter().map(|cone| 1 + cone.g.len()).sum()
    }

    /// Whether any variable is integer.
    pub fn has_integers(&self) -> bool {
        self.integer.contains(&true)
    }

    /// $\tfrac12 x^\top P x + c^\top x + r$.
    pub fn objective(&self, x: &[f64]) -> f64 {
        let linear: f64 = self.c.iter().zip(x).map(|(c, x)| c * x).sum();
        self.quadratic(x) + linear + self.r
    }

    fn quadratic(&self, x: &[f64]) -> f64 {
        self.p.triplets().map(|(i, j, v)| if i == j { 0.5 * v * x[i] * x[i] } else { v * x[i] * x[j] }).sum()
    }

    /// The dual objective, a lower bound on the optimal value where the duals satisfy $Px + c + A^\top\lambda + \nu + \dots = 0$:
    ///
    /// $$-\tfrac12 x^\top P x + r - \sum_i \max(\lambda_i \underline b_i, \lambda_i \overline b_i)
    /// - \sum_j \max(\nu_j \underline x_j, \nu_j \overline x_j) + \sum_k (w_k^\top g_k - \mu_k e_k)$$
    ///
    /// A dual at an infinite side, which an answer has only up to rounding, counts as zero.
    pub fn dual_objective(&self, solution: &Solution) -> f64 {
        let mut value = self.r - self.quadratic(&solution.x);
        let rows = solution.row_dual.iter().zip(&self.row_lo).zip(&self.row_up);
        let bounds = solution.bound_dual.iter().zip(&self.lo).zip(&self.up);
        for ((dual, lo), up) in rows.chain(bounds) {
            let side = if *dual > 0.0 { up } else { lo };
            value -= if side.is_finite() { dual * side } else { 0.0 };
        }
        let mut duals = solution.cone_dual.iter();
        for cone in &self.cones {
            value -= duals.next().map_or(0.0, |mu| mu * cone.e);
            value += cone.g.iter().zip(duals.by_ref()).map(|(g, w)| g * w).sum::<f64>();
        }
        value
    }

    /// Refuses inconsistent sizes, a lower triangle in `P`, non-finite data and crossed bounds.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`], [`Error::CrossedBounds`] or [`Error::Domain`], naming the field and its index.
    pub fn check(&self) -> Result<()> {
        self.check_sizes()?;
        finite("P", self.p.values())?;
        finite("c", &self.c)?;
        finite("r", &[self.r])?;
        finite("A", self.a.values())?;
        self.check_bounds()?;
        self.cones.iter().try_for_each(|k| self.check_cone(k))
    }

    fn check_sizes(&self) -> Result<()> {
        let (n, m) = (self.n(), self.m());
        self.p.check_size("P", n, n)?;
        self.a.check_size("A", m, n)?;
        check_len("row_up", m, self.row_up.len())?;
        check_len("lo", n, self.lo.len())?;
        check_len("up", n, self.up.len())?;
        if !self.integer.is_empty() {
            check_len("integer", n, self.integer.len())?;
        }
        match self.p.triplets().find(|&(i, j, _)| i > j) {
            Some((_, _, value)) => {
                Err(Error::Domain { what: "entry of P below the diagonal", value, need: "left out: P holds the upper triangle" })
            }
            None => Ok(()),
        }
    }

    /// Refuses NaN bounds, crossed bounds and a bound at the wrong infinity.
    ///
    /// # Errors
    /// [`Error::NotFinite`] or [`Error::CrossedBounds`], naming the row or variable.
    pub fn check_bounds(&self) -> Result<()> {
        bounds("row", "bound of a row", &self.row_lo, &self.row_up)?;
        bounds("variable", "bound of a variable", &self.lo, &self.up)
    }

    fn check_cone(&self, cone: &Cone) -> Result<()> {
        cone.f.check_size("cone F", cone.g.len(), self.n())?;
        check_len("cone d", self.n(), cone.d.len())?;
        finite("cone F", cone.f.values())?;
        finite("cone g", &cone.g)?;
        finite("cone d", &cone.d)?;
        finite("cone e", &[cone.e])
    }
}

/// Refuses a NaN or infinite entry of one field of one program.
fn finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(column) => Err(Error::NotFinite { what, row: 0, column, value: values[column] }),
    }
}

fn bounds(what: &'static str, bound: &'static str, lo: &[f64], up: &[f64]) -> Result<()> {
    for (index, (&lower, &upper)) in lo.iter().zip(up).enumerate() {
        let wrong = if lower.is_nan() || lower == f64::INFINITY {
            Some(lower)
        } else {
            (upper.is_nan() || upper == f64::NEG_INFINITY).then_some(upper)
        };
        if let Some(value) = wrong {
            return Err(Error::NotFinite { what: bound, row: 0, column: index, value });
        }
        if lower > upper {
            return Err(Error::CrossedBounds { what, index, lower, upper });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program() -> Program {
        let p = Csc::from_triplets(2, 2, &[(0, 0, 2.0), (0, 1, 1.0), (1, 1, 4.0)]).unwrap();
        let a = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap();
        Program::linear(vec![1.0, -1.0]).with_quadratic(p).with_rows(a, vec![0.0], vec![f64::INFINITY])
    }

    /// x = (1, 2): 1/2 (2 + 2*2 + 16) + 1 - 2 = 10.
    #[test]
    fn objective_by_hand() {
        assert_eq!(program().objective(&[1.0, 2.0]), 10.0);
    }

    /// min 1/2 x^2 - 2x + 3 for x <= 1 and 1/4 <= x / 2 <= 4: x = 1 with the multiplier 1, and 3/2; at x = 0 with 2 on the bound it is
    /// 3 - 2 = 1, a lower bound. In the unit disc, min -x - y is -sqrt 2.
    #[test]
    fn dual_objective_by_hand() {
        let program = Program { r: 3.0, ..Program::linear(vec![-2.0]) }
            .with_quadratic(Csc::diagonal(&[1.0]))
            .with_rows(Csc::diagonal(&[0.5]), vec![0.25], vec![4.0])
            .with_bounds(vec![f64::NEG_INFINITY], vec![1.0]);
        let at = |x: f64, dual: f64| Solution { x: vec![x], bound_dual: vec![dual], ..Solution::like(&program) };
        assert_eq!(program.dual_objective(&at(1.0, 1.0)), 1.5);
        assert_eq!(program.dual_objective(&at(0.0, 2.0)), 1.0);
        assert_eq!(program.dual_objective(&at(2.0, -1e-17)), 1.0, "no lower bound, no multiplier");
        assert_eq!(program.dual_objective(&Solution { row_dual: vec![-2.0], ..at(0.0, 0.0) }), 3.5);
        let disc = Cone { f: Csc::diagonal(&[1.0, 1.0]), g: vec![0.0; 2], d: vec![0.0; 2], e: 1.0 };
        let program = Program { cones: vec![disc], ..Program::linear(vec![-1.0; 2]) };
        let best = Solution { cone_dual: vec![2.0_f64.sqrt(), 1.0, 1.0], ..Solution::like(&program) };
        assert_eq!(program.dual_objective(&best), -2.0_f64.sqrt());
    }

    #[test]
    fn a_good_program_passes() {
        program().check().unwrap();
        full().check().unwrap();
    }

    /// With every field: a cone row over two integer variables.
    fn full() -> Program {
        let cone = Cone { f: Csc::diagonal(&[1.0, 1.0]), g: vec![0.0; 2], d: vec![0.0; 2], e: 1.0 };
        Program { integer: vec![true; 2], cones: vec![cone], ..program() }
    }

    fn refusal(spoil: impl FnOnce(&mut Program)) -> String {
        let mut bad = full();
        spoil(&mut bad);
        bad.check().unwrap_err().to_string()
    }

    /// One entry of each field, with the column that the message names. A bound may be infinite on its own side, and nothing else may.
    #[test]
    fn every_number_that_is_not_finite_is_named() {
        const INF: f64 = f64::INFINITY;
        type Entry = fn(&mut Program) -> &mut f64;
        let (all, below, above): (&[f64], &[f64], &[f64]) = (&[f64::NAN, INF, -INF], &[f64::NAN, INF], &[f64::NAN, -INF]);
        let fields: [(&str, usize, &[f64], Entry); 12] = [
            ("P", 2, all, |p| &mut p.p.values_mut()[2]),
            ("c", 1, all, |p| &mut p.c[1]),
            ("r", 0, all, |p| &mut p.r),
            ("A", 1, all, |p| &mut p.a.values_mut()[1]),
            ("bound of a row", 0, below, |p| &mut p.row_lo[0]),
            ("bound of a row", 0, above, |p| &mut p.row_up[0]),
            ("bound of a variable", 1, below, |p| &mut p.lo[1]),
            ("bound of a variable", 1, above, |p| &mut p.up[1]),
            ("cone F", 1, all, |p| &mut p.cones[0].f.values_mut()[1]),
            ("cone g", 1, all, |p| &mut p.cones[0].g[1]),
            ("cone d", 1, all, |p| &mut p.cones[0].d[1]),
            ("cone e", 0, all, |p| &mut p.cones[0].e),
        ];
        for (name, column, values, entry) in fields {
            for &value in values {
                let text = refusal(|p| *entry(p) = value);
                assert!(text.starts_with(&format!("{name}, row 0, column {column}: {value} is not finite")), "{name}: {text}");
            }
        }
        let own_side: [(f64, Entry); 4] =
            [(-INF, |p| &mut p.row_lo[0]), (INF, |p| &mut p.row_up[0]), (-INF, |p| &mut p.lo[1]), (INF, |p| &mut p.up[1])];
        for (value, entry) in own_side {
            let mut good = full();
            *entry(&mut good) = value;
            good.check().unwrap();
        }
    }

    #[test]
    fn crossed_bounds_are_named() {
        let row = refusal(|p| (p.row_lo[0], p.row_up[0]) = (3.0, 2.5));
        assert!(row.starts_with("row 0: lower bound 3 exceeds upper bound 2.5"), "{row}");
        let variable = refusal(|p| (p.lo[1], p.up[1]) = (2.0, 1.0));
        assert!(variable.starts_with("variable 1: lower bound 2 exceeds upper bound 1"), "{variable}");
    }

    /// The number of variables is that of `c`, the number of rows that of `row_lo`.
    #[test]
    fn every_wrong_size_is_named() {
        type Spoil = fn(&mut Program);
        let cases: [(Spoil, &str); 16] = [
            (|p| p.c.push(0.0), "P: expected length 3, got 2"),
            (|p| p.p = Csc::empty(3, 2), "P: expected length 2, got 3"),
            (|p| p.p = Csc::empty(2, 1), "P: expected length 2, got 1"),
            (|p| p.a = Csc::empty(2, 2), "A: expected length 1, got 2"),
            (|p| p.a = Csc::empty(1, 3), "A: expected length 2, got 3"),
            (|p| p.row_lo.push(0.0), "A: expected length 2, got 1"),
            (|p| p.row_up.push(1.0), "row_up: expected length 1, got 2"),
            (|p| p.row_up.clear(), "row_up: expected length 1, got 0"),
            (|p| p.lo.push(0.0), "lo: expected length 2, got 3"),
            (|p| p.up.truncate(1), "up: expected length 2, got 1"),
            (|p| p.integer.truncate(1), "integer: expected length 2, got 1"),
            (|p| p.cones[0].f = Csc::empty(2, 3), "cone F: expected length 2, got 3"),
            (|p| p.cones[0].f = Csc::empty(1, 2), "cone F: expected length 2, got 1"),
            (|p| p.cones[0].g.push(0.0), "cone F: expected length 3, got 2"),
            (|p| p.cones[0].d.push(0.0), "cone d: expected length 2, got 3"),
            (|p| p.p = Csc::from_triplets(2, 2, &[(1, 0, 7.0)]).unwrap(), "entry of P below the diagonal: 7 is not accepted"),
        ];
        for (spoil, message) in cases {
            let text = refusal(spoil);
            assert!(text.starts_with(message), "{text} instead of {message}");
        }
    }

    #[test]
    fn a_program_without_variables_passes() {
        Program::default().check().unwrap();
        Program::linear(Vec::new()).with_rows(Csc::empty(1, 0), vec![-1.0], vec![1.0]).check().unwrap();
    }
}
