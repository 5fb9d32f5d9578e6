//! Lets the program `dfl` and the tests of this crate find libtorch when they run.
//!
//! Does nothing without the feature `torch`.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Passed on by the build script of dfl-models, if that crate links libtorch.
    let Ok(arguments) = env::var("DEP_DFL_MODELS_LINK_ARGS") else { return };
    for argument in arguments.split('\t') {
        println!("cargo::rustc-link-arg={argument}");
    }
}
