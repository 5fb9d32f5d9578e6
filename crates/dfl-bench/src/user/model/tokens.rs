//! The words of an expression and where they stand.

use std::ops::Range;

/// What is wrong with an expression, where in it, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: Range<usize>,
    pub(super) problem: String,
    pub(super) remedy: String,
}

pub(super) type Checked<T> = Result<T, Fault>;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Number(f64),
    Name(&'a str),
    /// One of `+ - * / ^ ( )`.
    Sign(char),
    Relation(Relation),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    AtMost,
    Equal,
    AtLeast,
}

/// A token and its bytes.
pub(super) type Placed<'a> = (Token<'a>, Range<usize>);

pub(super) fn fault(at: &Range<usize>, problem: impl Into<String>, remedy: impl Into<String>) -> Fault {
    Fault { at: at.clone(), problem: problem.into(), remedy: remedy.into() }
}

/// All tokens of an expression.
///
/// A name begins with a letter or `_`, goes on with those, digits and points, and may end with an index in brackets: `p[3,am]`.
pub(super) fn tokens(text: &str) -> Checked<Vec<Placed<'_>>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(first) = text[from..].chars().next() {
        let rest = &text[from..];
        let (token, length) = match first {
            c if c.is_whitespace() => {
                from += c.len_utf8();
                continue;
            }
            c if c.is_ascii_digit() || c == '.' => number(rest, from)?,
            c if c.is_alphabetic() || c == '_' => name(rest, from)?,
            '+' | '-' | '*' | '/' | '^' | '(' | ')' => (Token::Sign(first), 1),
            _ => relation(rest, from)?,
        };
        found.push((token, from..from + length));
        from += length;
    }
    Ok(found)
}

fn number(rest: &str, from: usize) -> Checked<(Token<'_>, usize)> {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut length = digits(rest);
    // An exponent, only if digits follow: `2e` is twice the variable e.
    let exponent = rest[length..].strip_prefix(['e', 'E']).map(|tail| (tail, tail.strip_prefix(['+', '-']).unwrap_or(tail)));
    if let Some((tail, power)) = exponent.filter(|(_, power)| power.starts_with(|c: char| c.is_ascii_digit())) {
        let whole = power.find(|c: char| !c.is_ascii_digit()).unwrap_or(power.len());
        length += 1 + (tail.len() - power.len()) + whole;
    }
    match rest[..length].parse::<f64>() {
        Ok(value) if value.is_finite() => Ok((Token::Number(value), length)),
        _ => Err(fault(&(from..from + length), "not a number", "write digits with a point, as in 1.5e3")),
    }
}

fn name(rest: &str, from: usize) -> Checked<(Token<'_>, usize)> {
    let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
    if !rest[length..].starts_with('[') {
        return Ok((Token::Name(&rest[..length]), length));
    }
    match rest.find(']') {
        Some(end) => Ok((Token::Name(&rest[..=end]), end + 1)),
        None => Err(fault(&(from..from + rest.len()), "an index that is not closed", "add the `]`")),
    }
}

fn relation(rest: &str, from: usize) -> Checked<(Token<'_>, usize)> {
    let known = [("<=", Relation::AtMost), (">=", Relation::AtLeast), ("==", Relation::Equal), ("=", Relation::Equal)];
    if let Some((sign, relation)) = known.into_iter().find(|(sign, _)| rest.starts_with(sign)) {
        return Ok((Token::Relation(relation), sign.len()));
    }
    let length = rest.chars().next().map_or(0, char::len_utf8);
    let remedy = match &rest[..length] {
        "<" => "write <=: optima lie on the border",
        ">" => "write >=: optima lie on the border",
        _ => "write numbers, names, + - * / ^2 ( ) and <= = >=",
    };
    Err(fault(&(from..from + length), format!("`{}` means nothing here", &rest[..length]), remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Token<'_>> {
        tokens(text).unwrap().into_iter().map(|(token, _)| token).collect()
    }

    #[test]
    fn names_numbers_and_signs_are_told_apart() {
        use Token::{Name, Number, Sign};
        assert_eq!(words("2e3x[1,b]"), [Number(2000.0), Name("x[1,b]")]);
        assert_eq!(words("2e-1 - .5e"), [Number(0.2), Sign('-'), Number(0.5), Name("e")]);
        assert_eq!(words("é_1.b<=-3"), [Name("é_1.b"), Token::Relation(Relation::AtMost), Sign('-'), Number(3.0)]);
    }

    #[test]
    fn what_means_nothing_has_its_place() {
        assert_eq!(tokens("a < 3").unwrap_err(), fault(&(2..3), "`<` means nothing here", "write <=: optima lie on the border"));
        assert_eq!(tokens("a + 1.2.3").unwrap_err().at, 4..9);
        assert_eq!(tokens("a + b[1").unwrap_err().at, 4..7);
        assert_eq!(tokens("a § b").unwrap_err().at, 2..4);
    }
}
