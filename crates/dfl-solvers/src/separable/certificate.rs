//! Proofs that no point satisfies the rows within the bounds, checked on the program's own numbers.

use dfl_core::Program;

use super::model::Model;
use super::work::Work;
use crate::active_set::kernels::largest;

/// A gap must exceed what constraints relaxed by this share (of `1 +` their bound) can close.
const RELAXED: f64 = 1e-9;
/// Variables without a bound are taken to be no larger than this, relative to `1 +` the present point.
const FAR: f64 = 1e3;
/// Entries of a combination of rows below this, relative to its terms, count as zero.
const ZERO: f64 = 1e-9;

/// Whether $v$, which `rr` of the answer holds, is a Farkas certificate: every $x$ within the rows has $v^\top A x \le \sum_i
/// \max(v_i \underline b_i, v_i \overline b_i)$, and every one within the bounds has more. Uses `rx` of the answer.
#[inline(always)]
pub(super) fn proves_infeasible(model: &Model, program: &Program, work: &mut Work) -> bool {
    let (v, q) = (&mut work.answer.rr, &mut work.answer.rx);
    let scale = 1.0 / largest(v);
    let (mut most, mut slack) = (0.0, 0.0);
    for k in 0..model.rows() {
        v[k] *= scale;
        let bound = if v[k] > 0.0 { work.row_up[k] } else { work.row_lo[k] };
        if bound.is_finite() {
            most += v[k] * bound;
            slack += v[k].abs() * (1.0 + bound.abs());
        } else {
            v[k] = 0.0;
        }
    }
    // What is left of the rows is no proof if the point may be this large.
    let (mut least, far) = (0.0, FAR * (1.0 + largest(&work.x)));
    for j in 0..model.n() {
        q[j] = model.dot(j, v);
        let at = q[j] * if q[j] > 0.0 { program.lo[j] } else { program.up[j] };
        if at.is_finite() {
            least += at;
        } else if q[j].abs() > ZERO * model.norm(j) {
            return false;
        } else {
            least -= q[j].abs() * far;
        }
    }
    least - most > RELAXED * slack
}
