//! Decisions drawn from the energy model.

use dfl_core::{Batch, Stream, Support};
use dfl_losses::{DecisionSampling, Input, Proposal, sample_decisions};

use crate::{DEMAND, Expected, everywhere, normal};

const STREAM: Stream = Stream { seed: 31, step: 0 };

fn sampling(proposal: Proposal) -> DecisionSampling {
    DecisionSampling { input: Input::Moments, proposal, candidates: 20_000, count: 5000 }
}

fn draw(sampling: &DecisionSampling, centre: f64) -> Vec<f64> {
    let model = normal(&[0.3], &[0.5]);
    let centres = Batch::from_rows(&[[centre]]).unwrap();
    sample_decisions(&model, &Expected(DEMAND, 1), &Batch::zeros(1, 0), &centres, sampling, STREAM).unwrap().into_vec()
}

/// Mean and deviation of q by the trapezium rule.
fn moments(lower: f64, upper: f64) -> (f64, f64) {
    let energy = Expected(DEMAND, 1);
    let h = (upper - lower) / 20_000.0;
    let all: Vec<(f64, f64)> = (0..=20_000).map(|k| lower + h * f64::from(k)).map(|a| (a, (-energy.entry(0.3, 0.5, a)[0]).exp())).collect();
    let sum = |of: &dyn Fn(f64) -> f64| all.iter().map(|(a, w)| w * of(*a)).sum::<f64>();
    let total = sum(&|_| 1.0);
    let mean = sum(&|a| a) / total;
    (mean, (sum(&|a| (a - mean).powi(2)) / total).sqrt())
}

/// Means and deviations of 5000 decisions of 20000 candidates: the error of both is below 1.3 standard errors of 5000 draws, and 7 such are
/// allowed.
#[test]
fn decisions_follow_the_energy() {
    let boxed = Proposal { support: Support::Box { lower: vec![0.0], upper: vec![1.0] }, ..everywhere(&[5.0, 0.3]) };
    for (proposal, lower, upper) in [(everywhere(&[1.0, 0.3]), -8.0, 8.0), (boxed, 0.0, 1.0)] {
        let (mean, deviation) = moments(lower, upper);
        let drawn = draw(&sampling(proposal), 0.8);
        let found = drawn.iter().sum::<f64>() / 5000.0;
        let spread = (drawn.iter().map(|a| (a - found).powi(2)).sum::<f64>() / 5000.0).sqrt();
        println!("mean {found:.4} of {mean:.4}, deviation {spread:.4} of {deviation:.4}");
        assert!(drawn.iter().all(|a| (lower..=upper).contains(a)));
        assert!((found - mean).abs() < 7.0 * deviation / 5000_f64.sqrt(), "{found} and {mean}");
        assert!((spread - deviation).abs() < 7.0 * deviation / 10_000_f64.sqrt(), "{spread} and {deviation}");
    }
}

#[test]
fn draws_reproduce_and_bad_centres_are_named() {
    let few = DecisionSampling { candidates: 50, count: 4, ..sampling(everywhere(&[1.0])) };
    assert_eq!(draw(&few, 0.8), draw(&few, 0.8));
    let (model, features) = (normal(&[0.3], &[0.5]), Batch::zeros(2, 0));
    let run = |sampling: &DecisionSampling, centres: &Batch| {
        sample_decisions(&model, &Expected(DEMAND, 1), &features, centres, sampling, STREAM).map(|_| ()).unwrap_err().to_string()
    };
    let good = Batch::from_rows(&[[0.8], [0.2]]).unwrap();
    assert!(run(&DecisionSampling { candidates: 0, ..few.clone() }, &good).starts_with("candidates"));
    assert!(run(&DecisionSampling { count: 0, ..few.clone() }, &good).starts_with("decisions for each row"));
    assert!(run(&few, &Batch::zeros(2, 2)).starts_with("centres"));
    assert!(run(&few, &Batch::zeros(3, 1)).starts_with("rows of centres"));
    assert!(run(&few, &Batch::from_rows(&[[0.8], [f64::NAN]]).unwrap()).starts_with("centres, row 1"));
    let boxed = Proposal { support: Support::Box { lower: vec![0.0], upper: vec![1.0] }, ..everywhere(&[0.3]) };
    assert!(run(&DecisionSampling { proposal: boxed, ..few }, &Batch::from_rows(&[[0.8], [1.2]]).unwrap()).starts_with("instance 1"));
}
