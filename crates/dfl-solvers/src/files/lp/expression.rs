//! Sums of terms.

use super::super::{Checked, Fault, finite};
use super::Reader;
use super::model::Sum;
use super::tokens::{NUMBER, Token, is_infinity};

/// Where a sum stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Objective,
    /// Before the first sign of relation, on as many lines as it takes.
    Left,
    /// Behind one, up to the end of a line: what comes next is a row.
    Right,
}

const NO_SIGN: Fault = Fault("two terms without a sign between them", "write + or - between terms, and every row with <=, >= or =");
const PRODUCT: Fault =
    Fault("a product or quotient outside of brackets", "write `2 x`, and quadratic terms as in `[ 2 x ^ 2 + 4 x * y ] / 2`");
const PAIR: Fault = Fault("not a quadratic term", "write terms as `2 x ^ 2` or `4 x * y`, with + or - between them");
const HALF: Fault = Fault("brackets without their `/ 2`", "double the coefficients and write `[ ... ] / 2`");

impl<'a> Reader<'a> {
    /// Terms up to what is none.
    pub(super) fn sum(&mut self, place: Place) -> Checked<Sum> {
        let mut sum = Sum::default();
        while let Some(next) = self.tokens.peek()? {
            let signed = match next.token {
                Token::Sign(_) => true,
                Token::Number(_) | Token::Word(_) | Token::Open => false,
                Token::Times | Token::Power | Token::Over => return self.refuse(PRODUCT),
                Token::Close => return self.refuse(PAIR),
                Token::Section(_) | Token::Label(_) | Token::Relation(_) => break,
            };
            if sum.terms > 0 && place == Place::Right && next.first {
                if signed && !sum.linear.is_empty() {
                    return self.refuse(Fault(
                        "a line that may go on with the row above it",
                        "name the row that it begins, or write it in one line",
                    ));
                }
                break;
            }
            if sum.terms > 0 && !signed {
                return self.refuse(NO_SIGN);
            }
            self.term(place, &mut sum)?;
            sum.terms += 1;
        }
        Ok(sum)
    }

    /// `fault`, at the line of the next token.
    pub(super) fn refuse<T>(&mut self, fault: Fault) -> Checked<T> {
        self.tokens.take()?;
        Err(fault)
    }

    /// The signs that come next, multiplied.
    pub(super) fn sign(&mut self) -> Checked<f64> {
        let mut sign = 1.0;
        while let Some(Token::Sign(next)) = self.tokens.peek()?.map(|next| next.token) {
            self.tokens.take()?;
            sign *= next;
        }
        Ok(sign)
    }

    fn term(&mut self, place: Place, sum: &mut Sum) -> Checked<()> {
        let sign = self.sign()?;
        match self.tokens.take()? {
            Some(Token::Number(value)) => match self.tokens.peek()? {
                Some(next) if place == Place::Right && next.first => sum.constant += sign * value,
                Some(next) => match next.token {
                    Token::Word(name) => {
                        self.tokens.take()?;
                        sum.linear.push((self.model.declare(name)?, sign * finite(value)?));
                    }
                    _ => sum.constant += sign * value,
                },
                None => sum.constant += sign * value,
            },
            Some(Token::Word(word)) if is_infinity(word) => sum.constant += sign * f64::INFINITY,
            Some(Token::Word(name)) => sum.linear.push((self.model.declare(name)?, sign)),
            Some(Token::Open) if place == Place::Objective => self.brackets(sign, sum)?,
            Some(Token::Open) => {
                return Err(Fault("a quadratic constraint", "only the objective may be quadratic: write it as a cone or leave it out"));
            }
            _ => return Err(Fault("a sign without a term", "write a number or a variable behind it")),
        }
        Ok(())
    }

    /// `... ] / 2`, after the opening bracket: twice what counts, $x^\top P x$.
    fn brackets(&mut self, factor: f64, sum: &mut Sum) -> Checked<()> {
        loop {
            let value = factor * self.sign()? * self.coefficient()?;
            let i = self.variable()?;
            let j = match self.tokens.take()? {
                Some(Token::Power) if self.tokens.take()? == Some(Token::Number(2.0)) => i,
                Some(Token::Times) => self.variable()?,
                _ => return Err(PAIR),
            };
            // Both x y and y x are of one entry above the diagonal.
            sum.quadratic.push((i.min(j), i.max(j), if i == j { value } else { 0.5 * value }));
            match self.tokens.peek()?.map(|next| next.token) {
                Some(Token::Sign(_)) => {}
                Some(Token::Close) => break,
                _ => return self.refuse(PAIR),
            }
        }
        self.tokens.take()?;
        let half = self.tokens.take()? == Some(Token::Over) && self.tokens.take()? == Some(Token::Number(2.0));
        if half { Ok(()) } else { Err(HALF) }
    }

    fn coefficient(&mut self) -> Checked<f64> {
        match self.tokens.peek()?.map(|next| next.token) {
            Some(Token::Number(value)) => {
                self.tokens.take()?;
                finite(value)
            }
            _ => Ok(1.0),
        }
    }

    fn variable(&mut self) -> Checked<usize> {
        match self.tokens.take()? {
            Some(Token::Word(name)) => self.model.declare(name),
            _ => Err(PAIR),
        }
    }

    /// A number with its signs, which may be infinite.
    pub(super) fn value(&mut self) -> Checked<f64> {
        let sign = self.sign()?;
        match self.tokens.take()? {
            Some(Token::Number(value)) => Ok(sign * value),
            Some(Token::Word(word)) if is_infinity(word) => Ok(sign * f64::INFINITY),
            _ => Err(NUMBER),
        }
    }
}
