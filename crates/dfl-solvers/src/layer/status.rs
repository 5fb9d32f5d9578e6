use std::fmt;
use std::ops::Range;

use dfl_core::Result;

use super::names::{find, list, refuse};
use super::parameter::Parameter;

/// What there is to know about the sensitivities of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Reason {
    /// The constraints in `names` are tight without a multiplier, and as these `parameters` move, stay tight on one side only. The decision
    /// has a kink, and its sensitivity is that of one side. The value has a derivative.
    WeaklyActive {
        /// The constraints and bounds.
        names: Vec<String>,
        /// The components of parameters that have no derivative for it; all others do.
        parameters: Vec<String>,
    },
    /// The tight constraints in `names` depend on each other, and these `parameters` move them apart: what happens depends on the
    /// direction, and the multipliers are not unique. The two bounds of a variable where they meet are among them, and a bound of an
    /// integer variable that is held at it.
    Redundant {
        /// The constraints and bounds.
        names: Vec<String>,
        /// The components of parameters that have no derivative for it; all others do.
        parameters: Vec<String>,
    },
    /// The tight constraints in `names` depend on each other, whether something moves them apart or not: their multipliers need not be
    /// unique, and those of the answer and their sensitivities are of one choice among several.
    DualsNotUnique(Vec<String>),
    /// The objective is flat along directions of these variables within the tight constraints: there may be other optima, and the
    /// sensitivity is that of least norm.
    NotUnique(Vec<String>),
    /// The solve ended at a limit, so that other integers may be better.
    NotProven,
    /// The optimum of a linear model at a vertex: that costs do not move it, is exact.
    Vertex,
    /// The integers were held at their optimum: sensitivities are derivatives as long as the same values of these variables are optimal.
    FixedIntegers(Vec<String>),
    /// Integers are relaxed: sensitivities are those of another model, not of the one with integers.
    Relaxed(Vec<String>),
}

impl Reason {
    /// Whether it says that sensitivities of the decision are not derivatives.
    fn breaks_decision(&self) -> bool {
        self.breaks_value() || matches!(self, Self::WeaklyActive { .. })
    }

    /// Whether it says that gradients of the value are not derivatives.
    fn breaks_value(&self) -> bool {
        matches!(self, Self::NotProven | Self::NotUnique(_) | Self::Relaxed(_) | Self::Redundant { .. })
    }

    /// Whether it speaks of a component of a parameter.
    fn concerns(&self, component: &str) -> bool {
        match self {
            Self::WeaklyActive { parameters, .. } | Self::Redundant { parameters, .. } => parameters.iter().any(|p| p == component),
            _ => true,
        }
    }
}

/// Whether the sensitivities of an answer are derivatives, and if not, why.
#[derive(Clone, Debug, PartialEq)]
pub struct SensitivityStatus {
    pub(super) reasons: Vec<Reason>,
    pub(super) components: Vec<String>,
    /// Of each parameter among the components.
    pub(super) parameters: Vec<(Parameter, Range<usize>)>,
}

impl SensitivityStatus {
    /// All there is to say, in a fixed order; empty where there is nothing.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Whether the sensitivities of the decision are derivatives in every parameter; those of the multipliers are then too if
    /// [`duals_are_unique`](Self::duals_are_unique).
    pub fn is_derivative(&self) -> bool {
        !self.reasons.iter().any(Reason::breaks_decision)
    }

    /// The same for all components of one parameter.
    ///
    /// # Errors
    /// [`Error::Model`](dfl_core::Error::Model) for a parameter of another model.
    pub fn is_derivative_by(&self, parameter: Parameter) -> Result<bool> {
        match self.parameters.iter().find(|(own, _)| *own == parameter) {
            Some((_, range)) => Ok(self.components[range.clone()].iter().all(|component| self.smooth_in(component))),
            None => {
                refuse("a parameter of another model", format!("number {}", parameter.number), "use what naming it in this model returned")
            }
        }
    }

    /// The same for one component, by its name in [`Layer::parameter_names`](super::Layer::parameter_names).
    ///
    /// # Errors
    /// [`Error::Unknown`](dfl_core::Error::Unknown) with the names there are.
    pub fn is_derivative_in(&self, component: &str) -> Result<bool> {
        find("component", &self.components, component)?;
        Ok(self.smooth_in(component))
    }

    fn smooth_in(&self, component: &str) -> bool {
        !self.reasons.iter().any(|reason| reason.breaks_decision() && reason.concerns(component))
    }

    /// Whether the gradient of the value is a derivative in every parameter. At a kink of the decision it is.
    pub fn value_is_derivative(&self) -> bool {
        !self.reasons.iter().any(Reason::breaks_value)
    }

    /// Whether the tight constraints are independent, so that their multipliers are the only ones.
    pub fn duals_are_unique(&self) -> bool {
        !self.reasons.iter().any(|reason| matches!(reason, Reason::DualsNotUnique(_)))
    }
}

/// One sentence; long lists of names are cut.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WeaklyActive { names, parameters } => {
                write!(f, "not a derivative in {}: {} tight without a multiplier (a kink)", list(parameters), are(names))
            }
            Self::Redundant { names, parameters } => {
                write!(f, "not a derivative in {}: {} dependent and moved apart", list(parameters), are(names))
            }
            Self::DualsNotUnique(names) => write!(f, "multipliers of {} need not be unique", list(names)),
            Self::NotUnique(names) => write!(f, "not a derivative: the objective is flat along {}", list(names)),
            Self::NotProven => f.write_str("not a derivative: the search for integers ended at a limit"),
            Self::Vertex => f.write_str("a vertex: moves of costs alone leave the decision where it is, exactly"),
            Self::FixedIntegers(names) => write!(f, "with {} held, valid while their values stay optimal", list(names)),
            Self::Relaxed(names) => write!(f, "not a derivative of the model: {} relaxed", are(names)),
        }
    }
}

fn are(names: &[String]) -> String {
    format!("{} {}", list(names), if names.len() == 1 { "is" } else { "are" })
}

impl fmt::Display for SensitivityStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_derivative() {
            f.write_str("derivative")?;
        }
        for (k, reason) in self.reasons.iter().enumerate() {
            write!(f, "{}{reason}", if k == 0 && !self.is_derivative() { "" } else { "; " })?;
        }
        Ok(())
    }
}
