//! What prepared beds cost once the patients are known.

use dfl_core::{Cost, CostCurvature, CostGrad, Error, Kink, Result};

/// The constants of a [`BedCost`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BedPrices {
    /// $c_b$ and $q_b$, of beds that are missing.
    pub missing: [f64; 2],
    /// $c_h$ and $q_h$, of beds that stay empty.
    pub empty: [f64; 2],
}

impl BedPrices {
    /// An empty bed costs 10 a day and $0.1$ times the square of their number; a missing one ten times as much. Our choice: the published
    /// experiment names no constants. Its figures lie between $10^3$ and $10^4$, and so do the means of good predictions here.
    pub const OURS: Self = Self { missing: [100.0, 1.0], empty: [10.0, 0.1] };

    /// [`BedPrices::OURS`] with missing beds so many times as expensive as empty ones.
    ///
    /// # Errors
    /// [`Error::Domain`] for a ratio below 1 or not finite: the cost is one of too few beds.
    pub fn with_ratio(ratio: f64) -> Result<Self> {
        if !(ratio >= 1.0 && ratio.is_finite()) {
            return Err(Error::Domain { what: "price of a missing bed, of an empty one's", value: ratio, need: "at least 1 and finite" });
        }
        let [linear, quadratic] = Self::OURS.empty;
        Ok(Self { missing: [ratio * linear, ratio * quadratic], ..Self::OURS })
    }
}

/// To minimise over beds $a \ge 0$ for the patients $y$ of each day, the first entries of an outcome (what follows them is not read):
///
/// $$f(y, a) = \sum_i c_b (y_i - a_i)_+ + c_h (a_i - y_i)_+ + q_b (y_i - a_i)_+^2 + q_h (a_i - y_i)_+^2$$
///
/// The linear parts are its kinks; the quadratic ones, whose slope is continuous, are smooth. Convex.
///
/// # Shapes
/// `y`: `[days]` or more; `a`: `[days]`.
/// # References
/// SO-EBM (NeurIPS 2022), the bed-preparation experiment.
#[derive(Clone, Debug, PartialEq)]
pub struct BedCost {
    prices: BedPrices,
    kinks: Vec<Kink>,
}

impl BedCost {
    /// For so many days, the front of outcomes of length `outcome`.
    ///
    /// # Errors
    /// [`Error::Dimension`] if the outcome is shorter than the days.
    pub fn new(days: usize, outcome: usize, prices: BedPrices) -> Result<Self> {
        if outcome < days {
            return Err(Error::Dimension { what: "outcome of a bed cost", expected: days, got: outcome });
        }
        let unit = |i: usize, n: usize| (0..n).map(|j| f64::from(u8::from(i == j))).collect::<Vec<f64>>();
        let kink = |i| Kink { a: unit(i, days), b: unit(i, outcome), offset: 0.0, below: -prices.missing[0], above: prices.empty[0] };
        Ok(Self { prices, kinks: (0..days).map(kink).collect() })
    }

    /// The beds $a \ge 0$ of one day that cost least in the mean over so many possible numbers of patients, which are sorted; exact, in
    /// $O(M \log M)$. Days do not touch each other, so this decides a stochastic program whose only bound is 0.
    ///
    /// The slope of the mean is linear between neighbouring numbers and jumps up at each: with the $k$ smallest ones below, its zero is
    ///
    /// $$a_k = \frac{(M-k)\, c_b - k\, c_h + 2 q_h \sum_{m \le k} y_m + 2 q_b \sum_{m > k} y_m}{2 (q_h k + q_b (M-k))}$$
    ///
    /// and the optimum lies where that first stays below the next number: there, or at the number before it.
    pub fn best_beds(&self, patients: &mut [f64]) -> f64 {
        patients.sort_unstable_by(f64::total_cmp);
        let BedPrices { missing: [missing, bend_missing], empty: [empty, bend_empty] } = self.prices;
        let (mut below, mut above, mut count) = (0.0, patients.iter().sum::<f64>(), 0.0);
        let (mut left, mut last) = (patients.len() as f64, 0.0);
        for &next in patients.iter() {
            let zero = (left * missing - count * empty + 2.0 * (bend_empty * below + bend_missing * above))
                / (2.0 * (bend_empty * count + bend_missing * left));
            if zero <= next {
                return zero.max(last).max(0.0);
            }
            (below, above, count, left, last) = (below + next, above - next, count + 1.0, left - 1.0, next);
        }
        last.max(0.0)
    }

    /// The quadratic price on the side where `t`, beds less patients, is.
    fn bend(&self, t: f64) -> f64 {
        if t < 0.0 { self.prices.missing[1] } else { self.prices.empty[1] }
    }

    /// Beds less patients, day by day.
    fn excess<'a>(y: &'a [f64], a: &'a [f64]) -> impl Iterator<Item = f64> + 'a {
        a.iter().zip(y).map(|(a, y)| a - y)
    }
}

impl Cost for BedCost {
    fn value(&self, y: &[f64], a: &[f64]) -> f64 {
        Self::excess(y, a).zip(&self.kinks).map(|(t, kink)| kink.value(t) + self.bend(t) * t * t).sum()
    }
}

impl CostGrad for BedCost {
    /// At $a_i = y_i$ the slope 0, that of the optimum.
    fn grad_z(&self, y: &[f64], a: &[f64], out: &mut [f64]) {
        for ((out, t), kink) in out.iter_mut().zip(Self::excess(y, a)).zip(&self.kinks) {
            *out = 2.0 * self.bend(t) * t + if t == 0.0 { 0.0 } else { kink.slope(t) };
        }
    }
}

impl CostCurvature for BedCost {
    fn smooth(&self, y: &[f64], a: &[f64]) -> f64 {
        Self::excess(y, a).map(|t| self.bend(t) * t * t).sum()
    }
    fn smooth_grad_z(&self, y: &[f64], a: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(Self::excess(y, a)).for_each(|(out, t)| *out = 2.0 * self.bend(t) * t);
    }
    fn add_hess(&self, y: &[f64], a: &[f64], w: f64, h: &mut [f64]) {
        let days = a.len();
        Self::excess(y, a).enumerate().for_each(|(i, t)| h[i * (days + 1)] += 2.0 * w * self.bend(t));
    }
    fn add_cross(&self, y: &[f64], a: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        for ((out, t), v) in out.iter_mut().zip(Self::excess(y, a)).zip(v) {
            *out -= 2.0 * w * self.bend(t) * v;
        }
    }
    fn add_grad_y(&self, y: &[f64], a: &[f64], w: f64, out: &mut [f64]) {
        out.iter_mut().zip(Self::excess(y, a)).for_each(|(out, t)| *out -= 2.0 * w * self.bend(t) * t);
    }
    fn kinks(&self) -> &[Kink] {
        &self.kinks
    }
}
