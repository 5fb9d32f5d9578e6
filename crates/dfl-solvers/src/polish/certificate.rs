//! Proofs that there is no answer, checked before they are believed: a backend's own tolerance for them is loose.

use dfl_core::Program;

use super::Stack;

/// No feasible point within this many times the size of the bounds counts as none.
const FAR: f64 = 1e3;
/// A direction that leaves a constraint or bends the cost by less, relative to the data, counts as a ray.
const RAY: f64 = 1e-6;

/// Whether `y`, and the duals `(mu, w)` of the cone rows, prove that no point of reasonable size satisfies the constraints: for each
/// `x` that does, `y'Ax <= sum y_i b_i` over the bounds that `y` points to and `w'(Fx + g) <= mu (d'x + e)`, together
/// `s'x <= -distance`, yet `|s'x| <= |s| |x|`. The largest entry of both is 1.
pub(crate) fn proves_infeasible(program: &Program, stack: &Stack, y: &[f64], cone_dual: &[f64]) -> bool {
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
    let mut rest = cone_dual;
    for cone in &program.cones {
        let (dual, after) = rest.split_at(1 + cone.g.len());
        rest = after;
        // A w that is too long for mu proves nothing; what is shortened shows in the slope.
        let mu = dual[0].max(0.0);
        let length = dual[1..].iter().map(|w| w * w).sum::<f64>().sqrt();
        let shorten = if length > mu { mu / length } else { 1.0 };
        let w: Vec<f64> = dual[1..].iter().map(|w| shorten * w).collect();
        cone.f.mul_t_add(1.0, &w, &mut slope);
        slope.iter_mut().zip(&cone.d).for_each(|(s, d)| *s -= mu * d);
        support += mu * cone.e - w.iter().zip(&cone.g).map(|(w, g)| w * g).sum::<f64>();
        size = cone.g.iter().fold(size.max(cone.e.abs()), |a, g| a.max(g.abs()));
    }
    let slope: f64 = slope.iter().map(|s| s.abs()).sum();
    -support > slope * FAR * size
}

/// Whether the cost falls for ever along `direction` (of size 1) without leaving the constraints.
pub(crate) fn proves_unbounded(program: &Program, stack: &Stack, direction: &[f64]) -> bool {
    let (mut bend, mut ad) = (vec![0.0; direction.len()], vec![0.0; stack.lo.len()]);
    program.p.symmetric_mul_add(1.0, direction, &mut bend);
    stack.a.mul_add(1.0, direction, &mut ad);
    let (p, a, c) = (largest(program.p.values()), largest(stack.a.values()), largest(&program.c));
    let along = |row: &[f64]| -> f64 { row.iter().zip(direction).map(|(r, d)| r * d).sum() };
    let stays = |i: usize| {
        let out = if ad[i] > 0.0 { stack.up[i].is_finite() } else { stack.lo[i].is_finite() };
        !out || ad[i].abs() <= RAY * a
    };
    let inside = program.cones.iter().all(|cone| {
        let mut turned = vec![0.0; cone.g.len()];
        cone.f.mul_add(1.0, direction, &mut turned);
        let data = largest(cone.f.values()).max(largest(&cone.d));
        turned.iter().map(|v| v * v).sum::<f64>().sqrt() - along(&cone.d) <= RAY * data
    });
    along(&program.c) < -RAY * c && largest(&bend) <= RAY * p && (0..ad.len()).all(stays) && inside
}

fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a, v| a.max(v.abs()))
}
