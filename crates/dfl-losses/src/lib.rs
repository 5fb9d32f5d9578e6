#![doc = include_str!("../README.md")]

mod candidates;
mod cave;
mod cmap;
mod cone;
mod discrete_energy;
mod energy;
mod fenchel_young;
mod kernels;
mod lodl;
mod ltr_listwise;
mod ltr_pairwise;
mod ltr_pointwise;
mod mse;
mod nce;
mod perturbation_gradient;
mod perturbed_fenchel_young;
mod pool_nce;
mod regret;
mod sampled;
mod sce;
mod sfge;
mod spo_plus;
mod sqde;
mod task_cost;

pub use candidates::Candidates;
pub use cave::Cave;
pub use cmap::Cmap;
pub use discrete_energy::{DiscreteEnergy, DiscreteEnergyOptions};
pub use energy::{
    Around, DecisionSampling, EffectiveSize, EnergyDecision, EnergySurrogate, EssMeter, Input, LangevinOptions, Negatives, Penalised,
    Proposal, ProposalKind, SoEbm, SoEbmOptions, SurrogateOptions, Tempered, sample_decisions,
};
pub use fenchel_young::FenchelYoung;
pub use lodl::{LocalShape, Lodl, LodlOptions};
pub use ltr_listwise::LtrListwise;
pub use ltr_pairwise::LtrPairwise;
pub use ltr_pointwise::LtrPointwise;
pub use mse::Mse;
pub use nce::Nce;
pub use perturbation_gradient::PerturbationGradient;
pub use perturbed_fenchel_young::PerturbedFenchelYoung;
pub use pool_nce::PoolNce;
pub use regret::Regret;
pub use sampled::{
    Anchor, Balance, Contrastive, ContrastiveOptions, Correction, Estimator, MaximumLikelihood, SampledDecision, SampledOptions, Target,
};
pub use sce::Sce;
pub use sfge::Sfge;
pub use spo_plus::SpoPlus;
pub use sqde::Sqde;
pub use task_cost::TaskCost;
