//! The distribution of candidates: it is one, and it is the one that is drawn from.

use dfl_core::{Rng, Support};
use dfl_losses::{Proposal, ProposalKind};

const KINDS: [ProposalKind; 2] = [ProposalKind::Joint, ProposalKind::Coordinatewise];

fn proposal(kind: ProposalKind, sigmas: &[f64], support: Support) -> Proposal {
    Proposal { kind, sigmas: sigmas.to_vec(), support }
}

fn boxed() -> Support {
    Support::Box { lower: vec![-1.0, 0.0], upper: vec![1.0, 0.5] }
}

/// The integral of the density over a rectangle by the midpoint rule.
fn mass(sides: [(f64, f64); 2], steps: usize, density: impl Fn(&[f64]) -> f64) -> f64 {
    let h = sides.map(|(l, u)| (u - l) / steps as f64);
    let at = |i: usize, j: usize| [sides[0].0 + h[0] * (i as f64 + 0.5), sides[1].0 + h[1] * (j as f64 + 0.5)];
    (0..steps).flat_map(|i| (0..steps).map(move |j| (i, j))).map(|(i, j)| density(&at(i, j))).sum::<f64>() * h[0] * h[1]
}

/// Narrow and wide components, centres inside, at a side and in a corner. The rule is of second order, and the narrowest component is 20 cells wide.
#[test]
fn densities_integrate_to_one() {
    for kind in KINDS {
        let whole = proposal(kind, &[0.5, 0.1], Support::Everywhere);
        let around = whole.at(&[0.3, -0.2]).unwrap();
        let total = mass([(-4.0, 4.0), (-4.0, 4.0)], 800, |a| around.log_density(a).exp());
        assert!((total - 1.0).abs() < 1e-6, "{kind:?}: {total}");
        for centre in [[0.2, 0.3], [1.0, 0.2], [-1.0, 0.0]] {
            let inside = proposal(kind, &[3.0, 0.4, 0.05], boxed());
            let around = inside.at(&centre).unwrap();
            let total = mass([(-1.0, 1.0), (0.0, 0.5)], 800, |a| around.log_density(a).exp());
            assert!((total - 1.0).abs() < 1e-4, "{kind:?} around {centre:?}: {total}");
        }
    }
}

/// Three entries that add up to 2, in the coordinates of the first two.
#[test]
fn densities_on_a_simplex_integrate_to_one() {
    let all = proposal(ProposalKind::Joint, &[0.3, 5.0, 0.1], Support::CappedSimplex { total: 2.0, cap: 2.0 });
    for centre in [[0.5, 0.7, 0.8], [2.0, 0.0, 0.0], [0.0, 1.0, 1.0]] {
        let around = all.at(&centre).unwrap();
        let density = |a: &[f64]| if a[0] + a[1] < 2.0 { around.log_density(&[a[0], a[1], 2.0 - a[0] - a[1]]).exp() } else { 0.0 };
        let total = mass([(0.0, 2.0), (0.0, 2.0)], 2000, density);
        // Cells that the diagonal cuts count in whole or not at all: where the density is not small there, it costs 1e-3.
        assert!((total - 1.0).abs() < 2e-3, "around {centre:?}: {total}");
    }
}

/// Pearson's statistic of 40000 draws in 10 by 10 cells, whose probabilities are integrals of the density. Cells that expect fewer than 5
/// are left out. It has about as many degrees of freedom as cells; the bound is their number plus 5 standard deviations. A density that is
/// wrong by 10 % on half of the mass would add 40000 * 0.01 / 2 = 200, at least ten of them.
fn check_draws(name: &str, proposal: &Proposal, centre: &[f64], sides: [(f64, f64); 2], completed: impl Fn(&[f64]) -> Option<Vec<f64>>) {
    const CELLS: usize = 10;
    let (count, n) = (40_000, centre.len());
    let around = proposal.at(centre).unwrap();
    let (mut drawn, mut logs) = (vec![0.0; count * n], vec![0.0; count]);
    let tries = around.draw(&mut Rng::seeded(9), &mut drawn, &mut logs).unwrap();
    let width = sides.map(|(l, u)| (u - l) / CELLS as f64);
    let mut seen = [[0.0; CELLS]; CELLS];
    for (a, log) in drawn.chunks_exact(n).zip(&logs) {
        assert_eq!(around.log_density(a), *log, "{name}: the density that comes with a candidate");
        let at = [0, 1].map(|k| ((a[k] - sides[k].0) / width[k]).floor());
        if at.iter().all(|k| (0.0..CELLS as f64).contains(k)) {
            seen[at[0] as usize][at[1] as usize] += 1.0;
        }
    }
    let (mut statistic, mut cells) = (0.0, 0.0_f64);
    for (i, column) in seen.iter().enumerate() {
        for (j, seen) in column.iter().enumerate() {
            let corner = [sides[0].0 + width[0] * i as f64, sides[1].0 + width[1] * j as f64];
            let cell = [(corner[0], corner[0] + width[0]), (corner[1], corner[1] + width[1])];
            let expected = tries as f64 * mass(cell, 60, |a| completed(a).map_or(0.0, |a| around.log_density(&a).exp()));
            if expected >= 5.0 {
                statistic += (seen - expected).powi(2) / expected;
                cells += 1.0;
            }
        }
    }
    println!("{name}: statistic {statistic:.1} over {cells} cells, {tries} tries");
    assert!(cells >= 12.0, "{name}: {cells} cells are too few to judge by");
    assert!(statistic < cells + 5.0 * (2.0 * cells).sqrt(), "{name}: {statistic} over {cells} cells");
}

