//! The tensor layer of three-operator splitting against the solver in f64, and against numbers that are known.

mod agreement;
mod device;
mod stopping;
mod tensors;

use dfl_core::{Batch, Call, Csc, Decider, Formulation, Key, ParamMap, Program, Rng, SolveInfo, Stream};
use dfl_models::torch::{Device, Dys as Layer, DysDecider, Precision};
use dfl_solvers::{Dys, DysLayer, DysOptions, Grid, KnapsackProblem, Tour, TourRelaxation};

/// A relaxation and predictions for it.
struct Case {
    name: &'static str,
    formulation: Formulation,
    thetas: Batch,
}

impl Case {
    /// The first `predicted` costs are predicted, uniform on `sign * [0.2, 1.2]`.
    fn new(name: &'static str, program: Program, predicted: usize, sign: f64, rng: &mut Rng) -> Self {
        let costs = (0..12 * predicted).map(|_| sign * (0.2 + rng.uniform())).collect();
        let formulation = Formulation { visible: program.n(), program, params: ParamMap::costs(predicted) };
        Self { name, formulation, thetas: Batch::from_vec(12, predicted, costs).unwrap() }
    }

    fn solver(&self, options: &DysOptions) -> Dys {
        Dys::new(self.formulation.program.clone(), self.formulation.params.clone(), options.clone()).unwrap()
    }

    fn host(&self, options: &DysOptions) -> DysLayer {
        DysLayer::new(self.solver(options)).visible(self.formulation.visible).unwrap()
    }

    fn layer(&self, options: &DysOptions, precision: Precision, device: Device) -> Layer {
        Layer::new(&self.solver(options).operator(), device, precision).unwrap().visible(self.formulation.visible).unwrap()
    }

    fn decider(&self, options: &DysOptions, precision: Precision) -> DysDecider {
        DysDecider::new(self.layer(options, precision, Device::Cpu))
    }
}

fn path(rng: &mut Rng) -> Case {
    let program = Grid::new(5, 5).unwrap().program();
    Case::new("path", program, 40, 1.0, rng)
}

fn knapsack(rng: &mut Rng) -> Case {
    let weights: Vec<f64> = (0..80).map(|_| 3.0 + 5.0 * rng.uniform()).collect();
    let capacity = weights.chunks(40).map(|w| 0.5 * w.iter().sum::<f64>()).collect();
    let program = KnapsackProblem::new(Batch::from_vec(2, 40, weights).unwrap(), capacity).unwrap().relaxation();
    Case::new("knapsack", program, 40, -1.0, rng)
}

fn tour(rng: &mut Rng) -> Case {
    let tour = Tour::new(5).unwrap();
    let formulation = tour.relaxation(TourRelaxation::Mtz).unwrap();
    let mut case = Case::new("tour", formulation.program.clone(), tour.edges(), 1.0, rng);
    case.formulation = formulation;
    case
}

/// Equations that depend on each other, rows with one side and two, upper bounds, auxiliary variables.
fn cases(rng: &mut Rng) -> Vec<Case> {
    vec![path(rng), knapsack(rng), tour(rng)]
}

/// min (0.3, 0.2, 0.15, 0.9, 0.25) v + 1/2 |v|^2 under two equations: the example whose numbers are known.
fn example() -> Case {
    let rows = [[1.0, 1.0, 1.0, 1.0, 0.0], [0.0, 1.0, 2.0, 0.0, 1.0]];
    let entries: Vec<_> = (0..10).map(|k| (k / 5, k % 5, rows[k / 5][k % 5])).collect();
    let (a, b) = (Csc::from_triplets(2, 5, &entries).unwrap(), vec![1.0, 0.6]);
    let program = Program::linear(vec![0.0; 5]).with_rows(a, b.clone(), b).with_bounds(vec![0.0; 5], vec![f64::INFINITY; 5]);
    let formulation = Formulation { program, params: ParamMap::costs(5), visible: 5 };
    Case { name: "example", formulation, thetas: Batch::from_rows(&[[0.3, 0.2, 0.15, 0.9, 0.25]]).unwrap() }
}

/// What a decider says of a batch, and `J' cotangent`.
struct Told {
    x: Batch,
    objective: Vec<f64>,
    info: Vec<SolveInfo>,
    gradient: Batch,
}

fn tell(decider: &dyn Decider, thetas: &Batch, cotangent: &Batch) -> Told {
    let keys: Vec<Key> = (0..thetas.rows() as u64).map(|id| Key { id, slot: 0 }).collect();
    let call = Call { keys: &keys, stream: Stream::default(), backward: true };
    let found = decider.forward(thetas, &call).unwrap();
    let gradient = found.back.unwrap().pull(cotangent).unwrap();
    Told { x: found.x, objective: found.objective, info: found.info, gradient }
}
