use crate::{Error, Result};

/// What the derivative of a sampled stochastic program takes for its curvature where the scenarios' costs have kinks.
///
/// The minimiser of a sample average mostly sits *at* a kink of some sample; without kinks the first and the second are the same.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Curvature {
    /// The exact derivative of the program of these samples: a decision pinned at a kink moves with the sample that pins it, and with no
    /// other. Right for pathwise derivatives. Score weights vanish along pinned directions, so asking for them there is an error.
    #[default]
    SampleAverage,
    /// The derivative of the *expectation*: a kink's jump times a Gaussian kernel estimate of the density of its threshold at the
    /// decision, in Hessian and cross derivative. What score weights need.
    Density {
        /// Width of the kernel as a multiple of the standard deviation of the thresholds over the samples; see
        /// [`Curvature::rule_of_thumb`].
        bandwidth: f64,
    },
    /// Kinks have no curvature, and the decision is not pinned at them: what is published (`H = I` for the power task), to reproduce it.
    /// Too small a curvature by the factor 10 to 50 there. Score weights are then the published ones too, without the correction for
    /// samples that the decision shares.
    Ignored,
}

impl Curvature {
    /// A kernel density with the bandwidth $1.06 M^{-1/5}$ standard deviations, least in mean square for a Gaussian (Silverman 1986,
    /// Eq. 3.28).
    pub fn rule_of_thumb(scenarios: usize) -> Self {
        Self::Density { bandwidth: 1.06 * (scenarios.max(1) as f64).powf(-0.2) }
    }

    /// Refuses a bandwidth that is not positive and finite.
    ///
    /// # Errors
    /// [`Error::Domain`].
    pub fn check(&self) -> Result<()> {
        match *self {
            Self::Density { bandwidth } if !(bandwidth > 0.0 && bandwidth.is_finite()) => {
                Err(Error::Domain { what: "bandwidth of Curvature::Density", value: bandwidth, need: "positive and finite" })
            }
            _ => Ok(()),
        }
    }
}
