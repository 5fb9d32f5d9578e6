//! From the state of a row to its answer, and how good that is.

use dfl_core::{Side, Solution, Status};

use super::form::Form;
use super::lanes::Lanes;
use super::lines::Lane;
use crate::active_set::kernels::worse;

/// A gap must exceed what bounds relaxed by this share (of `1 +` their size) can close.
const RELAXED: f64 = 1e-9;
/// Variables without a bound are taken to be no larger than this, relative to `1 +` the present point.
const FAR: f64 = 1e3;
/// Entries of a combination of rows below this, relative to its terms, count as zero.
const ZERO: f64 = 1e-9;
/// Distance from a kink, relative to `1 +` the point, below which a multiplier or a slack counts as zero.
const WEAK: f64 = 1e-9;

/// The KKT residual, as [`Residuals::of`](dfl_core::Residuals::of) has it, of the answer that an evaluated `row` stands for:
///
/// $$x = P_2 z, \quad \nu = (z - x)/\alpha, \quad \lambda = t/\alpha, \qquad c + \mu x + A^\top \lambda + \nu = (x - y)/\alpha$$
///
/// Signs and complementarity of the bounds hold as they are. Overwrites `row.q`.
pub(super) fn residual(form: &Form, row: &mut Lanes<1>) -> f64 {
    let alpha = row.alpha[0];
    let (mut stationarity, mut scale) = (0.0, 0.0);
    for (j, x) in row.q.iter_mut().enumerate() {
        let c = row.cost[j][0];
        x[0] = form.clamp(j, row.z[j][0]);
        stationarity = worse(stationarity, ((x[0] - row.y[j][0]) / alpha).abs());
        scale = worse(worse(scale, c.abs()), (c + form.mu * x[0]).abs());
    }
    let mut out = stationarity / (1.0 + scale);
    for (k, t) in row.t.iter().enumerate() {
        let value = form.projection.gram.a.dot(k, &row.q)[0];
        let violation = (value - form.projection.side(k)).abs() / (1.0 + value.abs());
        out = worse(out, violation);
        out = worse(out, (t[0] / alpha).abs() / (1.0 + scale) * violation.min(1.0));
    }
    out
}

/// Writes that answer. Returns whether a bound is tight without a multiplier: the derivative is then one of several.
pub(super) fn write(form: &Form, row: &Lanes<1>, out: &mut Solution) -> bool {
    let alpha = row.alpha[0];
    let (mut objective, mut weak) = (form.constant, false);
    for (j, &[z]) in row.z.iter().enumerate() {
        let (x, lo, up) = (form.clamp(j, z), form.lo[j], form.up[j]);
        (out.x[j], out.bound_dual[j]) = (x, (z - x) / alpha);
        out.bound_side[j] = match () {
            () if form.is_free(j, z) => Side::Free,
            () if z >= up => Side::Upper,
            () => Side::Lower,
        };
        objective += x * (0.5 * form.mu * x + row.cost[j][0]);
        weak |= lo < up && (z - lo).abs().min((up - z).abs()) <= WEAK * (1.0 + z.abs());
    }
    for (&k, t) in form.projection.gram.order.iter().zip(&row.t) {
        (out.row_dual[form.rows[k]], out.row_side[form.rows[k]]) = (t[0] / alpha, Side::Upper);
    }
    out.objective = objective;
    weak
}

/// How a row ended whose answer has this residual. Overwrites `row.q` and `row.y`; `t` is scratch.
pub(super) fn status(form: &Form, row: &mut Lanes<1>, t: &mut [Lane<1>], residual: f64, tolerance: f64) -> Status {
    match residual {
        r if r.is_nan() => Status::Failed,
        r if r <= tolerance => Status::Optimal,
        _ if proves_infeasible(form, row, t) => Status::Infeasible,
        residual => Status::Inexact { residual },
    }
}

/// Whether $v = y - x$, which tends to the shortest vector from the box to the equations, separates them as a combination of rows.
fn proves_infeasible(form: &Form, row: &mut Lanes<1>, t: &mut [Lane<1>]) -> bool {
    let Lanes { z, q, y, .. } = row;
    for (j, q) in q.iter_mut().enumerate() {
        q[0] = y[j][0] - form.clamp(j, z[j][0]);
    }
    let size = largest(q);
    form.projection.sparse(q, false, t, y);
    size > 0.0 && separates(form, t, size, largest(z))
}

/// Whether the equations contradict each other: those that depend on others, or so nearly that they were left out of the projection.
pub(super) fn contradicts(form: &Form) -> bool {
    let Some(w) = &form.projection.contradiction else { return false };
    let largest_term = (0..form.projection.rows()).flat_map(|k| form.projection.gram.a.row(k).map(move |(_, v)| (w[k][0] * v).abs()));
    let point = form.projection.point.iter().fold(0.0, |a: f64, v| a.max(v.abs()));
    separates(form, w, largest_term.fold(0.0, f64::max), point)
}

/// Whether no point of the box satisfies the equations: as a combination $v = A^\top w$ of rows, $v^\top x$ is $w^\top b$ on the equations and
/// less than that in the box. `size` is that of the terms of $v$, `point` that of the present point.
fn separates(form: &Form, w: &[Lane<1>], size: f64, point: f64) -> bool {
    let (projection, far) = (&form.projection, FAR * (1.0 + point));
    let (mut gap, mut slack) = (0.0, 0.0);
    for (k, w) in w.iter().enumerate() {
        let side = projection.side(k);
        gap += w[0] * side;
        slack += RELAXED * w[0].abs() * (1.0 + side.abs());
    }
    for j in 0..form.n() {
        let v = projection.gram.at.dot(j, w)[0];
        let most = v * if v > 0.0 { form.up[j] } else { form.lo[j] };
        if most.is_finite() {
            gap -= most;
        } else if v.abs() > ZERO * size {
            return false;
        } else {
            gap -= v.abs() * far;
        }
    }
    gap > slack
}

fn largest(values: &[Lane<1>]) -> f64 {
    values.iter().fold(0.0, |a, v| a.max(v[0].abs()))
}
