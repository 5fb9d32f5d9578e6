use dfl_core::{Batch, DecisionLoss, Instances, TrainOptions, train};
use dfl_models::torch::{Architecture, Device, Network};

use crate::common::{Cubic, Simplex, normals};

/// The decision is a projection of a prediction that depends on the features; training it end to end lowers the decisions' cost.
#[test]
fn the_training_loop_lowers_the_cost_of_decisions() {
    let features = normals(96, 3, 1);
    let truth = features.iter().map(|x| [x[0] * x[0], x[1] - x[2], x[0] * x[1], 0.5]).collect::<Vec<_>>();
    let data = Instances::new(features, Batch::from_rows(&truth).unwrap()).unwrap();
    let architecture = Architecture { batch_norm: true, dropout: 0.1, ..Architecture::mlp(3, &[32], 4) };
    let mut model = Network::new(architecture, 2, Device::Cpu).unwrap();
    let loss = DecisionLoss::new(Cubic, Simplex(4)).unwrap();
    let options = TrainOptions { epochs: 40, batch: 32, learning_rate: 0.01, ..TrainOptions::default() };
    let reports = train(&mut model, &loss, &data, &options, &mut ()).unwrap();
    let (first, last) = (reports[0].loss, reports[39].loss);
    assert!(last < 0.8 * first, "from {first} to {last}");
}
