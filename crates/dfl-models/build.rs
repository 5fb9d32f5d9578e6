//! Lets the tests of this crate find libtorch when they run, and tells crates that make a program of it how to do the same.
//!
//! Does nothing without the feature `torch`.

use std::env;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // torch-sys says where it found libtorch; it says nothing under its feature `doc-only`, where nothing is linked.
    let Ok(folder) = env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    let arguments = link_arguments(&folder);
    for argument in &arguments {
        println!("cargo::rustc-link-arg={argument}");
    }
    // Linker arguments do not reach dependent crates by themselves. Their build scripts read these two as
    // DEP_DFL_MODELS_LIBTORCH_LIB and DEP_DFL_MODELS_LINK_ARGS (separated by tabs, since a folder may hold blanks).
    println!("cargo::metadata=libtorch_lib={folder}");
    println!("cargo::metadata=link_args={}", arguments.join("\t"));
}

/// What the linker of a test or program must hear.
fn link_arguments(folder: &str) -> Vec<String> {
    let mut arguments = vec![format!("-Wl,-rpath,{folder}")];
    if Path::new(folder).join("libtorch_cuda.so").exists() {
        // No symbol of it is called by name: it registers itself when loaded, so the linker must not drop it.
        arguments.push(format!("-L{folder}"));
        arguments.push("-Wl,--no-as-needed,-ltorch_cuda,-ltorch,--as-needed".to_owned());
    }
    arguments
}
