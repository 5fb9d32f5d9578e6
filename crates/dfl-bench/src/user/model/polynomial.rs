//! Sums of products of variables and parameters.

use std::collections::BTreeMap;

/// A product: at most one parameter, and variables, of which one may occur more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Monomial {
    pub(super) parameter: Option<usize>,
    /// In ascending order.
    pub(super) variables: Vec<usize>,
}

/// A sum of monomials with their coefficients; of the second degree in variables and affine in parameters at the most.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Polynomial(BTreeMap<Monomial, f64>);

/// A product that is beyond what a program holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TooHigh {
    Variables,
    Parameters,
}

impl Polynomial {
    pub(super) fn constant(value: f64) -> Self {
        Self(BTreeMap::from([(Monomial::default(), value)]))
    }

    pub(super) fn variable(j: usize) -> Self {
        Self(BTreeMap::from([(Monomial { parameter: None, variables: vec![j] }, 1.0)]))
    }

    pub(super) fn parameter(k: usize) -> Self {
        Self(BTreeMap::from([(Monomial { parameter: Some(k), variables: Vec::new() }, 1.0)]))
    }

    /// Its value if it is only a number.
    pub(super) fn as_number(&self) -> Option<f64> {
        let only_numbers = self.0.keys().all(|term| *term == Monomial::default());
        only_numbers.then(|| self.0.values().sum())
    }

    pub(super) fn degree(&self) -> usize {
        self.0.keys().map(|term| term.variables.len()).max().unwrap_or_default()
    }

    /// The terms and their coefficients; those that cancel are left out.
    pub(super) fn terms(&self) -> impl Iterator<Item = (&Monomial, f64)> {
        self.0.iter().map(|(term, &value)| (term, value)).filter(|&(_, value)| value != 0.0)
    }

    /// `self + factor * other`.
    pub(super) fn plus(mut self, factor: f64, other: &Self) -> Self {
        for (term, value) in &other.0 {
            *self.0.entry(term.clone()).or_default() += factor * value;
        }
        self
    }

    pub(super) fn times(&self, other: &Self) -> Result<Self, TooHigh> {
        let mut product = Self::default();
        for (a, v) in &self.0 {
            for (b, w) in &other.0 {
                if a.parameter.is_some() && b.parameter.is_some() {
                    return Err(TooHigh::Parameters);
                }
                let mut variables = [a.variables.as_slice(), &b.variables].concat();
                if variables.len() > 2 {
                    return Err(TooHigh::Variables);
                }
                variables.sort_unstable();
                let term = Monomial { parameter: a.parameter.or(b.parameter), variables };
                *product.0.entry(term).or_default() += v * w;
            }
        }
        Ok(product)
    }
}
