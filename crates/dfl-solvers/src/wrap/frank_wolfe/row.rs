//! One row on its way to the regularised optimum.

use dfl_core::{SolveInfo, Status};

use super::FrankWolfeOptions;
use super::hull::Hull;

/// Below this weight a point is about to leave: the derivative is one of several.
const NEARLY_GONE: f64 = 1e-9;

pub(super) struct Row {
    pub(super) index: usize,
    /// $\theta + \lambda w$: where the oracle is asked next.
    pub(super) gradient: Vec<f64>,
    /// `None` before the oracle's first answer.
    hull: Option<Hull>,
    gap: f64,
    calls: usize,
    end: Option<Status>,
}

impl Row {
    pub(super) fn new(index: usize, theta: &[f64]) -> Self {
        Self { index, gradient: theta.to_vec(), hull: None, gap: f64::INFINITY, calls: 0, end: None }
    }

    /// Takes the oracle's answer at the gradient.
    pub(super) fn advance(&mut self, theta: &[f64], options: &FrankWolfeOptions, found: &[f64], status: Status) {
        self.calls += 1;
        let lambda = options.lambda;
        if !status.usable() {
            self.end = Some(status);
        } else if let Some(hull) = &mut self.hull {
            self.gap = self.gradient.iter().zip(hull.point()).zip(found).map(|((g, w), v)| g * (w - v)).sum();
            if self.gap <= options.tolerance * scale(theta, lambda, hull.point()) {
                let inexact = Status::Inexact { residual: self.gap.max(0.0) };
                self.end = Some(if status == Status::Optimal { status } else { inexact });
            } else if !(hull.add(found) && hull.minimise(theta, lambda)) {
                // The oracle is not as good as it was, or rounding is all that is left of the gap.
                self.end = Some(Status::Inexact { residual: self.gap });
            }
        } else {
            self.hull = Some(Hull::new(found));
        }
        if let (None, Some(hull)) = (self.end, &self.hull) {
            self.gradient.iter_mut().zip(theta).zip(hull.point()).for_each(|((g, t), w)| *g = t + lambda * w);
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.end.is_some()
    }

    pub(super) fn info(&self) -> SolveInfo {
        let degenerate = self.hull.as_ref().is_some_and(|hull| hull.least_weight() < NEARLY_GONE);
        SolveInfo { status: self.status(), iterations: self.calls, degenerate }
    }

    fn status(&self) -> Status {
        self.end.unwrap_or(Status::Inexact { residual: self.gap })
    }

    /// The mean found, unless the row has no answer.
    pub(super) fn answer(&self) -> Option<&Hull> {
        self.hull.as_ref().filter(|_| self.status().usable())
    }

    pub(super) fn into_answer(self) -> Option<Hull> {
        let usable = self.status().usable();
        self.hull.filter(|_| usable)
    }
}

/// $\theta^\top w + \tfrac\lambda2 \|w\|^2$.
pub(super) fn objective(theta: &[f64], lambda: f64, w: &[f64]) -> f64 {
    theta.iter().zip(w).map(|(t, w)| t * w + 0.5 * lambda * w * w).sum()
}

/// The same without cancellation: what the gap is compared with.
fn scale(theta: &[f64], lambda: f64, w: &[f64]) -> f64 {
    theta.iter().zip(w).map(|(t, w)| (t * w).abs() + 0.5 * lambda * w * w).sum()
}
