//! Words, numbers and signs of an LP file, one after the other.

use super::super::{Checked, Fault};

/// The parts of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Section {
    Minimise,
    Maximise,
    Rows,
    Bounds,
    Integers,
    Binaries,
    /// Known, but more than a program holds; it may be there without content.
    Beyond(Fault),
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    AtMost,
    Equal,
    AtLeast,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Section(Section),
    /// A name with its colon.
    Label(&'a str),
    Word(&'a str),
    Number(f64),
    /// 1 or -1.
    Sign(f64),
    Relation(Relation),
    Open,
    Close,
    Times,
    Power,
    Over,
}

/// A token and where it stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placed<'a> {
    pub(super) token: Token<'a>,
    pub(super) line: usize,
    /// Whether its line begins with it.
    pub(super) first: bool,
}

const SEMI: Section = Section::Beyond(Fault("a semi-continuous variable", "programs have none: model it with a binary variable"));
const SETS: Section = Section::Beyond(Fault("a special ordered set", "programs have none: model it with binary variables"));
const OTHER: Section =
    Section::Beyond(Fault("a section for what a program does not hold", "lazy, general and piecewise-linear constraints are not read"));

/// What opens a section, by its first and second word.
const HEADERS: [(&str, &str, Section); 39] = [
    ("minimize", "", Section::Minimise),
    ("minimise", "", Section::Minimise),
    ("minimum", "", Section::Minimise),
    ("min", "", Section::Minimise),
    ("maximize", "", Section::Maximise),
    ("maximise", "", Section::Maximise),
    ("maximum", "", Section::Maximise),
    ("max", "", Section::Maximise),
    ("subject", "to", Section::Rows),
    ("such", "that", Section::Rows),
    ("st", "", Section::Rows),
    ("s.t.", "", Section::Rows),
    ("st.", "", Section::Rows),
    ("bounds", "", Section::Bounds),
    ("bound", "", Section::Bounds),
    ("general", "constraints", OTHER),
    ("general", "", Section::Integers),
    ("generals", "", Section::Integers),
    ("gen", "", Section::Integers),
    ("integer", "", Section::Integers),
    ("integers", "", Section::Integers),
    ("int", "", Section::Integers),
    ("binary", "", Section::Binaries),
    ("binaries", "", Section::Binaries),
    ("bin", "", Section::Binaries),
    ("semi-continuous", "", SEMI),
    ("semi-integer", "", SEMI),
    ("semi", "", SEMI),
    ("semis", "", SEMI),
    ("sec", "", SEMI),
    ("sos", "", SETS),
    ("sos1", "", SETS),
    ("sos2", "", SETS),
    ("lazy", "constraints", OTHER),
    ("user", "cuts", OTHER),
    ("pwlobj", "", OTHER),
    ("multi-objectives", "", OTHER),
    ("scenario", "", OTHER),
    ("end", "", Section::End),
];

/// Whether a variable of this name would be taken for something else, here or by another reader.
pub(super) fn is_reserved(word: &str) -> bool {
    let others = ["free", "inf", "infinity", "nan"];
    others.iter().any(|other| word.eq_ignore_ascii_case(other)) || header(word).is_some()
}

pub(super) fn is_infinity(word: &str) -> bool {
    word.eq_ignore_ascii_case("inf") || word.eq_ignore_ascii_case("infinity")
}

/// The section that this line opens and the rest of the line; a word with a colon is the name of a row.
fn header(line: &str) -> Option<(Section, &str)> {
    let (first, after_first) = split_word(line);
    let (second, after_second) = split_word(after_first);
    let named = |(a, b, _): &&(&str, &str, Section)| a.eq_ignore_ascii_case(first) && (b.is_empty() || b.eq_ignore_ascii_case(second));
    let &(_, more, section) = HEADERS.iter().find(named)?;
    let rest = if more.is_empty() { after_first } else { after_second };
    (!rest.starts_with(':')).then_some((section, rest))
}

/// The first word, and what comes after the blanks behind it.
fn split_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
    (word, rest.trim_start())
}

