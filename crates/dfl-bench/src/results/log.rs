//! A file of JSON lines that only grows, in whole groups, and that a kill or a full disk leaves readable.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Key;

/// Where lines end up; a file, except in tests of a full disk.
pub(super) trait Sink: Write {
    /// Returns when everything written is on the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Drops everything after the first `len` bytes.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Sink for File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// A record that belongs to a job. Its key is serialised first, so that even a torn line tells whose it was.
pub(super) trait Record: Serialize + DeserializeOwned {
    fn key(&self) -> &Key;
}

/// What an earlier run left.
pub(super) struct Earlier<T> {
    pub(super) records: Vec<T>,
    pub(super) warning: Option<String>,
}

/// The growing file.
#[derive(Debug)]
pub(super) struct Log<S = File> {
    path: PathBuf,
    sink: S,
    len: u64,
}

impl Log {
    /// An empty file; an existing one is kept beside it under `NAME.old`.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let failed = |source| failure(path, "creating the file", source);
        if path.is_dir() {
            return Err(failed(io::ErrorKind::IsADirectory.into()));
        }
        if path.exists() {
            let mut old = path.as_os_str().to_owned();
            old.push(".old");
            fs::rename(path, old).map_err(failed)?;
        }
        Ok(Self { path: path.to_owned(), sink: append_to(path)?, len: 0 })
    }

    /// The file as an earlier run left it, rid of a group that was cut short.
    pub(super) fn resume<T: Record>(path: &Path) -> Result<(Self, Earlier<T>)> {
        let text = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => read.map_err(|source| failure(path, "reading earlier measurements", source))?,
        };
        let (earlier, len) = parse(path, &text)?;
        let mut log = Self { path: path.to_owned(), sink: append_to(path)?, len };
        log.sink.cut(len).map_err(|source| failure(path, "removing a torn line", source))?;
        Ok((log, earlier))
    }
}

impl<S: Sink> Log<S> {
    /// Adds one job's records in one write and waits until they are on the disk: all of them are kept or none.
    pub(super) fn append<T: Record>(&mut self, records: &[T]) -> Result<()> {
        let lines = to_lines(records).map_err(|source| failure(&self.path, "formatting measurements", source))?;
        if let Err(source) = self.sink.write_all(&lines).and_then(|()| self.sink.sync()) {
            // If this fails too, the torn group is removed by the next resume.
            let _ = self.sink.cut(self.len);
            return Err(failure(&self.path, "writing measurements", source));
        }
        self.len += lines.len() as u64;
        Ok(())
    }
}

fn append_to(path: &Path) -> Result<File> {
    OpenOptions::new().append(true).create(true).open(path).map_err(|source| failure(path, "opening the file", source))
}

fn to_lines<T: Record>(records: &[T]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for record in records {
        serde_json::to_writer(&mut lines, record)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// The records of all whole groups and the length of the file up to there.
fn parse<T: Record>(path: &Path, text: &[u8]) -> Result<(Earlier<T>, u64)> {
    let lines: Vec<&[u8]> = text.split_inclusive(|&byte| byte == b'\n').collect();
    let mut records: Vec<T> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        match serde_json::from_slice(line) {
            Ok(record) if line.ends_with(b"\n") => records.push(record),
            // Only the end can be torn: each group is on the disk before the next one is written.
            _ if at + 1 == lines.len() => return Ok(without_torn_group(path, records, &lines)),
            _ => return Err(damaged(path, at + 1)),
        }
    }
    Ok((Earlier { records, warning: None }, text.len() as u64))
}

/// Drops the torn last line, and before it the lines of the same job, which are not all there.
fn without_torn_group<T: Record>(path: &Path, mut records: Vec<T>, lines: &[&[u8]]) -> (Earlier<T>, u64) {
    let torn = lines.last().copied().unwrap_or_default();
    let whole = records.len();
    while records.last().is_some_and(|record| begins_with_key(torn, record.key())) {
        records.pop();
    }
    let warning =
        format!("{}: the last {} lines were cut short and are dropped; that job runs again", path.display(), whole + 1 - records.len());
    let len = lines[..records.len()].iter().map(|line| line.len() as u64).sum();
    (Earlier { records, warning: Some(warning) }, len)
}

fn begins_with_key(line: &[u8], key: &Key) -> bool {
    let Ok(key) = serde_json::to_string(key) else { return false };
    let key = key.trim_end_matches('}').as_bytes();
    let shared = key.len().min(line.len());
    key[..shared] == line[..shared]
}

fn damaged(path: &Path, line: usize) -> Error {
    let remedy = "mend or delete this line, or run without --resume";
    Error::Content { path: path.to_owned(), line, problem: "not a result of this program", remedy }
}

/// The error for a file below the output directory.
pub(super) fn failure(path: &Path, action: &'static str, source: io::Error) -> Error {
    let remedy = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "what was finished is kept: free some space and go on with --resume, or choose another disk with --out"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "a file stands where a directory is needed; choose another with --out"
        }
        io::ErrorKind::IsADirectory => "a directory stands where a file is needed; remove it or choose another with --out",
        _ => "choose a directory that you may write to with --out",
    };
    Error::File { path: path.to_owned(), action, remedy, source }
}

