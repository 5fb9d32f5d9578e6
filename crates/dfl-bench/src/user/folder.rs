use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::table::file_of;
use super::{fault, fingerprint};
use crate::files::AtomicFile;

/// Number of the format of a run folder; another one is refused.
const FORMAT: u32 = 1;

/// What made a run, and from what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versions {
    /// Number of the folder's format.
    pub format: u32,
    /// Version of the program.
    pub dfl: String,
    /// Commit of the checkout that it was built from, if known.
    pub commit: Option<String>,
    /// Optional parts of the build: `highs`, `osqp`, `torch`.
    pub features: Vec<String>,
    /// Threads; with libtorch another number may change the last bits.
    pub threads: usize,
    /// When training began.
    pub created: String,
    /// The solver inside training.
    pub solver: String,
    /// Name of the problem, which its copy may have lost with the name of its file.
    pub problem: String,
    /// File and SHA-256 of what was read, by setting.
    pub inputs: BTreeMap<String, Input>,
    /// SHA-256 of what was made, by file; empty until training has ended.
    pub files: BTreeMap<String, String>,
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "what the type says")]
pub struct Input {
    pub path: PathBuf,
    pub sha256: String,
}

/// The folder of one run.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

/// What to do about a folder that is not as it was written.
const AGAIN: &str = "put back what was there, or train again with --force";

const VERSIONS: &str = "versions.json";
const CHECKPOINT: &str = "checkpoint";
/// What this program puts into a folder beside the copy of the problem.
const OURS: [&str; 11] = [
    VERSIONS,
    CHECKPOINT,
    "config.toml",
    "scaler.toml",
    "baselines.toml",
    "metrics.json",
    "epochs.jsonl",
    "rows.jsonl",
    "report.html",
    "weights.toml",
    "weights.safetensors",
];

/// Those of them that training makes and nothing changes afterwards.
const MADE: [&str; 8] =
    ["config.toml", "scaler.toml", "baselines.toml", "metrics.json", "epochs.jsonl", "rows.jsonl", "weights.toml", "weights.safetensors"];

/// What the copy of a problem is called.
fn name_of_copy(problem: &Path) -> String {
    format!("problem.{}", problem.extension().and_then(OsStr::to_str).unwrap_or("mps").to_ascii_lowercase())
}

/// Whether a file is what a killed process had begun to write.
fn is_partial(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".partial")
}

impl RunFolder {
    /// A folder for a new run. An earlier run in it is refused, or removed if `force`; other files are never touched.
    ///
    /// # Errors
    /// [`Error::File`] naming the folder and what to do.
    pub fn create(path: &Path, force: bool) -> Result<Self> {
        let refused = |remedy, source| Error::File { path: path.into(), action: "making the run folder", remedy, source };
        let taken = |why: &str| io::Error::new(io::ErrorKind::AlreadyExists, why.to_owned());
        fs::create_dir_all(path).map_err(|e| refused("choose a folder that you may write to with --out", e))?;
        let folder = Self(path.into());
        let mut entries = fs::read_dir(path).map_err(|e| refused("choose another folder with --out", e))?;
        let empty = entries.next().is_none();
        if empty {
            return Ok(folder);
        }
        if !folder.file(VERSIONS).exists() {
            return Err(refused("choose a new folder with --out", taken("it holds other files")));
        }
        if !force {
            let remedy = "go on with --resume, replace it with --force, or choose another folder with --out";
            return Err(refused(remedy, taken("there is a run in it")));
        }
        let copy = folder.recorded_copy();
        let ours = |name: &str| (OURS.contains(&name) && name != VERSIONS) || copy.as_deref() == Some(name) || is_partial(name);
        let removed = folder.remove(ours).and_then(|()| fs::remove_file(folder.file(VERSIONS)));
        removed.map_err(|e| refused("remove it yourself, or choose another folder with --out", e))?;
        Ok(folder)
    }

    /// Name of the copy of the problem, as far as even the record of another version says it.
    fn recorded_copy(&self) -> Option<String> {
        let value: serde_json::Value = serde_json::from_slice(&fs::read(self.file(VERSIONS)).ok()?).ok()?;
        Some(name_of_copy(Path::new(value["inputs"]["problem"]["path"].as_str()?)))
    }

