use std::fmt::Write as _;
use std::path::Path;

use dfl_core::{Error, Result};
use sha2::{Digest, Sha256};

use super::table::file_of;

/// SHA-256 in hexadecimal.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::with_capacity(64), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// That of a file, also of one that is named with an array in it.
pub(super) fn of_file(path: &Path) -> Result<String> {
    let remedy = "name a file that exists and may be read";
    let bytes = std::fs::read(file_of(path)).map_err(|source| Error::File { path: path.into(), action: "reading", remedy, source })?;
    Ok(of_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    /// The published value for `abc` (FIPS 180-4, first example).
    #[test]
    fn the_standards_example() {
        assert_eq!(super::of_bytes(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
