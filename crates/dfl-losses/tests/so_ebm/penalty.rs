//! Energies with a penalty on what is not allowed.

use dfl_core::testkit::gradient_error;
use dfl_core::{Csc, Energy, EnergyCurvature, Error, Program, Result, SampleEnergy};
use dfl_losses::Penalised;

use crate::{DEMAND, Demand, Expected};

/// `a_1 - a_2` in `[-0.4, 0.4]`, `a_1 + a_2 <= 1`, `a >= 0`.
fn feasible() -> Program {
    let rows = Csc::from_triplets(2, 2, &[(0, 0, 1.0), (0, 1, -1.0), (1, 0, 1.0), (1, 1, 1.0)]).unwrap();
    let inf = f64::INFINITY;
    Program::linear(vec![0.0; 2]).with_rows(rows, vec![-0.4, -inf], vec![0.4, 1.0]).with_bounds(vec![0.0; 2], vec![inf; 2])
}

/// A quadratic with its curvature.
struct Bowl;

impl Energy for Bowl {
    fn prediction(&self) -> usize {
        2
    }
    fn decision(&self) -> usize {
        2
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        let of = |a: &[f64]| a.iter().zip(phi).map(|(a, p)| 0.5 * (a - p).powi(2)).sum();
        out.iter_mut().zip(candidates.chunks_exact(2)).for_each(|(out, a)| *out = of(a));
        Ok(())
    }
    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
        for (w, a) in weights.iter().zip(candidates.chunks_exact(2)) {
            (0..2).for_each(|i| out[i] += w * (phi[i] - a[i]));
        }
        Ok(())
    }
    fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        (0..2).for_each(|i| out[i] = a[i] - phi[i]);
        Ok(())
    }
}
impl EnergyCurvature for Bowl {
    fn add_hess(&self, _phi: &[f64], _a: &[f64], out: &mut [f64]) -> Result<()> {
        out[0] += 1.0;
        out[3] += 1.0;
        Ok(())
    }
    fn add_cross(&self, _phi: &[f64], _a: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        (0..2).for_each(|i| out[i] -= v[i]);
        Ok(())
    }
}

fn value(energy: &dyn Energy, phi: &[f64], a: &[f64]) -> f64 {
    let mut out = [0.0];
    energy.values(phi, a, &mut out).unwrap();
    out[0]
}

/// At (1, -0.5): the difference is 1.1 above its side, the second entry 0.5 below: 10 (1.21 + 0.25). Inside nothing is added.
#[test]
fn penalties_by_hand() {
    let energy = Penalised::new(Bowl, feasible(), 10.0).unwrap();
    assert!((value(&energy, &[1.0, -0.5], &[1.0, -0.5]) - 14.6).abs() < 1e-12);
    assert_eq!(value(&energy, &[0.4, 0.3], &[0.4, 0.3]), 0.0);
}

#[test]
fn derivatives_match_differences() {
    let energy = Penalised::new(Bowl, feasible(), 3.0).unwrap();
    let phi = [0.2, 0.7];
    for a in [[1.0, -0.5], [0.9, 0.8], [-0.3, 0.9], [0.4, 0.3]] {
        let (mut slope, mut hess) = ([f64::NAN; 2], [0.0; 4]);
        energy.grad_decision(&phi, &a, &mut slope).unwrap();
        assert!(gradient_error(&a, &slope, 1e-5, |a| value(&energy, &phi, a)) < 1e-9, "{a:?}");
        energy.add_hess(&phi, &a, &mut hess).unwrap();
        for i in 0..2 {
            let entry = |a: &[f64]| {
                let mut slope = [0.0; 2];
                energy.grad_decision(&phi, a, &mut slope).unwrap();
                slope[i]
            };
            assert!(gradient_error(&a, &hess[2 * i..2 * i + 2], 1e-5, entry) < 1e-8, "{a:?}");
        }
        let (mut plain, mut penalised) = ([0.0; 2], [0.0; 2]);
        Bowl.add_grad_prediction(&phi, &a, &[0.7], &mut plain).unwrap();
        energy.add_grad_prediction(&phi, &a, &[0.7], &mut penalised).unwrap();
        assert_eq!(plain, penalised, "the penalty is data");
        Bowl.add_cross(&phi, &a, &[1.0, 2.0], &mut plain).unwrap();
        energy.add_cross(&phi, &a, &[1.0, 2.0], &mut penalised).unwrap();
        assert_eq!(plain, penalised);
    }
}

#[test]
fn what_cannot_be_penalised_is_refused() {
    assert!(matches!(Penalised::new(Expected(DEMAND, 3), feasible(), 1.0), Err(Error::Dimension { .. })));
    assert!(matches!(Penalised::new(Bowl, feasible(), 0.0), Err(Error::Domain { .. })));
    let integer = feasible().with_integers(vec![true, false]);
    assert!(matches!(Penalised::new(Bowl, integer, 1.0), Err(Error::Unsupported { .. })));
    let of_samples = SampleEnergy::new(Demand { under: 1.0, over: 1.0 }, 2, 2, 2).unwrap();
    assert!(Penalised::new(of_samples, feasible(), 1.0).is_ok(), "any energy will do");
}