#[test]
fn draws_follow_the_density() {
    for kind in KINDS {
        let whole = proposal(kind, &[0.5, 0.1], Support::Everywhere);
        check_draws(&format!("{kind:?}"), &whole, &[0.3, -0.2], [(-1.0, 1.5), (-1.5, 1.0)], |a| Some(a.to_vec()));
        let inside = proposal(kind, &[3.0, 0.4, 0.05], boxed());
        for centre in [[0.2, 0.3], [1.0, 0.2], [-1.0, 0.0]] {
            check_draws(&format!("{kind:?}, box around {centre:?}"), &inside, &centre, [(-1.0, 1.0), (0.0, 0.5)], |a| Some(a.to_vec()));
        }
    }
}

/// With a cap what is drawn has the density over the accepted share, and the number of tries says what that is.
#[test]
fn draws_follow_the_density_on_a_simplex() {
    for (cap, centre) in [(2.0, [0.5, 0.7, 0.8]), (2.0, [2.0, 0.0, 0.0]), (0.9, [0.5, 0.7, 0.8]), (0.9, [0.9, 0.9, 0.2])] {
        let all = proposal(ProposalKind::Joint, &[0.3, 5.0, 0.1], Support::CappedSimplex { total: 2.0, cap });
        let complete = |a: &[f64]| {
            let last = 2.0 - a[0] - a[1];
            (last > 0.0 && last <= cap && a[0] <= cap && a[1] <= cap).then(|| vec![a[0], a[1], last])
        };
        check_draws(&format!("cap {cap} around {centre:?}"), &all, &centre, [(0.0, 2.0), (0.0, 2.0)], complete);
    }
}

/// The mode is near the label, and the mean square deviation of an entry is the width's, unless that exceeds the uniform distribution's.
#[test]
fn widths_on_a_simplex_are_deviations() {
    let (count, n) = (20_000, 5);
    for (sigma, centre) in [(0.02, [0.2, 0.3, 0.1, 0.4, 0.0]), (0.1, [1.0, 0.0, 0.0, 0.0, 0.0]), (9.0, [0.2, 0.3, 0.1, 0.4, 0.0])] {
        let one = Proposal { kind: ProposalKind::Joint, sigmas: vec![sigma], support: Support::CappedSimplex { total: 1.0, cap: 1.0 } };
        let (mut drawn, mut logs) = (vec![0.0; count * n], vec![0.0; count]);
        one.at(&centre).unwrap().draw(&mut Rng::seeded(10), &mut drawn, &mut logs).unwrap();
        let means: Vec<f64> = (0..n).map(|j| drawn.iter().skip(j).step_by(n).sum::<f64>() / count as f64).collect();
        let square: f64 = drawn.chunks_exact(n).flat_map(|a| a.iter().zip(&means)).map(|(a, m)| (a - m).powi(2)).sum();
        let deviation = (square / (count * (n - 1)) as f64).sqrt();
        // Of the uniform distribution: the variance (1/5)(4/5)/6 of each entry, 5/4 of it per direction.
        let expected = sigma.min((5.0_f64 / 4.0 * 0.2 * 0.8 / 6.0).sqrt());
        println!("sigma {sigma}: deviation {deviation:.4}, expected {expected:.4}");
        assert!((deviation / expected - 1.0).abs() < 0.03, "sigma {sigma}: {deviation} instead of {expected}");
    }
}

/// Four of four entries at the cap but for a hair: nothing else is allowed, which is said and not searched for without end.
#[test]
fn a_cap_out_of_reach_is_named() {
    let n = 40;
    let tight = Proposal { support: Support::CappedSimplex { total: 1.0, cap: 1.0 / 40.0 + 1e-6 }, ..Proposal::published() };
    tight.check(n).unwrap();
    let (mut drawn, mut logs) = (vec![0.0; 4 * n], vec![0.0; 4]);
    let error = tight.at(&vec![1.0 / 40.0; n]).unwrap().draw(&mut Rng::seeded(1), &mut drawn, &mut logs).unwrap_err().to_string();
    assert!(error.starts_with("share of the candidates that keep to the cap of their support: 0"), "{error}");
}

#[test]
fn what_is_no_distribution_is_refused() {
    let refused = |p: Proposal| p.check(2).unwrap_err().to_string();
    let with = |sigmas: &[f64]| Proposal { sigmas: sigmas.to_vec(), ..Proposal::published() };
    for (sigmas, named) in [(&[][..], "number of widths"), (&[0.1, 0.0], "width"), (&[-1.0], "width"), (&[f64::NAN], "width")] {
        assert!(refused(with(sigmas)).contains(named), "{sigmas:?}");
    }
    let simplex = Support::CappedSimplex { total: 1.0, cap: 1.0 };
    let apart = Proposal { kind: ProposalKind::Coordinatewise, support: simplex.clone(), ..Proposal::published() };
    assert!(refused(apart).contains("simplex"));
    let outside = Proposal { support: simplex, ..Proposal::published() };
    let error = outside.at(&[0.7, 0.4]).unwrap_err().to_string();
    assert!(error.starts_with("distance of a label from the support: 0.05"), "{error}");
    assert!(outside.at(&[0.7, 0.3 + 1e-7]).is_ok(), "a solver's tolerance");
    assert!(proposal(ProposalKind::Joint, &[0.1], boxed()).at(&[0.0, f64::NAN]).is_err());
}
