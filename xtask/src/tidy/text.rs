//! Words that must not be where they are.

use super::TextFile;

/// Where libtorch's bindings may be named: the one folder where tensors and slices meet, the build files and tests beside it,
/// and these checks.
const TENSOR_PATHS: [&str; 5] =
    ["crates/dfl-models/src/torch", "crates/dfl-models/build.rs", "crates/dfl-models/tests/", "crates/dfl-bench/build.rs", "xtask/"];

/// Checks the text of one file.
pub(crate) fn check(file: &TextFile) -> Vec<String> {
    let mut findings = registry_hosts(file);
    if file.path.ends_with(".rs") {
        findings.extend(tensors_elsewhere(file));
        findings.extend(left_over_macros(file));
    }
    findings
}

fn tensors_elsewhere(file: &TextFile) -> Vec<String> {
    if TENSOR_PATHS.iter().any(|path| file.path.starts_with(path)) {
        return Vec::new();
    }
    let remedy = "remedy: move it to crates/dfl-models/src/torch/, where tensors and slices meet";
    let names = |line: &str| ["tch", "torch_sys"].iter().any(|word| has_word(line, word));
    code_lines(file).filter(|(_, line)| names(line)).map(|(number, _)| format!("{}:{number}: names tch; {remedy}", file.path)).collect()
}

fn left_over_macros(file: &TextFile) -> Vec<String> {
    let macros = ["todo", "dbg", "unimplemented"];
    let mut findings = Vec::new();
    for (number, line) in code_lines(file) {
        // The name alone is an innocent word; a macro is the name with its exclamation mark and bracket.
        let stray = macros.iter().find(|name| has_word(line, name) && line.contains(&format!("{name}!(")));
        findings.extend(stray.map(|name| format!("{}:{number}: {name}! is left over; remedy: finish or remove it", file.path)));
    }
    findings
}

/// Hosts of package registries: clients are told by their own settings where to ask, so the code names none.
fn registry_hosts(file: &TextFile) -> Vec<String> {
    if file.path.ends_with("Cargo.lock") {
        return Vec::new();
    }
    let hosts = registry_names();
    let names = |line: &str| hosts.iter().any(|host| line.contains(host.as_str()));
    let lines = file.text.lines().enumerate().filter(|(_, line)| names(line));
    let remedy = "remedy: go through pip or cargo, whose settings say where to ask";
    lines.map(|(index, _)| format!("{}:{}: names the host of a registry; {remedy}", file.path, index + 1)).collect()
}

/// Put together from parts, so that this file passes its own check.
fn registry_names() -> Vec<String> {
    let parts: [&[&str]; 6] = [
        &["pypi", "org"],
        &["pythonhosted", "org"],
        &["index", "crates", "io"],
        &["static", "crates", "io"],
        &["download", "pytorch", "org"],
        &["conda", "anaconda", "org"],
    ];
    parts.iter().map(|parts| parts.join(".")).collect()
}

/// Numbered lines without their comments. A `//` inside a string cuts the line too, which can only hide a word.
pub(super) fn code_lines(file: &TextFile) -> impl Iterator<Item = (usize, &str)> {
    file.text.lines().enumerate().map(|(index, line)| (index + 1, line.split("//").next().unwrap_or_default()))
}

/// Whether `word` stands in `line` by itself: `tch` is not in `batch`.
pub(super) fn has_word(line: &str, word: &str) -> bool {
    let part_of_name = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    line.match_indices(word).any(|(start, _)| {
        let (before, after) = (line[..start].chars().next_back(), line[start + word.len()..].chars().next());
        !part_of_name(before) && !part_of_name(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.into(), text: text.into() }
    }

    #[test]
    fn a_tensor_outside_its_folder_is_found() {
        let text = "// tch is named in this comment\nlet batch = 1;\nuse tch::Tensor;\n";
        let findings = check(&file("crates/dfl-core/src/x.rs", text));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].starts_with("crates/dfl-core/src/x.rs:3: names tch"), "{findings:?}");
        assert!(check(&file("crates/dfl-models/src/torch/bridge.rs", text)).is_empty());
    }

    #[test]
    fn left_over_macros_are_found() {
        let text = format!("fn f() {{ {}!(\"later\") }}\nlet todo = 1;\n{}!(x);\n", "todo", "dbg");
        let findings = check(&file("src/x.rs", &text));
        assert_eq!(findings.len(), 2, "{findings:?}");
        assert!(findings[0].starts_with("src/x.rs:1: todo!") && findings[1].starts_with("src/x.rs:3: dbg!"));
    }

    #[test]
    fn a_registry_host_is_found_in_any_text_file_but_the_lock() {
        let text = format!("get it from https://{}/simple\n", registry_names()[0]);
        assert!(check(&file("docs/x.md", &text))[0].starts_with("docs/x.md:1: names the host"));
        assert!(check(&file("Cargo.lock", &text)).is_empty());
    }
}
