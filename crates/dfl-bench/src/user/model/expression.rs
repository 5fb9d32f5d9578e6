//! Expressions: `sum (relation sum)*`, by recursive descent.

use std::collections::HashMap;
use std::ops::Range;

use super::super::near::near;
use super::polynomial::{Polynomial, TooHigh};
use super::tokens::{Checked, Fault, Placed, Relation, Token, fault, tokens};

/// What names stand for.
#[derive(Debug, Default)]
pub(super) struct Names {
    places: HashMap<String, Meaning>,
    /// All of them, as they were declared.
    known: Vec<String>,
}

#[derive(Clone, Copy, Debug)]
enum Meaning {
    Variable(usize),
    Parameter(usize),
}

impl Names {
    /// The names of both; one that stands for two things is returned.
    pub(super) fn new(variables: &[String], parameters: &[String]) -> Result<Self, String> {
        let mut names = Self::default();
        let variables = variables.iter().enumerate().map(|(j, name)| (name, Meaning::Variable(j)));
        let parameters = parameters.iter().enumerate().map(|(k, name)| (name, Meaning::Parameter(k)));
        for (name, meaning) in variables.chain(parameters) {
            if names.places.insert(name.clone(), meaning).is_some() {
                return Err(name.clone());
            }
            names.known.push(name.clone());
        }
        Ok(names)
    }
}

/// An expression that has been read: its sums and the relations between them, each with its place.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) sums: Vec<(Polynomial, Range<usize>)>,
    pub(super) relations: Vec<(Relation, Range<usize>)>,
}

/// Whether a text is one name, and nothing else.
pub(super) fn is_name(text: &str) -> bool {
    matches!(tokens(text).as_deref(), Ok([(Token::Name(name), _)]) if *name == text)
}

/// Reads an expression.
pub(super) fn parse(text: &str, names: &Names) -> Checked<Expression> {
    let mut reader = Reader { names, tokens: tokens(text)?, next: 0, end: text.len(), depth: 0 };
    let mut read = Expression { sums: vec![reader.placed_sum()?], relations: Vec::new() };
    while let Some((token, at)) = reader.take() {
        let Token::Relation(relation) = token else { return Err(unexpected(token, &at)) };
        read.relations.push((relation, at));
        read.sums.push(reader.placed_sum()?);
    }
    Ok(read)
}

/// Most parentheses and signs inside each other.
const DEEPEST: usize = 200;

