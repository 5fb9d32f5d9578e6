//! Lets the program `dfl` and the tests of this crate find libtorch when they run.
//!
//! Without the feature `torch` it says only whether the workspace is there.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // A package has no workspace around it, whose readme and tutorials are tests.
    println!("cargo::rustc-check-cfg=cfg(in_workspace)");
    if Path::new("../../README.md").exists() {
        println!("cargo::rustc-cfg=in_workspace");
    }
    // Passed on by the build script of dfl-models, if that crate links libtorch.
    let Ok(arguments) = env::var("DEP_DFL_MODELS_LINK_ARGS") else { return };
    for argument in arguments.split('\t') {
        println!("cargo::rustc-link-arg={argument}");
    }
}
