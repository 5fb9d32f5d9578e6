//! The three derivatives.

use std::sync::Arc;

use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, Entry, Result, Solution, SolveInfo, Solver, check_len};

use super::form::Form;
use super::gram::Factor;
use super::lanes::Lanes;
use super::lines::Lane;
use super::masks::Masks;
use super::{Dys, DysDerivative, DysWorkspace, unsupported};
use crate::active_set::kernels::vectorised;

/// What the backward pass of one instance needs; made by [`Dys`].
pub struct DysTape {
    form: Arc<Form>,
    /// Which variables are off their bounds: at the answer, or at all iterates with the answer behind.
    masks: Masks,
    kind: Kind,
}

enum Kind {
    /// The factor of $A_I A_I^\top$ for the free variables $I$.
    Optimum(Factor),
    /// Steps of length $\alpha$, as many as there are masks behind the first.
    Steps { alpha: f64 },
}

impl DifferentiableSolver for Dys {
    type Tape = DysTape;

    fn tape(&self, _theta: &[f64], _solution: &Solution, ws: &mut DysWorkspace, info: &mut SolveInfo) -> Result<DysTape> {
        let tape = DysTape::new(&self.form, Trace::new(&self.form, self.options.derivative, &ws.memory.row, &ws.memory.masks));
        info.degenerate |= tape.degenerate();
        Ok(tape)
    }

    fn vjp(&self, tape: &DysTape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        let dims = self.dims();
        check_len("grad_theta", dims.theta, grad_theta.len())?;
        if !cotangent.rows.is_empty() || !cotangent.bounds.is_empty() {
            return Err(unsupported("a derivative of the multipliers"));
        }
        check_len("cotangent on x", dims.x, cotangent.x.len())?;
        tape.clear(dims.rows, u);
        u.x.copy_from_slice(cotangent.x);
        pull(tape, u);
        grad_theta.fill(0.0);
        let gradient = |entry| if let Entry::C(j) = entry { u.x[j] } else { 0.0 };
        self.instance.params.pull(gradient, grad_theta);
        Ok(())
    }

    fn jvp(&self, tape: &DysTape, dtheta: &[f64], u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        let dims = self.dims();
        check_len("dtheta", dims.theta, dtheta.len())?;
        check_len("dx", dims.x, dx.len())?;
        tape.clear(dims.rows, u);
        self.instance.params.tangent(dtheta, |entry, d| {
            if let Entry::C(j) = entry {
                u.x[j] += d;
            }
        });
        push(tape, u);
        dx.copy_from_slice(&u.x);
        Ok(())
    }
}

/// What a solve leaves for a tape.
pub(super) struct Trace {
    masks: Masks,
    alpha: f64,
    derivative: DysDerivative,
}

impl Trace {
    /// Of the row that `row` and `masks` are left from.
    pub(super) fn new(form: &Form, derivative: DysDerivative, row: &Lanes<1>, masks: &Masks) -> Self {
        let mut last = Masks::new(form.n(), 1);
        let masks = if derivative == DysDerivative::Unrolled {
            masks.clone()
        } else {
            last.push(row, 0);
            last
        };
        Self { masks, alpha: row.alpha[0], derivative }
    }
}

impl DysTape {
    pub(super) fn new(form: &Arc<Form>, trace: Trace) -> Self {
        let Trace { masks, alpha, derivative } = trace;
        let kind = match derivative {
            DysDerivative::Implicit => Kind::Optimum(form.projection.gram.factorise(|j| if masks.get(0, j) { 1.0 } else { 0.0 })),
            DysDerivative::JacobianFree | DysDerivative::Unrolled => Kind::Steps { alpha },
        };
        Self { form: Arc::clone(form), masks, kind }
    }

    /// Whether the constraints that are tight at the optimum depend on each other.
    pub(super) fn degenerate(&self) -> bool {
        matches!(&self.kind, Kind::Optimum(factor) if factor.dropped > 0)
    }

    /// Makes room in `u`, all zero.
    fn clear(&self, rows: usize, u: &mut Adjoint) {
        let (n, m) = (self.form.n(), self.form.projection.rows());
        for (values, len) in [(&mut u.x, n), (&mut u.rows, rows), (&mut u.bounds, n), (&mut u.scratch, 2 * n + m)] {
            values.clear();
            values.resize(len, 0.0);
        }
        u.cones.clear();
        (u.residual, u.refinements) = (0.0, 0);
    }

    /// Number of steps to differentiate.
    fn steps(&self) -> usize {
        self.masks.len()
    }
}

vectorised! {
    /// Replaces the cotangent on the decision in `u.x` by that on the cost.
    fn pull(tape: &DysTape, u: &mut Adjoint) -> () = run_back
}

