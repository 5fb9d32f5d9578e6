//! Proofs that there is no answer, checked before they are believed: OSQP's own tolerance for them is loose.

use dfl_core::Program;

use super::stack::Stack;

/// No feasible point within this many times the size of the bounds counts as none.
const FAR: f64 = 1e3;
/// A direction that leaves a constraint or bends the cost by less, relative to the data, counts as a ray.
const RAY: f64 = 1e-6;

/// Whether `y` proves that `lo <= Ax <= up` has no solution of reasonable size: for each `x` in it,
/// `|y'Ax| >= distance`, with `distance` the least of `-y'z` over the bounds, yet `|y'Ax| <= |A'y| |x|`.
pub(crate) fn proves_infeasible(stack: &Stack, y: &[f64]) -> bool {
    let (mut support, mut size, mut slope) = (0.0, 1.0_f64, vec![0.0; stack.a.cols()]);
    let mut clean = y.to_vec();
    for (i, y) in clean.iter_mut().enumerate() {
        let bound = if *y > 0.0 { stack.up[i] } else { stack.lo[i] };
        if bound.is_finite() {
            support += *y * bound;
            size = size.max(bound.abs());
        } else if y.abs() > RAY {
            return false;
        } else {
            *y = 0.0;
        }
    }
    stack.a.mul_t_add(1.0, &clean, &mut slope);
    let slope: f64 = slope.iter().map(|s| s.abs()).sum();
    -support > slope * FAR * size
}

/// Whether the cost falls for ever along `d` (of size 1) without leaving the constraints.
pub(crate) fn proves_unbounded(program: &Program, stack: &Stack, d: &[f64]) -> bool {
    let (mut bend, mut ad) = (vec![0.0; d.len()], vec![0.0; stack.lo.len()]);
    program.p.symmetric_mul_add(1.0, d, &mut bend);
    stack.a.mul_add(1.0, d, &mut ad);
    let size = |values: &[f64]| values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    let (p, a, c) = (size(program.p.values()), size(stack.a.values()), size(&program.c));
    let falls: f64 = program.c.iter().zip(d).map(|(c, d)| c * d).sum();
    let stays = |i: usize| {
        let out = if ad[i] > 0.0 { stack.up[i].is_finite() } else { stack.lo[i].is_finite() };
        !out || ad[i].abs() <= RAY * a
    };
    falls < -RAY * c && size(&bend) <= RAY * p && (0..ad.len()).all(stays)
}
