use std::sync::{Mutex, PoisonError};

use dfl_core::{Batch, Call, Decider, Decisions, Dims, Pullback, Result, SolveInfo, Status, check_len};
use tch::Tensor;

use super::super::bridge::{Torch, backend, flatten, from_tensor, gradients, inject, to_tensor};
use super::{Dys, DysDecisions};

/// [`Dys`] between `f64` batches, so that every loss takes it.
///
/// A row is [`Status::Optimal`] if its residual is at most the tolerance, else [`Status::Inexact`] with that residual; [`Status::Failed`] if
/// it overflowed. One batch at a time: libtorch has threads of its own.
#[derive(Debug)]
pub struct DysDecider {
    dims: Dims,
    tolerance: f64,
    /// Tensors may change threads, but not be seen by two.
    layer: Mutex<Dys>,
}

impl DysDecider {
    /// A decider over `layer`.
    pub fn new(layer: Dys) -> Self {
        Self { dims: layer.dims(), tolerance: layer.tolerance, layer: Mutex::new(layer) }
    }

    fn status(&self, residual: f64) -> Status {
        match residual {
            r if !r.is_finite() => Status::Failed,
            r if r <= self.tolerance => Status::Optimal,
            residual => Status::Inexact { residual },
        }
    }
}

impl Decider for DysDecider {
    fn name(&self) -> &'static str {
        "dys_torch"
    }
    fn dims(&self) -> Dims {
        self.dims
    }
    fn differentiable(&self) -> bool {
        true
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        check_len("theta", self.dims.theta, thetas.cols())?;
        check_len("keys", thetas.rows(), call.keys.len())?;
        let layer = self.layer.lock().unwrap_or_else(PoisonError::into_inner);
        let theta = to_tensor("theta", thetas, layer.place())?.f_set_requires_grad(call.backward).map_err(backend)?;
        // A caller who computes without gradients still gets a backward half if he asks for it.
        let DysDecisions { x, residual, objective, iterations, degenerate } = tch::with_grad(|| layer.forward(&theta))?;
        let x = tch::with_grad(|| answered(&x, &residual)).map_err(backend)?;
        let columns = flatten([&residual, &objective, &iterations, &degenerate]).map_err(backend)?;
        let column = |k: usize| columns[k * thetas.rows()..(k + 1) * thetas.rows()].iter().copied();
        let info = column(0).zip(column(2)).zip(column(3)).map(|((residual, iterations), degenerate)| {
            let status = self.status(residual);
            SolveInfo { status, iterations: iterations as usize, degenerate: degenerate != 0.0 && status.usable() }
        });
        Ok(Decisions {
            info: info.collect(),
            objective: column(0).zip(column(1)).map(|(r, value)| if self.status(r).usable() { value } else { 0.0 }).collect(),
            back: call.backward.then(|| Box::new(Graph { ends: Mutex::new((theta, x.shallow_clone())) }) as Box<dyn Pullback + 'd>),
            x: from_tensor("decision", &x)?,
        })
    }
}

/// `values` `[b, k]` with zeros in rows that have no answer.
fn answered(values: &Tensor, residual: &Tensor) -> Torch<Tensor> {
    values.f_where_scalarother(&residual.f_isfinite()?.f_unsqueeze(1)?, 0.0)
}

/// The graph between $\theta$ and the decision.
struct Graph {
    ends: Mutex<(Tensor, Tensor)>,
}

impl Pullback for Graph {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let scalar = tch::with_grad(|| inject(&ends.1, cotangent, 0.0))?;
        let gradient = gradients(&scalar, &[ends.0.shallow_clone()], true).map_err(backend)?;
        from_tensor("gradient in theta", &gradient[0])
    }
}
