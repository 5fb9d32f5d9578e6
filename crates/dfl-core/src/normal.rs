//! Density and distribution function of the standard normal.

/// Above this the continued fraction needs fewer terms than the power series.
const SWITCH: f64 = 3.0;

/// `exp(-x^2/2) / sqrt(2 pi)`.
pub fn normal_density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

/// Distribution function of the standard normal, to about 1e-15 relative in both tails; NaN for NaN.
///
/// Near the centre `1/2 + phi(x) (x + x^3/3 + x^5/(3 5) + ...)`, whose terms all have one sign; in the tails the continued fraction of
/// Mills' ratio, `1/(x + 1/(x + 2/(x + 3/(x + ...))))`. Abramowitz & Stegun (1964), 26.2.11 and 26.2.14.
pub fn normal_cdf(x: f64) -> f64 {
    if x > SWITCH {
        1.0 - normal_density(x) * mills_ratio(x)
    } else if x < -1.0 {
        // The two halves of the series would cancel here.
        normal_density(x) * mills_ratio(-x)
    } else {
        0.5 + normal_density(x) * odd_series(x)
    }
}

fn odd_series(x: f64) -> f64 {
    let (mut term, mut sum, mut odd) = (x, x, 1.0);
    while term.abs() > sum.abs() * 1e-17 {
        odd += 2.0;
        term *= x * x / odd;
        sum += term;
    }
    sum
}

/// `(1 - Phi(x)) / phi(x)` for `x >= 1`, from the tail of the fraction inwards; the depth makes the truncation error smaller than rounding.
fn mills_ratio(x: f64) -> f64 {
    let depth = (20.0 + 500.0 / (x * x)).ceil();
    let (mut k, mut tail) = (depth, x);
    while k >= 1.0 {
        tail = x + k / tail;
        k -= 1.0;
    }
    1.0 / tail
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

    /// Where one formula hands over to another both must agree; the slope is the density.
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
