use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use dfl_core::{Batch, Error, Result};
use serde::Deserialize;
use serde_json::json;

use super::layer::gradient_error;
use super::turns::{Contender, Samples};

/// How peers are started: one process each, `PYTHON DRIVER NAME THREADS`, see `benchmarks/peers/common.py`.
#[derive(Clone, Debug)]
pub struct PeerHome {
    /// The interpreter of the peers' virtual environment.
    pub python: PathBuf,
    /// `benchmarks/peers/driver.py`.
    pub driver: PathBuf,
    /// How long one answer may take: loading includes imports and just-in-time compilation, and some need minutes for an epoch.
    pub patience: Duration,
}

impl PeerHome {
    /// That of this checkout, which `cargo xtask bench --peers` fills.
    pub fn of_checkout() -> Self {
        let benchmarks = crate::suite::definition::benchmarks();
        let python = benchmarks.join("../.deps/peers/bin/python");
        Self { python, driver: benchmarks.join("peers/driver.py"), patience: Duration::from_secs(900) }
    }
}

/// The peers of a run; a process is kept from one job to the next as long as it answers.
pub(in crate::suite) struct Peers {
    home: PeerHome,
    running: Vec<Process>,
}

impl Peers {
    pub(in crate::suite) fn new(home: PeerHome) -> Self {
        Self { home, running: Vec::new() }
    }

    /// The peers of these names, each with the problem read and warmed up, or why there is none. Peers bound to another number of
    /// threads end here.
    pub(super) fn load<'a>(
        &'a mut self,
        names: &[String],
        threads: usize,
        problem: &Path,
        expected: Expected<'a>,
    ) -> Vec<Result<Peer<'a>>> {
        self.running.retain(|process| !process.gone && process.threads == threads);
        let started: Vec<Result<()>> = names.iter().map(|name| self.start(name, threads)).collect();
        let mut found: HashMap<String, Peer<'a>> =
            self.running.iter_mut().map(|process| (process.name.clone(), Peer { process, expected })).collect();
        let load = |(name, started): (&String, Result<()>)| {
            started?;
            let peer = found.remove(name).ok_or_else(|| failure("a peer is named twice"))?;
            match peer.process.ask(&json!({ "do": "load", "path": problem }))? {
                Reply { ready: true, .. } => Ok(peer),
                _ => Err(failure("the peer did not say that it is ready")),
            }
        };
        names.iter().zip(started).map(load).collect()
    }

    fn start(&mut self, name: &str, threads: usize) -> Result<()> {
        if !self.running.iter().any(|process| process.name == name) {
            self.running.push(Process::start(&self.home, name, threads)?);
        }
        Ok(())
    }
}

/// What a peer should find.
#[derive(Clone, Copy)]
pub(super) enum Expected<'a> {
    /// `[b, n]`; the largest error is a figure of the table.
    Gradients(&'a Batch),
    /// `[b, n]`; a peer that is further off than [`SOLUTION`] solved something else.
    Solutions(&'a Batch),
    /// Mean loss of an epoch; a peer that is further off than [`LOSS`] learned something else.
    Loss(f64),
}

/// How far a mean loss may be from ours, relative to it: what single precision does to a hundred losses and three steps.
const LOSS: f64 = 1e-4;

/// How far a timed solution may be from ours, relative to its largest entry (at least 1).
const SOLUTION: f64 = 1e-5;

/// A peer at work.
pub(super) struct Peer<'a> {
    process: &'a mut Process,
    expected: Expected<'a>,
}

