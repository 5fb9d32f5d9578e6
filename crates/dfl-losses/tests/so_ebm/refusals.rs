//! What cannot learn is refused; what fails is named.

use std::sync::Arc;

use dfl_core::{Batch, Error, Parameters, Stream, Support, Targets};
use dfl_losses::{LangevinOptions, Negatives, Proposal, SoEbm, SoEbmOptions};

use crate::{DEMAND, Expected, Rows, everywhere, normal, options, so_ebm};

fn refused(options: SoEbmOptions) -> String {
    SoEbm::new(Arc::new(Expected(DEMAND, 1)), Arc::new(DEMAND), options).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn options_outside_their_domain() {
    let base = || options(10, everywhere(&[0.5]));
    let chain = |o: LangevinOptions| SoEbmOptions { negatives: Negatives::Langevin(o), ..base() };
    let published = LangevinOptions::default();
    for (options, named) in [
        (SoEbmOptions { candidates: 0, ..base() }, "candidates"),
        (SoEbmOptions { mle: -1.0, ..base() }, "weight of the likelihood"),
        (SoEbmOptions { kl: f64::NAN, ..base() }, "weight of the divergence"),
        (SoEbmOptions { mle: 0.0, kl: 0.0, ..base() }, "weights of likelihood and divergence"),
        (SoEbmOptions { proposal: everywhere(&[0.5, 0.0]), ..base() }, "width of the proposal: 0"),
        (SoEbmOptions { proposal: everywhere(&[-0.5]), ..base() }, "width of the proposal: -0.5"),
        (SoEbmOptions { proposal: everywhere(&[]), ..base() }, "number of widths"),
        (chain(LangevinOptions { steps: 0, ..published }), "steps of a Langevin chain"),
        (chain(LangevinOptions { step: 0.0, ..published }), "step of a Langevin chain"),
        (chain(LangevinOptions { noise: -0.1, ..published }), "noise of a Langevin chain"),
    ] {
        assert!(refused(options).starts_with(named), "{named}");
    }
    let sides = Support::Box { lower: vec![0.0; 2], upper: vec![1.0; 2] };
    let error = refused(SoEbmOptions { proposal: Proposal { support: sides, ..everywhere(&[0.5]) }, ..base() });
    assert!(error.starts_with("lower sides of the support"), "{error}");
}

fn run(rows: &Rows, options: SoEbmOptions, mean: f64) -> Error {
    let mut model = normal(&[mean], &[0.5]);
    let error = rows.accumulate(&mut model, &so_ebm(options, 1), Stream::default()).unwrap_err();
    assert!(model.gradient().iter().all(|g| *g == 0.0), "what was refused leaves no trace");
    error
}

#[test]
fn targets_that_are_missing_or_do_not_fit() {
    let base = || options(10, everywhere(&[0.5]));
    let full = || Rows::new([4, 5], &[0.8], &[0.6]);
    let with = |targets: Targets| Rows { targets, ..full() };
    let no_label = with(Targets { solution: None, ..full().targets });
    assert!(matches!(run(&no_label, base(), 0.3), Error::Missing { loss: "so_ebm", .. }));
    let no_truth = || with(Targets { truth: None, ..full().targets });
    assert!(matches!(run(&no_truth(), base(), 0.3), Error::Missing { loss: "so_ebm", .. }));
    let objective = so_ebm(SoEbmOptions { kl: 0.0, ..base() }, 1);
    assert!(
        no_truth().accumulate(&mut normal(&[0.3], &[0.5]), &objective, Stream::default()).is_ok(),
        "labels are enough for the likelihood"
    );
    let short = with(Targets { solution: Some(Batch::zeros(1, 1)), ..full().targets });
    assert!(matches!(run(&short, base(), 0.3), Error::Dimension { what: "rows of targets", .. }));
    let wide = with(Targets { solution: Some(Batch::zeros(2, 2)), ..full().targets });
    assert!(matches!(run(&wide, base(), 0.3), Error::Dimension { what: "optimal decisions", .. }));
    let nan = with(Targets { solution: Some(Batch::from_rows(&[[0.1], [f64::NAN]]).unwrap()), ..full().targets });
    assert!(matches!(run(&nan, base(), 0.3), Error::NotFinite { what: "optimal decisions", row: 1, .. }));
}

#[test]
fn a_label_outside_the_support_is_named_by_its_row() {
    let support = Support::Box { lower: vec![0.0], upper: vec![1.0] };
    let rows = Rows {
        targets: Targets { solution: Some(Batch::from_rows(&[[0.5], [1.5]]).unwrap()), ..Rows::new([4, 5], &[0.8], &[0.6]).targets },
        ids: vec![4, 5],
    };
    let error = run(&rows, options(10, Proposal { support, ..everywhere(&[0.5]) }), 0.3);
    assert!(matches!(&error, Error::Row { id: 5, source } if source.to_string().starts_with("distance of a label")), "{error}");
}

/// Squares of 1e200 overflow in the energy, of 1e-400 vanish from the deviation, which is then 0 and refused.
#[test]
fn models_that_ran_away_are_named_by_their_row() {
    let rows = Rows::new([4, 5], &[0.8], &[0.6]);
    let base = || options(10, everywhere(&[0.5]));
    let error = run(&rows, base(), 1e200);
    assert!(matches!(error, Error::Diverged { what: "energy of a candidate", id: 4, column: 0, .. }), "{error}");
    let objective = so_ebm(base(), 1);
    let mut flat = normal(&[0.3], &[1.0]);
    flat.set_values(&[0.3, -1000.0]).unwrap();
    let error = rows.accumulate(&mut flat, &objective, Stream::default()).unwrap_err();
    assert!(matches!(&error, Error::Row { id: 4, source } if source.to_string().starts_with("deviation")), "{error}");
    let mut wide = normal(&[0.3], &[1.0]);
    wide.set_values(&[0.3, 1000.0]).unwrap();
    let error = rows.accumulate(&mut wide, &objective, Stream::default()).unwrap_err();
    assert!(matches!(error, Error::Diverged { what: "prediction", id: 4, column: 1, .. }), "{error}");
    let far = Rows::new([4, 5], &[0.8], &[1e200]);
    assert!(matches!(run(&far, base(), 0.3), Error::Diverged { what: "cost of a candidate", id: 4, .. }));
}
