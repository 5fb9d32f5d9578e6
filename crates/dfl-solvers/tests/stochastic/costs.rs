//! Small costs to test with.

use dfl_core::{Cost, CostCurvature, CostGrad, Kink};

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// `1/2 |z - y|^2`.
#[derive(Clone, Copy)]
pub(crate) struct Quadratic;

impl Cost for Quadratic {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        0.5 * y.iter().zip(z).map(|(y, z)| (z - y).powi(2)).sum::<f64>()
    }
}
impl CostGrad for Quadratic {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] = z[i] - y[i]);
    }
}
impl CostCurvature for Quadratic {
    fn add_hess(&self, _y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        (0..z.len()).for_each(|i| h[i * z.len() + i] += w);
    }
    fn add_cross(&self, _y: &[f64], _z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        (0..v.len()).for_each(|i| out[i] -= w * v[i]);
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] += w * (y[i] - z[i]));
    }
}

/// Product allocation, `exp(-y'z)`.
#[derive(Clone, Copy)]
pub(crate) struct Allocation;

impl Cost for Allocation {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        (-dot(y, z)).exp()
    }
}
impl CostGrad for Allocation {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        let e = self.value(y, z);
        (0..z.len()).for_each(|i| out[i] = -y[i] * e);
    }
}
impl CostCurvature for Allocation {
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        let (e, n) = (self.value(y, z), z.len());
        for i in 0..n {
            (0..n).for_each(|j| h[i * n + j] += w * e * y[i] * y[j]);
        }
    }
    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        let (e, yv) = (self.value(y, z), dot(y, v));
        (0..z.len()).for_each(|j| out[j] += w * e * (yv * z[j] - v[j]));
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        let e = self.value(y, z);
        (0..z.len()).for_each(|j| out[j] -= w * e * z[j]);
    }
}

/// Portfolio: `alpha/2 (y'z)^2 - y'z`.
#[derive(Clone, Copy)]
pub(crate) struct Portfolio(pub(crate) f64);

impl Cost for Portfolio {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        let r = dot(y, z);
        0.5 * self.0 * r * r - r
    }
}
impl CostGrad for Portfolio {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        let s = self.0 * dot(y, z) - 1.0;
        (0..z.len()).for_each(|i| out[i] = s * y[i]);
    }
}
impl CostCurvature for Portfolio {
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        let n = z.len();
        for i in 0..n {
            (0..n).for_each(|j| h[i * n + j] += w * self.0 * y[i] * y[j]);
        }
    }
    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        let (s, yv) = (self.0 * dot(y, z) - 1.0, dot(y, v));
        (0..z.len()).for_each(|j| out[j] += w * (self.0 * yv * z[j] + s * v[j]));
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        let s = self.0 * dot(y, z) - 1.0;
        (0..z.len()).for_each(|j| out[j] += w * s * z[j]);
    }
}

/// Per coordinate `under (y - z)_+ + over (z - y)_+ + curve/2 (z - y)^2`: the newsvendor without `curve`, the power cost with it.
#[derive(Clone)]
pub(crate) struct Generation {
    curve: f64,
    kinks: Vec<Kink>,
}

impl Generation {
    pub(crate) fn new(hours: usize, under: f64, over: f64, curve: f64) -> Self {
        let unit = |i: usize| (0..hours).map(|j| f64::from(i == j)).collect::<Vec<f64>>();
        let kink = |i: usize| Kink { a: unit(i), b: unit(i), offset: 0.0, below: -under, above: over };
        Self { curve, kinks: (0..hours).map(kink).collect() }
    }

    /// Further kinks, whatever they are.
    pub(crate) fn with(mut self, kinks: &[Kink]) -> Self {
        self.kinks.extend_from_slice(kinks);
        self
    }
}

impl Cost for Generation {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        self.smooth(y, z) + self.kinks.iter().map(|k| k.value(k.argument(y, z))).sum::<f64>()
    }
}
impl CostGrad for Generation {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        self.smooth_grad_z(y, z, out);
        for k in &self.kinks {
            let slope = k.slope(k.argument(y, z));
            (0..z.len()).for_each(|i| out[i] += slope * k.a[i]);
        }
    }
}
impl CostCurvature for Generation {
    fn smooth(&self, y: &[f64], z: &[f64]) -> f64 {
        self.curve * Quadratic.value(y, z)
    }
    fn smooth_grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] = self.curve * (z[i] - y[i]));
    }
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        Quadratic.add_hess(y, z, self.curve * w, h);
    }
    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        Quadratic.add_cross(y, z, self.curve * w, v, out);
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        Quadratic.add_grad_y(y, z, self.curve * w, out);
    }
    fn kinks(&self) -> &[Kink] {
        &self.kinks
    }
}

/// Linear in both: `-y'z`, of which CVaR makes a linear program.
#[derive(Clone, Copy)]
pub(crate) struct Loss;

impl Cost for Loss {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        -dot(y, z)
    }
}
impl CostGrad for Loss {
    fn grad_z(&self, y: &[f64], _z: &[f64], out: &mut [f64]) {
        (0..y.len()).for_each(|i| out[i] = -y[i]);
    }
}
impl CostCurvature for Loss {
    fn add_hess(&self, _y: &[f64], _z: &[f64], _w: f64, _h: &mut [f64]) {}
    fn add_cross(&self, _y: &[f64], _z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        (0..v.len()).for_each(|i| out[i] -= w * v[i]);
    }
    fn add_grad_y(&self, _y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] -= w * z[i]);
    }
}

/// A double well in each coordinate, tilted by `y`: `(z^2 - 1)^2 / 4 + y z`; not convex.
#[derive(Clone, Copy)]
pub(crate) struct Wells;

impl Cost for Wells {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        y.iter().zip(z).map(|(y, z)| 0.25 * (z * z - 1.0).powi(2) + y * z).sum()
    }
}
impl CostGrad for Wells {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] = z[i] * (z[i] * z[i] - 1.0) + y[i]);
    }
}
impl CostCurvature for Wells {
    fn add_hess(&self, _y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        (0..z.len()).for_each(|i| h[i * z.len() + i] += w * (3.0 * z[i] * z[i] - 1.0));
    }
    fn add_cross(&self, _y: &[f64], _z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        (0..v.len()).for_each(|i| out[i] += w * v[i]);
    }
    fn add_grad_y(&self, _y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] += w * z[i]);
    }
}
