use dfl_core::{Batch, Call, Decider, DecisionLoss, Decisions, Dims, Instances, Result, Stream, check_len, metrics};
use dfl_losses::TaskCost;

use super::{Problem, RidgeCost};
use crate::power::Affine;

/// Rows of a step.
const BATCH: usize = 10;

/// What the notebook's loop descends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objective {
    /// $s\, y^\top x$ alone: the notebook's for the allocation.
    Linear,
    /// The whole objective $s\, y^\top x + w \|x\|^2$: the notebook's for the portfolio.
    Whole,
}

/// What becomes of $0 \le x \le 1$ where a decision is differentiated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inequalities {
    /// A share at a bound does not move: the derivative.
    Respected,
    /// All shares move, $\mathrm dx/\mathrm dy = -\tfrac{s}{2w}(I - 11^\top/3)$, as they would if no solution were at a bound.
    Ignored,
}

/// The notebook's training: plain gradient steps on a linear model that begins at least squares, through the layer.
///
/// $$W \leftarrow W - \eta \, \frac1{10} \sum_{i} \Big(\frac{\mathrm dx_i}{\mathrm d\hat y_i}\Big)^\top \nabla_x f(y_i, x_i)\, \phi_i^\top$$
///
/// over the ten rows of each step, in given orders, with $\eta = .05$ for the allocation and $.1$ for the portfolio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descent {
    /// Which problem.
    pub problem: Problem,
    /// What it descends on.
    pub objective: Objective,
    /// How decisions are differentiated.
    pub inequalities: Inequalities,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Course {
    /// The model after the last epoch.
    pub model: Affine,
    /// Of each epoch the mean over its steps of the step's mean loss, each with the model before the step.
    pub losses: Vec<f64>,
}

impl Descent {
    /// Trains `model` by one epoch in each of `orders`, permutations of the training rows.
    ///
    /// # Errors
    /// [`Error::Dimension`](dfl_core::Error::Dimension) if model, rows and problem do not fit.
    pub fn run(&self, mut model: Affine, train: &Instances, orders: &[Vec<usize>]) -> Result<Course> {
        let (loss, rate) = (DecisionLoss::new(TaskCost::new(self.cost()), self.layer()?)?, self.rate());
        let targets = train.targets();
        let mut losses = Vec::with_capacity(orders.len());
        for order in orders {
            check_len("rows in the order of an epoch", train.len(), order.len())?;
            let mut steps = Vec::new();
            for rows in order.chunks(BATCH) {
                let ids: Vec<u64> = rows.iter().map(|&i| train.ids[i]).collect();
                let features = train.features.select(rows);
                let found = loss.evaluate(&model.predict(&features)?, &targets.select(rows), &ids, Stream::default())?;
                steps.push(metrics::mean(&found.values));
                step(&mut model.weights, rate / rows.len() as f64, &features, &found.grads);
            }
            losses.push(metrics::mean(&steps));
        }
        Ok(Course { model, losses })
    }

    fn cost(&self) -> RidgeCost {
        let whole = self.problem.cost();
        match self.objective {
            Objective::Linear => RidgeCost { ridge: 0.0, ..whole },
            Objective::Whole => whole,
        }
    }

    fn rate(&self) -> f64 {
        match self.problem {
            Problem::Allocation => 0.05,
            Problem::Portfolio => 0.1,
        }
    }

    fn layer(&self) -> Result<Box<dyn Decider>> {
        let decides = self.problem.decider(true)?;
        match self.inequalities {
            Inequalities::Respected => Ok(decides),
            Inequalities::Ignored => Ok(Box::new(Unbounded { decides, differentiates: self.problem.decider(false)? })),
        }
    }
}

/// `weights` `[features, outputs]` less `rate` times the sum over rows of features times gradient.
fn step(weights: &mut Batch, rate: f64, features: &Batch, gradients: &Batch) {
    for (phi, gradient) in features.iter().zip(gradients.iter()) {
        for (k, phi) in phi.iter().enumerate() {
            weights.row_mut(k).iter_mut().zip(gradient).for_each(|(w, g)| *w -= rate * phi * g);
        }
    }
}

/// Decisions of one decider with the derivative of another.
struct Unbounded {
    decides: Box<dyn Decider>,
    differentiates: Box<dyn Decider>,
}

impl Decider for Unbounded {
    fn name(&self) -> &'static str {
        "unbounded"
    }
    fn dims(&self) -> Dims {
        self.decides.dims()
    }
    fn differentiable(&self) -> bool {
        self.differentiates.differentiable()
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        let decided = self.decides.forward(thetas, &Call { backward: false, ..*call })?;
        Ok(Decisions { back: self.differentiates.forward(thetas, call)?.back, ..decided })
    }
}
