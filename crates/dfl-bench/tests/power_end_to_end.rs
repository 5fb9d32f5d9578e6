//! Data, layer, gradient and training at once: a linear predictor trained through the QP layer reaches the optimum of a convex problem.
#![cfg(feature = "osqp")]

use std::sync::Arc;

use dfl_bench::data::pjm::Columns;
use dfl_bench::data::whiten;
use dfl_bench::registry::{MethodOptions, Setup, make_decider, make_loss};
use dfl_bench::tasks::PowerScheduling;
use dfl_core::{Linear, Predictor, Request, Schedule, Task, TrainOptions, metrics, train};

mod common;

/// The best affine rule on the 29 columns and 2042 rows costs 2.928 on them (interior point with a duality gap of 1e-11, see
/// `power_baselines`); predicting it and deciding by the layer is the same, so training must come within 0.005 from above.
#[test]
fn a_linear_predictor_through_the_layer_reaches_the_convex_optimum() {
    if common::dataset("pjm_load_data_2012-16.txt").is_none() || common::dataset("so_ebm_train_val_split.csv").is_none() {
        return;
    }
    let task = PowerScheduling::new(Columns::Honest);
    let mut splits = task.source().load(&Request { train: 0, valid: 0, test: 0, seed: 0 }).unwrap();
    // Same model class, but Adam does not crawl along the valleys of 24 collinear hours.
    whiten(&mut splits).unwrap();
    let data = splits.train;
    assert_eq!((data.len(), data.features.cols()), (2042, 29));
    let (options, counters) = (MethodOptions::default(), Arc::default());
    let setup = |solver| Setup { task: &task, solver, options: &options, device: "cpu", warm: true, counters: &counters, train: &data };
    let loss = make_loss("dfl_point", &setup("osqp")).unwrap();
    let mut model = Linear::new(29, 24);
    // From zero weights the ramps bind, and an hour that they hold away from its prediction gets no gradient: begin at the squared error.
    let squared = make_loss("two_stage", &setup("none")).unwrap();
    let warm_up = TrainOptions { epochs: 20, batch: 128, learning_rate: 0.02, schedule: Schedule::Cosine, ..TrainOptions::default() };
    train(&mut model, &squared, &data, &warm_up, &mut ()).unwrap();
    let options = TrainOptions { epochs: 200, learning_rate: 0.005, ..warm_up };
    let reports = train(&mut model, &loss, &data, &options, &mut ()).unwrap();
    let layer = make_decider(&task, "osqp", false).unwrap();
    let (decisions, _) = dfl_core::decide(&*layer, &model.predict(&data.features).unwrap(), &data.ids).unwrap();
    let cost = metrics::mean(&task.costs(&data.truth, &decisions).unwrap());
    let seconds: f64 = reports.iter().map(|r| r.seconds).sum();
    let degenerate: usize = reports.iter().map(|r| r.degenerate).sum();
    println!("train cost {cost:.4} after {} epochs in {seconds:.1} s, {degenerate} degenerate answers", reports.len());
    assert!((2.9275..2.933).contains(&cost), "train cost {cost}");
}
