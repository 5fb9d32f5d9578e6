//! `cargo xtask tidy`: the rules of the code base that code can check.

mod commands;
mod files;
mod layers;
mod links;
mod markdown;
mod packages;
mod rust_version;
mod text;
mod used;

use crate::{checkout, process};
use anyhow::{Context, Result};
pub(crate) use packages::{Published, in_order};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Runs every check and prints what it found, each with the file and the remedy.
pub(crate) fn run() -> Result<i32> {
    let root = checkout::root();
    let files = tracked(&root)?;
    let metadata = layers::Metadata::of(&root)?;
    let mut findings = layers::check(&root, &metadata)?;
    findings.extend(used::check(&metadata, &files)?);
    findings.extend(files::check(&root, &files));
    findings.extend(files.iter().flat_map(text::check));
    findings.extend(links::check(&root, &files));
    findings.extend(commands::check(&files, &crate::commands()));
    findings.extend(packages::check(&root)?);
    findings.extend(rust_version::check(&root)?);
    for finding in &findings {
        println!("{finding}");
    }
    eprintln!("tidy: {} files, {} findings", files.len(), findings.len());
    Ok(i32::from(!findings.is_empty()))
}

/// A text file of the repository.
pub(crate) struct TextFile {
    /// Relative to the root, with `/`.
    pub(crate) path: String,
    /// Its content.
    pub(crate) text: String,
}

/// Text files that git tracks or would track. Those deleted but not yet committed, and binary ones, are left out.
fn tracked(root: &Path) -> Result<Vec<TextFile>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let list = process::capture(&mut git).context("tidy asks git for the files to look at")?;
    let read = |path: &str| Some(TextFile { path: path.to_owned(), text: fs::read_to_string(root.join(path)).ok()? });
    Ok(list.split('\0').filter(|path| !path.is_empty()).filter_map(read).collect())
}