vectorised! {
    /// Replaces the tangent of the cost in `u.x` by that of the decision.
    fn push(tape: &DysTape, u: &mut Adjoint) -> () = run_forward
}

/// The transposed steps, the last one first. With $D$ the variables off their bounds at the iterate that a step goes to,
/// $w \leftarrow D w$ at the last and then, before each step, $\bar c \mathrel{-}= \alpha \Pi w$ and
/// $w \leftarrow (I - D) w + ((2 - \alpha\mu) D - I) \Pi w$.
#[inline(always)]
fn run_back(tape: &DysTape, u: &mut Adjoint) {
    let (w, p, t) = parts(tape, &mut u.scratch);
    let x = u.x.as_chunks_mut::<1>().0;
    let alpha = match &tape.kind {
        Kind::Optimum(factor) => return optimum(tape, factor, x, w, t),
        Kind::Steps { alpha } => *alpha,
    };
    let (keep, steps) = (1.0 - alpha * tape.form.mu, tape.steps());
    for (j, (w, x)) in w.iter_mut().zip(&mut *x).enumerate() {
        w[0] = if tape.masks.get(steps - 1, j) { x[0] } else { 0.0 };
        x[0] = 0.0;
    }
    for k in (0..steps).rev() {
        tape.form.projection.apply(w, false, t, p);
        x.iter_mut().zip(&*p).for_each(|(x, p)| x[0] -= alpha * p[0]);
        if k > 0 {
            for (j, (w, p)) in w.iter_mut().zip(&*p).enumerate() {
                w[0] = if tape.masks.get(k - 1, j) { keep * p[0] } else { w[0] - p[0] };
            }
        }
    }
}

/// The tangent of each step: $\dot z \leftarrow (I - D) \dot z + \Pi(((2 - \alpha\mu) D - I) \dot z - \alpha \dot c)$, and
/// $\dot x = D \dot z$ at the last.
#[inline(always)]
fn run_forward(tape: &DysTape, u: &mut Adjoint) {
    let (w, p, t) = parts(tape, &mut u.scratch);
    let x = u.x.as_chunks_mut::<1>().0;
    let alpha = match &tape.kind {
        Kind::Optimum(factor) => return optimum(tape, factor, x, w, t),
        Kind::Steps { alpha } => *alpha,
    };
    let (keep, steps) = (1.0 - alpha * tape.form.mu, tape.steps());
    // `w` is what is projected, `x` the tangent and then the part of it that is not.
    let cost: Vec<f64> = x.as_flattened().to_vec();
    x.fill([0.0]);
    for k in 0..steps {
        for (j, ((w, x), c)) in w.iter_mut().zip(&mut *x).zip(&cost).enumerate() {
            let (z, free) = (x[0], k == 0 || tape.masks.get(k - 1, j));
            w[0] = if free { keep * z } else { -z } - alpha * c;
            x[0] = if free { 0.0 } else { z };
        }
        tape.form.projection.apply(w, false, t, p);
        x.iter_mut().zip(&*p).for_each(|(x, p)| x[0] += p[0]);
    }
    for (j, x) in x.iter_mut().enumerate() {
        x[0] = if tape.masks.get(steps - 1, j) { x[0] } else { 0.0 };
    }
}

/// $-\tfrac1\mu (I - A_I^\top (A_I A_I^\top)^+ A_I)$ on the free variables $I$, 0 elsewhere: the symmetric Jacobian of the optimum.
/// Projects twice, so that rounding in the first does no harm.
#[inline(always)]
fn optimum(tape: &DysTape, factor: &Factor, x: &mut [Lane<1>], w: &mut [Lane<1>], t: &mut [Lane<1>]) {
    let (gram, masks) = (&tape.form.projection.gram, &tape.masks);
    for (j, (w, x)) in w.iter_mut().zip(&*x).enumerate() {
        w[0] = if masks.get(0, j) { x[0] } else { 0.0 };
    }
    for _ in 0..2 {
        t.iter_mut().enumerate().for_each(|(k, t)| *t = gram.a.dot(k, w));
        factor.solve(t);
        for (j, w) in w.iter_mut().enumerate() {
            w[0] -= if masks.get(0, j) { gram.at.dot(j, t)[0] } else { 0.0 };
        }
    }
    x.iter_mut().zip(w).for_each(|(x, w)| x[0] = -w[0] / tape.form.mu);
}

/// Two vectors as long as the decision, and one of a number for each equation.
#[inline(always)]
fn parts<'a>(tape: &DysTape, scratch: &'a mut [f64]) -> (&'a mut [Lane<1>], &'a mut [Lane<1>], &'a mut [Lane<1>]) {
    let (n, scratch) = (tape.form.n(), scratch.as_chunks_mut::<1>().0);
    let (w, rest) = scratch.split_at_mut(n);
    let (p, t) = rest.split_at_mut(n);
    (w, p, t)
}