/// The tokens of a text, with a look at the next one.
pub(super) struct Tokens<'a> {
    /// What is left of the present line, without its comment.
    rest: &'a str,
    lines: std::iter::Enumerate<std::str::Lines<'a>>,
    /// Line of the last token that was taken, from 1.
    pub(super) line: usize,
    read: usize,
    next: Option<Placed<'a>>,
    begins: bool,
    /// Whether the last token is a number.
    counts: bool,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: "", lines: text.lines().enumerate(), line: 1, read: 1, next: None, begins: true, counts: false }
    }

    /// The next token, which stays; none at the end of the text.
    pub(super) fn peek(&mut self) -> Checked<Option<Placed<'a>>> {
        if self.next.is_none() {
            self.next = self.scan().inspect_err(|_| self.line = self.read)?;
        }
        Ok(self.next)
    }

    /// The next token, which is taken.
    pub(super) fn take(&mut self) -> Checked<Option<Token<'a>>> {
        let next = self.peek()?;
        self.line = next.map_or(self.read, |next| next.line);
        self.next = None;
        Ok(next.map(|next| next.token))
    }

    fn scan(&mut self) -> Checked<Option<Placed<'a>>> {
        self.rest = self.rest.trim_start();
        while self.rest.is_empty() {
            let Some((index, line)) = self.lines.next() else { return Ok(None) };
            self.rest = line.split('\\').next().unwrap_or_default().trim();
            (self.read, self.begins) = (index + 1, true);
        }
        let first = std::mem::replace(&mut self.begins, false);
        let token = match header(self.rest).filter(|_| first) {
            Some((section, rest)) => {
                self.rest = rest;
                Token::Section(section)
            }
            None => self.token(first)?,
        };
        self.counts = matches!(token, Token::Number(_));
        Ok(Some(Placed { token, line: self.read, first }))
    }

    fn token(&mut self, first: bool) -> Checked<Token<'a>> {
        match self.rest.as_bytes()[0] {
            b'0'..=b'9' | b'.' => self.number(),
            _ => match SYMBOLS.iter().find(|(symbol, _)| self.rest.starts_with(symbol)) {
                Some(&(symbol, token)) => {
                    self.rest = &self.rest[symbol.len()..];
                    token
                }
                None => self.name(first),
            },
        }
    }

    fn number(&mut self) -> Checked<Token<'a>> {
        let (text, rest) = self.rest.split_at(number_length(self.rest));
        let value = text.parse().map_err(|_| NUMBER)?;
        // `1,5` and `1.2.3` are none, but `2x` is `2 x`.
        if rest.starts_with(|c: char| is_in_name(c) && !c.is_alphabetic() && c != '_') {
            return Err(NUMBER);
        }
        self.rest = rest;
        Ok(Token::Number(value))
    }

    fn name(&mut self, first: bool) -> Checked<Token<'a>> {
        let length = self.rest.find(|c| !is_in_name(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        if word.is_empty() {
            return Err(Fault(
                "a character that LP files have no use for",
                "check that this is an LP file, and rename what has it in its name",
            ));
        }
        if word.starts_with('(') || word.matches('(').count() != word.matches(')').count() {
            return Err(Fault("a parenthesis that groups terms", "in LP files it is a part of a name: multiply out"));
        }
        // `2 e1 x` is `20 x` to a reader that skips blanks.
        let exponent = word.starts_with(['e', 'E']) && word[1..].chars().next().is_none_or(|c| c.is_ascii_digit());
        if exponent && self.counts && !first {
            return Err(Fault("a name that may be the exponent of the number before it", "rename the variable"));
        }
        let rest = rest.trim_start();
        self.rest = rest.strip_prefix(':').unwrap_or(rest);
        Ok(if rest.starts_with(':') { Token::Label(word) } else { Token::Word(word) })
    }
}

pub(super) const NUMBER: Fault = Fault("not a number", "write digits, as in -1.5e3; NaN is none");

/// Longer symbols before those that they begin with.
const SYMBOLS: [(&str, Checked<Token<'static>>); 16] = [
    ("<=", Ok(Token::Relation(Relation::AtMost))),
    ("=<", Ok(Token::Relation(Relation::AtMost))),
    ("<", Ok(Token::Relation(Relation::AtMost))),
    (">=", Ok(Token::Relation(Relation::AtLeast))),
    ("=>", Ok(Token::Relation(Relation::AtLeast))),
    (">", Ok(Token::Relation(Relation::AtLeast))),
    ("=", Ok(Token::Relation(Relation::Equal))),
    ("->", Err(Fault("an indicator constraint", "programs have none: model it with a binary variable"))),
    (":", Err(Fault("a colon without a name before it", "a name begins with a letter"))),
    ("+", Ok(Token::Sign(1.0))),
    ("-", Ok(Token::Sign(-1.0))),
    ("[", Ok(Token::Open)),
    ("]", Ok(Token::Close)),
    ("*", Ok(Token::Times)),
    ("^", Ok(Token::Power)),
    ("/", Ok(Token::Over)),
];

fn is_in_name(c: char) -> bool {
    c.is_alphanumeric() || "!\"#$%&(),.?@_'`{}|~".contains(c)
}

/// Length of the digits that `text` begins with, with their point and, if digits follow it, their exponent.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].find(|c: char| !c.is_ascii_digit()).map_or(text.len(), |length| from + length);
    let whole = digits(0);
    let end = if text[whole..].starts_with('.') { digits(whole + 1) } else { whole };
    let Some(power) = text[end..].strip_prefix(['e', 'E']) else { return end };
    let power = power.strip_prefix(['+', '-']).unwrap_or(power);
    if power.starts_with(|c: char| c.is_ascii_digit()) { digits(text.len() - power.len()) } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<Token<'_>> {
        let mut tokens = Tokens::new(text);
        std::iter::from_fn(|| tokens.take().expect(text)).collect()
    }

    #[test]
    fn numbers_end_where_names_begin() {
        use Token::{Number, Sign, Word};
        assert_eq!(all("2x 3e1y .5 5."), [Number(2.0), Word("x"), Number(30.0), Word("y"), Number(0.5), Number(5.0)]);
        assert_eq!(all("2example-1e+2"), [Number(2.0), Word("example"), Sign(-1.0), Number(100.0)]);
    }

    #[test]
    fn words_open_sections_at_the_beginning_of_a_line() {
        use Token::{Label, Word};
        assert_eq!(
            all("Subject  TO c \\ x\nend : end\n end"),
            [Token::Section(Section::Rows), Word("c"), Label("end"), Word("end"), Token::Section(Section::End)]
        );
    }
}