#[cfg(test)]
mod tests {
    use super::super::Measurement;
    use super::*;

    /// A disk with room for `room` bytes.
    struct Disk {
        bytes: Vec<u8>,
        room: usize,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let fits = bytes.len().min(self.room - self.bytes.len());
            self.bytes.extend_from_slice(&bytes[..fits]);
            if fits == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(fits) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Sink for Disk {
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }

        fn cut(&mut self, len: u64) -> io::Result<()> {
            self.bytes.truncate(usize::try_from(len).expect("a test's disk is small"));
            Ok(())
        }
    }

    fn job(method: &str) -> [Measurement; 2] {
        let key = Key { method: method.to_owned(), ..Key::default() };
        [Measurement::new(&key, "task_loss", 1.5), Measurement::new(&key, "rmse", 0.25)]
    }

    /// Room for one and a half jobs: the first stays, of the second nothing does, and the error says what to do.
    #[test]
    fn a_full_disk_keeps_whole_jobs_only() {
        let first = to_lines(&job("spo_plus")).unwrap();
        let mut log = Log { path: "out/results.jsonl".into(), sink: Disk { bytes: Vec::new(), room: first.len() * 3 / 2 }, len: 0 };
        log.append(&job("spo_plus")).unwrap();
        let error = log.append(&job("two_stage")).unwrap_err().to_string();
        assert!(error.contains("out/results.jsonl") && error.contains("free some space"), "{error}");
        assert_eq!(log.sink.bytes, first);
    }

    /// The real thing: the kernel's device that is always full.
    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernels_full_device_is_reported_as_full() {
        let sink = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut log = Log { path: "/dev/full".into(), sink, len: 0 };
        assert!(log.append(&job("spo_plus")).unwrap_err().to_string().contains("free some space"));
    }

    /// Cut anywhere in the second job, resuming finds the first job and no part of the second.
    #[test]
    fn a_file_cut_anywhere_resumes_with_whole_jobs() {
        let first = to_lines(&job("spo_plus")).unwrap();
        let both = [first.clone(), to_lines(&job("two_stage")).unwrap()].concat();
        let line = first.len() + both[first.len()..].iter().position(|&b| b == b'\n').unwrap() + 1;
        for cut in (first.len() + 1..both.len()).filter(|&cut| cut != line) {
            let (earlier, len) = parse::<Measurement>(Path::new("results.jsonl"), &both[..cut]).unwrap();
            assert!(earlier.warning.is_some());
            // A few bytes that both jobs begin with cannot tell them apart; then the first runs again as well.
            let torn = &both[if cut > line { line } else { first.len() }..cut];
            let told_apart = !first.starts_with(torn);
            let kept = if told_apart { 2 } else { 0 };
            assert_eq!((earlier.records.len(), len), (kept, if told_apart { first.len() as u64 } else { 0 }), "cut at {cut}");
        }
    }
}