impl Contender for Peer<'_> {
    fn run(&mut self, times: usize) -> Result<Samples> {
        let Reply { forward, backward, solve, epoch, .. } = self.process.ask(&json!({ "do": "run", "times": times }))?;
        let all = [("forward_seconds", forward), ("backward_seconds", backward), ("solve_seconds", solve), ("epoch_seconds", epoch)];
        let samples: Samples = all.into_iter().filter(|(_, seconds)| !seconds.is_empty()).collect();
        let sound = |seconds: &[f64]| seconds.len() == times && seconds.iter().all(|s| s.is_finite() && *s >= 0.0);
        let phases = match self.expected {
            Expected::Gradients(_) => 2,
            Expected::Solutions(_) | Expected::Loss(_) => 1,
        };
        if samples.len() == phases && samples.iter().all(|(_, seconds)| sound(seconds)) {
            Ok(samples)
        } else {
            Err(failure("the peer's times are not what was asked for"))
        }
    }

    fn error(&mut self) -> Result<Option<f64>> {
        let Reply { x, gradient, loss, .. } = self.process.ask(&json!({ "do": "answer" }))?;
        match self.expected {
            Expected::Gradients(expected) => Ok(Some(off(expected, &gradient)?)),
            Expected::Solutions(expected) => {
                let error = off(expected, &x)?;
                within(error, SOLUTION, "distance of the peer's solution from ours", "at most 1e-5")
            }
            Expected::Loss(expected) => {
                let error = (loss.unwrap_or(f64::NAN) - expected).abs() / expected.abs();
                within(error, LOSS, "relative distance of the peer's mean loss from ours", "at most 1e-4")
            }
        }
    }
}

/// Largest error of a peer's rows, see [`gradient_error`].
fn off(expected: &Batch, found: &[Vec<f64>]) -> Result<f64> {
    let found = Batch::from_rows(found)?;
    dfl_core::check_len("rows of a peer's answer", expected.rows(), found.rows())?;
    dfl_core::check_len("columns of a peer's answer", expected.cols(), found.cols())?;
    Ok(gradient_error(expected, &found))
}

/// Refuses an answer to another question; NaN is one.
fn within(error: f64, most: f64, what: &'static str, need: &'static str) -> Result<Option<f64>> {
    if error <= most { Ok(None) } else { Err(Error::Domain { what, value: error, need }) }
}

/// One line of a peer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reply {
    error: Option<String>,
    ready: bool,
    forward: Vec<f64>,
    backward: Vec<f64>,
    solve: Vec<f64>,
    epoch: Vec<f64>,
    loss: Option<f64>,
    x: Vec<Vec<f64>>,
    gradient: Vec<Vec<f64>>,
}

struct Process {
    name: String,
    threads: usize,
    child: Child,
    input: ChildStdin,
    lines: Receiver<std::io::Result<String>>,
    patience: Duration,
    /// It died, or was ended for want of an answer.
    gone: bool,
}

impl Process {
    fn start(home: &PeerHome, name: &str, threads: usize) -> Result<Self> {
        let mut command = Command::new(&home.python);
        command.arg(&home.driver).arg(name).arg(threads.to_string());
        // What a peer complains about is in its answer; its warnings would only tear the table.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).env("PYTHONDONTWRITEBYTECODE", "1");
        let mut child = command.spawn().map_err(|_| failure("no Python of the peers; `cargo xtask bench --peers` installs it"))?;
        let input = child.stdin.take().expect("it was asked for as a pipe");
        let output = child.stdout.take().expect("it was asked for as a pipe");
        let (sender, lines) = channel();
        std::thread::spawn(move || BufReader::new(output).lines().try_for_each(|line| sender.send(line)));
        Ok(Self { name: name.to_owned(), threads, child, input, lines, patience: home.patience, gone: false })
    }

    fn ask(&mut self, request: &serde_json::Value) -> Result<Reply> {
        // If the peer is gone, its last words, or their absence, say so below.
        let _ = writeln!(self.input, "{request}").and_then(|()| self.input.flush());
        let line = match self.lines.recv_timeout(self.patience) {
            Ok(line) => line.map_err(|error| failure(format!("the peer's answer cannot be read: {error}")))?,
            Err(RecvTimeoutError::Timeout) => return Err(self.end(format!("no answer in {} s", self.patience.as_secs()))),
            Err(RecvTimeoutError::Disconnected) => return Err(self.end("the peer died".into())),
        };
        let reply: Reply = serde_json::from_str(&line).map_err(|error| failure(format!("the peer does not make sense: {error}")))?;
        reply.error.as_ref().map_or(Ok(()), |why| Err(failure(why.as_str())))?;
        Ok(reply)
    }

