use dfl_core::dense::dot;
use dfl_core::{Cost, CostCurvature, CostGrad, Error, Result};

/// What a portfolio `z` costs once the returns `y` of the day are known:
///
/// $$f(y, z) = \tfrac\alpha2 (y^\top z)^2 - y^\top z + \tfrac\rho2 \|z\|^2$$
///
/// with $\nabla_z f = (\alpha\, y^\top z - 1)\, y + \rho z$, $\nabla^2_{zz} f = \alpha\, y y^\top + \rho I$ and $\partial^2 f/\partial z
/// \partial y = \alpha\,(y z^\top + (y^\top z) I) - I$; minimised.
///
/// The mean over $M$ samples has a Hessian of rank $M$ at most, plus $\rho I$: with more assets than samples the ridge makes the optimum
/// unique and its derivative finite. It is part of the cost, so that training, decisions and figures agree on what is minimised.
///
/// # Shapes
/// `y`, `z`: `[assets]`; `y` in per cent a day, `z` shares of the whole. $\alpha$ is then in 1/per cent: $\gamma/100$ for an investor whose
/// relative risk aversion is $\gamma$.
/// # References
/// Diffusion-DFL (ICLR 2026), the portfolio experiment.
/// # Differences
/// The paper states neither constant; its public code has [`PortfolioCost::PUBLISHED`]. Paper and code have other cross derivatives
/// ($2\alpha\, y^\top z - 1$, and $\operatorname{diag}(2\alpha\, y \circ z)$); those here are checked against differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PortfolioCost {
    alpha: f64,
    ridge: f64,
}

impl PortfolioCost {
    /// Our choice, $\alpha = 1$: risk and return both count, and portfolios hold about ten of fifty names. $\rho = 0.01$, half a per cent
    /// of the variance of a share ($\approx 2$, in per cent squared).
    pub const INTERIOR: Self = Self { alpha: 1.0, ridge: 0.01 };

    /// Of the public code, on returns as fractions: the risk term vanishes, and all is put on the largest mean of the samples. Here on
    /// returns in per cent, which makes no difference to that.
    pub const PUBLISHED: Self = Self { alpha: 1e-6, ridge: 1e-6 };

    /// Both constants.
    ///
    /// # Errors
    /// [`Error::Domain`] unless they are positive and finite.
    pub fn new(alpha: f64, ridge: f64) -> Result<Self> {
        for (what, value) in [("alpha of a portfolio", alpha), ("ridge of a portfolio", ridge)] {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::Domain { what, value, need: "positive and finite" });
            }
        }
        Ok(Self { alpha, ridge })
    }

    /// $\alpha$, the weight of risk.
    pub fn alpha(&self) -> f64 {
        self.alpha
    }

    /// $\rho$, the weight of the ridge.
    pub fn ridge(&self) -> f64 {
        self.ridge
    }

    /// $\alpha\, y^\top z - 1$: the slope of the cost in the return.
    fn slope(&self, y: &[f64], z: &[f64]) -> f64 {
        self.alpha * dot(y, z) - 1.0
    }
}

impl Cost for PortfolioCost {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        let earned = dot(y, z);
        (0.5 * self.alpha * earned - 1.0) * earned + 0.5 * self.ridge * dot(z, z)
    }
}

impl CostGrad for PortfolioCost {
    fn grad_z(&self, y: &[f64], z: &[f64], out: &mut [f64]) {
        let slope = self.slope(y, z);
        out.iter_mut().zip(y).zip(z).for_each(|((g, y), z)| *g = slope * y + self.ridge * z);
    }
}

impl CostCurvature for PortfolioCost {
    fn add_hess(&self, y: &[f64], z: &[f64], w: f64, h: &mut [f64]) {
        for (i, row) in h.chunks_exact_mut(z.len()).enumerate() {
            let scale = w * self.alpha * y[i];
            row.iter_mut().zip(y).for_each(|(h, y)| *h += scale * y);
            row[i] += w * self.ridge;
        }
    }

    fn add_cross(&self, y: &[f64], z: &[f64], w: f64, v: &[f64], out: &mut [f64]) {
        let (slope, across) = (w * self.slope(y, z), w * self.alpha * dot(y, v));
        out.iter_mut().zip(z).zip(v).for_each(|((out, z), v)| *out += across * z + slope * v);
    }

    fn add_grad_y(&self, y: &[f64], z: &[f64], w: f64, out: &mut [f64]) {
        let slope = w * self.slope(y, z);
        out.iter_mut().zip(z).for_each(|(out, z)| *out += slope * z);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;
    use dfl_core::testkit::gradient_error;

    fn cost() -> PortfolioCost {
        PortfolioCost::new(1.7, 0.3).unwrap()
    }

    /// y'z = 1.5 for y = (1, 2), z = (1/2, 1/2): f = 1.7/2 * 2.25 - 1.5 + 0.15 * 0.5.
    #[test]
    fn a_value_by_hand() {
        assert!((cost().value(&[1.0, 2.0], &[0.5, 0.5]) - (0.85 * 2.25 - 1.5 + 0.075)).abs() < 1e-15);
    }

    /// Each derivative against central differences of the one before it; h = 1e-5 leaves 1e-10 of these quadratic and cubic functions.
    #[test]
    fn derivatives_match_differences() {
        let (mut rng, n, w) = (Rng::seeded(1), 6, 0.7);
        for _ in 0..8 {
            let [y, z, v] = std::array::from_fn(|_| (0..n).map(|_| rng.normal()).collect::<Vec<f64>>());
            let slope = |y: &[f64], z: &[f64]| {
                let mut g = vec![f64::NAN; n];
                cost().grad_z(y, z, &mut g);
                g
            };
            let check = |at: &[f64], found: &[f64], value: &dyn Fn(&[f64]) -> f64| assert!(gradient_error(at, found, 1e-5, value) < 1e-8);
            check(&z, &slope(&y, &z), &|z| cost().value(&y, z));
            let (mut hess, mut cross, mut grad_y) = (vec![1.0; n * n], vec![1.0; n], vec![1.0; n]);
            cost().add_hess(&y, &z, w, &mut hess);
            cost().add_cross(&y, &z, w, &v, &mut cross);
            cost().add_grad_y(&y, &z, w, &mut grad_y);
            // They add to what is there, which was 1.
            let along: Vec<f64> = hess.chunks_exact(n).map(|row| row.iter().zip(&v).map(|(h, v)| (h - 1.0) * v).sum()).collect();
            let less_one = |g: &[f64]| g.iter().map(|g| g - 1.0).collect::<Vec<f64>>();
            check(&z, &along, &|z| w * dot(&slope(&y, z), &v));
            check(&y, &less_one(&cross), &|y| w * dot(&slope(y, &z), &v));
            check(&y, &less_one(&grad_y), &|y| w * cost().value(y, &z));
        }
    }

    #[test]
    fn constants_outside_their_domain_are_refused() {
        for bad in [PortfolioCost::new(0.0, 1.0), PortfolioCost::new(1.0, 0.0), PortfolioCost::new(f64::NAN, 1.0)] {
            assert!(matches!(bad, Err(Error::Domain { .. })));
        }
    }
}
