use std::fmt;

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
    /// direction, and the multipliers are not unique.
    Redundant {
        /// The constraints and bounds.
        names: Vec<String>,
        /// The components of parameters that have no derivative for it; all others do.
        parameters: Vec<String>,
    },
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
    /// Whether it says that the sensitivity of the decision in a component of a parameter is not a derivative.
    fn breaks_decision(&self, component: &str) -> bool {
        match self {
            Self::WeaklyActive { parameters, .. } => parameters.iter().any(|p| p == component),
            other => other.breaks_value(component),
        }
    }

    /// Whether it says that the gradient of the value in a component of a parameter is not a derivative.
    fn breaks_value(&self, component: &str) -> bool {
        match self {
            Self::NotProven | Self::NotUnique(_) | Self::Relaxed(_) => true,
            Self::Redundant { parameters, .. } => parameters.iter().any(|p| p == component),
            Self::WeaklyActive { .. } | Self::Vertex | Self::FixedIntegers(_) => false,
        }
    }
}

/// Whether the sensitivities of an answer are derivatives, and if not, why.
#[derive(Clone, Debug, PartialEq)]
pub struct SensitivityStatus {
    pub(super) reasons: Vec<Reason>,
    pub(super) components: Vec<String>,
}

impl SensitivityStatus {
    /// All there is to say, in a fixed order; empty where there is nothing.
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }

    /// Whether the sensitivities of the decision and the multipliers are derivatives in every parameter.
    pub fn is_derivative(&self) -> bool {
        self.components.iter().all(|component| self.is_derivative_in(component))
    }

    /// The same for one component, by its name in [`Layer::parameter_names`](super::Layer::parameter_names).
    pub fn is_derivative_in(&self, component: &str) -> bool {
        !self.reasons.iter().any(|reason| reason.breaks_decision(component))
    }

    /// Whether the gradient of the value is a derivative in every parameter. At a kink of the decision it is.
    pub fn value_is_derivative(&self) -> bool {
        !self.components.iter().any(|component| self.reasons.iter().any(|reason| reason.breaks_value(component)))
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

/// The first few names; [`Reason`] has them all.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 6;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
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