    /// Ends it now: what it still computes would slow the others.
    fn end(&mut self, why: String) -> Error {
        self.gone = true;
        // It may be gone already.
        let _ = self.child.kill();
        failure(why)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn failure(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Backend { backend: "of the peer", source: why.into() }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// A peer whose answers to load, run and answer are those of a shell script.
    fn asked(script: &str, patience: Duration) -> std::result::Result<Option<f64>, String> {
        let dir = tempfile::tempdir().unwrap();
        let driver = dir.path().join("driver.sh");
        std::fs::write(&driver, script).unwrap();
        let home = PeerHome { python: "sh".into(), driver, patience };
        let gradients = Batch::from_rows(&[[1.0, 2.0]]).unwrap();
        let mut peers = Peers::new(home);
        let mut one = || {
            let mut peer = peers.load(&["some".into()], 2, Path::new("/no/problem"), Expected::Gradients(&gradients)).remove(0)?;
            let samples = peer.run(2)?;
            assert_eq!(samples, [("forward_seconds", vec![0.5, 0.25]), ("backward_seconds", vec![0.125, 0.0])]);
            peer.error()
        };
        one().map_err(|error: Error| std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string))
    }

    const READY: &str = "read load; echo '{\"ready\": true, \"version\": \"1\"}'\n";
    const TIMES: &str = "read run; echo '{\"forward\": [0.5, 0.25], \"backward\": [0.125, 0]}'\n";
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_peer_that_answers_is_timed_and_judged() {
        let answer = "read answer; echo '{\"x\": [[0, 0]], \"gradient\": [[1, 2.5]]}'\n";
        assert_eq!(asked(&format!("{READY}{TIMES}{answer}"), LONG).unwrap(), Some(0.25));
    }

    /// An epoch of another mean loss is of another problem.
    #[test]
    fn an_epoch_is_held_to_the_mean_loss() {
        assert_eq!(within(0.5 * LOSS, LOSS, "loss", "near").unwrap(), None);
        assert!(within(2.0 * LOSS, LOSS, "loss", "near").is_err());
        assert!(within(f64::NAN, LOSS, "loss", "near").is_err());
    }

    #[test]
    fn a_peer_that_dies_is_slow_or_makes_no_sense_is_an_error_that_says_so() {
        let why = |script: &str, patience| asked(script, patience).unwrap_err();
        assert!(why("exit 3", LONG).contains("died"));
        assert!(why("read load; echo hello", LONG).contains("does not make sense"));
        assert!(why("read load; echo '{\"error\": \"ImportError: no such module\"}'", LONG).contains("no such module"));
        assert!(why("read load; echo '{}'", LONG).contains("ready"));
        assert!(why("sleep 60", Duration::from_millis(50)).contains("no answer"));
        assert!(why(&format!("{READY}read run; echo '{{\"forward\": [1]}}'"), LONG).contains("not what was asked for"));
        let short = "read answer; echo '{\"x\": [[0, 0]], \"gradient\": [[1]]}'\n";
        assert!(why(&format!("{READY}{TIMES}{short}"), LONG).contains("peer's answer"));
    }

    #[test]
    fn without_python_the_remedy_is_named() {
        let home = PeerHome { python: "/nowhere/python".into(), ..PeerHome::of_checkout() };
        let none = Batch::zeros(1, 1);
        let mut peers = Peers::new(home);
        let error = peers.load(&["daqp".into()], 1, Path::new("x"), Expected::Gradients(&none)).remove(0).err().unwrap();
        assert!(std::error::Error::source(&error).unwrap().to_string().contains("cargo xtask bench --peers"));
    }
}
