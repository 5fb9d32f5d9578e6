//! Lines of an MPS file and their fields.

/// How fields are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// By blanks: names have none.
    Free,
    /// By their columns: names may have blanks.
    Fixed,
}

/// Columns of the fields after the type of a fixed line, from 0.
const COLUMNS: [(usize, usize); 5] = [(4, 12), (14, 22), (24, 36), (39, 47), (49, 61)];
/// Columns of the type (of a row or bound).
const TYPE: (usize, usize) = (1, 3);

/// The parts of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Name,
    Sense,
    Rows,
    Columns,
    Sides,
    Ranges,
    Bounds,
    /// A quadratic term of which one triangle is given.
    Triangle,
    /// A quadratic term of which both triangles are given.
    Square,
    End,
    /// Known, but more than a program holds.
    Beyond,
}

/// The section that a line opens, with what else is on the line.
///
/// A data line in free format may begin anywhere and with any name, so that the word alone decides only where it is alone.
pub(super) fn header(line: &str) -> Option<(Section, Vec<&str>)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (word, rest) = words.split_first()?;
    let section = match *word {
        "NAME" => Section::Name,
        "OBJSENSE" => Section::Sense,
        "ROWS" => Section::Rows,
        "COLUMNS" => Section::Columns,
        "RHS" => Section::Sides,
        "RANGES" => Section::Ranges,
        "BOUNDS" => Section::Bounds,
        "QUADOBJ" | "QSECTION" => Section::Triangle,
        "QMATRIX" => Section::Square,
        "ENDATA" => Section::End,
        "SOS" | "SOS1" | "SOS2" | "QCMATRIX" | "CSECTION" | "INDICATORS" | "GENCONS" | "PWLOBJ" => Section::Beyond,
        _ => return None,
    };
    let first = line.starts_with(|c: char| !c.is_whitespace());
    let takes_more = matches!(*word, "NAME" | "OBJSENSE" | "QSECTION" | "SOS" | "QCMATRIX" | "CSECTION");
    (rest.is_empty() || (first && takes_more)).then(|| (section, rest.to_vec()))
}

impl Layout {
    /// The fields of a data line. Those of a fixed one keep their places, without blank ones at the end; the type is among them
    /// only if `typed`.
    pub(super) fn fields(self, line: &str, typed: bool) -> Vec<&str> {
        match self {
            Self::Free => {
                let comment = |k: usize, word: &str| k > 0 && word.starts_with(['$', '*']);
                let words = line.split_whitespace().enumerate();
                words.take_while(|&(k, word)| !comment(k, word)).map(|(_, word)| word).collect()
            }
            Self::Fixed => {
                let kind = typed.then_some(TYPE);
                let mut fields: Vec<&str> = kind.into_iter().chain(COLUMNS).map(|columns| cut(line, columns)).collect();
                while fields.last().is_some_and(|field| field.is_empty()) {
                    fields.pop();
                }
                fields
            }
        }
    }
}

/// What stands in these columns; a line that is no ASCII is not fixed and gives nothing.
fn cut(line: &str, (from, to): (usize, usize)) -> &str {
    line.get(from.min(line.len())..to.min(line.len())).unwrap_or("").trim()
}

/// A number, with `D` for the exponent too; none for anything else, NaN included.
pub(super) fn number(text: &str) -> Option<f64> {
    let parsed = text.parse().or_else(|_| text.replace(['d', 'D'], "e").parse());
    parsed.ok().filter(|v: &f64| !v.is_nan())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_by_blanks_and_by_columns() {
        let line = "    MY COL    ROW 1            1.5     R2               -2";
        assert_eq!(Layout::Fixed.fields(line, false), ["MY COL", "ROW 1", "1.5", "R2", "-2"]);
        assert_eq!(Layout::Free.fields("  x r 1.5 $ comment", false), ["x", "r", "1.5"]);
        assert_eq!(Layout::Fixed.fields(" UP BND       X1                  4", true), ["UP", "BND", "X1", "4"]);
    }

    #[test]
    fn names_of_sections_are_names_too() {
        assert_eq!(header("RHS"), Some((Section::Sides, vec![])));
        assert_eq!(header("    RHS       R0   -1.0"), None);
        assert_eq!(header("NAME  a b"), Some((Section::Name, vec!["a", "b"])));
        assert_eq!(header("    NAME      R0   -1.0"), None);
    }

    #[test]
    fn numbers_are_strict() {
        assert_eq!((number("1.5D2"), number("-.5"), number("1e30")), (Some(150.0), Some(-0.5), Some(1e30)));
        assert_eq!((number("nan"), number("1,5"), number("1.0x"), number("")), (None, None, None, None));
    }
}
