//! The cost of an order once the demand is known.

use dfl_core::{Cost, CostCurvature, CostGrad, Kink};

/// To minimise over the orders $0 \le z \le$ `capacity`, the sum over products of
///
/// $$f(y, z) = c_0 z + \tfrac12 q_0 z^2 + c_b (y-z)_+ + \tfrac13 r_b (y-z)_+^3 + c_h (z-y)_+ + \tfrac13 r_h (z-y)_+^3$$
///
/// Its kinks are those of the linear parts, with slopes $-c_b$ and $c_h$ of $z - y$; the cubic ones are smooth. All constants are at
/// least 0, so that it is convex.
#[derive(Clone, Debug, PartialEq)]
pub struct InventoryCost {
    /// $c_0$ and $q_0$: price of a unit, and by how much it rises with each.
    pub order: [f64; 2],
    /// $c_b$ and $r_b$: price of unmet demand.
    pub backorder: [f64; 2],
    /// $c_h$ and $r_h$: price of what is left.
    pub holding: [f64; 2],
    /// Most that can be ordered of a product.
    pub capacity: f64,
    kinks: Vec<Kink>,
}

impl InventoryCost {
    /// Our constants, since none are published: $c_0 = 1$, $q_0 = 0.1$, $c_b = 10$, $r_b = 0.1$, $c_h = 2$, $r_h = 0.05$, capacity 30.
    pub fn new(products: usize) -> Self {
        let (backorder, holding) = ([10.0, 0.1], [2.0, 0.05]);
        let unit = |i: usize| (0..products).map(|j| f64::from(u8::from(i == j))).collect::<Vec<f64>>();
        let kink = |i| Kink { a: unit(i), b: unit(i), offset: 0.0, below: -backorder[0], above: holding[0] };
        Self { order: [1.0, 0.1], backorder, holding, capacity: 30.0, kinks: (0..products).map(kink).collect() }
    }

    /// The order that is best for a known demand `y` of one product.
    ///
    /// At $z = y$ the slope jumps by $c_b + c_h$. If it is not 0 there, the optimum is at the distance $t$ from $y$, on the side where
    /// the slope falls, with $r t^2 + q_0 t = g$, $g$ the slope that is left at $y$ and $r$ that of the side.
    pub fn optimum(&self, y: f64) -> f64 {
        let [price, rise] = self.order;
        let at = price + rise * y;
        let distance = |slope: f64, cubic: f64| 2.0 * slope / (rise + (rise * rise + 4.0 * cubic * slope).sqrt());
        let (below, above) = (at - self.backorder[0], at + self.holding[0]);
        let free = if below > 0.0 {
            y - distance(below, self.backorder[1])
        } else if above < 0.0 {
            y + distance(-above, self.holding[1])
        } else {
            y
        };
        free.clamp(0.0, self.capacity)
    }

    /// The smooth part of one product, with its slope and curvature in `z`.
    fn smooth_parts(&self, y: f64, z: f64) -> [f64; 3] {
        let ([price, rise], short, left) = (self.order, (y - z).max(0.0), (z - y).max(0.0));
        let (backorder, holding) = (self.backorder[1], self.holding[1]);
        [
            price * z + 0.5 * rise * z * z + (backorder * short.powi(3) + holding * left.powi(3)) / 3.0,
            price + rise * z - backorder * short * short + holding * left * left,
            rise + 2.0 * (backorder * short + holding * left),
        ]
    }

    /// The slope of the smooth part of one product in `y`.
    fn smooth_slope_y(&self, y: f64, z: f64) -> f64 {
        let (short, left) = ((y - z).max(0.0), (z - y).max(0.0));
        self.backorder[1] * short * short - self.holding[1] * left * left
    }
}

impl Cost for InventoryCost {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        let linear = |y: f64, z: f64| self.backorder[0] * (y - z).max(0.0) + self.holding[0] * (z - y).max(0.0);
        y.iter().zip(z).map(|(&y, &z)| self.smooth_parts(y, z)[0] + linear(y, z)).sum()
    }
}

impl CostGrad for InventoryCost {
    /// At $z = y$ the element of the smooth part alone.
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        for ((out, &y), &z) in out.iter_mut().zip(y).zip(z) {
            let linear = self.holding[0] * f64::from(u8::from(z > y)) - self.backorder[0] * f64::from(u8::from(z < y));
            *out = self.smooth_parts(y, z)[1] + linear;
        }
    }
}

impl CostCurvature for InventoryCost {
    fn smooth(&self, y: &[f64], z: &[f64]) -> f64 {
        y.iter().zip(z).map(|(&y, &z)| self.smooth_parts(y, z)[0]).sum()
    }
    fn smooth_grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(y.iter().zip(z)).for_each(|(out, (&y, &z))| *out = self.smooth_parts(y, z)[1]);
    }
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        (0..z.len()).for_each(|i| h[i * z.len() + i] += w * self.smooth_parts(y[i], z[i])[2]);
    }
    /// $\partial^2 s/\partial z \partial y = -2 r_b (y-z)_+ - 2 r_h (z-y)_+$.
    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        (0..z.len()).for_each(|i| out[i] += w * v[i] * (self.order[1] - self.smooth_parts(y[i], z[i])[2]));
    }
    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        out.iter_mut().zip(y.iter().zip(z)).for_each(|(out, (&y, &z))| *out += w * self.smooth_slope_y(y, z));
    }
    fn kinks(&self) -> &[Kink] {
        &self.kinks
    }
}
