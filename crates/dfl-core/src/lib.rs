#![doc = include_str!("../README.md")]

mod batch;
mod error;
mod status;

pub use batch::{Batch, check_len};
pub use error::{Error, Result};
pub use status::Status;
