//! `cargo xtask setup`: fills `.deps/` with what the C and C++ backends and libtorch need.
//!
//! What is installed is linked; the rest is downloaded with pip, verified and unpacked. `.cargo/config.toml` points plain
//! cargo at fixed paths in `.deps/`, so that building, testing and editors work afterwards without any variable.

mod decide;
mod found;
mod machine;
mod pins;
mod pip;
mod place;
mod unpack;

use crate::data::Wheel;
use crate::{process, show};
use anyhow::{Context, Result};
use decide::Decision;
use found::ITEMS;
use machine::{Machine, Need};
use pins::{Archive, Flavour, Pins};
use place::{Origin, Stamp};
use std::path::Path;

/// Options of `setup`.
#[derive(clap::Args)]
#[command(after_help = "\
Needs a C++ compiler, and Python 3 with pip where something must be downloaded; no root.
Installed things are preferred: cmake and ninja on PATH, a system libclang, a libtorch named by LIBTORCH.
Running it again is quick. After an interruption it keeps every complete download and fetches the broken one anew, since pip
cannot go on with half a file (torch is the large one: 527 MB). To start over, delete .deps/.")]
pub(crate) struct Options {
    /// Also get the CUDA libraries (2.7 GB more to download); for Linux on x86_64.
    #[arg(long)]
    cuda: bool,
    /// Leave libtorch out: HiGHS and OSQP alone, 55 MB to download.
    #[arg(long, conflicts_with = "cuda")]
    no_torch: bool,
    /// Only say what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Sets up and prints a table of what there is now.
pub(crate) fn run(options: &Options) -> Result<i32> {
    let machine = Machine::here();
    let work = Work { machine: &machine, pins: Pins::load()?, flavour: Flavour::asked(options.cuda) };
    let mut plan = work.plan()?;
    plan.retain(|step| !(options.no_torch && step.item == "libtorch"));
    if options.dry_run {
        print!("{}", describe(&plan));
        return Ok(0);
    }
    work.carry_out(&plan)?;
    print!("{}", summary(&machine.deps)?);
    Ok(0)
}

/// Sets up only if something is missing, and is silent if nothing is.
pub(crate) fn ensure() -> Result<()> {
    let machine = Machine::here();
    let work = Work { machine: &machine, pins: Pins::load()?, flavour: Flavour::Cpu };
    let plan = work.plan()?;
    if plan.iter().all(|step| matches!(step.decision, Decision::Keep(_))) {
        return Ok(());
    }
    eprintln!("setting up (see `cargo xtask setup --help`)");
    work.carry_out(&plan)?;
    eprint!("{}", summary(&machine.deps)?);
    Ok(())
}

/// What is to be done for one item.
struct Step {
    item: &'static str,
    decision: Decision,
}

struct Work<'a> {
    machine: &'a Machine,
    pins: Pins,
    flavour: Flavour,
}

impl Work<'_> {
    fn plan(&self) -> Result<Vec<Step>> {
        let step = |item: &found::Item| {
            let decision = decide::decide(item, self.machine, &self.pins, self.flavour)?;
            Ok(Step { item: item.name, decision })
        };
        ITEMS.iter().map(step).collect()
    }

    /// Checks what the machine must have before anything is downloaded, then does each step.
    fn carry_out(&self, plan: &[Step]) -> Result<()> {
        let downloads = plan.iter().any(|step| matches!(step.decision, Decision::Download(_)));
        let need = if downloads { Need::CompilerAndPython } else { Need::Compiler };
        let python = self.machine.require(need)?;
        for step in plan {
            match &step.decision {
                Decision::Keep(_) => {}
                Decision::Link(found) => place::link(&self.machine.deps, step.item, found)?,
                Decision::Download(archives) => {
                    let python = python.as_deref().expect("asked for above, since something is downloaded");
                    self.download(step.item, archives, python)?;
                }
            }
        }
        Ok(())
    }

    fn download(&self, item: &str, archives: &[Archive], python: &Path) -> Result<()> {
        let deps = &self.machine.deps;
        let folder = place::start(deps, item)?;
        for archive in archives {
            let file = pip::download(archive, &deps.join("downloads"), python)?;
            unpack::unpack(archive, &file, &folder, python)?;
        }
        if item == "libtorch" {
            unpack::finish_libtorch(&folder, &archives[0].version)?;
        }
        let stamp = Stamp { version: archives[0].version.clone(), origin: Origin::Downloaded { key: pins::key(archives) } };
        place::finish(deps, item, &stamp)?;
        pip::forget(archives, &deps.join("downloads"))
    }
}

