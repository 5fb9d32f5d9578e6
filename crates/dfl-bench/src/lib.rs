#![doc = include_str!("../README.md")]

pub mod cli;
pub mod data;
pub mod epidemic;
mod files;
pub mod inventory;
pub mod layers;
pub mod page;
pub mod power;
pub mod registry;
pub mod results;
mod scalar;
pub mod security;
pub mod suite;
pub mod tasks;
mod timing;
pub mod user;

pub use timing::Timings;

/// The example of the workspace's readme, compiled and run as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The tutorials, each a program that is compiled and run as a test.
#[cfg(doctest)]
mod tutorials {
    #[doc = include_str!("../../../docs/tutorials/surrogates.md")]
    struct Surrogates;
    #[doc = include_str!("../../../docs/tutorials/distributions.md")]
    struct Distributions;
    #[doc = include_str!("../../../docs/tutorials/energies.md")]
    struct Energies;
    #[doc = include_str!("../../../docs/tutorials/modelling.md")]
    struct Modelling;
}
