//! Keep, link or download: the choice for one item.

use super::found::{Found, Item};
use super::machine::Machine;
use super::pins::{self, Archive, Flavour, Pins};
use super::place::{self, Origin, Stamp};
use anyhow::{Result, bail};

/// What is to be done for an item.
#[derive(Debug)]
pub(crate) enum Decision {
    /// It is in place.
    Keep(Stamp),
    /// The machine has it.
    Link(Found),
    /// It must be fetched.
    Download(Vec<Archive>),
}

/// What the user names comes first, then what is in place, then what the machine has, then a download.
pub(crate) fn decide(item: &Item, machine: &Machine, pins: &Pins, flavour: Flavour) -> Result<Decision> {
    let stamp = place::stamp(&machine.deps, item.name);
    if let Some(found) = (item.named)(machine)? {
        return Ok(match stamp {
            Some(stamp) if stamp.is_link_to(&found.target) => Decision::Keep(stamp),
            _ => Decision::Link(found),
        });
    }
    if let Some(stamp) = stamp.filter(|stamp| still_good(stamp, item, machine, pins, flavour)) {
        return Ok(Decision::Keep(stamp));
    }
    if let Some(found) = (item.installed)(machine) {
        return Ok(Decision::Link(found));
    }
    let archives = pins.of(item.name, &machine.host, flavour);
    if !archives.is_empty() {
        return Ok(Decision::Download(archives));
    }
    if flavour == Flavour::Cuda && !pins.of(item.name, &machine.host, Flavour::Cpu).is_empty() {
        bail!("there is no CUDA libtorch for {}; leave --cuda out, or name one in LIBTORCH", machine.host);
    }
    bail!("there is no download of {} for {}; install it and name it in the variable {}", item.name, machine.host, item.variable)
}

/// Whether what lies there is what the pins ask for. The CUDA libtorch also serves where only the CPU one is asked for.
fn still_good(stamp: &Stamp, item: &Item, machine: &Machine, pins: &Pins, flavour: Flavour) -> bool {
    match &stamp.origin {
        Origin::Installed { target, .. } => target.exists(),
        Origin::Downloaded { key } => [flavour, Flavour::Cuda].iter().any(|&kind| {
            let archives = pins.of(item.name, &machine.host, kind);
            !archives.is_empty() && *key == pins::key(&archives)
        }),
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::super::found::ITEMS;
    use super::*;
    use std::fs;
    use std::path::Path;

    fn item(name: &str) -> &'static Item {
        ITEMS.iter().find(|item| item.name == name).unwrap()
    }

    fn libtorch(machine: &Machine, flavour: Flavour) -> Result<Decision> {
        decide(item("libtorch"), machine, &Pins::load().unwrap(), flavour)
    }

    fn downloaded(deps: &Path, flavour: Flavour) {
        let key = pins::key(&Pins::load().unwrap().of("libtorch", "linux-x86_64", flavour));
        place::start(deps, "libtorch").unwrap();
        place::finish(deps, "libtorch", &Stamp { version: "2.13.0".into(), origin: Origin::Downloaded { key } }).unwrap();
    }

    #[test]
    fn a_finished_download_is_kept_and_a_lost_one_is_redone() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::bare("linux-x86_64", folder.path());
        downloaded(folder.path(), Flavour::Cpu);
        assert!(matches!(libtorch(&machine, Flavour::Cpu).unwrap(), Decision::Keep(_)));
        fs::remove_dir_all(folder.path().join("libtorch")).unwrap();
        assert!(matches!(libtorch(&machine, Flavour::Cpu).unwrap(), Decision::Download(_)));
    }

    #[test]
    fn cuda_replaces_cpu_but_not_the_other_way_round() {
        let folder = tempfile::tempdir().unwrap();
        let machine = Machine::bare("linux-x86_64", folder.path());
        downloaded(folder.path(), Flavour::Cpu);
        assert!(matches!(libtorch(&machine, Flavour::Cuda).unwrap(), Decision::Download(_)));
        downloaded(folder.path(), Flavour::Cuda);
        assert!(matches!(libtorch(&machine, Flavour::Cpu).unwrap(), Decision::Keep(_)));
    }

    #[test]
    fn what_the_user_names_wins_over_what_is_in_place() {
        let [folder, theirs] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        fs::write(theirs.path().join("build-version"), "2.13.0+cpu\n").unwrap();
        let machine = Machine::bare("linux-x86_64", folder.path()).with("LIBTORCH", theirs.path());
        downloaded(folder.path(), Flavour::Cpu);
        let Decision::Link(found) = libtorch(&machine, Flavour::Cpu).unwrap() else { panic!("not linked") };
        place::link(folder.path(), "libtorch", &found).unwrap();
        assert!(matches!(libtorch(&machine, Flavour::Cpu).unwrap(), Decision::Keep(_)));
        assert_eq!(fs::read_link(folder.path().join("libtorch")).unwrap(), theirs.path());
    }

    #[test]
    fn a_libtorch_of_another_version_is_refused_with_a_remedy() {
        let [folder, theirs] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        fs::write(theirs.path().join("build-version"), "2.4.0\n").unwrap();
        let machine = Machine::bare("linux-x86_64", folder.path()).with("LIBTORCH", theirs.path());
        let text = libtorch(&machine, Flavour::Cpu).unwrap_err().to_string();
        assert!(text.contains("2.4.0") && text.contains("2.13.0") && text.contains("unset LIBTORCH"), "{text}");
        let machine = machine.with("LIBTORCH_BYPASS_VERSION_CHECK", "1");
        assert!(matches!(libtorch(&machine, Flavour::Cpu).unwrap(), Decision::Link(_)));
    }
}
