//! What the examples of modelling print as a derivative is its central difference. `cargo xtask examples` runs them as programs.
#![cfg(feature = "modelling")]
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::duplicate_mod, reason = "each example brings what the examples share")]

#[allow(dead_code, reason = "prints what is compared here")]
#[path = "../examples/mean_variance.rs"]
mod mean_variance;
#[allow(dead_code, reason = "prints what is compared here")]
#[path = "../examples/transportation.rs"]
mod transportation;
#[cfg(feature = "highs")]
#[allow(dead_code, reason = "prints what is compared here")]
#[path = "../examples/unit_commitment.rs"]
mod unit_commitment;

/// Every line agrees to `tolerance`, of so many that say something.
fn agree(lines: dfl_core::Result<Vec<(String, f64, f64)>>, tolerance: f64, moving: usize) {
    let lines = lines.unwrap();
    for (name, ours, difference) in &lines {
        assert!((ours - difference).abs() <= tolerance, "{name}: {ours} and {difference}");
    }
    assert_eq!(lines.iter().filter(|line| line.1.abs() > 1e-6).count(), moving);
}

#[test]
fn transportation_agrees_with_differences() {
    agree(transportation::derivatives(), 1e-6, 15);
}

#[test]
fn mean_variance_agrees_with_differences() {
    agree(mean_variance::derivatives(), 1e-6, 14);
}

#[cfg(feature = "highs")]
#[test]
fn unit_commitment_agrees_with_differences() {
    agree(unit_commitment::derivatives(), 1e-6, 11);
}
