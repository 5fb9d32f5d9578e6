//! Arrays for `numpy.load`: a zip archive, stored, of one `.npy` file per array.

use std::io::{self, Seek, Write};

use dfl_core::Batch;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// From here on a zip entry needs the 64-bit sizes; with room for the header.
const LARGE: usize = (u32::MAX - 1024) as usize;

/// Writes named matrices of little-endian `f64` in row-major order.
pub(super) fn write(file: impl Write + Seek, arrays: &[(&str, &Batch)]) -> io::Result<()> {
    let mut archive = ZipWriter::new(file);
    for (name, batch) in arrays {
        let large = size_of_val(batch.as_slice()) > LARGE;
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(large);
        archive.start_file(format!("{name}.npy"), options)?;
        archive.write_all(&header(batch.rows(), batch.cols()))?;
        for row in batch.iter() {
            let bytes: Vec<u8> = row.iter().flat_map(|v| v.to_le_bytes()).collect();
            archive.write_all(&bytes)?;
        }
    }
    archive.finish()?.flush()
}

/// Header of the format's version 1.0: magic, version, length, and a Python dictionary padded so that the data begin at a multiple of 64.
fn header(rows: usize, cols: usize) -> Vec<u8> {
    let mut dictionary = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
    let fixed = 10; // magic, version and length
    let padding = (fixed + dictionary.len() + 1).next_multiple_of(64) - (fixed + dictionary.len() + 1);
    dictionary.push_str(&" ".repeat(padding));
    dictionary.push('\n');
    let length = u16::try_from(dictionary.len()).expect("two counts and fixed words fit in 128 bytes");
    [b"\x93NUMPY\x01\x00".as_slice(), &length.to_le_bytes(), dictionary.as_bytes()].concat()
}
