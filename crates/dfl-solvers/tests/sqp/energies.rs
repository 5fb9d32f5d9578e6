//! Energies to test with, and what is done with them.

use std::sync::Arc;

use dfl_core::dense::dot;
use dfl_core::{
    Adjoint, Cotangent, DifferentiableSolver, Energy, EnergyCurvature, Error, Program, Result, Rng, SampleEnergy, Solution, SolveInfo,
};
use dfl_solvers::{Sqp, SqpDerivative, SqpOptions};

use crate::costs::Wells;

/// $\sum_i \cosh(z_i - \phi_i) + \tfrac12 (c^\top z - \phi_n)^2$: strictly convex, with a dense Hessian; negative $\phi_n$ are outside its domain.
#[derive(Clone, Debug)]
pub(crate) struct Cosh(pub(crate) Vec<f64>);

impl Cosh {
    pub(crate) fn new(n: usize) -> Self {
        Self((0..n).map(|i| 0.4 - 0.15 * i as f64).collect())
    }

    fn rest(&self, phi: &[f64], z: &[f64]) -> Result<f64> {
        match phi[self.0.len()] {
            level if level >= 0.0 => Ok(dot(&self.0, z) - level),
            value => Err(Error::Domain { what: "level of the energy", value, need: "at least 0" }),
        }
    }
}

impl Energy for Cosh {
    fn prediction(&self) -> usize {
        self.0.len() + 1
    }
    fn decision(&self) -> usize {
        self.0.len()
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        for (out, z) in out.iter_mut().zip(candidates.chunks(self.0.len())) {
            let rest = self.rest(phi, z)?;
            *out = z.iter().zip(phi).map(|(z, p)| (z - p).cosh()).sum::<f64>() + 0.5 * rest * rest;
        }
        Ok(())
    }
    fn add_grad_prediction(&self, _phi: &[f64], _candidates: &[f64], _weights: &[f64], _out: &mut [f64]) -> Result<()> {
        unreachable!("a solver does not ask for it")
    }
    fn grad_decision(&self, phi: &[f64], z: &[f64], out: &mut [f64]) -> Result<()> {
        let rest = self.rest(phi, z)?;
        (0..z.len()).for_each(|i| out[i] = (z[i] - phi[i]).sinh() + self.0[i] * rest);
        Ok(())
    }
}

impl EnergyCurvature for Cosh {
    fn add_hess(&self, phi: &[f64], z: &[f64], out: &mut [f64]) -> Result<()> {
        let n = z.len();
        for i in 0..n {
            out[i * n + i] += (z[i] - phi[i]).cosh();
            (0..n).for_each(|j| out[i * n + j] += self.0[i] * self.0[j]);
        }
        Ok(())
    }
    fn add_cross(&self, phi: &[f64], z: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        (0..z.len()).for_each(|i| out[i] -= (z[i] - phi[i]).cosh() * v[i]);
        out[z.len()] -= dot(&self.0, v);
        Ok(())
    }
}

/// $\phi$ of [`Cosh`].
pub(crate) fn draw(n: usize, rng: &mut Rng) -> Vec<f64> {
    (0..=n).map(|i| if i < n { 1.5 * rng.normal() } else { rng.uniform() }).collect()
}

/// $\sum_i (z_i^2 - 1)^2/4 + \phi_i z_i$.
pub(crate) fn wells(n: usize) -> SampleEnergy<Wells> {
    SampleEnergy::new(Wells, 1, n, n).unwrap()
}

pub(crate) fn with(derivative: SqpDerivative) -> SqpOptions {
    SqpOptions { derivative, ..SqpOptions::default() }
}

pub(crate) fn exact<E: EnergyCurvature>(energy: E, feasible: Program) -> Sqp<E> {
    Sqp::new(energy, feasible, SqpOptions::default()).unwrap()
}

/// The answer with what its tape says of it.
pub(crate) fn solve<S: DifferentiableSolver>(solver: &S, theta: &[f64]) -> (Solution, SolveInfo) {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    if info.status.usable() {
        solver.tape(theta, &out, &mut ws, &mut info).unwrap();
    }
    (out, info)
}

/// `J' cotangent`, and the answer.
pub(crate) fn pull<S: DifferentiableSolver>(solver: &S, theta: &[f64], cotangent: &[f64]) -> (Vec<f64>, Solution) {
    let (mut ws, mut out) = (solver.workspace().unwrap(), Solution::default());
    let mut info = solver.solve(theta, None, &mut ws, &mut out).unwrap();
    assert!(info.status.usable(), "{info:?}");
    let tape = solver.tape(theta, &out, &mut ws, &mut info).unwrap();
    let mut gradient = vec![f64::NAN; theta.len()];
    solver.vjp(&tape, Cotangent { x: cotangent, ..Cotangent::default() }, &mut Adjoint::default(), &mut gradient).unwrap();
    (gradient, out)
}

pub(crate) fn normal(n: usize, rng: &mut Rng) -> Vec<f64> {
    (0..n).map(|_| rng.normal()).collect()
}

pub(crate) fn largest_gap(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).fold(0.0, |top, (a, b)| top.max((a - b).abs()))
}

/// An energy behind a pointer is one.
pub(crate) fn shared(n: usize) -> Arc<dyn EnergyCurvature> {
    Arc::new(Cosh::new(n))
}
