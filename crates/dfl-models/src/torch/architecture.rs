use dfl_core::{Error, Result};
use serde::{Deserialize, Serialize};
use tch::Kind;

/// Width of a network's numbers; predictions and gradients are `f64` outside it either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// `f32`.
    #[default]
    Single,
    /// `f64`, for checks.
    Double,
}

impl Precision {
    /// The kind of its tensors.
    pub fn kind(self) -> Kind {
        match self {
            Self::Single => Kind::Float,
            Self::Double => Kind::Double,
        }
    }
}

/// Layers of a feed-forward network; this is what the `.toml` of a saved model holds.
///
/// Each hidden layer is affine, then batch normalisation, ReLU and dropout in that order; the last layer is affine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Number of features.
    pub inputs: usize,
    /// Length of one prediction.
    pub outputs: usize,
    /// Widths of the hidden layers; none makes the network affine.
    pub hidden: Vec<usize>,
    /// Whether hidden layers are normalised over the batch (momentum 0.1, epsilon 1e-5).
    pub batch_norm: bool,
    /// Probability in `[0, 1)` that a hidden unit is dropped in training; held as a multiple of 1/65536.
    pub dropout: f64,
    /// Width of its numbers.
    pub precision: Precision,
}

impl Architecture {
    /// $\hat y = Wx + b$.
    pub fn linear(inputs: usize, outputs: usize) -> Self {
        Self::mlp(inputs, &[], outputs)
    }

    /// Plain hidden layers of these widths with ReLU.
    pub fn mlp(inputs: usize, hidden: &[usize], outputs: usize) -> Self {
        Self { inputs, outputs, hidden: hidden.to_vec(), batch_norm: false, dropout: 0.0, precision: Precision::Single }
    }

    /// Two hidden layers of 200 with batch normalisation and dropout 0.2: the network of Donti, Amos and Kolter (2017, NeurIPS) and
    /// of the energy-based model of Kong et al. (2022, NeurIPS) for power scheduling.
    pub fn power(inputs: usize, outputs: usize) -> Self {
        Self { batch_norm: true, dropout: 0.2, ..Self::mlp(inputs, &[200, 200], outputs) }
    }

    /// The same in another precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// Inputs and outputs of each affine layer.
    pub(crate) fn layers(&self) -> Vec<(usize, usize)> {
        let widths: Vec<usize> = [self.inputs].into_iter().chain(self.hidden.iter().copied()).chain([self.outputs]).collect();
        widths.windows(2).map(|w| (w[0], w[1])).collect()
    }

    /// Refuses sizes and probabilities that make no network.
    ///
    /// # Errors
    /// [`Error::Domain`] naming the field.
    pub fn check(&self) -> Result<()> {
        check_widths(self.inputs, &self.hidden, self.outputs)?;
        check_dropout(self.dropout)
    }
}

/// Refuses widths of a network that cannot be.
pub(crate) fn check_widths(inputs: usize, hidden: &[usize], outputs: usize) -> Result<()> {
    check_width("inputs", inputs)?;
    check_width("outputs", outputs)?;
    hidden.iter().try_for_each(|&n| check_width("hidden width", n))
}

/// Refuses a number of units, layers or components that cannot be.
pub(crate) fn check_width(what: &'static str, n: usize) -> Result<()> {
    if n == 0 || i32::try_from(n).is_err() {
        return Err(Error::Domain { what, value: n as f64, need: "at least 1 and at most 2^31 - 1" });
    }
    Ok(())
}

/// Refuses what is no probability, and 1.
pub(crate) fn check_dropout(dropout: f64) -> Result<()> {
    if !(0.0..1.0).contains(&dropout) {
        return Err(Error::Domain { what: "dropout", value: dropout, need: "at least 0 and below 1" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_reads_back_and_refuses_what_it_does_not_know() {
        let text = toml::to_string(&Architecture::power(149, 24)).unwrap();
        assert_eq!(toml::from_str::<Architecture>(&text).unwrap(), Architecture::power(149, 24));
        let error = toml::from_str::<Architecture>(&format!("{text}widht = 3\n")).unwrap_err().to_string();
        assert!(error.contains("widht"), "{error}");
    }

    #[test]
    fn layers_of_the_power_network() {
        assert_eq!(Architecture::power(149, 24).layers(), [(149, 200), (200, 200), (200, 24)]);
        assert_eq!(Architecture::linear(3, 2).layers(), [(3, 2)]);
    }

    #[test]
    fn impossible_fields_are_named() {
        let refused = |a: Architecture| match a.check() {
            Err(Error::Domain { what, .. }) => what,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(Architecture::linear(0, 1)), "inputs");
        assert_eq!(refused(Architecture::mlp(1, &[4, 0], 1)), "hidden width");
        for dropout in [-0.1, 1.0, f64::NAN] {
            assert_eq!(refused(Architecture { dropout, ..Architecture::linear(1, 1) }), "dropout");
        }
    }
}
