//! The negative identity and its projections.

use dfl_core::testkit::{check_masking, gradient_error};
use dfl_core::{Batch, Status};
use dfl_solvers::{CostProjection, NegativeIdentity};

use super::{both, items, value};

#[test]
fn without_a_projection_it_is_minus_the_cotangent() {
    let (thetas, g) = (Batch::from_rows(&[[3.0, 1.0, 2.0]]).unwrap(), Batch::from_rows(&[[0.5, -1.0, 2.0]]).unwrap());
    let (x, pulled) = both(&NegativeIdentity::new(items(3)).unwrap(), &thetas, &g);
    assert_eq!((x.row(0), pulled.row(0)), (&[0.0, 1.0, 0.0][..], &[-0.5, 1.0, -2.0][..]));
}

/// Each projection, written down once more, has the pullback for a derivative by central differences.
#[test]
fn projections_have_their_derivatives() {
    let (theta, g) = ([3.0, 1.0, -2.0, 0.5], [0.5, -1.0, 2.0, 0.3]);
    let centred = |t: &[f64]| t.iter().map(|v| v - t.iter().sum::<f64>() / 4.0).collect::<Vec<f64>>();
    let scaled = |t: &[f64]| t.iter().map(|v| v / value(t, t).sqrt()).collect::<Vec<f64>>();
    let project = |kind: CostProjection, t: &[f64]| match kind {
        CostProjection::None => t.to_vec(),
        CostProjection::Mean => centred(t),
        CostProjection::Norm => scaled(t),
        CostProjection::Standard => scaled(&centred(t)),
    };
    for kind in [CostProjection::None, CostProjection::Mean, CostProjection::Norm, CostProjection::Standard] {
        let decider = NegativeIdentity::new(items(4)).unwrap().projection(kind);
        let pulled = both(&decider, &Batch::from_rows(&[theta]).unwrap(), &Batch::from_rows(&[g]).unwrap()).1;
        let error = gradient_error(&theta, pulled.row(0), 1e-6, |t| -value(&project(kind, t), &g));
        assert!(error < 1e-8, "{kind:?}: {error:.1e}");
    }
}

#[test]
fn a_cost_that_cannot_be_scaled_has_no_gradient() {
    for (kind, theta) in [(CostProjection::Norm, [0.0, 0.0]), (CostProjection::Standard, [2.0, 2.0])] {
        let decider = NegativeIdentity::new(items(2)).unwrap().projection(kind);
        let pulled = both(&decider, &Batch::from_rows(&[theta]).unwrap(), &Batch::from_rows(&[[1.0, -3.0]]).unwrap()).1;
        assert_eq!(pulled.row(0), [0.0, 0.0]);
    }
    // The mean of three tenths is not a tenth, to the last bit.
    for value in [0.1, -0.7, 1e-30, 1e30] {
        let decider = NegativeIdentity::new(items(3)).unwrap().projection(CostProjection::Standard);
        let g = Batch::from_rows(&[[1.0, -3.0, 0.5]]).unwrap();
        assert_eq!(both(&decider, &Batch::from_rows(&[[value; 3]]).unwrap(), &g).1.row(0), [0.0; 3], "{value}");
    }
}

#[test]
fn a_row_without_an_answer_has_no_gradient() {
    let thetas = Batch::from_rows(&[[1.0, 2.0], [3.0, 2.0]]).unwrap();
    assert_eq!(check_masking(&NegativeIdentity::new(items(2)).unwrap(), &thetas, &[-2000.0, 1.0]), Status::Unbounded);
}
