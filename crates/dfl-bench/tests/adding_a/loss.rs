//! `docs/adding-a-loss.md`.

// The guide shows this.
use dfl_core::{Error, Found, Loss, Needs, Result, Rng, Row, Through};

/// The structured hinge with the Hamming distance as its margin, of decisions of zeros and ones. Minimises.
///
/// $$\ell(\hat y) = \max_w\ \hat y^\top (w^\star - w) + m \sum_j |w_j - w^\star_j| = \hat y^\top w^\star + m\, 1^\top w^\star - \min_w q^\top w,
/// \qquad q = \hat y - m\,(1 - 2 w^\star)$$
///
/// It is at least 0, and 0 where the optimal decision wins by its distance from every other. Probe $q$, direct gradient $w^\star - w(q)$;
/// through a differentiable decider also $-J(q)^\top q$.
///
/// # Shapes
/// `pred`, `solution`: `[p]`; the prediction is the linear cost of the decision.
/// # References
/// Tsochantaridis, Joachims, Hofmann & Altun (2005), JMLR 6, margin rescaling.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hinge {
    margin: f64,
}

impl Hinge {
    /// The loss of one margin.
    ///
    /// # Errors
    /// [`Error::Domain`] unless it is positive and finite.
    pub(crate) fn new(margin: f64) -> Result<Self> {
        match margin > 0.0 && margin.is_finite() {
            true => Ok(Self { margin }),
            false => Err(Error::Domain { what: "margin of the hinge", value: margin, need: "positive and finite" }),
        }
    }

    fn at(&self, row: &Row<'_>, j: usize) -> f64 {
        row.pred[j] - self.margin * (1.0 - 2.0 * row.solution[j])
    }
}

impl Loss for Hinge {
    fn name(&self) -> &'static str {
        "hinge"
    }
    fn needs(&self) -> Needs {
        Needs { solution: true, linear: true, through: Through::IfAny, ..Needs::default() }
    }
    fn probe(&self, row: &Row<'_>, _rng: &mut Rng, at: &mut [f64]) {
        (0..at.len()).for_each(|j| at[j] = self.at(row, j));
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for j in 0..row.pred.len() {
            let (best, q) = (row.solution[j], self.at(row, j));
            value += (row.pred[j] + self.margin) * best - q * found.x[j];
            grad[j] += best - found.x[j];
            cotangent[j] -= q; // the probe moves as the prediction does: its derivative is 1
        }
        value
    }
}
// The guide ends here.

use super::{baseline, figure, paths};
use dfl_core::testkit::check_loss;
use dfl_core::{Batch, DecisionLoss, Formulation, Linear, NoGradient, ParamMap, Predictor, Stream, Targets, TrainOptions, decide, train};
use dfl_solvers::{Backend, Batched, Deciding, Grid, ShortestPath, smooth_quadratic};

fn exact(grid: Grid) -> Batched<NoGradient<ShortestPath>> {
    Batched::new(NoGradient(ShortestPath::new(grid)))
}

/// Two ways through a 2x2 grid of costs 2 and 4, the cheaper one best: it wins by 2, which is less than their distance 4.
#[test]
fn a_value_by_hand() {
    let loss = DecisionLoss::new(Hinge::new(1.0).unwrap(), exact(Grid::new(2, 2).unwrap())).unwrap();
    let targets = Targets { solution: Some(Batch::from_rows(&[[1.0, 0.0, 1.0, 0.0]]).unwrap()), ..Targets::default() };
    let found = loss.evaluate(&Batch::from_rows(&[[1.0, 2.0, 1.0, 2.0]]).unwrap(), &targets, &[0], Stream::default()).unwrap();
    assert_eq!((found.values[0], found.grads.row(0)), (2.0, &[1.0, -1.0, 1.0, -1.0][..]));
    let sure = loss.evaluate(&Batch::from_rows(&[[1.0, 4.0, 1.0, 4.0]]).unwrap(), &targets, &[0], Stream::default()).unwrap();
    assert_eq!((sure.values[0], sure.grads.row(0)), (0.0, &[0.0; 4][..]));
}

/// With the exact solver, of which the loss is piecewise linear, and through a smoothed one, which the cotangent is for.
#[test]
fn keeps_the_contract() {
    let (grid, mut rng) = (Grid::new(3, 4).unwrap(), Rng::seeded(5));
    let mut draw = || Batch::from_vec(6, grid.arcs(), (0..6 * grid.arcs()).map(|_| rng.normal()).collect()).unwrap();
    let (preds, truth) = (draw(), draw());
    let solution = decide(&exact(grid), &truth, &[0, 1, 2, 3, 4, 5]).unwrap().0;
    let targets = Targets { solution: Some(solution), ..Targets::default() };
    let hinge = Hinge::new(0.5).unwrap();
    let worst = check_loss(&DecisionLoss::new(hinge, exact(grid)).unwrap(), &preds, &targets, 1e-6);
    assert!(worst < 1e-8, "exact: {worst}");
    let path = Formulation { program: grid.program(), params: ParamMap::costs(grid.arcs()), visible: grid.arcs() };
    let Formulation { program, params, .. } = smooth_quadratic(path, 1.0).unwrap();
    let smoothed = Backend::Auto.decider(program, params, &Deciding::default()).unwrap();
    let worst = check_loss(&DecisionLoss::new(hinge, smoothed).unwrap(), &preds, &targets, 1e-6);
    assert!(worst < 1e-6, "smoothed: {worst}");
    assert!(Hinge::new(0.0).is_err() && Hinge::new(f64::NAN).is_err());
}

#[test]
fn trains_and_beats_its_baseline() {
    let (task, data) = paths(100);
    let loss = DecisionLoss::new(Hinge::new(0.2).unwrap(), exact(Grid::new(5, 5).unwrap())).unwrap();
    let mut model = Linear::new(data.train.features.cols(), data.train.truth.cols());
    let options = TrainOptions { epochs: 30, learning_rate: 0.02, ..TrainOptions::default() };
    let epochs = train(&mut model, &loss, &data.train, &options, &mut ()).unwrap();
    assert!(epochs[29].loss < 0.7 * epochs[0].loss, "{epochs:?}");
    let (learned, constant) = (figure(&task, &data, &model.predict(&data.test.features).unwrap()), baseline(&task, &data, "constant"));
    assert!(learned < 0.5 * constant, "regret {learned}, without features {constant}");
}
