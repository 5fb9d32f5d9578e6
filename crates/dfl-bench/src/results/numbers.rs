//! How numbers are printed.

/// Decimals at which the values of a column are told apart: four digits of the smallest value, but no more than six of the largest;
/// beside published figures as many as these have, and no fewer than three digits of the smallest value need.
pub(crate) fn shared_decimals(values: &[f64], published: &[f64]) -> usize {
    let sizes = || values.iter().map(|v| v.abs()).filter(|&v| v > 0.0);
    let (small, large) = (sizes().fold(f64::INFINITY, f64::min), sizes().fold(0.0, f64::max));
    let digits_of_small = |digits| if large == 0.0 { 0 } else { decimals_for(small, digits).min(decimals_for(large, 6)).min(9) };
    match published.iter().map(|&figure| decimals_of(figure)).max() {
        Some(most) => most.max(digits_of_small(3)),
        None if large == 0.0 => 1,
        None => digits_of_small(4),
    }
}

/// Decimals of the shortest text of `v`.
fn decimals_of(v: f64) -> usize {
    v.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len())
}

/// Decimals that show `digits` significant digits of `v > 0`.
fn decimals_for(v: f64, digits: i32) -> usize {
    usize::try_from(digits - 1 - v.log10().floor() as i32).unwrap_or(0)
}

/// With so many decimals and no minus before a zero.
pub(crate) fn fixed(v: f64, decimals: usize) -> String {
    let text = format!("{v:.decimals$}");
    match text.strip_prefix('-') {
        Some(zero) if zero.chars().all(|c| c == '0' || c == '.') => zero.to_owned(),
        _ => text,
    }
}

/// With three significant digits, in powers of ten where the plain number would be long.
pub(crate) fn three_digits(v: f64) -> String {
    let size = v.abs();
    if size == 0.0 {
        "0".to_owned()
    } else if (1e-4..1e6).contains(&size) {
        fixed(v, decimals_for(size, 3))
    } else {
        format!("{v:.2e}")
    }
}

/// A mean of counts: whole where it is whole.
pub(crate) fn count(v: f64) -> String {
    if v.fract() == 0.0 { format!("{v:.0}") } else { format!("{v:.1}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_has_the_digits_of_its_published_figures() {
        assert_eq!(shared_decimals(&[3.123_456], &[36.066, 5.5745]), 4);
        assert_eq!(shared_decimals(&[31.123_456], &[67.0]), 1);
        assert_eq!(shared_decimals(&[], &[67.0]), 0);
    }

    #[test]
    fn otherwise_four_digits_of_the_smallest_and_six_of_the_largest() {
        assert_eq!(shared_decimals(&[0.0731, 0.2145], &[]), 5);
        assert_eq!(shared_decimals(&[0.0731, 214.5], &[]), 3);
        assert_eq!(shared_decimals(&[0.0, 0.0], &[]), 1);
    }

    #[test]
    fn three_digits_at_every_size() {
        let text = [0.0, 0.012_345, 1.0, 98.76, 1234.5, 1.5e-9, -2.5e7].map(three_digits);
        assert_eq!(text, ["0", "0.0123", "1.00", "98.8", "1234", "1.50e-9", "-2.50e7"]);
    }

    #[test]
    fn zeros_have_no_sign_and_whole_counts_no_decimals() {
        assert_eq!([fixed(-1e-9, 3), fixed(-0.5, 1), count(300.0), count(0.5)], ["0.000", "-0.5", "300", "0.5"]);
    }
}
