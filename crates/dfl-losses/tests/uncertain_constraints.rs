//! The program behind the example of uncertain constraints: its derivative in the samples, and that it is what it says.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

#[path = "../examples/uncertain_constraints/plant.rs"]
mod plant;

use dfl_core::testkit::{gradient_error, vjp_error};
use dfl_core::{Batch, Call, Cost, CostGrad, Decider, Key, Rng, Stream, decide};
use plant::{CUSTOMERS, FEATURES, PlantCost, SITES, capacity_decider, capacity_program, days};

/// Demands of `count` scenarios, skewed, some of them negative as a Gaussian's may be.
fn demands(count: usize, rng: &mut Rng) -> Vec<f64> {
    (0..count * CUSTOMERS).map(|_| 5.0 + 4.0 * rng.normal()).collect()
}

/// Capacities, shipments and multipliers all move with the samples. Central differences of h = 1e-6 leave about 1e-8.
#[test]
fn decisions_are_differentiable_in_the_samples() {
    for (count, seed) in [(1, 1), (4, 2), (8, 3), (12, 4), (12, 5)] {
        let mut rng = Rng::seeded(seed);
        let (program, theta) = (capacity_program(count).unwrap(), demands(count, &mut rng));
        let error = vjp_error(&program, &theta, 1e-6, &mut rng);
        assert!(error < 1e-6, "{count} scenarios: {error:.1e}");
    }
}

/// The chain that training uses: the cost under a truth, through the capacities alone, to every sample.
#[test]
fn the_cost_has_a_gradient_in_every_sample() {
    let (count, cost, mut rng) = (6, PlantCost::new().unwrap(), Rng::seeded(6));
    let (decider, samples, truth) = (capacity_decider(count).unwrap(), demands(count, &mut rng), [9.0, 4.0, 7.0]);
    let batch = |at: &[f64]| Batch::from_rows(&[at]).unwrap();
    let value = |at: &[f64]| cost.value(&truth, decide(&decider, &batch(at), &[0]).unwrap().0.row(0));
    let call = Call { keys: &[Key::default()], stream: Stream::default(), backward: true };
    let found = decider.forward(&batch(&samples), &call).unwrap();
    let mut cotangent = Batch::zeros(1, SITES);
    cost.grad_z(&truth, found.x.row(0), cotangent.row_mut(0));
    let gradient = found.back.unwrap().pull(&cotangent).unwrap();
    let error = gradient_error(&samples, gradient.row(0), 1e-5, value);
    assert!(error < 1e-6 && gradient.row(0).iter().filter(|g| **g != 0.0).count() > 1, "{error:.1e}");
}

/// The optimal value of the program is the mean cost of its capacities over its scenarios, and other capacities cost more.
#[test]
fn the_program_minimises_the_mean_cost_over_its_scenarios() {
    let (count, cost, mut rng) = (7, PlantCost::new().unwrap(), Rng::seeded(7));
    let theta = demands(count, &mut rng);
    let (x, value) = decide(&capacity_decider(count).unwrap(), &Batch::from_rows(&[&theta]).unwrap(), &[0]).unwrap();
    let mean = |x: &[f64]| theta.chunks(CUSTOMERS).map(|y| cost.value(y, x)).sum::<f64>() / count as f64;
    assert!((mean(x.row(0)) / value[0] - 1.0).abs() < 1e-10, "{} {}", mean(x.row(0)), value[0]);
    for _ in 0..50 {
        let other: Vec<f64> = x.row(0).iter().map(|x| (x + rng.normal()).max(0.0)).collect();
        assert!(mean(&other) >= value[0] - 1e-9, "{other:?} is better than {:?}", x.row(0));
    }
}

/// By hand, one site of capacity 3 and a demand of 5 of the first customer: its shipment t pays the rise of its price until both prices
/// meet or the capacity ends: t = 3, s = 2. The other site has none.
#[test]
fn costs_by_hand() {
    let cost = PlantCost::new().unwrap();
    let by_hand = 3.0 * 3.0 + 0.025 * 9.0 + 1.0 * 3.0 + 0.025 * 9.0 + 15.0 * 2.0 + 0.025 * 4.0;
    assert!((cost.value(&[5.0, 0.0, 0.0], &[3.0, 0.0]) - by_hand).abs() < 1e-10);
    // The unit that is built saves a unit of shortage at 15 + 0.05 * 2 and is shipped at 1 + 0.05 * 3.
    let mut slope = [0.0; SITES];
    cost.grad_z(&[5.0, 0.0, 0.0], &[3.0, 1.0], &mut slope);
    let value = |x: &[f64]| cost.value(&[5.0, 0.0, 0.0], x);
    assert!(gradient_error(&[3.0, 1.0], &slope, 1e-6, value) < 1e-7, "{slope:?}");
}

/// Demands have mean 6 + 2 phi, within 5 standard errors over 20000 days, and customers are short together.
#[test]
fn days_are_what_they_say() {
    let data = days(20_000, 5).unwrap();
    assert_eq!((data.features.cols(), data.truth.cols()), (FEATURES, CUSTOMERS));
    let residual = |j: usize| -> Vec<f64> { data.features.iter().zip(data.truth.iter()).map(|(x, y)| y[j] - 6.0 - 2.0 * x[j]).collect() };
    let mean = |values: &[f64]| dfl_core::metrics::mean(values);
    let error = |values: &[f64]| dfl_core::metrics::standard_error(values).unwrap();
    let (first, second) = (residual(0), residual(1));
    assert!(mean(&first).abs() < 5.0 * error(&first) && mean(&second).abs() < 5.0 * error(&second));
    let together: Vec<f64> = first.iter().zip(&second).map(|(a, b)| a * b).collect();
    assert!(mean(&together) > 20.0 * error(&together), "{}", mean(&together));
}
