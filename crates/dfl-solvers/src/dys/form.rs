//! The problem in standard form, and what is computed from it once.

use dfl_core::{Program, Result};

use super::DysProjection;
use super::answer::contradicts;
use super::lines::Lines;
use super::projection::Projection;

/// $\min c^\top v + \tfrac\mu2 \|v\|^2$ s.t. $A v = b$, $\underline v \le v \le \overline v$; all but $c$.
#[derive(Clone, Debug)]
pub(super) struct Form {
    pub(super) mu: f64,
    /// Constant of the objective.
    pub(super) constant: f64,
    pub(super) lo: Vec<f64>,
    pub(super) up: Vec<f64>,
    /// Rows of the program that are equations; the others have no side.
    pub(super) rows: Vec<usize>,
    pub(super) projection: Projection,
    /// Largest violation of a row, relative as in [`Residuals`](dfl_core::Residuals), per distance from the equations.
    pub(super) reach: f64,
    /// $\|A^+ b\|$, or 1: the size of a point.
    pub(super) size: f64,
    /// Whether the equations are proven to contradict each other.
    pub(super) contradicts: bool,
}

impl Form {
    /// Of a program in standard form: every row is an equation, or has no side.
    ///
    /// # Errors
    /// As [`Projection::new`].
    pub(super) fn new(program: &Program, mu: f64, kind: DysProjection) -> Result<Self> {
        let rows: Vec<usize> = (0..program.m()).filter(|&i| program.row_lo[i].is_finite()).collect();
        let mut place = vec![usize::MAX; program.m()];
        rows.iter().enumerate().for_each(|(k, &i)| place[i] = k);
        let b: Vec<f64> = rows.iter().map(|&i| program.row_lo[i]).collect();
        let kept = program.a.triplets().filter(|(i, ..)| place[*i] != usize::MAX);
        let a = Lines::new(rows.len(), &kept.map(|(i, j, v)| (place[i], j, v)).collect::<Vec<_>>());
        let reach = |k: usize| a.row(k).map(|(_, v)| v.abs()).sum::<f64>() / (1.0 + b[k].abs());
        let reach = (0..rows.len()).map(reach).fold(0.0, f64::max);
        let projection = Projection::new(&a, &b, program.n(), kind)?;
        let size = projection.point.iter().map(|v| v * v).sum::<f64>().sqrt();
        let size = if size > 0.0 { size } else { 1.0 };
        let (constant, lo, up) = (program.r, program.lo.clone(), program.up.clone());
        let form = Self { mu, constant, lo, up, rows, projection, reach, size, contradicts: false };
        Ok(Self { contradicts: contradicts(&form), ..form })
    }

    pub(super) fn n(&self) -> usize {
        self.lo.len()
    }

    /// $P_2 z$ of variable `j`; a NaN stays one.
    #[inline(always)]
    pub(super) fn clamp(&self, j: usize, z: f64) -> f64 {
        clamp(z, self.lo[j], self.up[j])
    }

    /// Whether $P_2$ moves with variable `j`.
    #[inline(always)]
    pub(super) fn is_free(&self, j: usize, z: f64) -> bool {
        self.lo[j] < z && z < self.up[j]
    }
}

#[inline(always)]
pub(super) fn clamp(z: f64, lo: f64, up: f64) -> f64 {
    let z = if z < lo { lo } else { z };
    if z > up { up } else { z }
}
