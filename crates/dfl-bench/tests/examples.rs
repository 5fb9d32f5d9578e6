//! The notebook examples, run as a user runs them: what they print beside the notebook's numbers are those, to their digits.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
#![allow(clippy::duplicate_mod, reason = "each example has what they share as a module of its own")]

#[path = "../examples/discopt_allocation.rs"]
mod discopt_allocation;
#[path = "../examples/discopt_portfolio.rs"]
mod discopt_portfolio;

fn within(what: &str, ours: f64, theirs: f64, digits: usize) {
    let half = 0.5 * 0.1_f64.powi(digits as i32) * (1.0 + 1e-9);
    assert!((ours - theirs).abs() <= half, "{what}: {ours}, printed {theirs}");
}

#[test]
fn the_allocation_is_the_notebooks() {
    let lines = discopt_allocation::run().unwrap();
    let printed: Vec<_> = lines.iter().filter_map(|line| Some((&line.what, line.ours, line.notebook?, line.digits))).collect();
    printed.iter().for_each(|&(what, ours, theirs, digits)| within(what, ours, theirs, digits));
    assert_eq!(printed.len(), 2 * 16 + 23 + 33);
    let of = |name: &str| lines.iter().find(|line| line.what == name).unwrap().ours;
    for (what, figure) in [
        ("training predictions at a bound", 0.2),
        ("best decisions at a bound", 0.2667),
        ("c'x of the cheapest activity", 0.3234),
        ("\"regret\" of two-stage times 2", -0.0047),
        ("\"regret\" of two-stage times 4", -0.0723),
        ("\"regret\" of two-stage times 10", -0.1076),
        ("regret of two-stage", 0.0785),
        ("regret of the notebook's DFL", 0.0715),
        ("regret of DFL on what is minimised", 0.0779),
    ] {
        within(what, of(what), figure, 4);
    }
}

#[test]
fn the_portfolio_is_the_notebooks() {
    let lines = discopt_portfolio::run().unwrap();
    assert_eq!(lines.len(), 19);
    lines.iter().for_each(|line| within(&line.what, line.ours, line.notebook.unwrap_or(0.0667), line.digits));
}
