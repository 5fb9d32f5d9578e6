use crate::{Batch, Result, check_len};

/// What the backward pass of three-operator splitting differentiates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DysDerivative {
    /// The optimum, by the implicit function theorem at the last iterate: exact where the iteration has converged.
    #[default]
    Implicit,
    /// The last step alone, as if what it began from were constant.
    JacobianFree,
    /// All steps that were taken.
    Unrolled,
}

/// A family of smoothed linear programs in standard form with what three-operator splitting computes from it once, as plain numbers: how
/// a solver hands them to a layer on another device.
///
/// $$\min_v\ (c_0 + C^\top \theta)^\top v + \tfrac\mu2 \|v\|^2 + r \quad\text{s.t.}\quad A v = b,\ \underline v \le v \le \overline v$$
///
/// # Shapes
/// $n$ variables, $m$ equations, $\theta$ of length $p$.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Splitting {
    /// $\mu \ge 0$, in units of the cost.
    pub mu: f64,
    /// $r$.
    pub constant: f64,
    /// $c_0$, `[n]`.
    pub cost: Vec<f64>,
    /// $C$, `[p, n]`.
    pub cost_map: Batch,
    /// $A$, `[m, n]`; rows may depend on each other.
    pub rows: Batch,
    /// $b$, `[m]`.
    pub sides: Vec<f64>,
    /// $\underline v$, `[n]`; may be infinite.
    pub lower: Vec<f64>,
    /// $\overline v$, `[n]`; may be infinite.
    pub upper: Vec<f64>,
    /// $\Pi = I - A^+ A$, `[n, n]`, symmetric.
    pub projection: Batch,
    /// $A^+ b$, `[n]`: the shortest point on the equations, where the iteration begins.
    pub point: Vec<f64>,
    /// $M$, `[m, n]`, with $A A^\top M = A$, so that $\Pi = I - A^\top M$: $M (q - A^+ b)$ are the multipliers of the projection of $q$.
    pub multipliers: Batch,
    /// Length $\alpha$ of a step; `None` chooses one for each row.
    pub step: Option<f64>,
    /// Most steps.
    pub iterations: usize,
    /// Relative KKT residual at which a row stops; with 0 all rows take all steps.
    pub tolerance: f64,
    /// What the backward pass differentiates.
    pub derivative: DysDerivative,
}

impl Splitting {
    /// Refuses shapes that do not fit each other and numbers that are not finite.
    ///
    /// # Errors
    /// [`Error::Dimension`](crate::Error::Dimension) or [`Error::NotFinite`](crate::Error::NotFinite) naming the field.
    pub fn check(&self) -> Result<()> {
        let (n, m) = (self.cost.len(), self.sides.len());
        let vectors = [("lower", n, &self.lower), ("upper", n, &self.upper), ("point", n, &self.point)];
        vectors.into_iter().try_for_each(|(what, expected, values)| check_len(what, expected, values.len()))?;
        let matrices = [
            ("cost_map", self.cost_map.rows(), &self.cost_map),
            ("rows", m, &self.rows),
            ("projection", n, &self.projection),
            ("multipliers", m, &self.multipliers),
        ];
        for (what, rows, matrix) in matrices {
            check_len(what, rows, matrix.rows())?;
            check_len(what, n, matrix.cols())?;
            matrix.check_finite(what)?;
        }
        for (what, values) in [("cost", &self.cost), ("sides", &self.sides), ("point", &self.point)] {
            Batch::from_vec(1, values.len(), values.clone())?.check_finite(what)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    /// One variable, one equation, one parameter.
    fn splitting() -> Splitting {
        let (one, zero) = (Batch::from_vec(1, 1, vec![1.0]).unwrap(), Batch::zeros(1, 1));
        Splitting {
            cost: vec![0.0],
            cost_map: one.clone(),
            rows: one.clone(),
            sides: vec![2.0],
            lower: vec![0.0],
            upper: vec![f64::INFINITY],
            projection: zero,
            point: vec![2.0],
            multipliers: one,
            ..Splitting::default()
        }
    }

    #[test]
    fn shapes_and_numbers_are_checked_by_name() {
        splitting().check().unwrap();
        let refused = |spoil: fn(&mut Splitting)| {
            let mut bad = splitting();
            spoil(&mut bad);
            bad.check().unwrap_err()
        };
        for (what, spoil) in [
            ("lower", (|s| s.lower.clear()) as fn(&mut Splitting)),
            ("projection", |s| s.projection = Batch::zeros(2, 1)),
            ("rows", |s| s.rows = Batch::zeros(1, 2)),
            ("multipliers", |s| s.multipliers = Batch::zeros(0, 1)),
            ("cost_map", |s| s.cost_map = Batch::zeros(5, 2)),
        ] {
            let error = refused(spoil);
            assert!(matches!(error, Error::Dimension { what: named, .. } if named == what), "{what}: {error}");
        }
        assert!(matches!(refused(|s| s.sides[0] = f64::NAN), Error::NotFinite { what: "sides", .. }));
        assert!(matches!(refused(|s| s.rows = Batch::from_vec(1, 1, vec![f64::INFINITY]).unwrap()), Error::NotFinite { what: "rows", .. }));
    }
}
