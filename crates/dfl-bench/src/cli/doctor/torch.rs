//! libtorch and its devices.

use std::fs;
use std::path::{Path, PathBuf};

use dfl_models::torch::{Device, try_devices};

use super::Check;

pub(super) fn checks() -> Vec<Check> {
    let mut checks = vec![library()];
    let devices = try_devices();
    let gpu = devices.iter().any(|(device, _)| matches!(device, Device::Cuda(_)));
    checks.extend(devices.into_iter().map(|(device, tried)| match tried {
        Ok(()) => Check::ok(device.to_string(), "multiplies matrices"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
            let remedy = "use another device with --device, or fetch libtorch again with `cargo xtask setup`";
            Check::broken(device.to_string(), format!("{error}{}", cause.lines().next().unwrap_or_default()), remedy)
        }
    }));
    if !gpu {
        let remedy = "networks run on the CPU; with an NVIDIA GPU (`nvidia-smi -L`), `cargo xtask setup --cuda` and build again";
        checks.push(Check::missing("cuda", "libtorch sees no GPU", remedy));
    }
    checks
}

fn library() -> Check {
    let Some(folder) = loaded() else { return Check::ok("libtorch", "linked") };
    // Wheels of Python and the archives of libtorch say in different files which version they are.
    let version = fs::read_to_string(folder.join("../build-version")).ok().or_else(|| {
        let text = fs::read_to_string(folder.join("../version.py")).ok()?;
        text.lines().find_map(|line| line.strip_prefix("__version__ = ").map(|version| version.trim_matches('\'').to_owned()))
    });
    let version = version.map_or_else(String::new, |version| format!("{}, ", version.trim()));
    Check::ok("libtorch", format!("{version}{}", folder.display()))
}

/// The folder from which the library was loaded, where the system says so.
fn loaded() -> Option<PathBuf> {
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    let path = maps.lines().filter_map(|line| line.find('/').map(|at| &line[at..])).find(|path| path.contains("libtorch_cpu"))?;
    Path::new(path).parent().map(Path::to_path_buf)
}
