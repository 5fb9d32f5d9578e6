//! Wrappers: deciders that change what surrounds another one.

mod adaptive_imle;
mod cached;
mod cheapest;
mod counted;
mod difference;
mod frank_wolfe;
mod identity;
mod imle;
mod interpolated;
mod perturbed;
mod sample_mean;
mod samples;
mod timed;

pub use adaptive_imle::{AdaptiveImle, AdaptiveImleOptions};
pub use cached::{Cached, Coin};
pub use counted::Counted;
pub use frank_wolfe::{FrankWolfe, FrankWolfeOptions};
pub use identity::{CostProjection, NegativeIdentity};
pub use imle::{Imle, ImleOptions, SumOfGamma};
pub use interpolated::Interpolated;
pub use perturbed::{Noise, Perturbed, PerturbedOptions};
pub use sample_mean::SampleMean;
pub use timed::{Stopwatch, Timed};
