use crate::{Batch, Error, Program, Result, check_len};

impl Program {
    /// Outward normals of the constraints that are tight at `x`: the generators of the normal cone of the feasible set there.
    ///
    /// A row at its upper side gives $a_i$, at its lower side $-a_i$; a variable at its upper bound gives $e_j$, at its lower bound $-e_j$; an
    /// equality or a fixed variable gives both signs. For a linear program $x$ is optimal under the cost $c$ if and only if $-c$ lies in
    /// the cone $\{\sum_k \lambda_k n_k : \lambda \ge 0\}$. For an integer program these are the normals of its continuous relaxation at $x$, whose
    /// cone is a part of the cost vectors under which $x$ is optimal, unless the relaxation is exact.
    ///
    /// A side $s$ is tight if it is within `tolerance` $(1 + |s|)$. Rows come first, then bounds, each in their order. The
    /// normals are those in all variables of the program, so it should have none beside the decision.
    ///
    /// # Shapes
    /// `x`: `[n]`; the answer `[tight, n]`.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a wrong length, [`Error::NotFinite`] for a bad entry of `x`, [`Error::Domain`] for a negative tolerance,
    /// [`Error::Unsupported`] for cone rows.
    pub fn tight_normals(&self, x: &[f64], tolerance: f64) -> Result<Batch> {
        check_len("decision whose tight constraints are sought", self.n(), x.len())?;
        if let Some(column) = x.iter().position(|v| !v.is_finite()) {
            return Err(Error::NotFinite { what: "decision", row: 0, column, value: x[column] });
        }
        if !(tolerance >= 0.0) {
            return Err(Error::Domain { what: "tolerance of tight constraints", value: tolerance, need: "at least 0" });
        }
        if !self.cones.is_empty() {
            return Err(Error::Unsupported { who: "the list of tight normals", what: "second-order cones" });
        }
        let mut ax = vec![0.0; self.m()];
        self.a.mul_add(1.0, x, &mut ax);
        let rows = tight(&ax, &self.row_lo, &self.row_up, tolerance);
        let bounds = tight(x, &self.lo, &self.up, tolerance);
        let mut out = Batch::zeros(rows.len() + bounds.len(), self.n());
        let mut of_row: Vec<Vec<usize>> = vec![Vec::new(); self.m()];
        rows.iter().enumerate().for_each(|(k, &(i, _))| of_row[i].push(k));
        for (i, j, value) in self.a.triplets() {
            of_row[i].iter().for_each(|&k| out.row_mut(k)[j] = rows[k].1 * value);
        }
        for (k, &(j, sign)) in bounds.iter().enumerate() {
            out.row_mut(rows.len() + k)[j] = sign;
        }
        Ok(out)
    }
}

/// Index and outward sign of each tight side, in order, the upper side first.
fn tight(at: &[f64], lo: &[f64], up: &[f64], tolerance: f64) -> Vec<(usize, f64)> {
    let mut out = Vec::new();
    for (i, &value) in at.iter().enumerate() {
        let near = |side: f64| side.is_finite() && (value - side).abs() <= tolerance * (1.0 + side.abs());
        out.extend(near(up[i]).then_some((i, 1.0)));
        out.extend(near(lo[i]).then_some((i, -1.0)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cone, Csc};

    /// x1 + x2 = 1, x1 - x3 >= 0, 2 x2 <= 3, 0 <= x <= 1 and x3 fixed at 1.
    fn program() -> Program {
        let a = Csc::from_triplets(3, 3, &[(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 2, -1.0), (2, 1, 2.0)]).unwrap();
        let inf = f64::INFINITY;
        Program::linear(vec![0.0; 3]).with_rows(a, vec![1.0, 0.0, -inf], vec![1.0, inf, 3.0]).with_bounds(vec![0.0, 0.0, 1.0], vec![1.0; 3])
    }

    /// At (1, 0, 1): the equality with both signs, the second row at its lower side, x1 above, x2 below, x3 on both sides.
    #[test]
    fn normals_by_hand() {
        let expected =
            [[1.0, 1.0, 0.0], [-1.0, -1.0, 0.0], [-1.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, -1.0]];
        assert_eq!(program().tight_normals(&[1.0, 0.0, 1.0], 1e-9).unwrap(), Batch::from_rows(&expected).unwrap());
    }

    /// A row 1e-6 away from its side is tight at a tolerance of 1e-5 and not at 1e-7; a point inside has no normal but the fixed ones.
    #[test]
    fn the_tolerance_decides() {
        let free = Program::linear(vec![0.0]).with_bounds(vec![0.0], vec![f64::INFINITY]);
        assert_eq!(free.tight_normals(&[1e-6], 1e-5).unwrap(), Batch::from_rows(&[[-1.0]]).unwrap());
        let none = free.tight_normals(&[1e-6], 1e-7).unwrap();
        assert_eq!((none.rows(), none.cols()), (0, 1));
    }

    #[test]
    fn bad_input_is_refused() {
        assert!(matches!(program().tight_normals(&[1.0], 1e-9), Err(Error::Dimension { expected: 3, got: 1, .. })));
        assert!(matches!(program().tight_normals(&[1.0, f64::NAN, 1.0], 1e-9), Err(Error::NotFinite { column: 1, .. })));
        assert!(matches!(program().tight_normals(&[1.0, 0.0, 1.0], f64::NAN), Err(Error::Domain { .. })));
        let disc = Cone { f: Csc::diagonal(&[1.0]), g: vec![0.0], d: vec![0.0], e: 1.0 };
        let cones = Program { cones: vec![disc], ..Program::linear(vec![0.0]) };
        assert!(matches!(cones.tight_normals(&[0.0], 1e-9), Err(Error::Unsupported { .. })));
    }
}
