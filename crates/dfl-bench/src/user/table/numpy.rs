//! Arrays as numpy writes them: `.npy` has one, `.npz` is a zip archive of them.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use dfl_core::Result;
use zip::ZipArchive;

use super::{Found, Source};

const AGAIN: &str = "write it again with numpy.save or numpy.savez";

/// The file and the array in it that `FILE.npz:NAME` stands for; anything else is a file.
pub(super) fn split(path: &Path) -> (PathBuf, Option<String>) {
    let whole = || (path.to_owned(), None);
    let Some(text) = path.to_str().filter(|_| !path.exists()) else { return whole() };
    match text.rsplit_once(':') {
        Some((file, array)) if file.to_ascii_lowercase().ends_with(".npz") && !array.is_empty() => (file.into(), Some(array.to_owned())),
        _ => whole(),
    }
}

/// Reads a `.npy` file.
pub(super) fn read_array(source: &Source<'_>, file: File) -> Result<Found> {
    array(source, BufReader::new(file))
}

/// Reads one array of a `.npz` file: that of this name, or the only one.
pub(super) fn read_archive(source: &Source<'_>, file: File, name: Option<&str>) -> Result<Found> {
    let broken = |error: zip::result::ZipError| source.fault("", format!("this is no whole .npz file ({error})"), AGAIN);
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(broken)?;
    let members: Vec<String> =
        archive.file_names().map(|name| Ok(name?.into_owned())).collect::<zip::result::ZipResult<_>>().map_err(broken)?;
    let mut names: Vec<&str> = members.iter().filter_map(|member| member.strip_suffix(".npy")).collect();
    names.sort_unstable();
    let listed = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let name = match (name, names.as_slice()) {
        (Some(name), _) if names.contains(&name) => name,
        (Some(name), _) => return Err(source.fault("", format!("there is no array `{name}`"), format!("the file has {}", listed()))),
        (None, [only]) => only,
        (None, []) => return Err(source.fault("", "there is no array in it", AGAIN)),
        (None, _) => {
            let file = source.file.display();
            return Err(source.fault("", format!("there are {} arrays: {}", names.len(), listed()), format!("say which: {file}:NAME")));
        }
    };
    array(source, archive.by_name(&format!("{name}.npy")).map_err(broken)?)
}

fn array(source: &Source<'_>, mut reader: impl Read) -> Result<Found> {
    let broken = |problem: &str| source.fault("", format!("this is no whole array of numpy ({problem})"), AGAIN);
    let header = header(&mut reader).map_err(|error| broken(&error.to_string()))?.ok_or_else(|| broken("its header makes no sense"))?;
    let [rows, width] = match *header.shape.as_slice() {
        [rows] => [rows, 1],
        [rows, width] => [rows, width],
        ref other => {
            let problem = format!("an array of {} dimensions {other:?}", other.len());
            return Err(source.fault("", problem, "give one row for each instance: an array of 1 or 2 dimensions"));
        }
    };
    let Some(kind) = Kind::of(&header.kind) else {
        let problem = format!("an array of type {}", header.kind);
        return Err(source.fault("", problem, "make it one of numbers first: array.astype(float)"));
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).map_err(|error| broken(&error.to_string()))?;
    if rows.checked_mul(width).and_then(|count| count.checked_mul(kind.size)) != Some(bytes.len()) {
        return Err(broken("its length is not that of its header"));
    }
    let number = |bytes: &[u8]| {
        let large = |number: i128| source.fault("", format!("{number} is too large"), "rescale this array");
        kind.number(bytes).map_err(large)
    };
    let values = bytes.chunks_exact(kind.size).map(number).collect::<Result<Vec<f64>>>()?;
    let values = if header.by_columns { (0..rows * width).map(|k| values[k % width * rows + k / width]).collect() } else { values };
    Ok(Found { width, values, ..Found::default() })
}

/// What stands before the numbers of an array.
struct Header {
    /// As in `<f8`, or a list for records.
    kind: String,
    by_columns: bool,
    shape: Vec<usize>,
}

/// Reads a header of the format's versions 1 to 3: magic, version, length, and a Python dictionary of three entries.
fn header(reader: &mut impl Read) -> io::Result<Option<Header>> {
    let mut start = [0; 8];
    reader.read_exact(&mut start)?;
    if !start.starts_with(b"\x93NUMPY") {
        return Ok(None);
    }
    let mut length = [0; 4];
    let wide = start[6] > 1;
    reader.read_exact(&mut length[..if wide { 4 } else { 2 }])?;
    let mut text = Vec::new();
    reader.take(u32::from_le_bytes(length).into()).read_to_end(&mut text)?;
    Ok(dictionary(&String::from_utf8_lossy(&text)))
}

fn dictionary(text: &str) -> Option<Header> {
    let value = |key: &str| text.split_once(key).map(|(_, value)| value.trim_start());
    let kind = value("'descr':")?;
    let kind = match kind.strip_prefix('\'') {
        Some(name) => name.split_once('\'')?.0,
        None => "of records",
    };
    let sizes = value("'shape':")?.strip_prefix('(')?.split_once(')')?.0;
    let shape = sizes.split(',').map(str::trim).filter(|size| !size.is_empty()).map(|size| size.parse().ok()).collect::<Option<_>>()?;
    Some(Header { kind: kind.to_owned(), by_columns: value("'fortran_order':")?.starts_with("True"), shape })
}

/// A type of numbers: `f`, `i`, `u` or `b` with its bytes.
#[derive(Clone, Copy, Debug)]
struct Kind {
    letter: u8,
    size: usize,
    big_endian: bool,
}

impl Kind {
    /// That of a name such as `<f8`.
    fn of(name: &str) -> Option<Self> {
        let (letter, size) = match name.trim_start_matches(['<', '>', '=', '|']) {
            "f8" => (b'f', 8),
            "f4" => (b'f', 4),
            "i8" => (b'i', 8),
            "i4" => (b'i', 4),
            "i2" => (b'i', 2),
            "i1" => (b'i', 1),
            "u8" => (b'u', 8),
            "u4" => (b'u', 4),
            "u2" => (b'u', 2),
            "u1" | "b1" => (b'u', 1),
            _ => return None,
        };
        Some(Self { letter, size, big_endian: name.starts_with('>') })
    }

    /// The number in these bytes; an integer that `f64` does not hold is returned as it is.
    fn number(self, bytes: &[u8]) -> std::result::Result<f64, i128> {
        let mut wide = [0; 8];
        wide[..self.size].copy_from_slice(bytes);
        if self.big_endian {
            wide[..self.size].reverse();
        }
        let bits = u64::from_le_bytes(wide);
        let integer = match (self.letter, self.size) {
            (b'f', 8) => return Ok(f64::from_bits(bits)),
            (b'f', _) => return Ok(f32::from_bits(bits as u32).into()),
            // The sign is in the highest bit that the type has.
            (b'i', size) => i128::from((bits << (64 - 8 * size)) as i64 >> (64 - 8 * size)),
            _ => i128::from(bits),
        };
        let float = integer as f64;
        if float as i128 == integer { Ok(float) } else { Err(integer) }
    }
}
