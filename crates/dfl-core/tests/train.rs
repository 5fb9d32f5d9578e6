//! The driver and the training loop: masked rows, tolerated failures, stopping, reproducibility, and data that are refused.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::ops::ControlFlow;

use dfl_core::{
    Batch, Call, Callback, Decider, DecisionLoss, Decisions, Dims, Done, EpochReport, Error, Found, Instances, Linear, Loss, Needs,
    Parameters, Predictor, Result, Rng, Row, Schedule, SolveInfo, Status, Stream, Targets, TrainOptions, train, train_on,
};

/// Decides x = theta, and has no answer where theta is below -1.
struct Identity;

impl Decider for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }
    fn dims(&self) -> Dims {
        Dims { theta: 1, x: 1, rows: 0 }
    }
    fn differentiable(&self) -> bool {
        false
    }
    fn forward<'d>(&'d self, thetas: &Batch, _call: &Call<'_>) -> Result<Decisions<'d>> {
        let status = |t: f64| if t < -1.0 { Status::Infeasible } else { Status::Optimal };
        let info = thetas.as_slice().iter().map(|&t| SolveInfo { status: status(t), iterations: 1, degenerate: false }).collect();
        Ok(Decisions { x: thetas.clone(), objective: vec![0.0; thetas.rows()], info, back: None })
    }
}

/// (x - y)^2 with its gradient as the direct part.
struct Squared;

impl Loss for Squared {
    fn name(&self) -> &'static str {
        "squared"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, ..Needs::default() }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        grad[0] += 2.0 * (found.x[0] - row.truth[0]);
        (found.x[0] - row.truth[0]).powi(2)
    }
}

fn loss() -> DecisionLoss<Squared, Identity> {
    DecisionLoss::new(Squared, Identity).unwrap()
}

/// y = 2 x + 1 on -0.4, -0.3, ..., 0.5; `shift` moves all y.
fn data(shift: f64) -> Instances {
    let x: Vec<[f64; 1]> = (-4..6).map(|i| [0.1 * f64::from(i)]).collect();
    let y: Vec<[f64; 1]> = x.iter().map(|x| [2.0 * x[0] + 1.0 + shift]).collect();
    Instances::new(Batch::from_rows(&x).unwrap(), Batch::from_rows(&y).unwrap()).unwrap()
}

#[test]
fn a_row_without_an_answer_has_a_zero_value_and_gradient() {
    let preds = Batch::from_rows(&[[0.5], [-2.0], [1.0]]).unwrap();
    let targets = Targets { truth: Some(Batch::from_rows(&[[0.0], [0.0], [0.0]]).unwrap()), ..Targets::default() };
    let out = loss().evaluate(&preds, &targets, &[0, 1, 2], Stream::default()).unwrap();
    assert_eq!((out.values.as_slice(), out.grads.as_slice()), (&[0.25, 0.0, 1.0][..], &[1.0, 0.0, 2.0][..]));
    assert_eq!(out.failed_rows(), [1]);
}

#[test]
fn a_failed_row_ends_the_run_with_its_id_unless_it_is_tolerated() {
    let mut model = Linear::new(1, 1);
    model.set_values(&[0.0, -5.0]).unwrap();
    let mut options = TrainOptions { epochs: 1, batch: 10, ..TrainOptions::default() };
    let mut one = data(0.0).select(&[7]);
    one.ids = vec![42];
    match train(&mut model, &loss(), &one, &options, &mut ()) {
        Err(Error::NotSolved { index: 42, solver: "identity", status: Status::Infeasible }) => {}
        other => panic!("{other:?}"),
    }
    options.tolerated_failures = 1;
    let reports = train(&mut model, &loss(), &one, &options, &mut ()).unwrap();
    assert_eq!(reports[0].failures, 1);
    assert_eq!(model.values(), [0.0, -5.0], "a masked row moves nothing");
}

#[test]
fn training_finds_the_line_and_the_same_seed_the_same_bits() {
    let options = TrainOptions { epochs: 400, batch: 4, learning_rate: 0.05, schedule: Schedule::Cosine, ..TrainOptions::default() };
    let run = |seed| {
        let mut model = Linear::new(1, 1);
        train(&mut model, &loss(), &data(0.0), &TrainOptions { seed, ..options }, &mut ()).unwrap();
        model.values()
    };
    let weights = run(0);
    assert!((weights[0] - 2.0).abs() < 1e-3 && (weights[1] - 1.0).abs() < 1e-3, "{weights:?}");
    assert_eq!(weights, run(0));
    assert_ne!(weights, run(1), "another seed shuffles differently");
}

