//! Optimal decisions of the training rows, solved once, kept on disk and shared by all runs of an experiment.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dfl_core::{Batch, Instances, Labels, Result, decide};
use serde::{Deserialize, Serialize};

use crate::files::AtomicFile;
use crate::tasks::Benchmark;

/// How far the cost of a stored decision may be from the stored cost, relative to it (at least 1): what another build may round differently.
const SAME_COST: f64 = 1e-9;

/// Solves training rows for their truth, and remembers the answers in `labels/` of the output folder.
///
/// A file is named by a hash of the task, its size, the seed, the settings of the data and the truth of the rows themselves. It is used if its
/// checksum is right and its decisions cost under the truth what it says; else it is solved for anew, with a warning.
pub(super) struct LabelCache<'a> {
    folder: PathBuf,
    warn: &'a dyn Fn(&str),
}

/// First line of a file; behind it the decisions and their costs, 8 bytes each, the low byte first.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Head {
    problem: String,
    rows: usize,
    cols: usize,
    /// Hash of the truth.
    truth: u64,
    /// Hash of all behind this line.
    checksum: u64,
}

impl<'a> LabelCache<'a> {
    /// Below the folder of the results; `warn` is told of files that cannot be used.
    pub(super) fn new(results: &Path, warn: &'a dyn Fn(&str)) -> Self {
        Self { folder: results.join("labels"), warn }
    }

    /// Labels the rows. `problem` says whatever else sets them apart: size, seed and settings of the data.
    ///
    /// # Errors
    /// As [`dfl_core::label`], and [`dfl_core::Error::File`] if the answers cannot be written.
    pub(super) fn label(&self, task: &dyn Benchmark, problem: &str, rows: &mut Instances) -> Result<()> {
        let key = Key { problem: format!("{} {problem}", task.name()), truth: hash_of(&[rows.truth.as_slice()]) };
        let path = self.folder.join(key.file(task.name()));
        let known = path.exists().then(|| read(&path, &key, task, rows));
        if let Some(Err(why)) = &known {
            (self.warn)(&format!("warning: {}: {why}; solving again", path.display()));
        }
        rows.labels = Some(match known {
            Some(Ok(labels)) => labels,
            _ => self.solve(&path, &key, task, rows)?,
        });
        Ok(())
    }

    fn solve(&self, path: &Path, key: &Key, task: &dyn Benchmark, rows: &Instances) -> Result<Labels> {
        let (solution, _) = decide(&*task.oracle()?, &rows.truth, &rows.ids)?;
        let cost = task.costs(&rows.truth, &solution)?;
        let body = [bytes(solution.as_slice()), bytes(&cost)].concat();
        let head =
            Head { problem: key.problem.clone(), rows: solution.rows(), cols: solution.cols(), truth: key.truth, checksum: hash(&body) };
        let refused = |source| dfl_core::Error::File {
            path: self.folder.clone(),
            action: "creating the folder of labels",
            remedy: "choose another folder with --out",
            source,
        };
        std::fs::create_dir_all(&self.folder).map_err(refused)?;
        AtomicFile::create(path)?.write(|file| {
            writeln!(file, "{}", serde_json::to_string(&head).map_err(io::Error::from)?)?;
            file.write_all(&body)
        })?;
        Ok(Labels { solution, cost, normals: None })
    }
}

/// What answers belong to.
struct Key {
    problem: String,
    truth: u64,
}

impl Key {
    fn file(&self, task: &str) -> String {
        format!("{task}-{:016x}.labels", hash(self.problem.as_bytes()) ^ self.truth.rotate_left(1))
    }
}

/// Reads a file, or says in words why it cannot be used.
fn read(path: &Path, key: &Key, task: &dyn Benchmark, rows: &Instances) -> std::result::Result<Labels, String> {
    let text = std::fs::read(path).map_err(|e| e.to_string())?;
    let end = text.iter().position(|b| *b == b'\n').ok_or("the file has no first line")?;
    let head: Head = serde_json::from_slice(&text[..end]).map_err(|e| format!("its first line is not understood: {e}"))?;
    let body = &text[end + 1..];
    let expected = Head { problem: key.problem.clone(), rows: rows.len(), truth: key.truth, ..head };
    if head != expected {
        return Err("it belongs to other rows".into());
    }
    if hash(body) != head.checksum || body.len() != 8 * head.rows * (head.cols + 1) {
        return Err("its checksum is wrong".into());
    }
    let mut values: Vec<f64> = body.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().expect("there are 8 bytes"))).collect();
    let cost = values.split_off(head.rows * head.cols);
    let solution = Batch::from_vec(head.rows, head.cols, values).map_err(|e| e.to_string())?;
    let now = task.costs(&rows.truth, &solution).map_err(|e| e.to_string())?;
    let same = |(now, then): (&f64, &f64)| (now - then).abs() <= SAME_COST * then.abs().max(1.0);
    match now.iter().zip(&cost).all(same) {
        true => Ok(Labels { solution, cost, normals: None }),
        false => Err("its decisions cost something else now".into()),
    }
}

