//! Pieces of a page.

use super::plot::Plot;

/// Text with the characters that mean something in HTML and SVG made harmless.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            _ => safe.push(c),
        }
    }
    safe
}

/// A plot with its title, its legend and what it shows in words.
pub(crate) fn figure(plot: &Plot) -> String {
    let entries: String = plot.legend.iter().map(|entry| format!("<li>{entry}</li>")).collect();
    let legend = if entries.is_empty() { entries } else { format!("<ul class=\"legend\">{entries}</ul>\n") };
    let words = if plot.words.is_empty() { String::new() } else { format!("<p class=\"note\">{}</p>\n", escape(&plot.words)) };
    format!("<figure>\n<figcaption>{}</figcaption>\n{}\n{legend}{words}</figure>\n", escape(&plot.title), plot.svg)
}

/// Plots beside each other where there is room; nothing if there are none.
pub(crate) fn figures(plots: &[Plot]) -> String {
    let figures: String = plots.iter().map(figure).collect();
    if figures.is_empty() { figures } else { format!("<div class=\"figures\">\n{figures}</div>\n") }
}
