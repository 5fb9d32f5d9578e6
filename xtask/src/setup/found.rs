//! The things to set up, and where a machine may already have them.

use super::machine::Machine;
use crate::process;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Something to set up: a folder of `.deps/`.
pub(crate) struct Item {
    /// Its folder.
    pub(crate) name: &'static str,
    /// The variable in which a user names an own one.
    pub(crate) variable: &'static str,
    /// The one the user names; an error if it cannot be used.
    pub(crate) named: fn(&Machine) -> Result<Option<Found>>,
    /// One that the machine has.
    pub(crate) installed: fn(&Machine) -> Option<Found>,
}

/// Something that need not be downloaded.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// What `.deps/NAME` or, for a program, `.deps/NAME/bin/NAME` links to.
    pub(crate) target: PathBuf,
    /// Whether `target` is a program and not a folder.
    pub(crate) program: bool,
    /// Its version, or `?`.
    pub(crate) version: String,
    /// How it was found.
    pub(crate) how: &'static str,
}

/// Everything that `.cargo/config.toml` and `cmake/dfl-toolchain.cmake` point at.
pub(crate) const ITEMS: &[Item] = &[
    Item { name: "cmake", variable: "CMAKE", named: named_cmake, installed: installed_cmake },
    Item { name: "ninja", variable: "PATH", named: |_| Ok(None), installed: installed_ninja },
    Item { name: "libclang", variable: "LIBCLANG_PATH", named: named_libclang, installed: installed_libclang },
    Item { name: "qdldl", variable: "CMAKE_TOOLCHAIN_FILE", named: |_| Ok(None), installed: |_| None },
    Item { name: "libtorch", variable: "LIBTORCH", named: named_libtorch, installed: installed_libtorch },
];

/// The version that tch is made for; torch-sys checks it again.
const LIBTORCH_VERSION: &str = "2.13.0";
/// OSQP and FetchContent's source variables want no more than this.
const OLDEST_CMAKE: (u32, u32) = (3, 18);
/// The oldest LLVM whose libclang knows all that bindgen asks.
const OLDEST_LLVM: u32 = 9;

fn named_cmake(machine: &Machine) -> Result<Option<Found>> {
    let Some(target) = machine.named("CMAKE") else { return Ok(None) };
    let version = cmake_version(&target).with_context(|| format!("CMAKE names {}", target.display()))?;
    Ok(Some(Found { target, program: true, version, how: "named by CMAKE" }))
}

fn installed_cmake(machine: &Machine) -> Option<Found> {
    let target = machine.program(&["cmake", "cmake3"])?;
    let version = cmake_version(&target).ok()?;
    Some(Found { target, program: true, version, how: "on PATH" })
}

fn cmake_version(program: &Path) -> Result<String> {
    let text = process::capture(Command::new(program).arg("--version"))?;
    let version = text.split_whitespace().nth(2).unwrap_or_default().to_owned();
    if major_minor(&version).is_none_or(|found| found < OLDEST_CMAKE) {
        bail!("cmake {version} is too old; {}.{} or later is needed", OLDEST_CMAKE.0, OLDEST_CMAKE.1);
    }
    Ok(version)
}

fn major_minor(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

fn installed_ninja(machine: &Machine) -> Option<Found> {
    let target = machine.program(&["ninja", "ninja-build"])?;
    let version = process::capture(Command::new(&target).arg("--version")).ok()?;
    Some(Found { target, program: true, version: version.trim().to_owned(), how: "on PATH" })
}

fn named_libclang(machine: &Machine) -> Result<Option<Found>> {
    let Some(path) = machine.named("LIBCLANG_PATH") else { return Ok(None) };
    let folder = if path.is_file() { path.parent().map(Path::to_path_buf) } else { Some(path.clone()) };
    let Some(target) = folder.filter(|folder| has_libclang(folder)) else {
        bail!("LIBCLANG_PATH names {}, where no libclang lies; unset it or correct it", path.display());
    };
    Ok(Some(Found { version: llvm_version(&target), target, program: false, how: "named by LIBCLANG_PATH" }))
}

fn installed_libclang(machine: &Machine) -> Option<Found> {
    if !machine.search_system {
        return None;
    }
    let recent = |folder: &PathBuf| llvm_version(folder).parse::<u32>().map_or(true, |version| version >= OLDEST_LLVM);
    let target = libclang_folders().into_iter().find(|folder| has_libclang(folder) && recent(folder))?;
    Some(Found { version: llvm_version(&target), target, program: false, how: "installed" })
}

/// Where Linux distributions, Homebrew and Xcode put libclang; the latest version of Debian's `llvm-N` folders first.
fn libclang_folders() -> Vec<PathBuf> {
    let mut numbered: Vec<(u32, PathBuf)> = (OLDEST_LLVM..40).map(|n| (n, PathBuf::from(format!("/usr/lib/llvm-{n}/lib")))).collect();
    numbered.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    let others = [
        "/usr/lib64",
        "/usr/lib/llvm/lib",
        "/opt/homebrew/opt/llvm/lib",
        "/usr/local/opt/llvm/lib",
        "/Library/Developer/CommandLineTools/usr/lib",
        "/Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib",
    ];
    numbered.into_iter().map(|(_, folder)| folder).chain(others.iter().map(PathBuf::from)).collect()
}

fn has_libclang(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| is_libclang(&entry.file_name().to_string_lossy()))
}

/// `libclang.so`, `libclang.so.14`, `libclang-14.so.1` or `libclang.dylib`; not `libclang-cpp.so.14`, which is another library.
fn is_libclang(name: &str) -> bool {
    let Some(rest) = name.strip_prefix("libclang") else { return false };
    let numbered = rest.strip_prefix('-').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()));
    (rest.starts_with('.') || numbered) && (rest.contains(".so") || rest.ends_with(".dylib"))
}

