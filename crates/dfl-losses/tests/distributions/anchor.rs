//! The anchor combines two gradients, by hand.

use dfl_core::{Curvature, Parameters, Stream};
use dfl_losses::{Anchor, Balance, Estimator, MaximumLikelihood, SampledDecision, SampledOptions};

use crate::costs::Quadratic;
use crate::helpers::free;
use crate::{Problem, Rows, normal, normals};

fn norm(g: &[f64]) -> f64 {
    g.iter().map(|g| g * g).sum::<f64>().sqrt()
}

#[test]
fn three_forms_by_hand() {
    let problem = Problem::new(Quadratic, free(2), 2);
    let (stream, share) = (Stream { seed: 1, step: 9 }, 0.3);
    let rows = Rows::new(normals(6, 0, 1), normals(6, 2, 2));
    let own = rows.evaluate(&mut normal(2, 1.0, 0.5), &problem.decision(4, Estimator::Pathwise, Curvature::SampleAverage), stream);
    let (_, likelihood) = rows.evaluate(&mut normal(2, 1.0, 0.5), &MaximumLikelihood, stream);
    let (g, l) = (norm(&own.1), norm(&likelihood));
    for (balance, r, q) in [(Balance::None, 1.0, 1.0), (Balance::Likelihood, 1.0, g / l), (Balance::Decision, l / g, 1.0)] {
        let options = SampledOptions { samples: 4, estimator: Estimator::Pathwise, anchor: Some(Anchor { share, balance }) };
        let decider = problem.decider(4, Curvature::SampleAverage);
        let objective = SampledDecision::new(decider, None, std::sync::Arc::new(Quadratic), options).unwrap();
        let mut model = normal(2, 1.0, 0.5);
        model.add_gradient(1.0, &[100.0; 4]).unwrap();
        let report = rows.accumulate(&mut model, &objective, stream).unwrap();
        assert!((report.loss / 6.0 - own.0).abs() < 1e-14, "the cost alone is reported");
        for (k, found) in model.gradient().into_iter().enumerate() {
            let expected = 100.0 + (1.0 - share) * r * own.1[k] + share * q * likelihood[k];
            assert!((found - expected).abs() < 1e-12, "{balance:?}, weight {k}: {found} {expected}");
        }
    }
}

/// N(1, 1/4) and truths 0 and 3: the mean of -log p is ((1 + 4)/2) / (2/4) + ln(1/2) + ln(2 pi)/2, its derivative in the mean
/// 4 (1 - 3/2) = -2 and in the log-deviation 1 - 4 * 5/2 = -9.
#[test]
fn the_likelihood_by_hand() {
    let rows = Rows::new(normals(2, 0, 1), dfl_core::Batch::from_rows(&[[0.0], [3.0]]).unwrap());
    let (value, gradient) = rows.evaluate(&mut normal(1, 1.0, 0.5), &MaximumLikelihood, Stream::default());
    assert!((value - (5.0 - 2f64.ln() + 0.5 * std::f64::consts::TAU.ln())).abs() < 1e-13, "{value}");
    assert!((gradient[0] + 2.0).abs() < 1e-13 && (gradient[1] + 9.0).abs() < 1e-13, "{gradient:?}");
}
