//! Reading a one-dimensional NumPy array of 64-bit integers (format versions 1 to 3).

use anyhow::{Context, Result, ensure};
use std::fs;
use std::path::Path;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Writes the array in the file `from` to the file `to`, one number a line.
pub(crate) fn to_lines(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    let lines: Vec<String> = integers(&bytes)?.iter().map(|number| format!("{number}\n")).collect();
    fs::write(to, lines.concat()).with_context(|| format!("cannot write {}", to.display()))
}

fn integers(bytes: &[u8]) -> Result<Vec<i64>> {
    ensure!(bytes.starts_with(MAGIC) && bytes.len() > 12, "it is no NumPy array");
    // The length of the header has two bytes in version 1 and four later.
    let (start, length) = if bytes[6] == 1 {
        (10, usize::from(u16::from_le_bytes([bytes[8], bytes[9]])))
    } else {
        (12, usize::try_from(u32::from_le_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]))?)
    };
    let header = bytes.get(start..start + length).context("its header is cut off")?;
    let header = String::from_utf8_lossy(header);
    ensure!(header.contains("'<i8'"), "its numbers are not 64-bit integers: {}", header.trim());
    let numbers = bytes[start + length..].chunks_exact(8);
    ensure!(numbers.remainder().is_empty(), "its last number is cut off");
    Ok(numbers.map(|number| i64::from_le_bytes(number.try_into().expect("chunks of eight"))).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What `numpy.save` writes, put together from the description of the format.
    pub(crate) fn array(kind: &str, numbers: &[i64]) -> Vec<u8> {
        let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({},), }}", numbers.len());
        header += &" ".repeat(128 - 10 - 1 - header.len());
        header += "\n";
        let mut bytes = [MAGIC, &[1, 0], &u16::try_from(header.len()).unwrap().to_le_bytes(), header.as_bytes()].concat();
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes
    }

    #[test]
    fn numbers_come_out_one_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["a.npy", "a.csv"].map(|name| folder.path().join(name));
        fs::write(&from, array("<i8", &[3, 0, -1])).unwrap();
        to_lines(&from, &to).unwrap();
        assert_eq!(fs::read_to_string(&to).unwrap(), "3\n0\n-1\n");
    }

    #[test]
    fn other_content_is_an_error_and_not_a_guess() {
        assert!(integers(b"<html>not found</html>").unwrap_err().to_string().contains("no NumPy array"));
        assert!(integers(&array("<f8", &[1])).unwrap_err().to_string().contains("'<f8'"));
        let cut = array("<i8", &[1, 2]);
        assert!(integers(&cut[..cut.len() - 3]).unwrap_err().to_string().contains("cut off"));
        assert!(integers(&cut[..40]).unwrap_err().to_string().contains("header is cut off"));
    }
}
