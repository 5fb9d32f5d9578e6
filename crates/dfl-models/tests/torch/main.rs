//! The torch predictors against independent answers: central differences, plain torch autograd, `dfl-core`'s own linear model.
#![cfg(feature = "torch")]

mod against_core;
mod common;
mod determinism;
mod device;
mod files;
mod gradients;
mod statistics;
mod training;
