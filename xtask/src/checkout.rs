//! Where things lie in the checkout.

use std::path::{Path, PathBuf};

/// The root of the workspace this program was built from.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_path_buf).expect("xtask lies in a folder of the workspace")
}

/// The git-ignored folder that `setup` fills.
pub(crate) fn deps() -> PathBuf {
    root().join(".deps")
}