    /// Refuses inputs that lie in the folder of their run, which a new training would clear away.
    pub(super) fn check_outside(path: &Path, inputs: &BTreeMap<String, Input>) -> Result<()> {
        let whole = |path: &Path| fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.into());
        let folder = whole(path);
        match inputs.values().find(|input| whole(&file_of(&input.path)).starts_with(&folder)) {
            Some(input) => {
                let problem = format!("it lies in the folder of the run, {}", path.display());
                Err(fault("input", &input.path, problem, "move it elsewhere, or choose another folder with --out"))
            }
            None => Ok(()),
        }
    }

    fn remove(&self, which: impl Fn(&str) -> bool) -> io::Result<()> {
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if which(path.file_name().and_then(OsStr::to_str).unwrap_or_default()) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// The folder of an earlier run, finished or not.
    ///
    /// # Errors
    /// [`Error::File`] or [`Error::Input`] if there is none, or one of another format.
    pub fn open(path: &Path) -> Result<(Self, Versions)> {
        let (folder, file) = (Self(path.into()), path.join(VERSIONS));
        let text = fs::read(&file).map_err(|source| {
            let remedy = "name the folder that `dfl train --out` wrote";
            Error::File { path: file.clone(), action: "opening the run", remedy, source }
        })?;
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(|e| fault("run folder", &file, e.to_string(), AGAIN))?;
        match value["format"].as_u64() {
            Some(format) if format == u64::from(FORMAT) => {}
            other => {
                let format = other.map_or("no number".to_owned(), |n| n.to_string());
                let by = value["dfl"].as_str().unwrap_or("another version");
                let problem = format!("its format is {format} (dfl {by}), and this program reads {FORMAT}");
                return Err(fault("run folder", &file, problem, "train again, or use the version that made it"));
            }
        }
        let versions = serde_json::from_value(value).map_err(|e| fault("run folder", &file, e.to_string(), AGAIN))?;
        Ok((folder, versions))
    }

    /// The folder of a run whose training has ended, with every file as it was written.
    ///
    /// # Errors
    /// As [`open`](Self::open); [`Error::Input`] for a training that has not ended, or a file that was changed since, [`Error::File`] for one
    /// that is missing.
    pub fn open_finished(path: &Path) -> Result<(Self, Versions)> {
        let (folder, versions) = Self::open(path)?;
        if versions.files.is_empty() {
            let remedy = format!("go on with `dfl train --resume {}`", path.display());
            return Err(fault("run folder", path, "its training has not ended", remedy));
        }
        for (name, sha256) in &versions.files {
            let file = folder.file(name);
            if !file.exists() {
                let source = io::Error::from(io::ErrorKind::NotFound);
                return Err(Error::File { path: file, action: "opening the run", remedy: AGAIN, source });
            }
            if fingerprint::of_file(&file)? != *sha256 {
                return Err(fault("file of a run", &file, "it was changed after training (its SHA-256 is another)", AGAIN));
            }
        }
        Ok((folder, versions))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(super) fn checkpoint(&self) -> PathBuf {
        self.file(CHECKPOINT)
    }

    /// Where the model's files begin.
    pub(super) fn weights(&self) -> PathBuf {
        self.file("weights")
    }

    /// The copy of the problem.
    ///
    /// # Errors
    /// [`Error::Input`] if the record names none.
    pub(super) fn problem(&self, versions: &Versions) -> Result<PathBuf> {
        let input = versions.inputs.get("problem");
        let input = input.ok_or_else(|| fault("run folder", &self.file(VERSIONS), "it names no problem among the inputs", AGAIN))?;
        Ok(self.file(&name_of_copy(&input.path)))
    }

    pub(super) fn copy_problem(&self, from: &Path) -> Result<()> {
        let remedy = "name a file that exists and may be read";
        let bytes = fs::read(from).map_err(|source| Error::File { path: from.into(), action: "copying the problem", remedy, source })?;
        self.write(&name_of_copy(from), |file| file.write_all(&bytes))
    }

    pub(super) fn write(&self, name: &str, fill: impl FnOnce(&mut io::BufWriter<fs::File>) -> io::Result<()>) -> Result<()> {
        AtomicFile::create(&self.file(name))?.write(fill)
    }

    pub(super) fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        self.write(name, |file| {
            serde_json::to_writer_pretty(&mut *file, value)?;
            file.write_all(b"\n")
        })
    }

    pub(super) fn write_lines<T: Serialize>(&self, name: &str, lines: &[T]) -> Result<()> {
        self.write(name, |file| {
            for line in lines {
                serde_json::to_writer(&mut *file, line)?;
                file.write_all(b"\n")?;
            }
            Ok(())
        })
    }

    pub(super) fn write_toml(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let text = toml::to_string(value).map_err(|e| Error::Backend { backend: "toml", source: Box::new(e) })?;
        self.write(name, |file| file.write_all(text.as_bytes()))
    }

    fn read(&self, name: &str) -> Result<(PathBuf, String)> {
        let path = self.file(name);
        let text = fs::read_to_string(&path).map_err(|source| Error::File {
            path: path.clone(),
            action: "reading the run",
            remedy: AGAIN,
            source,
        })?;
        Ok((path, text))
    }

    pub(super) fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let (path, text) = self.read(name)?;
        serde_json::from_str(&text).map_err(|e| fault("file of a run", &path, e.to_string(), AGAIN))
    }

    pub(super) fn read_lines<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>> {
        let (path, text) = self.read(name)?;
        text.lines().map(|line| serde_json::from_str(line).map_err(|e| fault("file of a run", &path, e.to_string(), AGAIN))).collect()
    }

    pub(super) fn read_toml<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let (path, text) = self.read(name)?;
        toml::from_str(&text).map_err(|e| fault("file of a run", &path, e.to_string(), AGAIN))
    }

    pub(super) fn write_versions(&self, versions: &Versions) -> Result<()> {
        self.write_json(VERSIONS, versions)
    }

    /// Ends the run: fingerprints of what was made, and no checkpoint.
    pub(super) fn finish(&self, versions: &mut Versions) -> Result<()> {
        let problem = self.problem(versions)?;
        let problem = problem.file_name().and_then(OsStr::to_str).unwrap_or_default();
        for name in MADE.into_iter().chain([problem]).filter(|name| self.file(name).exists()) {
            versions.files.insert(name.to_owned(), fingerprint::of_file(&self.file(name))?);
        }
        self.write_versions(versions)?;
        // What stays is looked at by nobody, and replaced by a new training.
        let _ = self.remove(|name| name == CHECKPOINT || is_partial(name));
        Ok(())
    }
}

