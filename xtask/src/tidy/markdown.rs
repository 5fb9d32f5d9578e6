//! What is code and what is prose in a Markdown file.

/// A stretch of one line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// From 1.
    pub(super) line: usize,
    pub(super) text: &'a str,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Prose,
    /// Between backticks.
    Span,
    /// A line of a block, fenced or indented.
    Block,
}

/// The parts of a text in their order. A span does not go beyond its line.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let (mut parts, mut fenced, mut may_indent) = (Vec::new(), false, true);
    for (index, text) in text.lines().enumerate() {
        let line = index + 1;
        let fence = text.trim_start().starts_with("```");
        fenced ^= fence;
        // An indented block begins after an empty line; without one it is a paragraph that goes on.
        let indented = may_indent && text.starts_with("    ");
        may_indent = text.trim().is_empty() || indented;
        if fence {
            continue;
        }
        if fenced || indented {
            parts.push(Part { line, text, kind: Kind::Block });
        } else {
            let kind = |segment: usize| if segment % 2 == 1 { Kind::Span } else { Kind::Prose };
            parts.extend(text.split('`').enumerate().map(|(segment, text)| Part { line, text, kind: kind(segment) }));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_blocks_are_told_from_prose() {
        let parts = parts("say `a b` and\n```sh\nrun `x`\n```\nend\n\n    indented\n    more");
        let of = |kind| parts.iter().filter(|part| part.kind == kind).map(|part| (part.line, part.text)).collect::<Vec<_>>();
        assert_eq!(of(Kind::Span), [(1, "a b")]);
        assert_eq!(of(Kind::Block), [(3, "run `x`"), (7, "    indented"), (8, "    more")]);
        assert_eq!(of(Kind::Prose), [(1, "say "), (1, " and"), (5, "end"), (6, "")]);
    }
}
