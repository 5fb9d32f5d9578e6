//! Running the kernels under valgrind and reading what callgrind counted.

use crate::process;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// Runs of a kernel in the shorter and in the longer of two counts; what is outside the kernel cancels in their difference.
const RUNS: [u64; 2] = [2, 12];

/// Where valgrind and the kernels are.
pub(super) struct Valgrind {
    pub(super) program: PathBuf,
    pub(super) kernels: PathBuf,
}

impl Valgrind {
    /// E.g. `valgrind-3.19.0`.
    pub(super) fn version(&self) -> Result<String> {
        Ok(process::capture(Command::new(&self.program).arg("--version"))?.trim().to_owned())
    }

    /// What the kernels print when they are asked under valgrind.
    pub(super) fn ask(&self, question: &str) -> Result<String> {
        process::capture(Command::new(&self.program).args(["--tool=none", "--quiet"]).arg(&self.kernels).arg(question))
    }

    /// Instructions of one run of a kernel, in the mean over ten.
    pub(super) fn count(&self, kernel: &str) -> Result<u64> {
        let [short, long] = RUNS.map(|runs| self.total(kernel, runs));
        let (short, long) = (short?, long?);
        let spent = long.checked_sub(short).with_context(|| format!("{kernel}: {long} instructions in more runs than {short} took"))?;
        Ok(spent / (RUNS[1] - RUNS[0]))
    }

    fn total(&self, kernel: &str, runs: u64) -> Result<u64> {
        let mut command = Command::new(&self.program);
        command.args(["--tool=callgrind", "--callgrind-out-file=/dev/stdout", "--quiet"]);
        // Nothing here may depend on the shell: environment and arguments lie on the stack and shift what is above them.
        command.env_clear().arg(&self.kernels).arg(kernel).arg(runs.to_string());
        let profile = process::capture(&mut command).with_context(|| format!("the kernel {kernel} fails under callgrind"))?;
        instructions(&profile).with_context(|| format!("callgrind's profile of {kernel} has no sum"))
    }
}

/// The sum of a profile: the first event of its line `totals:` or, in older versions, `summary:`; events are instructions first.
fn instructions(profile: &str) -> Option<u64> {
    let events = profile.lines().find_map(|line| line.strip_prefix("events:"))?;
    let line = |name: &str| profile.lines().find_map(|line| line.strip_prefix(name).map(str::trim));
    let sum = line("totals:").or_else(|| line("summary:"))?;
    (events.split_whitespace().next() == Some("Ir")).then(|| sum.split_whitespace().next()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
# callgrind format
version: 1
creator: callgrind-3.19.0
pid: 17
cmd:  target/release/examples/kernels shortest_path 2
part: 1

desc: I1 cache:
desc: Trigger: Program termination

positions: line
events: Ir
summary: 1500

ob=(1) /lib/ld.so
fl=(1) ???
fn=(1) main
0 1234

totals: 1500
";

    #[test]
    fn the_sum_is_read_from_either_line() {
        assert_eq!(instructions(PROFILE), Some(1500));
        assert_eq!(instructions(&PROFILE.replace("totals: 1500\n", "")), Some(1500));
        assert_eq!(instructions(&PROFILE.replace("events: Ir\n", "events: Ir Dr Dw\n").replace("1500", "1500 3 4")), Some(1500));
    }

    #[test]
    fn a_profile_without_a_sum_of_instructions_is_none() {
        assert_eq!(instructions(""), None);
        assert_eq!(instructions(&PROFILE.replace("events: Ir", "events: Ge")), None);
        assert_eq!(instructions(&PROFILE.replace(": 1500", ": many")), None);
    }
}
