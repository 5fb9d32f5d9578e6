//! The derivative of a decision, by one of several matrices.

use std::sync::Arc;

use dfl_core::dense::factor_spd;
use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, EnergyCurvature, Result, Side, Solution, SolveInfo, check_len};

use super::block::{draw_block, members};
use super::workspace::SqpWorkspace;
use super::{Sqp, SqpDerivative};
use crate::kkt::{Linearised, Matrices, Numbering, System, has_weak_dual};

/// Least diagonal entry of a clamped Hessian, to begin with.
const CLAMP: f64 = 0.1;

/// What the backward pass of one answer needs; made by [`Sqp`].
pub struct SqpTape {
    phi: Vec<f64>,
    a: Vec<f64>,
    system: System,
    numbering: Numbering,
    /// What the gradient is multiplied by.
    scale: f64,
}

impl<E: EnergyCurvature> DifferentiableSolver for Sqp<E> {
    type Tape = SqpTape;

    fn tape(&self, theta: &[f64], solution: &Solution, ws: &mut SqpWorkspace, info: &mut SolveInfo) -> Result<SqpTape> {
        let (phi, draw) = self.split(theta)?;
        let n = self.feasible.n();
        self.hessian(phi, ws)?;
        let (mut shift, mut block) = (0.0, None);
        match self.options.derivative {
            SqpDerivative::Exact => {}
            SqpDerivative::LastStep => shift = self.convexify(ws),
            SqpDerivative::Clamped => clamp(n, &(0..n).collect::<Vec<_>>(), ws),
            SqpDerivative::Block { share } => {
                let chosen = draw_block(&ws.z, members(share, n), draw.unwrap_or_default());
                clamp(n, &chosen, ws);
                block = Some(chosen);
            }
        }
        ws.write_step(shift);
        let held = block.as_ref().map(|block| hold_others(solution, block));
        let (program, at) = (&*ws.qp.program_mut(), held.as_ref().unwrap_or(solution));
        let system = System::new(Linearised::of(program, at, Arc::new(Matrices::of(program)))?, &self.symbolic)?;
        // What is held has no multiplier, which says nothing of the answer.
        let ambiguous = || system.degenerate() || !system.is_minimum();
        info.degenerate |= if block.is_some() { has_weak_dual(program, solution) } else { ambiguous() };
        let scale = block.map_or(1.0, |block| n as f64 / block.len() as f64);
        Ok(SqpTape { phi: phi.to_vec(), a: solution.x.clone(), numbering: Numbering::of(program), system, scale })
    }

    fn vjp(&self, tape: &SqpTape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        check_len("grad_theta", self.sizes().theta, grad_theta.len())?;
        tape.numbering.adjoint(&tape.system, cotangent, u)?;
        for part in [&mut u.x, &mut u.rows, &mut u.bounds] {
            part.iter_mut().for_each(|v| *v *= tape.scale);
        }
        grad_theta.fill(0.0);
        self.energy.add_cross(&tape.phi, &tape.a, &u.x, &mut grad_theta[..tape.phi.len()])
    }
}

/// The answer with all variables but those of the block at a bound.
fn hold_others(solution: &Solution, block: &[usize]) -> Solution {
    let mut sides = vec![Side::Upper; solution.x.len()];
    block.iter().for_each(|&j| sides[j] = solution.bound_side[j]);
    Solution { bound_side: sides, ..solution.clone() }
}

/// Makes `ws.hess` symmetric, and raises its diagonal on the block to the first of 0.1, 0.2, 0.4, ... with which it is positive definite there.
fn clamp(n: usize, block: &[usize], ws: &mut SqpWorkspace) {
    let (k, hess) = (block.len(), &mut ws.hess);
    for i in 0..n {
        for j in 0..i {
            let mean = 0.5 * (hess[i * n + j] + hess[j * n + i]);
            (hess[i * n + j], hess[j * n + i]) = (mean, mean);
        }
    }
    let mut part: Vec<f64> = block.iter().flat_map(|&i| block.iter().map(move |&j| (i, j))).map(|(i, j)| hess[i * n + j]).collect();
    let (mut factor, mut least) = (part.clone(), CLAMP);
    loop {
        for (at, &i) in block.iter().enumerate() {
            part[at * k + at] = hess[i * n + i].max(least);
        }
        factor.copy_from_slice(&part);
        if factor_spd(&mut factor, k) || !least.is_finite() {
            break;
        }
        least *= 2.0;
    }
    block.iter().enumerate().for_each(|(at, &i)| hess[i * n + i] = part[at * k + at]);
}
