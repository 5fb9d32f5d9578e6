use std::fmt;

use super::{Compared, Evidence, Found, Outcome, Verdict};
use crate::results::numbers::three_digits;

impl Outcome {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::NotTestable => "not testable",
        }
    }
}

impl Verdict {
    /// In how many places it holds, and in how many clearly, that is by more than two standard errors.
    pub fn summary(&self) -> String {
        let compared: Vec<&Compared> = self.evidence.iter().filter_map(Evidence::compared).collect();
        let count = |holds: bool| compared.iter().filter(|c| c.holds == holds).count();
        let clear = |holds: bool| compared.iter().filter(|c| c.holds == holds && c.is_clear()).count();
        let gaps = self.evidence.len() - compared.len();
        let mut text = format!("true in {} of {}", count(true), self.evidence.len());
        if count(false) > 0 {
            text += &format!(", not in {}, of which {} by more than two standard errors", count(false), clear(false));
        }
        if gaps > 0 {
            text += &format!(", {gaps} not measured");
        }
        text
    }

    /// The evidence that decides, in lines: what speaks against it, or is missing; all of it if nothing does.
    pub fn deciding(&self) -> Vec<&Evidence> {
        let against: Vec<_> = self.evidence.iter().filter(|e| !e.compared().is_some_and(|c| c.holds)).collect();
        if against.is_empty() { self.evidence.iter().collect() } else { against }
    }
}

impl Evidence {
    /// The comparison, if there is one.
    pub fn compared(&self) -> Option<&Compared> {
        match &self.found {
            Found::Compared(compared) => Some(compared),
            Found::Missing { .. } => None,
        }
    }
}

/// `tsp 8: sce (linear, quadratic) 0.0650 against regret (linear, quadratic) 0.0810, difference -0.0160 ± 0.00500 (5 seeds)`
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.found {
            Found::Missing { missing } => write!(f, "{}: {missing}", self.place),
            Found::Compared(c) => {
                let (left, right) = (three_digits(c.left.1), three_digits(c.right.1));
                let spread = c.se.map_or(String::new(), |se| format!(" ± {}", three_digits(se)));
                let seeds = if c.seeds == 1 { "1 seed".to_owned() } else { format!("{} seeds", c.seeds) };
                let difference = three_digits(c.difference);
                write!(f, "{}: {} {left} against {} {right}, difference {difference}{spread} ({seeds})", self.place, c.left.0, c.right.0)
            }
        }
    }
}
