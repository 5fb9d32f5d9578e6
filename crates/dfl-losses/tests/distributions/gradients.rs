//! Pathwise gradients against central differences of the realised loss, the noise held fixed by the stream: exact for these samples.

use dfl_core::testkit::gradient_error;
use dfl_core::{Curvature, Frame, Generative, Linear, LinearGaussian, Parameters, Risk, Spread, Standardised, Stream};
use dfl_losses::Estimator;

use crate::costs::{Allocation, Generation, Portfolio, Quadratic};
use crate::helpers::{boxed, free, ramps, simplex};
use crate::{CostCurvature, Problem, Rows, normals};

const STREAM: Stream = Stream { seed: 8, step: 3 };

fn gaussian(outputs: usize) -> LinearGaussian {
    let mut model = LinearGaussian::new(2, outputs, Spread::Affine);
    let mut values = normals(1, model.values().len(), 5).into_vec();
    values.iter_mut().for_each(|v| *v *= 0.3);
    model.set_values(&values).unwrap();
    model
}

/// The same in other coordinates.
fn standardised(outputs: usize) -> Standardised {
    let mut centre = Linear::new(2, outputs);
    centre.set_values(normals(1, 3 * outputs, 6).as_slice()).unwrap();
    let scale = (0..outputs).map(|j| 0.5 + 0.2 * j as f64).collect();
    Standardised::new(Box::new(gaussian(outputs)), Frame::new(centre, scale).unwrap()).unwrap()
}

fn error<C: CostCurvature + Clone + 'static>(problem: &Problem<C>, model: &mut dyn Generative) -> f64 {
    let rows = Rows::new(normals(4, 2, 1), normals(4, problem.outcome, 2));
    let objective = problem.decision(7, Estimator::Pathwise, Curvature::SampleAverage);
    let (start, (_, gradient)) = (model.values(), rows.evaluate(model, &objective, STREAM));
    gradient_error(&start, &gradient, 1e-5, |at| {
        model.set_values(at).unwrap();
        rows.evaluate(model, &objective, STREAM).0
    })
}

fn check<C: CostCurvature + Clone + 'static>(name: &str, problem: &Problem<C>) {
    let errors = [error(problem, &mut gaussian(problem.outcome)), error(problem, &mut standardised(problem.outcome))];
    println!("{name}: {:.1e}, standardised {:.1e}", errors[0], errors[1]);
    assert!(errors.iter().all(|e| *e < 1e-6), "{name}: {errors:?}");
}

#[test]
fn costs_of_every_kind() {
    check("quadratic", &Problem::new(Quadratic, free(3), 3));
    check("allocation", &Problem::new(Allocation, boxed(2, -1.0, 1.5), 2));
    check("power", &Problem::new(Generation::new(3, 50.0, 0.5, 1.0), ramps(3, 0.4), 3));
    check("portfolio", &Problem::new(Portfolio(1.5), simplex(4), 4));
}

#[test]
fn risks_of_every_kind() {
    let problem = Problem::new(Portfolio(1.5), simplex(4), 4);
    for risk in [Risk::Cvar { tail: 0.4 }, Risk::MeanVariance { weight: 0.3 }, Risk::Entropic { temperature: 0.8 }] {
        check(&format!("{risk:?}"), &problem.with_risk(risk));
    }
}
