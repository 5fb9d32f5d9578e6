use dfl_bench::epidemic::{BedDemand, Disease, Dynamics, People, State, binomial_day};
use dfl_core::Rng;

const DAYS: usize = 14;

/// So many people that chance leaves means at rest, in the middle of an epidemic.
const PEOPLE: People = [80_000_000, 2_000_000, 2_000_000, 700_000, 1_500_000, 100_000, 100_000, 30_000, 13_500_000, 70_000];

fn transmission(day: usize) -> f64 {
    0.3 + 0.02 * day as f64
}

/// Mean and standard error of the patients after two weeks over paths with so many steps a day.
fn patients(steps: usize, paths: u64) -> (f64, f64) {
    let system = Dynamics::new(&Disease::PUBLISHED, PEOPLE.iter().sum::<u64>() as f64).unwrap();
    let draw = |seed| {
        let (mut people, mut rng) = (PEOPLE, Rng::seeded(seed));
        (0..DAYS).for_each(|day| binomial_day(&system, &mut people, transmission(day), steps, &mut rng).unwrap());
        (people[6] + people[7]) as f64
    };
    let draws: Vec<f64> = (0..paths).map(draw).collect();
    let mean = draws.iter().sum::<f64>() / paths as f64;
    (mean, (draws.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (paths * (paths - 1)) as f64).sqrt())
}

/// The same of a population without chance, written out: what leaves in each step is its expectation. `slower` is the factor of a stay in
/// hospital.
fn without_chance(steps: usize, slower: f64) -> f64 {
    let (n, h) = (PEOPLE.iter().sum::<u64>() as f64, 1.0 / steps as f64);
    let gone = |people: f64, rate: f64| people * (1.0 - (-rate * h).exp());
    let mut x = PEOPLE.map(|people| people as f64);
    for day in 0..DAYS {
        for _ in 0..steps {
            let [s, e, ia, ip, im, is, hr, hd, r, d] = x;
            let infected = gone(s, transmission(day) * (0.6 * ia + ip + im + is) / n);
            let (from_e, from_ia, from_ip, from_im) = (gone(e, 1.0 / 3.5), gone(ia, 1.0 / 7.0), gone(ip, 1.0 / 1.5), gone(im, 1.0 / 5.5));
            let (from_is, from_hr, from_hd) = (gone(is, 1.0 / 5.5), gone(hr, 1.0 / (15.0 * slower)), gone(hd, 1.0 / 13.3));
            x = [
                s - infected,
                e + infected - from_e,
                ia + 0.43 * from_e - from_ia,
                ip + 0.57 * from_e - from_ip,
                im + 0.95 * from_ip - from_im,
                is + 0.05 * from_ip - from_is,
                hr + 0.8 * from_is - from_hr,
                hd + 0.2 * from_is - from_hd,
                r + from_ia + from_im + from_hr,
                d + from_hd,
            ];
        }
    }
    x[6] + x[7]
}

/// In a large population the mean is that of the process without chance, within 5 standard errors; stays wrong by 2 % would be off by 10 of
/// them, and found with probability above 0.99.
#[test]
fn the_mean_is_that_of_the_expected_steps() {
    let (mean, error) = patients(10, 60);
    let (expected, wrong) = (without_chance(10, 1.0), without_chance(10, 1.02));
    println!("mean {mean:.0} +- {error:.0}, expected {expected:.0}, with stays of 2 % more {wrong:.0}");
    assert!((mean - expected).abs() < 5.0 * error && (wrong - expected).abs() > 10.0 * error);
}

/// As steps shorten, the process without chance tends to the equations, with an error of first order: half the step, half the error, and
/// without it next to nothing is left.
#[test]
fn short_steps_tend_to_the_equations() {
    let mut state: State = PEOPLE.map(|n| n as f64);
    let system = Dynamics::new(&Disease::PUBLISHED, state.iter().sum()).unwrap();
    let simulator = BedDemand::new(system, 1, 8).unwrap();
    (0..DAYS).for_each(|day| simulator.day(&mut state, transmission(day)));
    let exact = state[6] + state[7];
    let [coarse, fine] = [10, 20].map(|steps| without_chance(steps, 1.0) / exact - 1.0);
    println!("steps of a tenth of a day are off by {coarse:.1e}, of a twentieth by {fine:.1e}");
    assert!((1.8..2.2).contains(&(coarse / fine)) && (2.0 * fine - coarse).abs() < 0.05 * fine.abs(), "{coarse} {fine}");
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
    assert!(binomial_day(&system, &mut [40_000, 0, 10_000, 0, 0, 0, 0, 0, 0, 0], -9.0, 10, &mut rng).is_err());
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
