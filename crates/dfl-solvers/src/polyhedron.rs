//! Rows and bounds: how far a point is from them, and multipliers from complementing it.

use dfl_core::Program;

/// `rows = A z`.
pub(crate) fn multiply_rows(program: &Program, z: &[f64], rows: &mut [f64]) {
    rows.fill(0.0);
    program.a.mul_add(1.0, z, rows);
}

/// Largest violation of a bound or row, relative to `1 +` its value, with `rows` $= Az$.
pub(crate) fn infeasibility(program: &Program, z: &[f64], rows: &[f64]) -> f64 {
    let mut worst = Worst(0.0);
    let mut see = |value: f64, lo: f64, up: f64| worst.see((lo - value).max(value - up).max(0.0) / (1.0 + value.abs()));
    (0..z.len()).for_each(|j| see(z[j], program.lo[j], program.up[j]));
    (0..rows.len()).for_each(|i| see(rows[i], program.row_lo[i], program.row_up[i]));
    worst.0
}

/// Largest product of a multiplier, relative to `scale`, and the distance to its side, relative to `1 +` the value. `at` are the variables and rows,
/// `duals` theirs; multipliers behind those of the rows are not read.
pub(crate) fn complementarity(program: &Program, at: (&[f64], &[f64]), duals: (&[f64], &[f64]), scale: f64) -> f64 {
    let mut worst = Worst(0.0);
    let mut see = |value: f64, lo: f64, up: f64, dual: f64| {
        worst.see(slack(value, lo, up, dual) * dual.abs() / (scale * (1.0 + value.abs())));
    };
    let ((z, rows), (bound_dual, row_dual)) = (at, duals);
    (0..z.len()).for_each(|j| see(z[j], program.lo[j], program.up[j], bound_dual[j]));
    (0..rows.len()).for_each(|i| see(rows[i], program.row_lo[i], program.row_up[i], row_dual[i]));
    worst.0
}

/// Distance to the side that the multiplier's sign names.
fn slack(value: f64, lo: f64, up: f64, dual: f64) -> f64 {
    match dual {
        d if d > 0.0 => (up - value).abs(),
        d if d < 0.0 => (value - lo).abs(),
        _ => 0.0,
    }
}

/// The largest number seen; NaN once one was.
pub(crate) struct Worst(pub(crate) f64);

impl Worst {
    pub(crate) fn see(&mut self, value: f64) {
        if value > self.0 || value.is_nan() {
            self.0 = value;
        }
    }
}

/// Largest magnitude; NaN if there is one.
pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |top, v| if v.abs() > top || v.is_nan() { v.abs() } else { top })
}
