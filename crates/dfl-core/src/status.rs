use std::fmt;

/// How the solve of one instance ended.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Status {
    /// Proven optimal: the KKT residuals (LP, QP) or feasibility and gap (MILP) were checked by this library.
    Optimal,
    /// A fixed-point layer stopped where it was told to, at this residual.
    Inexact {
        /// Norm of the last fixed-point step.
        residual: f64,
    },
    /// A limit was reached with a feasible incumbent at this relative gap.
    Feasible {
        /// Relative gap between incumbent and bound.
        gap: f64,
    },
    /// No point satisfies the constraints.
    Infeasible,
    /// The objective has no lower bound.
    Unbounded,
    /// A limit on iterations, nodes or time was reached before there was an answer.
    Limit,
    /// The backend stopped without a usable answer.
    Failed,
}

impl Status {
    /// Whether the row has a decision that may be used and differentiated.
    pub fn usable(self) -> bool {
        matches!(self, Self::Optimal | Self::Inexact { .. } | Self::Feasible { .. })
    }

    /// What the user can do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Optimal | Self::Inexact { .. } | Self::Feasible { .. } => "no action is needed",
            Self::Infeasible => "relax the rows or bounds of this instance",
            Self::Unbounded => "bound the variables whose cost is negative",
            Self::Limit => "raise the limit on iterations, nodes or time",
            Self::Failed => "rescale the instance or choose another backend",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Optimal => f.write_str("optimal"),
            Self::Inexact { residual } => write!(f, "inexact (residual {residual:.1e})"),
            Self::Feasible { gap } => write!(f, "feasible (gap {gap:.1e})"),
            Self::Infeasible => f.write_str("infeasible"),
            Self::Unbounded => f.write_str("unbounded"),
            Self::Limit => f.write_str("limit reached"),
            Self::Failed => f.write_str("failed"),
        }
    }
}
