//! Minima of functions of one variable.

/// The minimiser on `[lower, upper]` of a convex function, from its slope and curvature, to rounding.
///
/// Newton's method, with a bisection of the interval in which the slope changes its sign where a step would leave it or is not half as long
/// as the last one.
pub(crate) fn minimise_convex(mut lower: f64, mut upper: f64, derivatives: impl Fn(f64) -> (f64, f64)) -> f64 {
    if derivatives(lower).0 >= 0.0 {
        return lower;
    }
    if derivatives(upper).0 <= 0.0 {
        return upper;
    }
    let (mut z, mut last) = (0.5 * (lower + upper), upper - lower);
    while last > 2.0 * f64::EPSILON * z.abs() {
        let (slope, curvature) = derivatives(z);
        *(if slope > 0.0 { &mut upper } else { &mut lower }) = z;
        let newton = z - slope / curvature;
        let accepted = newton >= lower && newton <= upper && (newton - z).abs() < 0.5 * last;
        let next = if accepted { newton } else { 0.5 * (lower + upper) };
        last = (next - z).abs();
        z = next;
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `cosh(z - 1)`; `|z|^3` and `z^4`, at whose minimum the curvature vanishes; Huber's function, on whose linear part Newton's step is
    /// infinite; and `e^z`, which has no minimum inside.
    #[test]
    fn minima_by_hand() {
        let cosh = minimise_convex(-30.0, 40.0, |z| ((z - 1.0).sinh(), (z - 1.0).cosh()));
        assert!((cosh - 1.0).abs() < 1e-15, "{cosh}");
        for power in [3, 4] {
            let slope = |z: f64| (z.signum() * z.abs().powi(power - 1), f64::from(power - 1) * z.abs().powi(power - 2));
            let found = minimise_convex(-1.0, 3.0, slope);
            assert!(found.abs() < 1e-8, "|z|^{power}: {found}");
        }
        let huber = minimise_convex(-100.0, 3.0, |z| ((z - 2.0).clamp(-1.0, 1.0), f64::from(u8::from((z - 2.0).abs() < 1.0))));
        assert!((huber - 2.0).abs() < 1e-15, "{huber}");
        assert_eq!(minimise_convex(-1.0, 3.0, |z| (z.exp(), z.exp())), -1.0);
        assert_eq!(minimise_convex(-1.0, 3.0, |z| (-z.exp(), -z.exp())), 3.0);
    }
}
