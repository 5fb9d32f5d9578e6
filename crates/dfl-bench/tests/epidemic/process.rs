use dfl_bench::epidemic::{BedDemand, Disease, Dynamics, People, State, binomial_day};
use dfl_core::Rng;

const DAYS: usize = 14;

/// So many people that chance leaves means at rest, in the middle of an epidemic.
const PEOPLE: People = [80_000_000, 2_000_000, 2_000_000, 700_000, 1_500_000, 100_000, 100_000, 30_000, 13_500_000, 70_000];

fn system() -> Dynamics {
    Dynamics::new(&Disease::PUBLISHED, PEOPLE.iter().sum::<u64>() as f64).unwrap()
}

/// Mean and standard error of the patients after two weeks over paths with so many steps a day.
fn patients(steps: usize, paths: u64) -> (f64, f64) {
    let system = system();
    let draws: Vec<f64> = (0..paths)
        .map(|seed| {
            let (mut people, mut rng) = (PEOPLE, Rng::seeded(seed));
            (0..DAYS).for_each(|day| binomial_day(&system, &mut people, 0.3 + 0.02 * day as f64, steps, &mut rng).unwrap());
            (people[6] + people[7]) as f64
        })
        .collect();
    let mean = draws.iter().sum::<f64>() / paths as f64;
    (mean, (draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (paths * (paths - 1)) as f64).sqrt())
}

/// The error of the steps is of first order, so that twice the mean with half the step less the mean with the whole one meets the equations up
/// to second order, which is 4e-4 here (by the same combination of steps of 1/20 and 1/40, whose error is a quarter). Allowed: 5 standard errors
/// and that. A share of 0.8 instead of 0.81, or a rate wrong by 1 %, moves the patients by at least 5e-3: found with power above 0.99.
#[test]
fn the_mean_tends_to_the_equations() {
    let mut state: State = PEOPLE.map(|n| n as f64);
    let simulator = BedDemand::new(system(), 1, 8).unwrap();
    (0..DAYS).for_each(|day| simulator.day(&mut state, 0.3 + 0.02 * day as f64));
    let exact = state[6] + state[7];
    let ((whole, a), (half, b)) = (patients(10, 60), patients(20, 60));
    let error = (4.0 * b * b + a * a).sqrt() / exact;
    let (first, off) = (half / exact - 1.0, (2.0 * half - whole) / exact - 1.0);
    println!("20 steps a day are off by {first:.1e}, extrapolated by {off:.1e}, standard error {error:.1e}");
    assert!(off.abs() < 5.0 * error + 4e-4 && error < 1e-3, "{off} {error}");
    assert!(first.abs() > 5.0 * b / exact, "the steps' own error should show: {first}");
}

/// In whole people, none lost in a year; the dead never fewer.
#[test]
fn people_are_conserved_exactly() {
    let (system, mut rng) = (Dynamics::new(&Disease { imported: 0.25, ..Disease::PUBLISHED }, 50_000.0).unwrap(), Rng::seeded(6));
    let mut people: People = [49_995, 5, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut dead = 0;
    for _ in 0..365 {
        binomial_day(&system, &mut people, 0.6, 10, &mut rng).unwrap();
        assert_eq!(people.iter().sum::<u64>(), 50_000);
        assert!(people[9] >= dead);
        dead = people[9];
    }
    assert!(dead > 50, "there was no epidemic: {people:?}");
    assert!(binomial_day(&system, &mut people, -9.0, 10, &mut rng).is_err());
}

/// Leaving and its ways out: of 10^6 exposed, 1 - exp(-1/3.5) leave in a step of a day, 43 % of them without symptoms, within 5 standard errors.
#[test]
fn one_step_splits_by_the_shares() {
    let system = Dynamics::new(&Disease::PUBLISHED, 1e6).unwrap();
    let mut people: People = [0, 1_000_000, 0, 0, 0, 0, 0, 0, 0, 0];
    binomial_day(&system, &mut people, 0.0, 1, &mut Rng::seeded(7)).unwrap();
    let (without, gone) = (people[2] as f64, (1_000_000 - people[1]) as f64);
    let p = 1.0 - (-1.0_f64 / 3.5).exp();
    assert!((gone / 1e6 - p).abs() < 5.0 * (p * (1.0 - p) / 1e6).sqrt(), "{gone} {p}");
    assert!((without / gone - 0.43).abs() < 5.0 * (0.43 * 0.57 / gone).sqrt(), "{}", without / gone);
}
