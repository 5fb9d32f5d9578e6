//! How long the steps of a row are.

use super::form::Form;
use super::lanes::Lanes;

/// Iterations after which the length is looked at for the first time, and then after twice as many each time.
pub(super) const FIRST_LOOK: usize = 8;
/// A length that makes `z` move as far as `x` and the multipliers together is somewhat short.
const LONGER: f64 = 2.0;

impl Form {
    /// The length for the cost in `row` to begin with: $\|A^+ b\| / \|\Pi c\|$, so that decision and multipliers are of one size, and at most
    /// $1 / \mu$. Overwrites `row.y` and `row.t`.
    pub(super) fn alpha(&self, row: &mut Lanes<1>) -> f64 {
        self.projection.sparse(&row.cost, false, &mut row.t, &mut row.y);
        let cost = row.y.iter().map(|v| v[0] * v[0]).sum::<f64>().sqrt();
        self.at_most(self.size / cost)
    }

    /// `alpha`, if it is a number and at most $1 / \mu$.
    fn at_most(&self, alpha: f64) -> f64 {
        let most = if self.mu > 0.0 { 1.0 / self.mu } else { f64::MAX };
        match alpha {
            alpha if alpha > 0.0 && alpha < most => alpha,
            _ if self.mu > 0.0 => most,
            _ => 1.0,
        }
    }

    /// Moves lane `l` on, with steps of another length: of the present one and $\|x - x_0\| / \|\nu\|$, how far decision and multipliers have
    /// come, the geometric mean.
    pub(super) fn change_pace<const L: usize>(&self, lanes: &mut Lanes<L>, l: usize) {
        let (mut moved, mut pushed) = (0.0, 0.0);
        for (j, (z, from)) in lanes.z.iter().zip(&self.projection.point).enumerate() {
            let x = self.clamp(j, z[l]);
            moved += (x - self.clamp(j, *from)).powi(2);
            pushed += (z[l] - x).powi(2);
        }
        let alpha = lanes.alpha[l];
        if !(moved > 0.0 && pushed > 0.0) {
            return;
        }
        lanes.alpha[l] = self.at_most(alpha * (LONGER * (moved / pushed).sqrt()).sqrt());
        let ratio = lanes.alpha[l] / alpha;
        for (j, (z, step)) in lanes.z.iter_mut().zip(&lanes.steps[lanes.phase]).enumerate() {
            let (to, x) = (z[l] + step[l], self.clamp(j, z[l] + step[l]));
            z[l] = x + (to - x) * ratio;
        }
        lanes.hold(l);
    }
}
