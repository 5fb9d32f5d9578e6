//! The derivative, from the factor of the last solve.

use std::sync::Arc;

use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, Error, Result, Solution, SolveInfo, Solver, check_len};

use super::finish::Pattern;
use super::least_norm::Projector;
use super::model::Model;
use super::profile::Factor;
use super::{Separable, SeparableWorkspace};
use crate::active_set::kernels::{largest, vectorised};
use crate::kkt::{Parts, has_weak_dual, negate_into};

/// A relative residual above this is worth a refinement step.
const REFINE_ABOVE: f64 = 1e-14;
/// Most refinement steps.
const REFINEMENTS: usize = 3;
/// A system that has a solution, with a larger relative residual, was not solved.
const LARGEST_RESIDUAL: f64 = 1e-6;

/// What the backward pass of one instance needs; made by [`Separable`].
pub struct SeparableTape {
    model: Arc<Model>,
    factor: Factor,
    p: Vec<f64>,
    /// `1 / P` of free variables, 0 at a bound.
    weight: Vec<f64>,
    /// 1 for tight rows.
    mask: Vec<f64>,
    /// Where the tight constraints are dependent.
    projector: Option<Projector>,
    solution: Solution,
}

impl DifferentiableSolver for Separable {
    type Tape = SeparableTape;

    fn tape(&self, _theta: &[f64], solution: &Solution, ws: &mut SeparableWorkspace, info: &mut SolveInfo) -> Result<SeparableTape> {
        let SeparableWorkspace { program, model: own, work } = ws;
        let model = own.as_ref().map_or_else(|| Arc::clone(&self.model), |model| Arc::new(model.clone()));
        if work.take_sides(&model, solution) {
            work.factorise_pattern(&model);
        }
        let projector = (work.factor.dropped > 0).then(|| Projector::new(&model, &work.weight, &work.mask));
        info.degenerate |= projector.is_some() || has_weak_dual(program, solution);
        Ok(SeparableTape {
            model,
            factor: work.factor.clone(),
            p: program.p.values().to_vec(),
            weight: work.weight.clone(),
            mask: work.mask.clone(),
            projector,
            solution: self.entries.keep(solution),
        })
    }

    fn vjp(&self, tape: &SeparableTape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        let dims = self.dims();
        check_len("grad_theta", dims.theta, grad_theta.len())?;
        tape.clear(dims.rows, u);
        negate_into("cotangent on x", cotangent.x, &mut u.x)?;
        negate_into("cotangent on the row duals", cotangent.rows, &mut u.rows)?;
        negate_into("cotangent on the bound duals", cotangent.bounds, &mut u.bounds)?;
        tape.solve_checked(u)?;
        grad_theta.fill(0.0);
        self.instance.params.pull(|entry| self.entries.gradient(&tape.solution, u, entry), grad_theta);
        Ok(())
    }

    fn jvp(&self, tape: &SeparableTape, dtheta: &[f64], u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        let dims = self.dims();
        check_len("dtheta", dims.theta, dtheta.len())?;
        check_len("dx", dims.x, dx.len())?;
        tape.clear(dims.rows, u);
        let mut rhs = Parts { x: &mut u.x, rows: &mut u.rows, bounds: &mut u.bounds };
        self.instance.params.tangent(dtheta, |entry, d| self.entries.add_tangent(&tape.solution, entry, d, &mut rhs));
        tape.solve_checked(u)?;
        dx.copy_from_slice(&u.x);
        Ok(())
    }
}

vectorised! {
    /// Replaces the right-hand side in `u` by the solution. Returns the relative residual of the part that has one.
    fn solve(tape: &SeparableTape, u: &mut Adjoint) -> f64 = run
}

