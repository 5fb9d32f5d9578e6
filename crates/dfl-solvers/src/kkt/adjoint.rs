//! From cotangents and parameters to right-hand sides of a system, and back.

use dfl_core::{Adjoint, Cotangent, Program, Result, check_len};

use super::cones;
use super::entries::Parts;
use super::system::System;

/// Which rows of the system's matrix belong to what.
pub(crate) struct Numbering {
    /// Rows of the program.
    m: usize,
    /// The row of each cone row's multiplier.
    cones: Vec<usize>,
}

impl Numbering {
    pub(crate) fn of(program: &Program) -> Self {
        let m = program.m();
        Self { m, cones: cones::places(program).map(|at| m + at).collect() }
    }

    /// `u = -K^-1 cotangent`.
    pub(crate) fn adjoint(&self, system: &System, cotangent: Cotangent<'_>, u: &mut Adjoint) -> Result<()> {
        self.solve_into(system, u, |rhs| {
            negate_into("cotangent on x", cotangent.x, rhs.x)?;
            negate_into("cotangent on the row duals", cotangent.rows, &mut rhs.rows[..self.m])?;
            negate_into("cotangent on the bound duals", cotangent.bounds, rhs.bounds)
        })
    }

    /// `u` = the tangents of the decision and of all duals along a right-hand side.
    pub(crate) fn tangent(&self, system: &System, fill: impl FnOnce(&mut Parts<'_>), u: &mut Adjoint) -> Result<()> {
        self.solve_into(system, u, |rhs| {
            fill(rhs);
            Ok(())
        })
    }

    fn solve_into(&self, system: &System, u: &mut Adjoint, fill: impl FnOnce(&mut Parts<'_>) -> Result<()>) -> Result<()> {
        let size = system.at.len();
        u.scratch.clear();
        u.scratch.resize(3 * size, 0.0);
        let (rhs, rest) = u.scratch.split_at_mut(size);
        let (out, work) = rest.split_at_mut(size);
        let [x, rows, bounds] = system.at.split_mut(rhs);
        fill(&mut Parts { x, rows, bounds })?;
        let solved = system.solve(rhs, out, work)?;
        let [x, rows, bounds] = system.at.split(out);
        copy(x, &mut u.x);
        copy(&rows[..self.m], &mut u.rows);
        copy(bounds, &mut u.bounds);
        u.cones.clear();
        u.cones.extend(self.cones.iter().map(|&i| rows[i]));
        (u.residual, u.refinements) = (solved.residual, solved.refinements);
        Ok(())
    }
}

fn copy(from: &[f64], to: &mut Vec<f64>) {
    to.clear();
    to.extend_from_slice(from);
}

/// An empty `part` is zero, which `to` already is.
pub(crate) fn negate_into(what: &'static str, part: &[f64], to: &mut [f64]) -> Result<()> {
    if part.is_empty() {
        return Ok(());
    }
    check_len(what, to.len(), part.len())?;
    to.iter_mut().zip(part).for_each(|(to, g)| *to = -g);
    Ok(())
}
