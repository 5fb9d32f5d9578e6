//! Projections with a closed form or a sorting algorithm.

use dfl_core::{Program, Rng};

use crate::{close, identity, matrix, solve};

/// The point of `{x : lo <= x <= up, sum x = r}` nearest to `z`: the multiplier by bisection on a function that falls.
fn nearest(z: &[f64], lo: f64, up: f64, r: f64) -> Vec<f64> {
    let at = |t: f64| z.iter().map(|v| (v - t).clamp(lo, up)).collect::<Vec<_>>();
    let (mut low, mut high) = (-1e3, 1e3);
    for _ in 0..200 {
        let t = 0.5 * (low + high);
        if at(t).iter().sum::<f64>() > r { low = t } else { high = t }
    }
    at(0.5 * (low + high))
}

/// Duchi et al. (2008), Fig. 1.
fn simplex(z: &[f64]) -> Vec<f64> {
    let mut sorted = z.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut threshold) = (0.0, 0.0);
    for (k, v) in sorted.iter().enumerate() {
        sum += v;
        if v - (sum - 1.0) / (k as f64 + 1.0) > 0.0 {
            threshold = (sum - 1.0) / (k as f64 + 1.0);
        }
    }
    z.iter().map(|v| (v - threshold).max(0.0)).collect()
}

fn onto(z: &[f64], up: f64, sum: f64) -> Program {
    let n = z.len();
    Program::linear(z.iter().map(|v| -v).collect())
        .with_quadratic(identity(n))
        .with_rows(matrix(&[&vec![1.0; n]]), vec![sum], vec![sum])
        .with_bounds(vec![0.0; n], vec![up; n])
}

#[test]
fn the_simplex_by_sorting() {
    let mut rng = Rng::seeded(44);
    for n in (1..40).chain([200, 1000]) {
        for scale in [0.01, 1.0, 100.0] {
            let z: Vec<f64> = (0..n).map(|_| scale * rng.normal()).collect();
            let (out, info) = solve(&onto(&z, f64::INFINITY, 1.0));
            close(&out.x, &simplex(&z), 1e-13 * scale.max(1.0));
            assert!(info.iterations < 20, "{}", info.iterations);
        }
    }
}

#[test]
fn the_capped_simplex_by_bisection() {
    let mut rng = Rng::seeded(45);
    for n in 2..60 {
        let z: Vec<f64> = (0..n).map(|_| 2.0 * rng.normal()).collect();
        let sum = 0.3 * n as f64;
        close(&solve(&onto(&z, 0.5, sum)).0.x, &nearest(&z, 0.0, 0.5, sum), 1e-12);
    }
}

/// Onto a half-space within the whole space: `z - a max(0, a'z - b) / |a|^2`.
#[test]
fn a_half_space_in_closed_form() {
    let mut rng = Rng::seeded(46);
    for n in 1..30 {
        let draw = |rng: &mut Rng| (0..n).map(|_| rng.normal()).collect::<Vec<f64>>();
        let (z, a, b) = (draw(&mut rng), draw(&mut rng), rng.normal());
        let program = Program::linear(z.iter().map(|v| -v).collect()).with_quadratic(identity(n)).with_rows(
            matrix(&[&a]),
            vec![f64::NEG_INFINITY],
            vec![b],
        );
        let dot = |u: &[f64], v: &[f64]| u.iter().zip(v).map(|(x, y)| x * y).sum::<f64>();
        let step = (dot(&a, &z) - b).max(0.0) / dot(&a, &a);
        let expected: Vec<f64> = z.iter().zip(&a).map(|(z, a)| z - step * a).collect();
        let (out, _) = solve(&program);
        close(&out.x, &expected, 1e-13);
        close(&out.row_dual, &[step], 1e-12);
    }
}
