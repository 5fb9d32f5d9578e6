//! Models written in `good_lp`, with named parameters, solved and differentiated by name.
//!
//! An existing model is handed over by one line: `layer::minimise(vars, objective)` in place of
//! `vars.minimise(objective).using(solver)`. Constraints follow as before, quadratic terms and parameters after them:
//!
//! ```
//! use dfl_solvers::layer::{self, good_lp::{Expression, constraint, variables}};
//!
//! variables! { vars: 0 <= x[3] <= 1; }
//! let mut model = layer::minimise(vars, 0.8 * x[0] + 1.0 * x[1] + 1.2 * x[2])
//!     .with(constraint!(x.iter().sum::<Expression>() == 1).set_name("budget".into()));
//! x.iter().for_each(|&x| model.add_quadratic(x, x, 1.0));
//! let cost = model.cost_of("cost", &x)?;
//!
//! let layer = model.layer()?;
//! let answer = layer.solve(&[0.8, 1.0, 1.2])?;
//! assert!((answer.x(x[0])? - 0.4333).abs() < 1e-4 && (answer.objective() - 1.3133).abs() < 1e-4);
//! // The envelope theorem: the gradient of the value in the costs is the decision.
//! assert!((answer.envelope_gradient(cost)?[2] - answer.x(x[2])?).abs() < 1e-12);
//! assert!((answer.sensitivity(x[0], cost)?[0] + 1.0 / 3.0).abs() < 1e-12);
//! assert!(answer.status()?.is_derivative());
//! # Ok::<(), dfl_core::Error>(())
//! ```
//!
//! [`Model`] names parameters: [`cost_of`](Model::cost_of), [`rhs_of`](Model::rhs_of), [`coefficient`](Model::coefficient),
//! [`bound_of`](Model::bound_of), [`quadratic_of`](Model::quadratic_of), [`set`](Model::set) for any mixture, and
//! [`affine`](Model::affine) for one that moves several numbers. [`Layer`] solves at any values of them, and is a
//! [`Formulation`](dfl_core::Formulation) and a [`Decider`](dfl_core::Decider) for the rest of the library. [`Answer`] has results,
//! shadow prices and sensitivities, and a [status](Answer::status) that says why a sensitivity is not a derivative.
//!
//! Everything is in the model's own sense; the program inside always minimises. `docs/modelling.md` is the guide.
//!
//! # Differences
//! `good_lp` does not expose whether an inequality was written with `<=` or `>=`: a parameter in one says [`at_most`] or
//! [`at_least`]. A variable of `good_lp` is a number and nothing else, so that one of another model is noticed only where this model has no
//! variable of that number. Initial values of variables are not used.

mod answer;
mod batch;
mod build;
mod built;
mod explain;
mod integers;
mod model;
mod names;
mod parameter;
mod reasons;
mod sensitivity;
mod solve;
mod span;
mod status;
mod tight;

pub use answer::Answer;
pub use batch::{Answers, Counts};
pub use built::Layer;
pub use good_lp;
pub use model::{ConstraintReference, Model, Row, at_least, at_most, maximise, minimise};
pub use names::NamedMatrix;
pub use parameter::{Bound, Parameter, Target};
pub use sensitivity::{ReducedHessian, Resolved};
pub use status::{Reason, SensitivityStatus};
