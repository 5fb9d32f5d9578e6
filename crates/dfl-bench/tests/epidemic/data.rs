use dfl_bench::data::epidemic::{EpidemicData, OBSERVED, Process, WINDOWS};
use dfl_bench::epidemic::{COMPARTMENTS, decode, rate_of};
use dfl_core::{Batch, Error, Simulator};

fn data(samples: usize, seed: u64) -> EpidemicData {
    EpidemicData { samples, seed, ..EpidemicData::default() }
}

fn head(batch: &Batch, rows: usize) -> Batch {
    batch.select(&(0..rows).collect::<Vec<_>>())
}

/// The patients of a row are those of its transmission in the simulator, from its last day; the features hold 21 days of one epidemic.
#[test]
fn a_row_is_a_window_of_one_epidemic() {
    let data = data(80, 1);
    let ((features, truth), simulator) = (data.generate().unwrap(), data.simulator().unwrap());
    for (x, y) in features.iter().zip(truth.iter()) {
        let mut patients = [0.0; 7];
        simulator.simulate(x, &y[7..], &mut patients).unwrap();
        for (found, expected) in patients.iter().zip(y) {
            assert!((found - expected).abs() < 1e-9 * (1.0 + expected), "{found} {expected}");
        }
        let days: Vec<_> = x.chunks(COMPARTMENTS).map(|day| decode(2e6, day).unwrap()).collect();
        assert_eq!(days.len(), OBSERVED);
        assert!(days.windows(2).all(|d| d[0][0] >= d[1][0] && d[0][9] <= d[1][9]), "the susceptible rise, or the dead fall");
    }
}

/// Rows belong to the seed and their number: more of them leave the first as they are.
#[test]
fn rows_do_not_depend_on_how_many_there_are() {
    for process in [Process::Ode, Process::Binomial] {
        let rows = |samples, seed| EpidemicData { process, ..data(samples, seed) }.generate().unwrap();
        let (few, many, other) = (rows(11, 1), rows(40, 1), rows(11, 2));
        assert_eq!((&few.0, &few.1), (&head(&many.0, 11), &head(&many.1, 11)));
        assert!(few.0 != other.0 && few.1 != other.1);
    }
}

/// What the documentation says of the numbers: transmission between what an order leaves and what the largest R0 gives, up to the noise;
/// patients from none to thousands.
#[test]
fn epidemics_are_of_the_size_that_is_said() {
    let (_, truth) = data(400 * WINDOWS, 3).generate().unwrap();
    let (mut rates, mut patients): (Vec<f64>, Vec<f64>) = truth.iter().map(|y| (rate_of(y[7]), y[0])).unzip();
    rates.sort_by(f64::total_cmp);
    patients.sort_by(f64::total_cmp);
    let at = |sorted: &[f64], share: f64| sorted[(share * sorted.len() as f64) as usize];
    println!("beta: {:.3} {:.3} {:.3}", at(&rates, 0.01), at(&rates, 0.5), at(&rates, 0.99));
    println!(
        "patients: {:.0} {:.0} {:.0}, at most {:.0}",
        at(&patients, 0.1),
        at(&patients, 0.5),
        at(&patients, 0.9),
        at(&patients, 0.9999)
    );
    assert!(at(&rates, 0.01) > 0.03 && at(&rates, 0.99) < 1.2, "{rates:?}");
    assert!(at(&patients, 0.1) < 100.0 && at(&patients, 0.9) > 2000.0 && at(&patients, 0.9999) < 40_000.0);
}

/// Whole people; the window's patients scatter about the equations', since each stays and goes by chance.
#[test]
fn the_stochastic_process_is_in_whole_people_and_has_noise_of_its_own() {
    let data = EpidemicData { process: Process::Binomial, ..data(160, 4) };
    let ((features, truth), simulator) = (data.generate().unwrap(), data.simulator().unwrap());
    let mut squares = Vec::new();
    for (x, y) in features.iter().zip(truth.iter()) {
        assert!(y[..7].iter().all(|people| people.fract() == 0.0));
        let mut patients = [0.0; 7];
        simulator.simulate(x, &y[7..], &mut patients).unwrap();
        if y[6] > 500.0 {
            squares.push((patients[6] - y[6]).powi(2) / y[6]);
        }
    }
    let mean = squares.iter().sum::<f64>() / squares.len() as f64;
    println!("squared distance from the equations, of the patients: {mean:.2} ({} rows)", squares.len());
    // Of those in hospital a week ahead, most are there now or come by chance: a Poisson number would give 1.
    assert!((0.1..3.0).contains(&mean), "{mean}");
}

#[test]
fn bad_arguments_are_named() {
    let named = |data: EpidemicData| match data.generate() {
        Err(Error::Domain { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    for population in [-1e6, 0.0, f64::NAN, f64::INFINITY] {
        assert_eq!(named(EpidemicData { population, ..data(8, 0) }), "population");
    }
    for volatility in [-0.1, f64::NAN] {
        assert_eq!(named(EpidemicData { volatility, ..data(8, 0) }), "volatility");
    }
    assert_eq!(named(EpidemicData { horizon: 0, ..data(8, 0) }), "days ahead of an epidemic");
    assert_eq!(named(data(0, 0)), "rows of epidemics");
}
