//! Accepted counts in `benchmarks/baselines/instructions.json`, and the comparison with them.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::Path;

/// A kernel may take this share more than accepted.
const ALLOWED: f64 = 0.03;

/// What counts depend on besides the code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Environment {
    /// E.g. `rustc 1.95.0 (59807616e 2026-04-14)`.
    pub(super) rustc: String,
    /// E.g. `valgrind-3.19.0`.
    pub(super) valgrind: String,
    /// Processor features that the kernels see under valgrind.
    pub(super) features: String,
}

/// Counts of this checkout.
pub(super) struct Measured {
    pub(super) environment: Environment,
    pub(super) kernels: BTreeMap<String, u64>,
}

/// Accepted counts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Baseline {
    environment: Environment,
    /// Instructions of one run of each kernel.
    kernels: BTreeMap<String, u64>,
    history: Vec<Acceptance>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
struct Acceptance {
    commit: Option<String>,
    why: String,
}

/// How a run differs from the accepted counts: one line each.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Verdict {
    regressed: Vec<String>,
    better: Vec<String>,
    gaps: Vec<String>,
    agreed: usize,
}

impl Measured {
    /// What to write when these counts are accepted.
    pub(super) fn accepted(self, commit: Option<String>, why: &str, earlier: Baseline) -> Baseline {
        let history = earlier.history.into_iter().chain([Acceptance { commit, why: why.to_owned() }]).collect();
        Baseline { environment: self.environment, kernels: self.kernels, history }
    }
}

impl Baseline {
    /// The accepted counts; none if there is no such file yet.
    pub(super) fn load(path: &Path) -> Result<Self> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            read => read.with_context(|| format!("cannot read {}", path.display()))?,
        };
        serde_json::from_str(&text).with_context(|| format!("{} is damaged; restore it with git", path.display()))
    }

    pub(super) fn save(&self, path: &Path) -> Result<()> {
        if self.history.last().is_some_and(|last| last.why.trim().is_empty()) {
            bail!("say why: --accept \"the reason\"");
        }
        let text = serde_json::to_string_pretty(self).context("cannot write counts as JSON")? + "\n";
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
    }

    /// Counts of another compiler, valgrind or processor are not compared.
    pub(super) fn compare(&self, measured: &Measured) -> Verdict {
        if let Some(difference) = self.environment.difference(&measured.environment) {
            return Verdict::gap(difference);
        }
        let mut verdict = Verdict::default();
        for (name, &accepted) in &self.kernels {
            match measured.kernels.get(name) {
                Some(&count) => verdict.add(name, accepted, count),
                None => verdict.gaps.push(format!("{name}: accepted, but there is no such kernel now")),
            }
        }
        let new = measured.kernels.iter().filter(|(name, _)| !self.kernels.contains_key(*name));
        verdict.gaps.extend(new.map(|(name, count)| format!("{name}: {count}, never accepted")));
        verdict
    }
}

impl Environment {
    fn difference(&self, here: &Self) -> Option<String> {
        if *self == Self::default() {
            return Some("no counts have been accepted yet".to_owned());
        }
        let parts = [(&self.rustc, &here.rustc), (&self.valgrind, &here.valgrind), (&self.features, &here.features)];
        let (accepted, here) = parts.into_iter().find(|(accepted, here)| accepted != here)?;
        Some(format!("accepted with `{accepted}`, here is `{here}`"))
    }
}

impl Verdict {
    pub(super) fn gap(why: String) -> Self {
        Self { gaps: vec![why], ..Self::default() }
    }

    fn add(&mut self, name: &str, accepted: u64, count: u64) {
        let change = count as f64 / accepted as f64 - 1.0;
        let line = || format!("{name}: accepted {accepted}, counted {count} ({:+.1} %, allowed {:.0} %)", 100.0 * change, 100.0 * ALLOWED);
        if change > ALLOWED {
            self.regressed.push(line());
        } else if change < -ALLOWED {
            self.better.push(line());
        } else {
            self.agreed += 1;
        }
    }

