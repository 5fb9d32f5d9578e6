use crate::{Adjoint, Cotangent, DifferentiableSolver, Rng, Solution};

/// Derivatives below this are compared absolutely.
const SMALLEST_SCALE: f64 = 1e-9;

/// Largest difference between `gradient` and central differences of `value` at `at`, relative to the largest difference quotient (if all
/// are below 1e-9, to that: what is zero must be zero).
pub fn gradient_error(at: &[f64], gradient: &[f64], step: f64, mut value: impl FnMut(&[f64]) -> f64) -> f64 {
    let mut point = at.to_vec();
    let (mut worst, mut scale) = (0.0_f64, SMALLEST_SCALE);
    for k in 0..at.len() {
        point[k] = at[k] + step;
        let above = value(&point);
        point[k] = at[k] - step;
        let below = value(&point);
        point[k] = at[k];
        let difference = (above - below) / (2.0 * step);
        scale = scale.max(difference.abs());
        worst = worst.max((difference - gradient[k]).abs());
        assert!(gradient[k].is_finite() && difference.is_finite(), "entry {k}: gradient {}, difference {difference}", gradient[k]);
    }
    worst / scale
}

fn solve<S: DifferentiableSolver>(solver: &S, theta: &[f64], ws: &mut S::Workspace) -> Vec<f64> {
    let mut out = Solution::default();
    let info = solver.solve(theta, None, ws, &mut out).expect("the instance is well formed");
    assert!(info.status.usable(), "{}: {}", solver.name(), info.status);
    out.x
}

/// Error of a solver's vjp at `theta` for a random cotangent against central differences, see [`gradient_error`].
pub fn vjp_error<S: DifferentiableSolver>(solver: &S, theta: &[f64], step: f64, rng: &mut Rng) -> f64 {
    let mut ws = solver.workspace().expect("the solver makes a workspace");
    let cotangent: Vec<f64> = (0..solver.dims().x).map(|_| rng.normal()).collect();
    let tape = tape(solver, theta, &mut ws);
    let mut gradient = vec![f64::NAN; theta.len()];
    let on_x = Cotangent { x: &cotangent, ..Cotangent::default() };
    solver.vjp(&tape, on_x, &mut Adjoint::default(), &mut gradient).expect("lengths agree");
    gradient_error(theta, &gradient, step, |at| solve(solver, at, &mut ws).iter().zip(&cotangent).map(|(x, c)| x * c).sum())
}

/// Error of a solver's jvp at `theta` for a random direction against a central difference, relative to the largest entry.
pub fn jvp_error<S: DifferentiableSolver>(solver: &S, theta: &[f64], step: f64, rng: &mut Rng) -> f64 {
    let mut ws = solver.workspace().expect("the solver makes a workspace");
    let direction: Vec<f64> = theta.iter().map(|_| rng.normal()).collect();
    let tape = tape(solver, theta, &mut ws);
    let mut tangent = vec![f64::NAN; solver.dims().x];
    solver.jvp(&tape, &direction, &mut Adjoint::default(), &mut tangent).expect("lengths agree");
    let mut moved = |s: f64| {
        let at: Vec<f64> = theta.iter().zip(&direction).map(|(t, d)| t + s * d).collect();
        solve(solver, &at, &mut ws)
    };
    let (above, below) = (moved(step), moved(-step));
    let (mut worst, mut scale) = (0.0_f64, SMALLEST_SCALE);
    for j in 0..tangent.len() {
        let difference = (above[j] - below[j]) / (2.0 * step);
        scale = scale.max(difference.abs());
        worst = worst.max((difference - tangent[j]).abs());
        assert!(tangent[j].is_finite(), "entry {j} of the tangent is {}", tangent[j]);
    }
    worst / scale
}

fn tape<S: DifferentiableSolver>(solver: &S, theta: &[f64], ws: &mut S::Workspace) -> S::Tape {
    let mut out = Solution::default();
    let mut info = solver.solve(theta, None, ws, &mut out).expect("the instance is well formed");
    solver.tape(theta, &out, ws, &mut info).expect("the answer can be differentiated")
}
