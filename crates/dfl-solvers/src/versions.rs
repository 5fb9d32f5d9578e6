//! Versions of the backends.

#[cfg(any(feature = "highs", feature = "osqp"))]
use std::ffi::{CStr, c_char};

use crate::Backend;

impl Backend {
    /// The version of the library behind it, from the library itself; `None` for one that is not built in or does not say. Solvers of this
    /// crate have its version.
    pub fn version(self) -> Option<String> {
        match self {
            Self::ActiveSet | Self::Separable => Some(env!("CARGO_PKG_VERSION").to_owned()),
            // SAFETY: both take nothing and return a string that lives as long as the program.
            #[cfg(feature = "highs")]
            Self::Highs => Some(text(unsafe { highs_sys::Highs_version() })),
            #[cfg(feature = "osqp")]
            Self::Osqp => Some(text(unsafe { osqp_sys::osqp_version() })),
            _ => None,
        }
    }
}

/// A string of C that outlives the call.
#[cfg(any(feature = "highs", feature = "osqp"))]
fn text(version: *const c_char) -> String {
    if version.is_null() {
        return String::new();
    }
    // SAFETY: it is not null, and both libraries return constants that end with a zero.
    unsafe { CStr::from_ptr(version) }.to_string_lossy().into_owned()
}
