//! The minimum of the dual along a direction: the zero of a piecewise linear function that grows.

use dfl_core::Program;

use super::model::Model;
use super::work::Work;

/// The slope that is small enough, relative to the first one.
const FLAT: f64 = 1e-3;
/// Most evaluations of the slope.
const TRIALS: usize = 60;
/// A step at which the dual still falls may be a proof of infeasibility.
const FAR: f64 = 1e6;

impl Work {
    /// The step, and whether the dual has a minimum at it; if not, it still falls there.
    #[inline(always)]
    pub(super) fn search(&self, model: &Model, program: &Program) -> (f64, bool) {
        let first: f64 = -self.dy.iter().zip(&self.r).map(|(d, r)| d * r).sum::<f64>();
        let damping = self.damping * self.dy.iter().zip(&self.mass).map(|(d, mass)| mass * d * d).sum::<f64>();
        let (mut low, mut high, mut t) = (0.0, f64::INFINITY, 1.0);
        for _ in 0..TRIALS {
            let (change, curvature) = self.change(model, program, t);
            let (slope, curvature) = (first + change + damping * t, curvature + damping);
            if slope.abs() <= FLAT * first.abs() {
                return (t, true);
            }
            if slope < 0.0 {
                low = t
            } else {
                high = t
            }
            if high == f64::INFINITY && t > FAR {
                return (t, false);
            }
            let newton = t - slope / curvature;
            t = if newton > low && newton < high {
                newton.min(10.0 * FAR)
            } else if high < f64::INFINITY {
                if high <= 4.0 * low { 0.5 * (low + high) } else { (low * high).sqrt().max(0.1 * high) }
            } else {
                10.0 * t
            };
            if high < f64::INFINITY && high - low <= f64::EPSILON * high {
                break;
            }
        }
        (t, true)
    }

    /// How much the slope at `t` exceeds that at 0, and the curvature at `t`.
    #[inline(always)]
    fn change(&self, model: &Model, program: &Program, t: f64) -> (f64, f64) {
        let m = model.rows();
        let x = change(t, [&self.z, &self.dz, &self.slope, &self.x, &program.lo, &program.up]);
        let rows = [&self.w[..m], &self.dw[..m], &self.dy[..m], &self.s[..m], &self.row_lo[..m], &self.row_up[..m]];
        let s = change(t, rows);
        (x.0 + s.0, x.1 + s.1)
    }
}

/// `sum_k g_k (clamp(z_k + t v_k) - x_k)` and its derivative in `t`, of `[z, v, g, x, lo, up]`; in four lanes.
#[inline(always)]
fn change(t: f64, vectors: [&[f64]; 6]) -> (f64, f64) {
    let n = vectors[0].len();
    let ([z, v, g, x, lo, up], [z_, v_, g_, x_, lo_, up_]) = {
        let parts = vectors.map(|values| values[..n].as_chunks::<4>());
        (parts.map(|p| p.0), parts.map(|p| p.1))
    };
    let (mut sum, mut slope) = ([0.0; 4], [0.0; 4]);
    for i in 0..n / 4 {
        for k in 0..4 {
            let to = z[i][k] + t * v[i][k];
            sum[k] += g[i][k] * (to.max(lo[i][k]).min(up[i][k]) - x[i][k]);
            slope[k] += if to > lo[i][k] && to < up[i][k] { g[i][k] * v[i][k] } else { 0.0 };
        }
    }
    for k in 0..n % 4 {
        let to = z_[k] + t * v_[k];
        sum[k] += g_[k] * (to.max(lo_[k]).min(up_[k]) - x_[k]);
        slope[k] += if to > lo_[k] && to < up_[k] { g_[k] * v_[k] } else { 0.0 };
    }
    ((sum[0] + sum[1]) + (sum[2] + sum[3]), (slope[0] + slope[1]) + (slope[2] + slope[3]))
}