/// `14` from a folder named `llvm-14`, else `?`: asking the library itself would mean loading it.
fn llvm_version(folder: &Path) -> String {
    let mut parts = folder.components().filter_map(|part| part.as_os_str().to_str()?.strip_prefix("llvm-").map(str::to_owned));
    parts.next_back().unwrap_or_else(|| "?".to_owned())
}

fn named_libtorch(machine: &Machine) -> Result<Option<Found>> {
    let (target, how) = if machine.variable("LIBTORCH_USE_PYTORCH").is_some() {
        (folder_of_python_torch(machine)?, "named by LIBTORCH_USE_PYTORCH")
    } else if let Some(path) = machine.named("LIBTORCH") {
        (path, "named by LIBTORCH")
    } else {
        return Ok(None);
    };
    let version = libtorch_version(&target);
    if machine.variable("LIBTORCH_BYPASS_VERSION_CHECK").is_none() && version.as_deref() != Some(LIBTORCH_VERSION) {
        bail!(
            "LIBTORCH names {}, which holds {} where libtorch {LIBTORCH_VERSION} is needed; unset LIBTORCH and setup downloads it, \
             or set LIBTORCH_BYPASS_VERSION_CHECK=1 to try",
            target.display(),
            version.map_or_else(|| "no libtorch that tells its version".to_owned(), |version| format!("libtorch {version}")),
        );
    }
    Ok(Some(Found { target, program: false, version: version.unwrap_or_else(|| "?".into()), how }))
}

fn folder_of_python_torch(machine: &Machine) -> Result<PathBuf> {
    let python = machine.program(&["python3", "python"]).context("LIBTORCH_USE_PYTORCH is set, but there is no python3 on PATH")?;
    let script = "import os, torch; print(os.path.dirname(torch.__file__))";
    let folder = process::capture(Command::new(python).args(["-c", script]));
    Ok(PathBuf::from(folder.context("LIBTORCH_USE_PYTORCH is set, but Python cannot import torch")?.trim()))
}

fn installed_libtorch(machine: &Machine) -> Option<Found> {
    let target = PathBuf::from("/usr");
    let fits = machine.search_system && target.join("lib/libtorch.so").exists();
    let version = libtorch_version(&target).filter(|version| fits && version == LIBTORCH_VERSION)?;
    Some(Found { target, program: false, version, how: "installed" })
}

/// From the file `build-version` of an official package, else from the header of a Python or system one.
fn libtorch_version(folder: &Path) -> Option<String> {
    let header = |text: String| {
        let (_, rest) = text.split_once("#define TORCH_VERSION ")?;
        rest.split('"').nth(1).map(str::to_owned)
    };
    let file = fs::read_to_string(folder.join("build-version")).ok();
    let text = file.or_else(|| header(fs::read_to_string(folder.join("include/torch/headeronly/version.h")).ok()?))?;
    Some(text.trim().split('+').next()?.to_owned())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn cmake_that_says(text: &str) -> (tempfile::TempDir, Machine) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cmake");
        fs::write(&file, format!("#!/bin/sh\necho {text}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let machine = Machine::bare("linux-x86_64", Path::new("/nowhere")).with("PATH", folder.path());
        (folder, machine)
    }

    #[test]
    fn a_recent_cmake_is_taken_and_an_old_one_is_not() {
        let (_kept, machine) = cmake_that_says("cmake version 3.25.1");
        assert_eq!(installed_cmake(&machine).unwrap().version, "3.25.1");
        let (folder, machine) = cmake_that_says("cmake version 3.10.2");
        assert!(installed_cmake(&machine).is_none());
        let text = format!("{:#}", named_cmake(&machine.with("CMAKE", folder.path().join("cmake"))).unwrap_err());
        assert!(text.contains("3.10.2 is too old") && text.contains("CMAKE names"), "{text}");
    }

    #[test]
    fn libclang_may_be_named_by_file_or_folder() {
        let folder = tempfile::tempdir().unwrap();
        let lib = folder.path().join("llvm-16");
        fs::create_dir(&lib).unwrap();
        let machine = |path: &Path| Machine::bare("linux-x86_64", Path::new("/nowhere")).with("LIBCLANG_PATH", path);
        assert!(named_libclang(&machine(&lib)).unwrap_err().to_string().contains("unset it or correct it"));
        fs::write(lib.join("libclang-16.so.1"), "").unwrap();
        for path in [lib.clone(), lib.join("libclang-16.so.1")] {
            let found = named_libclang(&machine(&path)).unwrap().unwrap();
            assert_eq!((found.target, found.version.as_str()), (lib.clone(), "16"));
        }
    }

    #[test]
    fn libraries_with_similar_names_are_told_apart() {
        assert!(["libclang.so", "libclang.so.14", "libclang-14.so.1", "libclang.dylib"].iter().all(|name| is_libclang(name)));
        assert!(!["libclang-cpp.so.14", "libclang.a", "libclangAST.so", "libclang-cpp14.so"].iter().any(|name| is_libclang(name)));
    }

    #[test]
    fn the_version_of_a_python_package_is_in_its_header() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(libtorch_version(folder.path()), None);
        fs::create_dir_all(folder.path().join("include/torch/headeronly")).unwrap();
        let header = "#define TORCH_VERSION_MAJOR 2\n#define TORCH_VERSION \\\n  \"2.13.0\"\n";
        fs::write(folder.path().join("include/torch/headeronly/version.h"), header).unwrap();
        assert_eq!(libtorch_version(folder.path()).as_deref(), Some("2.13.0"));
    }
}
