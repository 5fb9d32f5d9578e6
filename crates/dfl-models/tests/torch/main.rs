//! The torch predictors against independent answers: central differences, plain torch autograd, `dfl-core`'s own linear model.
#![cfg(feature = "torch")]
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

mod against_core;
mod common;
mod density;
mod determinism;
mod device;
mod diffusion;
mod dys;
mod files;
mod gcn;
mod gradients;
mod kkt_chain;
mod statistics;
mod training;
