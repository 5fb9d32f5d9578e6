use std::cell::RefCell;

use dfl_core::{Batch, Found, Loss, Needs, Result, Rng, Row};

use crate::cone::{ActiveSet, Interior};
use crate::kernels::{add_scaled, count, dot, share};

/// Cone-aligned vector estimation: the angle between the negative prediction and the cone of costs under which the stored decision is
/// optimal. Minimises.
///
/// $$\ell(\hat y) = 1 - \cos(q, t), \qquad q = -\hat y, \qquad \nabla\ell = \frac{t}{\|q\| \|t\|} - \cos(q, t)\, \frac{q}{\|q\|^2}$$
///
/// with a target $t$ that counts as a constant, in the cone that the outward normals of the constraints that are tight at the stored decision span: any
/// $-q$ in it makes that decision optimal for the linear relaxation. It solves no instance, and needs no costs, only the normals.
///
/// * [`exact`](Self::exact) (`cave`): $t$ is the projection of $q$, by active sets. Then $\cos = \|t\|/\|q\|$ and the gradient is the derivative, the
///   target's share included. Inside the cone the loss is 0; in its polar, where the projection is the tip, it is 1 and flat.
/// * [`plus`](Self::plus) (`cave_plus`): $t$ from a few steps of an interior-point method, strictly inside the cone, so the prediction is drawn into it
///   and not onto its face.
/// * [`hybrid`](Self::hybrid) (`cave_hybrid`): with probability `ratio` as `cave_plus`, otherwise $t = (1 - \rho)\, q/\|q\| + \rho\, \bar n$ with $\bar n$ the mean of the unit
///   normals: no projection at all.
///
/// A row without tight constraints says nothing: value and gradient are 0. At $\hat y = 0$, which has no angle, the value is 1 and the gradient 0.
/// The loss does not change with the length of the prediction.
///
/// # Shapes
/// `pred`: `[p]`; `normals`: `[tight, p]`. Exact $O(p^2)$ and inside $O(\text{tight}\, p^2)$ per step.
/// # References
/// Tang & Khalil (2024), CaVE: a cone-aligned approach for fast predict-then-optimize with binary linear programs, CPAIOR, section 4.
/// # Differences
/// The coin of the hybrid is tossed per row, in PyEPO per batch. PyEPO stops Clarabel after 3 iterations; the method inside is our own, with other
/// points for the same number of steps.
#[derive(Clone, Copy, Debug)]
pub struct Cave {
    /// Steps inside the cone; `None` is the exact projection.
    steps: Option<usize>,
    /// Probability of a projection.
    ratio: f64,
    /// $\rho$.
    mix: f64,
}

impl Cave {
    /// Onto the cone.
    pub fn exact() -> Self {
        Self { steps: None, ratio: 1.0, mix: 0.0 }
    }

    /// Into the cone, by a number of interior-point steps; 3 is the published one.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no steps.
    pub fn plus(steps: usize) -> Result<Self> {
        Ok(Self { steps: Some(count("interior-point steps of CaVE", steps)?), ..Self::exact() })
    }

    /// Into the cone with probability `ratio`, else towards the mean normal by `mix`; 3, 0.3 and 0.2 are the published ones.
    ///
    /// # Errors
    /// [`Error::Domain`](dfl_core::Error::Domain) for no steps, or a ratio or mix outside `[0, 1]`.
    pub fn hybrid(steps: usize, ratio: f64, mix: f64) -> Result<Self> {
        let (ratio, mix) = (share("share of projections in CaVE", ratio)?, share("mix of the mean normal in CaVE", mix)?);
        Ok(Self { ratio, mix, ..Self::plus(steps)? })
    }
}

/// What a thread keeps from row to row.
#[derive(Default)]
struct Memory {
    exact: ActiveSet,
    inside: Interior,
    opposite: Vec<f64>,
    target: Vec<f64>,
}

impl Memory {
    fn find_target(&mut self, loss: &Cave, normals: &Batch, rng: &mut Rng) {
        self.target.clear();
        self.target.resize(self.opposite.len(), 0.0);
        let project = loss.ratio >= 1.0 || rng.uniform() < loss.ratio;
        match loss.steps {
            _ if !project => mean_normal(normals, &self.opposite, loss.mix, &mut self.target),
            Some(steps) => self.inside.project(normals.as_slice(), &self.opposite, steps, &mut self.target),
            None => {
                self.exact.project(normals.as_slice(), &self.opposite, &mut self.target);
            }
        }
    }
}

/// $(1 - \rho)\, q/\|q\| + \rho\, \bar n$.
fn mean_normal(normals: &Batch, opposite: &[f64], mix: f64, out: &mut [f64]) {
    for n in normals.iter() {
        let length = dot(n, n).sqrt();
        if length > 0.0 {
            add_scaled(out, mix / (length * normals.rows() as f64), n);
        }
    }
    add_scaled(out, (1.0 - mix) / dot(opposite, opposite).sqrt(), opposite);
}

impl Loss for Cave {
    fn name(&self) -> &'static str {
        match self.steps {
            None => "cave",
            Some(_) if self.ratio >= 1.0 => "cave_plus",
            Some(_) => "cave_hybrid",
        }
    }
    fn needs(&self) -> Needs {
        Needs { normals: true, linear: true, ..Needs::default() }
    }
    fn probes(&self) -> usize {
        0
    }
    fn finish(&self, row: &Row<'_>, rng: &mut Rng, _found: Found<'_>, grad: &mut [f64], _cotangent: &mut [f64]) -> f64 {
        thread_local! {
            static MEMORY: RefCell<Memory> = RefCell::default();
        }
        let Some(normals) = row.normals.filter(|n| n.rows() > 0) else { return 0.0 };
        let square = dot(row.pred, row.pred);
        if square == 0.0 {
            return 1.0;
        }
        MEMORY.with_borrow_mut(|memory| {
            memory.opposite.clear();
            memory.opposite.extend(row.pred.iter().map(|p| -p));
            memory.find_target(self, normals, rng);
            let (q, t) = (&memory.opposite, &memory.target);
            let lengths = (square * dot(t, t)).sqrt();
            if lengths == 0.0 {
                return 1.0;
            }
            let cosine = dot(q, t) / lengths;
            add_scaled(grad, 1.0 / lengths, t);
            add_scaled(grad, -cosine / square, q);
            1.0 - cosine
        })
    }
}