fn describe(plan: &[Step]) -> String {
    let mut rows = vec![["what", "version", "what setup would do"].map(String::from).to_vec()];
    for step in plan {
        match &step.decision {
            Decision::Keep(stamp) => rows.push(vec![step.item.into(), stamp.version.clone(), "nothing: it is there".into()]),
            Decision::Link(found) => {
                rows.push(vec![step.item.into(), found.version.clone(), format!("link to {} ({})", found.target.display(), found.how)]);
            }
            Decision::Download(archives) => rows.extend(
                archives.iter().map(|archive| vec![step.item.into(), archive.version.clone(), format!("download {}", archive.label())]),
            ),
        }
    }
    show::table(&rows)
}

fn summary(deps: &Path) -> Result<String> {
    let mut rows = vec![["what", "version", "where from", "on disk"].map(String::from).to_vec()];
    let mut total = 0;
    for item in ITEMS {
        let Some(stamp) = place::stamp(deps, item.name) else { continue };
        let (from, bytes) = match &stamp.origin {
            Origin::Downloaded { .. } => ("downloaded".to_owned(), place::size_of(&deps.join(item.name))?),
            Origin::Installed { target, how } => (format!("installed: {} ({how})", target.display()), 0),
        };
        total += bytes;
        let size = if bytes == 0 { "-".to_owned() } else { show::size(bytes) };
        rows.push(vec![item.name.into(), stamp.version, from, size]);
    }
    rows.push(vec!["total".into(), String::new(), deps.display().to_string(), show::size(total)]);
    Ok(show::table(&rows))
}

/// Takes one member of a Python package that serves all platforms to the file `place`, downloading the package through pip.
pub(crate) fn member_of_wheel(wheel: &Wheel, place: &Path) -> Result<()> {
    let python = process::find_program(&["python3", "python"], &process::path()).context("fetching this needs Python 3 with pip")?;
    let folder = place.parent().context("the file has no folder")?;
    let name = place.file_name().context("the file has no name")?.to_string_lossy();
    let archive = pins::Archive::of_wheel(wheel, &name);
    let file = pip::download(&archive, folder, &python)?;
    unpack::unpack(&archive, &file, folder, &python)?;
    pip::forget(&[archive], folder)?;
    // Where pip worked; it stays if another download is at work there.
    let _ = std::fs::remove_dir(folder.join("partial"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_for(host: &str, flavour: Flavour) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::bare(host, folder.path());
        let work = Work { machine: &machine, pins: Pins::load().unwrap(), flavour };
        Ok(describe(&work.plan()?))
    }

    #[test]
    fn a_bare_machine_downloads_every_item() {
        let text = plan_for("linux-x86_64", Flavour::Cpu).unwrap();
        for item in ITEMS {
            assert!(text.lines().any(|line| line.starts_with(item.name) && line.contains("download")), "{text}");
        }
        assert!(text.contains("torch 2.13.0, 527 MB"), "{text}");
    }

    #[test]
    fn cuda_takes_every_library_that_torch_requires() {
        let text = plan_for("linux-x86_64", Flavour::Cuda).unwrap();
        for library in ["cublas", "cudnn", "cufft", "cufile", "cupti", "curand", "cusolver", "cusparse ", "cusparselt", "nccl"] {
            assert!(text.contains(library), "{library} is not in\n{text}");
        }
        for library in ["nvjitlink", "nvrtc", "nvshmem", "nvtx", "cuda-runtime"] {
            assert!(text.contains(library), "{library} is not in\n{text}");
        }
    }

    #[test]
    fn a_mac_gets_its_own_wheels_and_no_cuda() {
        assert!(plan_for("macos-aarch64", Flavour::Cpu).unwrap().contains("torch 2.13.0"));
        let text = plan_for("macos-aarch64", Flavour::Cuda).unwrap_err().to_string();
        assert!(text.contains("no CUDA libtorch for macos-aarch64"), "{text}");
    }

    #[test]
    fn an_unknown_machine_is_told_which_variable_to_set() {
        let text = plan_for("plan9-mips", Flavour::Cpu).unwrap_err().to_string();
        assert!(text.contains("plan9-mips") && text.contains("CMAKE"), "{text}");
    }
}
