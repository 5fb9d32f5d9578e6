use dfl_core::{CostGrad, Found, Loss, Needs, Rng, Row, Through};

/// Cost of the decision at the prediction, under the truth, through a differentiable decider. Minimises.
///
/// $$\ell(\hat y) = f(y, z(\hat y)), \qquad \nabla\ell = J(\hat y)^\top \nabla_z f(y, z(\hat y))$$
///
/// For a cost with kinks $\nabla_z f$ is one subgradient. Prediction and truth may differ in length and meaning.
///
/// # Shapes
/// `pred`: `[theta]`, `truth`: `[y]`, decision: `[z]`.
/// # References
/// Donti, Amos & Kolter (2017), NeurIPS, Eq. 4.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaskCost<C> {
    cost: C,
}

impl<C: CostGrad> TaskCost<C> {
    /// The loss of one cost.
    pub fn new(cost: C) -> Self {
        Self { cost }
    }
}

impl<C: CostGrad> Loss for TaskCost<C> {
    fn name(&self) -> &'static str {
        "dfl_point"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, through: Through::Always, ..Needs::default() }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, _grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        self.cost.grad_z(row.truth, found.x, cotangent);
        self.cost.value(row.truth, found.x)
    }
}
