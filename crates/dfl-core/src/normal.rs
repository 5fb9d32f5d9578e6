//! Density and distribution function of the standard normal.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// $1/\sqrt2$ less its floating-point number.
const REST: f64 = -4.833_646_656_726_457e-17;

/// `exp(-x^2/2) / sqrt(2 pi)`.
pub fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// Distribution function of the standard normal, to about 4e-16 relative in both tails; NaN for NaN.
///
/// $\tfrac12 \operatorname{erfc} t$ with $t = -x/\sqrt2$, whose rounding error $\delta$ the far tail multiplies by $x^2$: it is taken out by the slope
/// $-e^{-t^2}/\sqrt\pi$.
pub fn normal_cdf(x: f64) -> f64 {
    let t = -x * FRAC_1_SQRT_2;
    let half = 0.5 * libm::erfc(t);
    if x > -1.0 || half == 0.0 || x.is_nan() {
        return half;
    }
    let delta = (-x).mul_add(FRAC_1_SQRT_2, -t) - x * REST;
    half - delta * (-t * t).exp() / PI.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of the error function to 17 digits from tables (Abramowitz & Stegun 26.1; tail values by Mills' bounds).
    #[test]
    fn matches_tables() {
        let table = [
            (0.0, 0.5),
            (1.0, 0.841_344_746_068_542_9),
            (-1.0, 0.158_655_253_931_457_05),
            (2.0, 0.977_249_868_051_820_8),
            (-2.0, 0.022_750_131_948_179_21),
            (3.0, 0.998_650_101_968_369_9),
            (-5.0, 2.866_515_718_791_939e-7),
            (-10.0, 7.619_853_024_160_527e-24),
        ];
        for (x, expected) in table {
            let got = normal_cdf(x);
            assert!((got / expected - 1.0f64).abs() < 2e-15, "{x}: {got} {expected}");
        }
    }

    /// In the tail and at the end of the correction; the slope is the density.
    #[test]
    fn is_continuous_with_the_density_as_slope() {
        let h = 1e-5;
        for k in -60..=60 {
            let x = f64::from(k) / 10.0;
            let slope = (normal_cdf(x + h) - normal_cdf(x - h)) / (2.0 * h);
            assert!((slope - normal_density(x)).abs() < 1e-10, "{x}");
            assert!((normal_cdf(x) + normal_cdf(-x) - 1.0).abs() < 3e-16, "{x}");
        }
    }

    #[test]
    fn the_far_tails_are_exact() {
        assert_eq!((normal_cdf(f64::INFINITY), normal_cdf(f64::NEG_INFINITY)), (1.0, 0.0));
        assert!(normal_cdf(f64::NAN).is_nan());
    }
}
