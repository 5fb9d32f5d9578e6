use std::io::{self, Write};
use std::path::PathBuf;

use dfl_core::{Batch, Result};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::cli::npz;
use crate::files::AtomicFile;

/// A file to write and what its name says.
#[derive(Clone, Debug)]
pub(super) struct Output {
    path: PathBuf,
    format: Format,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Json,
    Npz,
}

/// Matrices with the names they have in the file, in this order.
pub(super) type Arrays<'a> = [(&'static str, &'a Batch)];

/// A file that is open under a temporary name.
pub(super) struct OpenOutput {
    output: Output,
    file: AtomicFile,
}

impl Output {
    /// Opens the file, before the data are made: a directory that cannot be written must not cost the time of the generation.
    pub(super) fn open(self) -> Result<OpenOutput> {
        Ok(OpenOutput { file: AtomicFile::create(&self.path)?, output: self })
    }
}

impl OpenOutput {
    /// Writes the data of `task`, made with `args`.
    pub(super) fn write(self, task: &'static str, args: &impl Serialize, arrays: &Arrays<'_>) -> Result<Written> {
        let Output { path, format } = self.output;
        self.file.write(|file| match format {
            Format::Json => Ok(serde_json::to_writer(file, &Document { task, args, arrays })?),
            Format::Npz => npz::write(file, arrays),
        })?;
        Ok(Written::default().and(path, arrays))
    }
}

/// Files that were written, each with the sizes of the arrays in it.
#[derive(Debug, Default)]
pub(super) struct Written(Vec<(PathBuf, Vec<Shape>)>);

/// Name, rows and columns of an array.
type Shape = (&'static str, [usize; 2]);

impl Written {
    /// One more file.
    pub(super) fn and(mut self, file: PathBuf, arrays: &Arrays<'_>) -> Self {
        self.0.push((file, arrays.iter().map(|(name, batch)| (*name, [batch.rows(), batch.cols()])).collect()));
        self
    }

    /// Says so on the standard output, a line for each file.
    pub(super) fn say(&self, json: bool) {
        for (file, arrays) in &self.0 {
            let text = if json {
                let arrays: serde_json::Map<_, _> =
                    arrays.iter().map(|(name, size)| ((*name).to_owned(), size.as_slice().into())).collect();
                serde_json::json!({ "file": file, "arrays": arrays }).to_string()
            } else {
                let shapes: Vec<_> = arrays.iter().map(|(name, [rows, cols])| format!("{name} [{rows}, {cols}]")).collect();
                format!("wrote {}: {}", file.display(), shapes.join(", "))
            };
            let _ = writeln!(io::stdout(), "{text}");
        }
    }
}

/// What a JSON file holds: `task`, `args` and the arrays, in this order.
struct Document<'a, A> {
    task: &'static str,
    args: &'a A,
    arrays: &'a Arrays<'a>,
}

impl<A: Serialize> Serialize for Document<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("task", self.task)?;
        map.serialize_entry("args", self.args)?;
        for (name, batch) in self.arrays {
            map.serialize_entry(name, &Rows(batch))?;
        }
        map.end()
    }
}

struct Rows<'a>(&'a Batch);

impl Serialize for Rows<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

pub(super) fn parse_output(text: &str) -> std::result::Result<Output, String> {
    let path = PathBuf::from(text);
    let extension = path.extension().map(|e| e.to_ascii_lowercase());
    match extension.as_ref().and_then(|e| e.to_str()) {
        Some("json") => Ok(Output { path, format: Format::Json }),
        Some("npz") => Ok(Output { path, format: Format::Npz }),
        _ => Err("the name must end in .json or .npz, which says the format".into()),
    }
}
