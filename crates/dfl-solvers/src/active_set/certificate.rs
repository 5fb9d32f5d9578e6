//! Proofs that a program has no feasible point or no lower bound, checked on its own numbers.

use super::kernels::{dot, largest};
use super::model::Model;
use super::work::Work;

/// A gap must exceed what constraints relaxed by this share (of `1 +` their bound) can close.
const RELAXED: f64 = 1e-9;
/// Variables without a bound are taken to be no larger than this, relative to `1 +` the present point.
const FAR: f64 = 1e3;
/// Entries of a combination of normals below this, relative to its terms, count as zero.
const ZERO: f64 = 1e-9;

/// Checks the multipliers $y = s (e_i - \sum_w p_w e_w)$ that constraint `i`, dependent on the tight set, gives at side $s$.
///
/// Every feasible $x$ has $y^\top A x \le \sum_k \max(y_k \underline b_k, y_k \overline b_k)$. What is left of $y^\top A$ is bounded
/// from below by the variables' own bounds; where there are none it must vanish up to rounding.
///
/// `Some(true)`: proven infeasible. `Some(false)`: violated by no more than rounding. `None`: neither.
#[inline(always)]
pub(super) fn proves_infeasible(work: &mut Work, model: &Model, i: usize, side: f64) -> Option<bool> {
    let (mut most, mut slack, mut size) = (side * work.bound(i, side), 1.0 + work.bound(i, side).abs(), model.norm[i]);
    for k in 0..work.tight.len() {
        let (w, own) = (work.tight.index[k], work.tight.side[k]);
        let y = -side * work.tight.combination[k];
        if own * y < 0.0 {
            // Rounding of a zero: without this member the rest of the proof must do.
            model.add_normal(w, work.tight.combination[k], &mut work.direction);
            continue;
        }
        most += y * work.bound(w, own);
        slack += y.abs() * (1.0 + work.bound(w, own).abs());
        size += y.abs() * model.norm[w];
    }
    // What is left of the normals is no proof if the point may be this large.
    let (mut least, far) = (0.0, FAR * (1.0 + largest(&work.anchor)));
    for j in 0..model.n() {
        let v = side * work.direction[j];
        let at = match model.place[j] {
            usize::MAX => f64::NEG_INFINITY * v,
            b if v > 0.0 => v * work.lo[b],
            b => v * work.up[b],
        };
        if at.is_finite() {
            least += at;
        } else if v.abs() > ZERO * size {
            return None;
        } else {
            least -= v.abs() * far;
        }
    }
    Some(least - most > RELAXED * slack)
}

/// Whether the objective falls forever along `direction`: $Pd = 0$, $c^\top d < 0$ and $Ad$ in the recession cone. Uses `score`.
#[inline(always)]
pub(super) fn proves_unbounded(work: &mut Work, model: &Model) -> bool {
    let length = largest(&work.direction);
    if !(length > 0.0 && length.is_finite()) {
        return false;
    }
    work.direction.iter_mut().for_each(|d| *d /= length);
    let slope = dot(&work.c, &work.direction);
    if slope.is_nan() || slope >= -ZERO * largest(&work.c) {
        return false;
    }
    model.metric.mul(&work.direction, &mut work.anchor);
    if largest(&work.anchor) > ZERO * model.metric.largest() {
        return false;
    }
    model.values(&work.direction, &mut work.score);
    (0..model.len()).all(|i| {
        let (ad, zero) = (work.score[i], ZERO * model.norm[i]);
        (ad <= zero || work.up[i] == f64::INFINITY) && (ad >= -zero || work.lo[i] == f64::NEG_INFINITY)
    })
}
