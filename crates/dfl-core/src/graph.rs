use std::fmt::Debug;
use std::sync::Arc;

use crate::Result;

/// How likely what was observed is if the point is right that a model predicts: what such a model learns from in two stages.
pub trait PointLikelihood: Debug + Send + Sync {
    /// Returns `weight` times the log-likelihood of what was observed of `truth`, and adds `weight` times its gradient in `prediction` to `grad`; all
    /// are `[outputs]`.
    ///
    /// # Errors
    /// [`crate::Error::Dimension`], [`crate::Error::NotFinite`].
    fn add_grad(&self, truth: &[f64], prediction: &[f64], weight: f64, grad: &mut [f64]) -> Result<f64>;
}

/// Nodes of which a prediction says one number each, and edges along which features are told: what a graph network is made for.
///
/// The features of a row are those of node 0, then of node 1, and so on.
#[derive(Clone, Debug)]
pub struct NodeGraph {
    /// Number of nodes.
    pub nodes: usize,
    /// Both ends of each edge.
    pub edges: Vec<[usize; 2]>,
    /// What a prediction of a point is judged by.
    pub likelihood: Arc<dyn PointLikelihood>,
}