/// Weights and optimiser of a model after three epochs, put into another one, go on to the bits of seven epochs in one go; without the
/// optimiser's state they do not.
#[test]
fn a_training_that_goes_on_ends_with_the_same_bits() {
    let options = TrainOptions { epochs: 7, batch: 4, learning_rate: 0.05, schedule: Schedule::Cosine, seed: 3, ..TrainOptions::default() };
    let mut whole = Linear::new(1, 1);
    let reports = train(&mut whole, &loss(), &data(0.0), &options, &mut ()).unwrap();
    let mut part = Linear::new(1, 1);
    train(&mut part, &loss(), &data(0.0), &options, &mut StopAfter(3)).unwrap();
    let go_on = |remembers: bool| {
        let mut model = Linear::new(1, 1);
        model.set_values(&part.values()).unwrap();
        if remembers {
            model.set_optimiser_state(&part.optimiser_state().unwrap()).unwrap();
        }
        let done = Done { epochs: 3, failures: 0, last_loss: None };
        let reports = train_on(&mut model, &loss(), &data(0.0), &options, done, &mut ()).unwrap();
        (model.values(), reports.iter().map(|r| (r.epoch, r.loss)).collect::<Vec<_>>())
    };
    assert_eq!(go_on(true), (whole.values(), reports[3..].iter().map(|r| (r.epoch, r.loss)).collect()));
    assert_ne!(go_on(false).0, whole.values());
}

struct StopAfter(usize);

impl Callback<Linear> for StopAfter {
    fn step_end(&mut self, step: usize) -> Result<ControlFlow<()>> {
        if step > 1_000 { Err(Error::Interrupted) } else { Ok(ControlFlow::Continue(())) }
    }
    fn epoch_end(&mut self, _model: &mut Linear, report: &EpochReport) -> Result<ControlFlow<()>> {
        Ok(if report.epoch + 1 == self.0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    }
}

#[test]
fn a_callback_ends_the_run_early_or_with_an_error() {
    let options = TrainOptions { epochs: 50, batch: 5, ..TrainOptions::default() };
    let mut model = Linear::new(1, 1);
    assert_eq!(train(&mut model, &loss(), &data(0.0), &options, &mut StopAfter(3)).unwrap().len(), 3);
    let long = TrainOptions { epochs: 10_000, ..options };
    assert!(matches!(train(&mut model, &loss(), &data(0.0), &long, &mut StopAfter(usize::MAX)), Err(Error::Interrupted)));
}

/// Remembers that it was told.
#[derive(Default)]
struct Told(Option<String>);

impl Callback<Linear> for Told {
    fn diverged(&mut self, _model: &mut Linear, error: &Error) {
        self.0 = Some(error.to_string());
    }
}

#[test]
fn a_run_that_diverges_says_at_which_step_after_which_loss_and_lets_keep_a_checkpoint() {
    let options = TrainOptions { epochs: 50, batch: 10, learning_rate: 1e308, ..TrainOptions::default() };
    let mut told = Told::default();
    let error = train(&mut Linear::new(1, 1), &loss(), &data(0.0), &options, &mut told).unwrap_err();
    assert!(matches!(error, Error::Diverged { what: "prediction", step: 1.., last_loss: Some(l), .. } if l.is_finite()), "{error}");
    assert_eq!(told.0, Some(error.to_string()));
    assert!(error.to_string().contains("last finite loss was"), "{error}");
}

#[test]
fn data_that_cannot_be_used_are_named() {
    let (x, y) = (Batch::from_rows(&[[1.0], [2.0]]).unwrap(), Batch::from_rows(&[[1.0], [f64::NAN]]).unwrap());
    let text = Instances::new(x.clone(), y).unwrap_err().to_string();
    assert!(text.starts_with("truth, row 1, column 0: NaN is not finite"), "{text}");
    assert!(matches!(Instances::new(x, Batch::zeros(3, 1)), Err(Error::Dimension { .. })));
    let mut model = Linear::new(1, 1);
    let none = TrainOptions { batch: 0, ..TrainOptions::default() };
    assert!(matches!(train(&mut model, &loss(), &data(0.0), &none, &mut ()), Err(Error::Domain { .. })));
    assert!(train(&mut model, &loss(), &data(0.0).select(&[]), &TrainOptions::default(), &mut ()).is_err());
}

#[test]
fn a_model_of_the_wrong_width_is_refused() {
    let mut wide = Linear::new(1, 3);
    let error = train(&mut wide, &loss(), &data(0.0), &TrainOptions::default(), &mut ()).unwrap_err();
    assert!(matches!(error, Error::Dimension { what: "prediction", expected: 1, got: 3 }), "{error}");
    assert_eq!(wide.predict(&Batch::zeros(1, 1)).unwrap().cols(), 3);
}

/// Cut off after the epoch before the one that diverges, it ends with the words of the run that was not.
#[test]
fn a_run_that_goes_on_diverges_with_the_same_words() {
    let options = TrainOptions { epochs: 50, batch: 10, learning_rate: 1e308, ..TrainOptions::default() };
    let whole = train(&mut Linear::new(1, 1), &loss(), &data(0.0), &options, &mut ()).unwrap_err();
    let mut part = Linear::new(1, 1);
    let reports = train(&mut part, &loss(), &data(0.0), &options, &mut StopAfter(1)).unwrap();
    let done = Done { epochs: 1, failures: 0, last_loss: reports[0].last_loss };
    let error = train_on(&mut part, &loss(), &data(0.0), &options, done, &mut ()).unwrap_err();
    assert!(matches!(error, Error::Diverged { step: 1, .. }), "it diverges in its first step: {error}");
    assert_eq!(error.to_string(), whole.to_string());
}