#[inline(always)]
fn run(tape: &SeparableTape, u: &mut Adjoint) -> f64 {
    let (n, len) = (tape.model.n(), tape.len());
    let pattern = Pattern { model: &tape.model, factor: &tape.factor, weight: &tape.weight, mask: &tape.mask };
    let (given, rest) = u.scratch.split_at_mut(len);
    let (rhs, rest) = rest.split_at_mut(len);
    let (out, rest) = rest.split_at_mut(len);
    let (error, scratch) = rest.split_at_mut(len);
    tape.gather([&u.x, &u.bounds, &u.rows], given);
    rhs.copy_from_slice(given);
    tape.project(&pattern, rhs, scratch);
    out.fill(0.0);
    (0..n).filter(|&j| tape.weight[j] == 0.0).for_each(|j| out[j] = rhs[n + j]);
    let size = largest(given);
    let mut before = f64::INFINITY;
    for pass in 0..=REFINEMENTS {
        tape.residual(rhs, out, error, true);
        let now = largest(error);
        if now <= REFINE_ABOVE * size || now > 0.5 * before {
            break;
        }
        (before, u.refinements) = (now, pass);
        let (rx, _, rr) = parts(error, n);
        let (x, _, y) = parts(out, n);
        pattern.solve(rx, rr, |j, d| x[j] += d);
        y.iter_mut().zip(rr).for_each(|(y, d)| *y += *d);
    }
    let relative = |error: &[f64]| if size == 0.0 { 0.0 } else { largest(error) / size };
    tape.residual(rhs, out, error, true);
    let consistent = relative(error);
    tape.project(&pattern, out, scratch);
    tape.residual(given, out, error, false);
    u.residual = relative(error);
    let (x, bounds, rows) = parts(out, n);
    u.x.copy_from_slice(x);
    u.bounds.copy_from_slice(bounds);
    u.rows.fill(0.0);
    tape.model.kept.iter().zip(rows).for_each(|(&i, y)| u.rows[i] = *y);
    consistent
}

/// The parts of a vector of the KKT system that belong to variables, bounds and rows (in the order of the factor).
#[inline(always)]
fn parts(vector: &mut [f64], n: usize) -> (&mut [f64], &mut [f64], &mut [f64]) {
    let (x, rest) = vector.split_at_mut(n);
    let (bounds, rows) = rest.split_at_mut(n);
    (x, bounds, rows)
}

impl SeparableTape {
    /// Length of a vector of the KKT system.
    fn len(&self) -> usize {
        2 * self.model.n() + self.model.padded()
    }

    /// Gives `u` its size, and zeros.
    fn clear(&self, rows: usize, u: &mut Adjoint) {
        let n = self.model.n();
        for (values, len) in [(&mut u.x, n), (&mut u.rows, rows), (&mut u.bounds, n)] {
            values.clear();
            values.resize(len, 0.0);
        }
        u.cones.clear();
        u.refinements = 0;
        u.scratch.resize(4 * self.len() + Projector::scratch(&self.model), 0.0);
    }

    fn solve_checked(&self, u: &mut Adjoint) -> Result<()> {
        let residual = solve(self, u);
        if residual.is_nan() || residual > LARGEST_RESIDUAL {
            let need = "below 1e-6: the program is too badly scaled to differentiate";
            return Err(Error::Domain { what: "relative residual of the KKT system", value: residual, need });
        }
        Ok(())
    }

    /// Right-hand sides of tight constraints count; the others are set to zero.
    #[inline(always)]
    fn gather(&self, [x, bounds, rows]: [&[f64]; 3], out: &mut [f64]) {
        let n = self.model.n();
        let (to_x, to_bounds, to_rows) = parts(out, n);
        to_x.copy_from_slice(x);
        for j in 0..n {
            to_bounds[j] = if self.weight[j] == 0.0 { bounds[j] } else { 0.0 };
        }
        to_rows.fill(0.0);
        for (k, &i) in self.model.kept.iter().enumerate() {
            to_rows[k] = if self.mask[k] == 0.0 { 0.0 } else { rows[i] };
        }
    }

    /// Takes the component of the constraints' part in the range of the system.
    #[inline(always)]
    fn project(&self, pattern: &Pattern<'_>, vector: &mut [f64], scratch: &mut [f64]) {
        let (_, bounds, rows) = parts(vector, self.model.n());
        if let Some(projector) = &self.projector {
            projector.project(pattern, rows, bounds, scratch);
        }
    }

    /// `error = rhs - K out`; with `absorb`, the bounds' part of `out` is first set to what solves their variables' rows.
    #[inline(always)]
    fn residual(&self, rhs: &[f64], out: &mut [f64], error: &mut [f64], absorb: bool) {
        let n = self.model.n();
        let (x, bounds, y) = parts(out, n);
        error.copy_from_slice(rhs);
        let (ex, eb, ey) = parts(error, n);
        for j in 0..n {
            ex[j] -= self.p[j] * x[j] + self.model.dot(j, y);
            self.model.add(j, -x[j], ey);
            if self.weight[j] == 0.0 {
                bounds[j] = if absorb { ex[j] } else { bounds[j] };
                ex[j] -= bounds[j];
                eb[j] -= x[j];
            }
        }
        ey.iter_mut().zip(&self.mask).for_each(|(e, mask)| *e *= mask);
    }
}
