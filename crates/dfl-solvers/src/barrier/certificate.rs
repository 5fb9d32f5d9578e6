//! Proofs that the program, and so its barrier problem, has no answer; checked on the program's own numbers.

use dfl_core::Program;

use super::system::largest;

/// A gap must exceed what constraints relaxed by this share (of `1 +` their bound) can close.
const RELAXED: f64 = 1e-9;
/// Variables without a bound are taken to be no larger than this, relative to `1 +` the largest bound.
const FAR: f64 = 1e3;
/// A direction that leaves a constraint or bends the cost by less, relative to the data, counts as a ray.
const RAY: f64 = 1e-6;

/// Whether the row multipliers `y` prove that no point satisfies the constraints: each one has
/// $y^\top A x \le \sum_i \max(y_i \underline b_i, y_i \overline b_i)$, while its bounds keep $y^\top A x$ above that. Uses `slope`.
pub(super) fn proves_infeasible(program: &Program, y: &[f64], slope: &mut [f64]) -> bool {
    let (mut most, mut least, mut slack) = (0.0, 0.0, 0.0);
    let finite = |values: &[f64]| values.iter().filter(|v| v.is_finite()).fold(0.0_f64, |a, v| a.max(v.abs()));
    let far = FAR * (1.0 + finite(&program.lo).max(finite(&program.up)).max(finite(&program.row_lo)).max(finite(&program.row_up)));
    let bound = |i: usize| if y[i] > 0.0 { program.row_up[i] } else { program.row_lo[i] };
    slope.fill(0.0);
    for (i, j, v) in program.a.triplets() {
        if bound(i).is_finite() {
            slope[j] += v * y[i];
        }
    }
    for i in (0..y.len()).filter(|&i| bound(i).is_finite()) {
        most += y[i] * bound(i);
        slack += y[i].abs() * (1.0 + bound(i).abs());
    }
    for j in 0..slope.len() {
        let at = if slope[j] > 0.0 { program.lo[j] } else { program.up[j] };
        least += if at.is_finite() { slope[j] * at } else { -slope[j].abs() * far };
    }
    least - most > RELAXED * slack
}

/// Whether the way from `x` along `d` is a ray: $Pd = 0$, $d$ in the recession cone, and a cost along it of at most `slope` times the
/// largest cost, to which the curvature must not have added at `x`: that of a distant optimum is small, but has done so. Uses `bend` and
/// `ad`.
pub(super) fn is_ray(program: &Program, x: &[f64], d: &[f64], slope: f64, bend: &mut [f64], ad: &mut [f64]) -> bool {
    let length = largest(d, 0.0);
    if !(length > 0.0 && length.is_finite()) {
        return false;
    }
    bend.fill(0.0);
    ad.fill(0.0);
    program.p.symmetric_mul_add(1.0 / length, d, bend);
    program.a.mul_add(1.0 / length, d, ad);
    let mut sizes = vec![0.0_f64; ad.len()];
    program.a.triplets().for_each(|(i, _, v)| sizes[i] = sizes[i].max(v.abs()));
    let rises: f64 = program.c.iter().zip(d).map(|(c, d)| c * d / length).sum();
    let stays =
        |d: f64, size: f64, lo: f64, up: f64| (d <= RAY * size || up == f64::INFINITY) && (d >= -RAY * size || lo == f64::NEG_INFINITY);
    let climbs: f64 = bend.iter().zip(x).map(|(b, x)| b * x).sum();
    rises <= slope * largest(&program.c, 0.0)
        && climbs <= RAY * (1.0 + largest(&program.c, 0.0))
        && largest(bend, 0.0) <= RAY * largest(program.p.values(), 0.0)
        && (0..ad.len()).all(|i| stays(ad[i], sizes[i], program.row_lo[i], program.row_up[i]))
        && (0..d.len()).all(|j| stays(d[j] / length, 1.0, program.lo[j], program.up[j]))
}
