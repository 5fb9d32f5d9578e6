//! The classical Runge-Kutta method of order 4, and its exact transpose: the derivative of the numbers that are computed, not of the
//! solution that they approximate.

use super::disease::COMPARTMENTS;
use super::dynamics::{Dynamics, State};

/// $x + h k$.
fn along(x: &State, h: f64, k: &State) -> State {
    std::array::from_fn(|i| x[i] + h * k[i])
}

/// The slopes of one step of length `h`.
fn slopes(system: &Dynamics, x: &State, beta: f64, h: f64) -> [State; 4] {
    let first = system.derivative(x, beta);
    let second = system.derivative(&along(x, 0.5 * h, &first), beta);
    let third = system.derivative(&along(x, 0.5 * h, &second), beta);
    let fourth = system.derivative(&along(x, h, &third), beta);
    [first, second, third, fourth]
}

/// Moves the state by one step.
pub(super) fn step(system: &Dynamics, x: &mut State, beta: f64, h: f64) {
    let [a, b, c, d] = slopes(system, x, beta, h);
    for i in 0..COMPARTMENTS {
        x[i] += h / 6.0 * (a[i] + 2.0 * (b[i] + c[i]) + d[i]);
    }
}

/// Takes the cotangent `w` on the state after a step back to the state `x` before it; returns that on $\beta$. The slopes are computed again.
pub(super) fn pull_step(system: &Dynamics, x: &State, beta: f64, h: f64, w: &mut State) -> f64 {
    let [a, b, c, _] = slopes(system, x, beta, h);
    let points = [*x, along(x, 0.5 * h, &a), along(x, 0.5 * h, &b), along(x, h, &c)];
    // Each slope counts in the sum and, but for the last, in the point where the next one is taken.
    let (in_sum, in_next) = ([h / 6.0, h / 3.0, h / 3.0, h / 6.0], [0.5 * h, 0.5 * h, h, 0.0]);
    let (end, mut next, mut on_beta) = (*w, [0.0; COMPARTMENTS], 0.0);
    for stage in (0..4).rev() {
        let on_slope = std::array::from_fn(|i| in_sum[stage] * end[i] + in_next[stage] * next[i]);
        let (on_point, rate) = system.pull_derivative(&points[stage], beta, &on_slope);
        *w = along(w, 1.0, &on_point);
        on_beta += rate;
        next = on_point;
    }
    on_beta
}