struct Reader<'a> {
    names: &'a Names,
    tokens: Vec<Placed<'a>>,
    next: usize,
    end: usize,
    /// Parentheses and signs that are open.
    depth: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.next).map(|(token, _)| *token)
    }

    fn take(&mut self) -> Option<Placed<'a>> {
        let token = self.tokens.get(self.next).cloned();
        self.next += 1;
        token
    }

    /// From the token with this number to the last one taken.
    fn since(&self, first: usize) -> Range<usize> {
        let start = self.tokens.get(first).map_or(self.end, |(_, at)| at.start);
        start..self.tokens[..self.next.min(self.tokens.len())].last().map_or(start, |(_, at)| at.end.max(start))
    }

    fn placed_sum(&mut self) -> Checked<(Polynomial, Range<usize>)> {
        let first = self.next;
        let sum = self.sum()?;
        Ok((sum, self.since(first)))
    }

    fn sum(&mut self) -> Checked<Polynomial> {
        let mut sum = self.product()?;
        while let Some(Token::Sign(sign @ ('+' | '-'))) = self.peek() {
            self.next += 1;
            let factor = if sign == '+' { 1.0 } else { -1.0 };
            sum = sum.plus(factor, &self.product()?);
        }
        Ok(sum)
    }

    /// Factors with `*` or `/` between them; a number may stand right before a name or a parenthesis.
    fn product(&mut self) -> Checked<Polynomial> {
        let first = self.next;
        let mut product = self.signed()?;
        loop {
            let before = self.tokens.get(self.next.wrapping_sub(1)).map(|(token, _)| *token);
            let beside = matches!(before, Some(Token::Number(_))) && matches!(self.peek(), Some(Token::Name(_) | Token::Sign('(')));
            match self.peek() {
                Some(Token::Sign('*')) => self.next += 1,
                Some(Token::Sign('/')) => {
                    self.next += 1;
                    product = self.quotient(&product)?;
                    continue;
                }
                _ if beside => {}
                _ => return Ok(product),
            }
            let factor = self.signed()?;
            product = product.times(&factor).map_err(|too| too_high(too, &self.since(first)))?;
        }
    }

    fn quotient(&mut self, product: &Polynomial) -> Checked<Polynomial> {
        let first = self.next;
        let divisor = self.signed()?;
        match divisor.as_number() {
            Some(number) if number != 0.0 => Ok(Polynomial::default().plus(1.0 / number, product)),
            Some(_) => Err(fault(&self.since(first), "a division by zero", "divide by another number")),
            None => Err(fault(&self.since(first), "a division by what is no number", "multiply the row by it, or give its inverse a name")),
        }
    }

    fn signed(&mut self) -> Checked<Polynomial> {
        match self.peek() {
            Some(Token::Sign(sign @ ('+' | '-'))) => {
                self.next += 1;
                let inner = self.inside(Self::signed)?;
                Ok(Polynomial::default().plus(if sign == '+' { 1.0 } else { -1.0 }, &inner))
            }
            _ => self.power(),
        }
    }

    /// Reads what stands in a parenthesis or behind a sign, up to a depth that the stack bears.
    fn inside(&mut self, read: impl FnOnce(&mut Self) -> Checked<Polynomial>) -> Checked<Polynomial> {
        if self.depth == DEEPEST {
            return Err(fault(&self.since(self.next - 1), "parentheses and signs inside each other that are too many", "simplify it"));
        }
        self.depth += 1;
        let inner = read(self);
        self.depth -= 1;
        inner
    }

    fn power(&mut self) -> Checked<Polynomial> {
        let first = self.next;
        let base = self.factor()?;
        if self.peek() != Some(Token::Sign('^')) {
            return Ok(base);
        }
        self.next += 1;
        match self.take() {
            Some((Token::Number(2.0), _)) => base.times(&base).map_err(|too| too_high(too, &self.since(first))),
            Some((_, at)) => Err(fault(&at, "a power other than 2", "write ^2, or products")),
            None => Err(self.missing()),
        }
    }

    fn factor(&mut self) -> Checked<Polynomial> {
        match self.take() {
            Some((Token::Number(value), _)) => Ok(Polynomial::constant(value)),
            Some((Token::Name(name), at)) => match self.names.places.get(name) {
                Some(&Meaning::Variable(j)) => Ok(Polynomial::variable(j)),
                Some(&Meaning::Parameter(k)) => Ok(Polynomial::parameter(k)),
                None => {
                    let remedy = format!("declare it, or correct it: there are {}", near(name, &self.names.known));
                    Err(fault(&at, format!("`{name}` is neither a variable nor a parameter"), remedy))
                }
            },
            Some((Token::Sign('('), at)) => {
                let sum = self.inside(Self::sum)?;
                match self.take() {
                    Some((Token::Sign(')'), _)) => Ok(sum),
                    Some((token @ (Token::Name(_) | Token::Number(_) | Token::Sign('(')), at)) => Err(unexpected(token, &at)),
                    _ => Err(fault(&at, "a parenthesis that is not closed", "add the `)`")),
                }
            }
            Some((token, at)) => Err(unexpected(token, &at)),
            None => Err(self.missing()),
        }
    }

    fn missing(&self) -> Fault {
        fault(&(self.end..self.end), "a number or a name is missing here", "add it")
    }
}

fn unexpected(token: Token<'_>, at: &Range<usize>) -> Fault {
    match token {
        Token::Name(_) | Token::Number(_) | Token::Sign('(') => fault(at, "no sign before this", "write + - * / or a relation before it"),
        Token::Sign(')') => fault(at, "a parenthesis that was not opened", "take it away, or add the `(`"),
        _ => fault(at, "a number or a name is missing before this", "add it"),
    }
}

fn too_high(too: TooHigh, at: &Range<usize>) -> Fault {
    match too {
        TooHigh::Variables => fault(at, "a product of three variables or more", "a program is quadratic at the most: model it otherwise"),
        TooHigh::Parameters => fault(at, "a product of parameters", "a program is affine in them: make the product a parameter of its own"),
    }
}