fn bytes(values: &[f64]) -> Vec<u8> {
    values.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// A hash of all numbers, in order.
pub(super) fn hash_of(parts: &[&[f64]]) -> u64 {
    parts.iter().fold(0, |sum, part| hash(&bytes(part)) ^ u64::rotate_left(sum, 1))
}

/// FNV-1a, the same on every machine and in every build.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::data::pjm::{Columns, HOURS};
    use crate::tasks::PowerScheduling;

    fn rows() -> Instances {
        let truth: Vec<f64> = (0..3 * HOURS).map(|i| 1.0 + 0.01 * (i % 7) as f64).collect();
        Instances::new(Batch::zeros(3, 1), Batch::from_vec(3, HOURS, truth).unwrap()).unwrap()
    }

    /// Labels rows of the power task; returns the decisions and what was warned of.
    fn labelled(folder: &Path, problem: &str) -> (Labels, Vec<String>) {
        let warnings = RefCell::new(Vec::new());
        let warn = |text: &str| warnings.borrow_mut().push(text.to_owned());
        let mut rows = rows();
        LabelCache::new(folder, &warn).label(&PowerScheduling::new(Columns::Honest), problem, &mut rows).unwrap();
        (rows.labels.unwrap(), warnings.take())
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        std::fs::read_dir(folder.join("labels")).unwrap().map(|entry| entry.unwrap().path()).collect()
    }

    #[test]
    fn hash_by_known_values() {
        assert_eq!([hash(b""), hash(b"a"), hash(b"foobar")], [0xcbf2_9ce4_8422_2325, 0xaf63_dc4c_8601_ec8c, 0x8594_4171_f739_67e8]);
    }

    /// No step of these days is as steep as the ramp, so that the best schedule is the demand.
    #[test]
    fn solved_once_and_read_back_bit_for_bit() {
        let dir = tempfile::tempdir().unwrap();
        let (first, warnings) = labelled(dir.path(), "24h seed 0");
        assert!(warnings.is_empty());
        assert!(first.solution.as_slice().iter().zip(rows().truth.as_slice()).all(|(a, b)| (a - b).abs() < 1e-9));
        let (path, written) = (files(dir.path()).remove(0), std::fs::metadata(&files(dir.path())[0]).unwrap().modified().unwrap());
        let (second, warnings) = labelled(dir.path(), "24h seed 0");
        assert_eq!((&first.solution, &first.cost), (&second.solution, &second.cost));
        assert!(warnings.is_empty());
        assert_eq!(std::fs::metadata(path).unwrap().modified().unwrap(), written, "solved again");
        labelled(dir.path(), "24h seed 1");
        assert_eq!(files(dir.path()).len(), 2, "another problem has a file of its own");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_solved_for_anew_with_a_warning() {
        let dir = tempfile::tempdir().unwrap();
        let (right, _) = labelled(dir.path(), "24h");
        let path = files(dir.path()).remove(0);
        let sound = std::fs::read(&path).unwrap();
        let start = sound.iter().position(|b| *b == b'\n').unwrap() + 1;
        let flipped: Vec<u8> = sound.iter().enumerate().map(|(i, b)| if i == start + 20 { b ^ 1 } else { *b }).collect();
        // A decision that is consistently wrong: its checksum is right, its cost is not.
        let mut body = bytes(&[&vec![9.0; 3 * HOURS][..], &right.cost[..]].concat());
        let head = String::from_utf8(sound[..start].to_vec()).unwrap();
        let old = serde_json::from_str::<Head>(&head).unwrap().checksum.to_string();
        let mut moved = head.replace(&old, &hash(&body).to_string()).into_bytes();
        moved.append(&mut body);
        let cases: [(&[u8], &str); 5] = [
            (&flipped, "checksum"),
            (&sound[..sound.len() - 8], "checksum"),
            (b"", "no first line"),
            (b"{}\n", "not understood"),
            (&moved, "cost something else"),
        ];
        for (text, why) in cases {
            std::fs::write(&path, text).unwrap();
            let (again, warnings) = labelled(dir.path(), "24h");
            assert!(warnings.len() == 1 && warnings[0].contains(why), "{why}: {warnings:?}");
            assert_eq!(again.solution, right.solution);
            assert_eq!(std::fs::read(&path).unwrap(), sound, "the file is whole again");
        }
    }
}
