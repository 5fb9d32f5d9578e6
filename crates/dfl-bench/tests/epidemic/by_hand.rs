//! A second implementation: the ten equations written out, on numbers that carry a derivative, with the published constants.

use std::ops::{Add, Mul};

use dfl_bench::epidemic::{State, latent_of};

/// A number and its derivative in one direction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dual(pub(crate) f64, pub(crate) f64);

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0, self.1 + other.1)
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        Self(self.0 * other.0, self.0 * other.1 + self.1 * other.0)
    }
}

impl Mul<Dual> for f64 {
    type Output = Dual;
    fn mul(self, other: Dual) -> Dual {
        Dual(self * other.0, self * other.1)
    }
}

/// S, E, Ia, Ip, Im, Is, Hr, Hd, R, D.
pub(crate) fn equations(x: &[Dual; 10], beta: Dual, n: f64) -> [Dual; 10] {
    let [s, e, ia, ip, im, is, hr, hd, ..] = *x;
    let (gamma, la, lp, lm, ls, rr, rd) = (1.0 / 3.5, 1.0 / 7.0, 1.0 / 1.5, 1.0 / 5.5, 1.0 / 5.5, 1.0 / 15.0, 1.0 / 13.3);
    let infected = 1.0 / n * (beta * (0.6 * ia + ip + im + is) * s);
    [
        -1.0 * infected,
        infected + -gamma * e,
        0.43 * gamma * e + -la * ia,
        0.57 * gamma * e + -lp * ip,
        0.95 * lp * ip + -lm * im,
        0.05 * lp * ip + -ls * is,
        0.8 * ls * is + -rr * hr,
        0.2 * ls * is + -rd * hd,
        la * ia + lm * im + rr * hr,
        rd * hd,
    ]
}

/// Patients at the end of each day and their derivative along a direction of the latent transmission.
pub(crate) fn patients(start: &State, latent: &[Dual], n: f64, steps: usize) -> Vec<Dual> {
    let h = 1.0 / steps as f64;
    let along = |x: &[Dual; 10], h: f64, k: &[Dual; 10]| std::array::from_fn(|i| x[i] + h * k[i]);
    let mut x = start.map(|people| Dual(people, 0.0));
    let mut out = Vec::new();
    for l in latent {
        let value = 2.0 / (1.0 + (-l.0).exp());
        assert!((latent_of(value) - l.0).abs() < 1e-12);
        let beta = Dual(value, value * (1.0 - value / 2.0) * l.1);
        for _ in 0..steps {
            let a = equations(&x, beta, n);
            let b = equations(&along(&x, h / 2.0, &a), beta, n);
            let c = equations(&along(&x, h / 2.0, &b), beta, n);
            let d = equations(&along(&x, h, &c), beta, n);
            x = std::array::from_fn(|i| x[i] + h / 6.0 * (a[i] + 2.0 * b[i] + 2.0 * c[i] + d[i]));
        }
        out.push(x[6] + x[7]);
    }
    out
}
