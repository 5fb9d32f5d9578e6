//! The allocation of the discopt notebook, written in good_lp: `min c'x + |x|^2` over the simplex, in closed form.
#![cfg(feature = "modelling")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use dfl_solvers::layer::{self, Layer, Parameter, good_lp};
use good_lp::{Expression, Variable, constraint, variables};

fn allocation() -> (Layer, Vec<Variable>, Parameter) {
    variables! { vars: 0 <= x[3] <= 1; }
    let mut model = layer::minimise(vars, 0.8 * x[0] + 1.0 * x[1] + 1.2 * x[2])
        .with(constraint!(x.iter().sum::<Expression>() == 1).set_name("budget".into()));
    x.iter().for_each(|&x| model.add_quadratic(x, x, 1.0));
    let cost = model.cost_of("cost", &x).unwrap();
    (model.layer().unwrap(), x, cost)
}

fn close(a: f64, b: f64, tolerance: f64) {
    assert!((a - b).abs() <= tolerance, "{a} and {b}");
}

/// The projection of `-c / 2` onto the simplex, and its Jacobian in `c`: Duchi et al. (2008), Fig. 1.
fn projection(c: &[f64]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let v: Vec<f64> = c.iter().map(|c| -c / 2.0).collect();
    let mut sorted = v.clone();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let (mut sum, mut threshold) = (0.0, 0.0);
    for (k, u) in sorted.iter().enumerate() {
        sum += u;
        let next = (sum - 1.0) / (k + 1) as f64;
        if u - next > 0.0 {
            threshold = next;
        }
    }
    let x: Vec<f64> = v.iter().map(|v| (v - threshold).max(0.0)).collect();
    let free = x.iter().filter(|x| **x > 0.0).count() as f64;
    let entry = |i: usize, j: usize| match (x[i] > 0.0 && x[j] > 0.0, i == j) {
        (false, _) => 0.0,
        (true, same) => -0.5 * (f64::from(u8::from(same)) - 1.0 / free),
    };
    let jacobian = (0..c.len()).map(|i| (0..c.len()).map(|j| entry(i, j)).collect()).collect();
    (x, jacobian)
}

/// The demo: x = (.4333, .3333, .2333), 1.3133, and -1/3 and 1/6 for dx/dc.
#[test]
fn the_printed_demo() {
    let (layer, x, cost) = allocation();
    let answer = layer.solve(&layer.nominal().unwrap()).unwrap();
    for (x, printed) in x.iter().zip([0.4333, 0.3333, 0.2333]) {
        close(answer.x(*x).unwrap(), printed, 5e-5);
    }
    close(answer.objective(), 1.3133, 5e-5);
    for (i, &xi) in x.iter().enumerate() {
        for (k, d) in answer.sensitivity(xi, cost).unwrap().into_iter().enumerate() {
            close(d, if i == k { -1.0 / 3.0 } else { 1.0 / 6.0 }, 1e-12);
        }
    }
    let status = answer.status().unwrap();
    assert!(status.is_derivative() && status.value_is_derivative() && status.reasons().is_empty(), "{status}");
}

/// Test row 0 of the notebook, then points with one and two variables at zero, against the closed form and central differences.
#[test]
fn closed_form_inside_and_at_bounds() {
    let (layer, x, cost) = allocation();
    for (c, printed) in
        [([0.464, 1.578, 0.957], Some(([0.6012, 0.0441, 0.3547], 1.1775))), ([0.1, 2.3, 0.6], None), ([-2.0, 2.3, 0.6], None)]
    {
        let answer = layer.solve(&c).unwrap();
        let (by_hand, jacobian) = projection(&c);
        if let Some((x, objective)) = printed {
            // The costs are printed with three digits.
            by_hand.iter().zip(x).for_each(|(a, b)| close(*a, b, 5e-4));
            close(answer.objective(), objective, 5e-4);
        }
        assert!(answer.status().unwrap().is_derivative(), "{c:?}: {}", answer.status().unwrap());
        let (envelope, implicit) = (answer.envelope_gradient(cost).unwrap(), answer.implicit_gradient(cost).unwrap());
        for (i, &xi) in x.iter().enumerate() {
            close(answer.x(xi).unwrap(), by_hand[i], 1e-12);
            close(envelope[i], by_hand[i], 1e-12);
            close(implicit[i], by_hand[i], 1e-12);
            let row = answer.sensitivity(xi, cost).unwrap();
            for k in 0..3 {
                close(row[k], jacobian[i][k], 1e-12);
                let at = |step: f64| {
                    let mut moved = c;
                    moved[k] += step;
                    layer.solve(&moved).unwrap().x(xi).unwrap()
                };
                close(row[k], (at(1e-5) - at(-1e-5)) / 2e-5, 1e-9);
            }
        }
    }
}
