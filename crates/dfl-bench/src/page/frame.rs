//! The page around its sections: head, style and the one script.

use base64ct::{Base64, Encoding};
use sha2::{Digest, Sha256};

use super::{html, palette};

/// Sorts tables; without it they stay in the order in which they were written.
const SCRIPT: &str = include_str!("sort.js");

/// A whole page. It may fetch nothing and run nothing but the script that sorts tables, which its policy knows by its hash.
pub(crate) fn document(title: &str, body: &str) -> String {
    let policy = format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{}'", hash(SCRIPT));
    let style = format!("{}@media (prefers-color-scheme: dark) {{\n{}}}\n", include_str!("page.css"), palette::dark_rules());
    let title = html::escape(title);
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{style}</style>\n</head>\n\
         <body>\n{body}<script>{SCRIPT}</script>\n</body>\n</html>\n"
    )
}

/// As a policy names a script: SHA-256 of its text in base 64.
fn hash(script: &str) -> String {
    Base64::encode_string(&Sha256::digest(script))
}

/// The page's title and what stands below it; what is empty is left out.
pub(crate) fn header(title: &str, facts: &[String]) -> String {
    let facts: Vec<String> = facts.iter().filter(|f| !f.is_empty()).map(|f| format!("<span>{}</span>", html::escape(f))).collect();
    format!("<header>\n<h1>{}</h1>\n<p class=\"meta\">{}</p>\n</header>\n", html::escape(title), facts.join(" · "))
}

/// Links to sections by id; none unless there are two.
pub(crate) fn contents(sections: &[(String, String)]) -> String {
    if sections.len() < 2 {
        return String::new();
    }
    let item = |(id, title): &(String, String)| format!("<li><a href=\"#{}\">{}</a></li>\n", html::escape(id), html::escape(title));
    format!("<nav aria-label=\"Contents\"><ul>\n{}</ul></nav>\n", sections.iter().map(item).collect::<String>())
}

/// The command that makes the page again; nothing if there is none.
pub(crate) fn footer(command: &str) -> String {
    if command.is_empty() {
        return String::new();
    }
    format!("<footer><p>Made by <code>{}</code>.</p></footer>\n", html::escape(command))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest of "abc" of FIPS 180-2, appendix B.1, in base 64.
    #[test]
    fn hash_by_a_known_value() {
        assert_eq!(hash("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }
}