    /// 1 if a kernel takes more instructions than allowed; a gap is no failure.
    pub(super) fn exit_code(&self) -> i32 {
        i32::from(!self.regressed.is_empty())
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lists = [
            ("instructions regressed", &self.regressed),
            ("instructions changed (better); accept them with --suite qp-layers --accept \"why\"", &self.better),
            ("instructions not compared", &self.gaps),
        ];
        for (heading, lines) in lists.into_iter().filter(|(_, lines)| !lines.is_empty()) {
            writeln!(f, "{heading}:")?;
            lines.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        }
        let [regressed, better, gaps] = lists.map(|(_, lines)| lines.len());
        writeln!(f, "instructions: {} as accepted, {regressed} regressed, {better} better, {gaps} not compared", self.agreed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Environment {
        Environment { rustc: "rustc 1.95.0".into(), valgrind: "valgrind-3.19.0".into(), features: "avx2 fma".into() }
    }

    fn measured(counts: &[(&str, u64)]) -> Measured {
        Measured { environment: here(), kernels: counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect() }
    }

    fn baseline(counts: &[(&str, u64)]) -> Baseline {
        measured(counts).accepted(Some("abc".into()), "first counts", Baseline::default())
    }

    #[test]
    fn four_percent_more_fails_and_two_percent_passes() {
        let accepted = baseline(&[("cold", 100_000), ("warm", 1000)]);
        let four = accepted.compare(&measured(&[("cold", 104_000), ("warm", 1000)]));
        assert_eq!((four.exit_code(), four.agreed), (1, 1));
        assert!(four.to_string().contains("cold: accepted 100000, counted 104000 (+4.0 %, allowed 3 %)"), "{four}");
        let two = accepted.compare(&measured(&[("cold", 102_000), ("warm", 1000)]));
        assert_eq!((two.exit_code(), two.agreed), (0, 2));
    }

    #[test]
    fn fewer_instructions_are_told_so_that_they_get_accepted() {
        let verdict = baseline(&[("cold", 1000)]).compare(&measured(&[("cold", 900)]));
        assert_eq!((verdict.exit_code(), verdict.better.len()), (0, 1));
    }

    #[test]
    fn another_compiler_valgrind_or_processor_is_a_gap_by_name() {
        let accepted = baseline(&[("cold", 1000)]);
        let changes: [fn(&mut Environment); 3] =
            [|e| e.rustc = "rustc 1.96.0".into(), |e| e.valgrind = "valgrind-3.24.0".into(), |e| e.features = "sse2".into()];
        for (change, named) in changes.into_iter().zip(["rustc 1.96.0", "valgrind-3.24.0", "sse2"]) {
            let mut other = measured(&[("cold", 2000)]);
            change(&mut other.environment);
            let verdict = accepted.compare(&other);
            assert_eq!((verdict.exit_code(), verdict.agreed, verdict.gaps.len()), (0, 0, 1));
            assert!(verdict.to_string().contains(named), "{verdict}");
        }
    }

    #[test]
    fn a_kernel_that_is_gone_or_new_is_a_gap() {
        let verdict = baseline(&[("cold", 1000)]).compare(&measured(&[("warm", 10)]));
        assert_eq!((verdict.gaps.len(), verdict.exit_code()), (2, 0));
        assert!(Baseline::default().compare(&measured(&[])).to_string().contains("no counts have been accepted"));
    }

    #[test]
    fn acceptance_keeps_its_history_and_needs_a_reason() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("instructions.json");
        assert_eq!(Baseline::load(&path).unwrap(), Baseline::default());
        baseline(&[("cold", 1000)]).save(&path).unwrap();
        let next = measured(&[("cold", 900)]).accepted(None, "better pivots", Baseline::load(&path).unwrap());
        next.save(&path).unwrap();
        let read = Baseline::load(&path).unwrap();
        assert_eq!((read.kernels["cold"], read.history.len(), read.environment), (900, 2, here()));
        assert!(measured(&[]).accepted(None, " ", Baseline::default()).save(&path).is_err());
        fs::write(&path, "{").unwrap();
        assert!(Baseline::load(&path).unwrap_err().to_string().contains("restore it with git"));
    }
}