impl Versions {
    /// Those of this program, before training has ended.
    pub(super) fn new(threads: usize, commit: Option<String>, solver: String, problem: String, inputs: BTreeMap<String, Input>) -> Self {
        let built = [("highs", cfg!(feature = "highs")), ("osqp", cfg!(feature = "osqp")), ("torch", cfg!(feature = "torch"))];
        Self {
            format: FORMAT,
            dfl: env!("CARGO_PKG_VERSION").into(),
            commit,
            features: built.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.to_owned()).collect(),
            threads,
            created: jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
            solver,
            problem,
            inputs,
            files: BTreeMap::new(),
        }
    }

    /// In words, which programs differ, if a training that `self` began goes on with `now`.
    pub(super) fn differences(&self, now: &Self) -> Option<String> {
        let program = |v: &Self| {
            let commit = v.commit.as_ref().map_or_else(String::new, |commit| format!(" ({commit})"));
            format!("dfl {}{commit} with {}", v.dfl, if v.features.is_empty() { "no optional parts".into() } else { v.features.join(", ") })
        };
        let (began, goes_on) = (program(self), program(now));
        (began != goes_on).then(|| format!("this run began with {began} and goes on with {goes_on}: its numbers may differ"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(error: &Error) -> String {
        format!("{error}: {}", std::error::Error::source(error).map(ToString::to_string).unwrap_or_default())
    }

    fn run(folder: &Path) -> (RunFolder, Versions) {
        let folder = RunFolder::create(folder, false).unwrap();
        let problem = Input { path: "/plan.MPS".into(), sha256: String::new() };
        let mut versions = Versions::new(1, None, "exact".into(), "plan".into(), BTreeMap::from([("problem".into(), problem)]));
        folder.write_versions(&versions).unwrap();
        fs::write(folder.file("problem.mps"), "NAME").unwrap();
        fs::write(folder.file("weights.toml"), "w = 1").unwrap();
        folder.finish(&mut versions).unwrap();
        (folder, versions)
    }

    #[test]
    fn a_run_is_neither_overwritten_nor_mixed_with_other_files() {
        let temporary = tempfile::tempdir().unwrap();
        let (folder, _) = run(&temporary.path().join("run"));
        assert!(said(&RunFolder::create(folder.path(), false).unwrap_err()).contains("--force"));
        fs::write(folder.file("notes.txt"), "mine").unwrap();
        fs::write(folder.file("problem.py"), "mine too").unwrap();
        RunFolder::create(folder.path(), true).unwrap();
        let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["notes.txt", "problem.py"]);
        assert!(said(&RunFolder::create(folder.path(), true).unwrap_err()).contains("it holds other files"));
    }

    #[test]
    fn what_is_no_run_or_another_one_says_so() {
        let temporary = tempfile::tempdir().unwrap();
        assert!(said(&RunFolder::open(temporary.path()).unwrap_err()).contains("dfl train --out"));
        let (folder, versions) = run(&temporary.path().join("run"));
        assert_eq!(RunFolder::open_finished(folder.path()).unwrap().1, versions);
        let change = |from: &str, to: &str| {
            let file = folder.file(VERSIONS);
            let good = fs::read_to_string(&file).unwrap();
            fs::write(&file, good.replace(from, to)).unwrap();
            let text = said(&RunFolder::open_finished(folder.path()).unwrap_err());
            fs::write(&file, good).unwrap();
            text
        };
        assert!(change("\"format\": 1", "\"format\": 0").contains("its format is 0"));
        assert!(change("\"threads\"", "\"treads\"").contains("treads"));
        fs::write(folder.file("weights.toml"), "w = 2").unwrap();
        assert!(said(&RunFolder::open_finished(folder.path()).unwrap_err()).contains("changed after training"));
        fs::remove_file(folder.file("weights.toml")).unwrap();
        assert!(said(&RunFolder::open_finished(folder.path()).unwrap_err()).contains("weights.toml"));
    }

    #[test]
    fn inputs_in_the_folder_of_their_run_are_refused() {
        let temporary = tempfile::tempdir().unwrap();
        let (folder, _) = run(&temporary.path().join("run"));
        let inputs = |path: PathBuf| BTreeMap::from([("problem".to_owned(), Input { path, sha256: String::new() })]);
        let inside = inputs(temporary.path().join("run/../run/problem.mps"));
        assert!(said(&RunFolder::check_outside(folder.path(), &inside).unwrap_err()).contains("it lies in the folder of the run"));
        RunFolder::check_outside(folder.path(), &inputs(temporary.path().join("run2.mps"))).unwrap();
    }

    #[test]
    fn another_program_is_named() {
        let one = Versions::new(1, Some("abc".into()), "exact".into(), "plan".into(), BTreeMap::new());
        assert_eq!(one.differences(&one), None);
        let other = Versions { commit: Some("def".into()), ..one.clone() };
        let text = one.differences(&other).unwrap();
        assert!(text.contains("(abc)") && text.contains("(def)"), "{text}");
    }

    #[test]
    fn a_training_that_has_not_ended_says_how_to_go_on() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&temporary.path().join("run"), false).unwrap();
        folder.write_versions(&Versions::new(1, None, "exact".into(), "plan".into(), BTreeMap::new())).unwrap();
        assert!(said(&RunFolder::open_finished(folder.path()).unwrap_err()).contains("dfl train --resume"));
    }
}
