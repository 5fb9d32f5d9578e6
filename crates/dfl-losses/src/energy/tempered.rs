use dfl_core::{Cost, Energy, Result};

use crate::kernels::positive;

/// An energy, or a cost, in units of a temperature: $E / \tau$.
///
/// $e^{-E}$ depends on the unit of the cost. Where energies of feasible decisions differ by little, as those of portfolios do, $q$ is close to
/// uniform whatever is predicted, and by what decisions differ hardly counts; $\tau$ sets how much dearer a decision is before it counts as bad.
/// Give [`SoEbm`](super::SoEbm) both its energy and its cost at one temperature; it does not move the best decision.
///
/// # Units
/// $\tau$ is a cost.
/// # Differences
/// Ours: the published energies are the costs themselves, $\tau = 1$.
#[derive(Clone, Debug)]
pub struct Tempered<E> {
    inner: E,
    temperature: f64,
}

impl<E> Tempered<E> {
    /// In units of `temperature`.
    ///
    /// # Errors
    /// [`dfl_core::Error::Domain`] unless it is positive and finite.
    pub fn new(inner: E, temperature: f64) -> Result<Self> {
        Ok(Self { inner, temperature: positive("temperature of an energy", temperature)? })
    }
}

impl<E: Energy> Energy for Tempered<E> {
    fn prediction(&self) -> usize {
        self.inner.prediction()
    }
    fn decision(&self) -> usize {
        self.inner.decision()
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        self.inner.values(phi, candidates, out)?;
        out.iter_mut().for_each(|e| *e /= self.temperature);
        Ok(())
    }
    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
        let weights: Vec<f64> = weights.iter().map(|w| w / self.temperature).collect();
        self.inner.add_grad_prediction(phi, candidates, &weights, out)
    }
    fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        self.inner.grad_decision(phi, a, out)?;
        out.iter_mut().for_each(|g| *g /= self.temperature);
        Ok(())
    }
}

impl<C: Cost> Cost for Tempered<C> {
    fn value(&self, y: &[f64], z: &[f64]) -> f64 {
        self.inner.value(y, z) / self.temperature
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Error;
    use dfl_core::testkit::gradient_error;

    /// $(a - \phi)^2 / 2$, of which $q$ is a Gaussian around $\phi$ with the temperature as its variance.
    struct Parabola;

    impl Energy for Parabola {
        fn prediction(&self) -> usize {
            1
        }
        fn decision(&self) -> usize {
            1
        }
        fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
            out.iter_mut().zip(candidates).for_each(|(e, a)| *e = (a - phi[0]).powi(2) / 2.0);
            Ok(())
        }
        fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
            out[0] += weights.iter().zip(candidates).map(|(w, a)| w * (phi[0] - a)).sum::<f64>();
            Ok(())
        }
        fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
            out[0] = a[0] - phi[0];
            Ok(())
        }
    }

    impl Cost for Parabola {
        fn value(&self, y: &[f64], z: &[f64]) -> f64 {
            (z[0] - y[0]).powi(2) / 2.0
        }
    }

    /// Sums over points 0.01 apart are exact for a Gaussian of deviation 0.5, to rounding.
    #[test]
    fn the_temperature_is_the_variance_of_a_parabola_s_decisions() {
        let (energy, points) = (Tempered::new(Parabola, 0.25).unwrap(), (-1200..1200).map(|k| 0.01 * f64::from(k)).collect::<Vec<f64>>());
        let mut q = vec![f64::NAN; points.len()];
        energy.values(&[0.3], &points, &mut q).unwrap();
        q.iter_mut().for_each(|e| *e = -*e);
        crate::kernels::log_softmax(&mut q);
        let moment = |power: i32| q.iter().zip(&points).map(|(q, a)| q.exp() * (a - 0.3).powi(power)).sum::<f64>();
        assert!(moment(1).abs() < 1e-12 && (moment(2) - 0.25).abs() < 1e-12, "{} {}", moment(1), moment(2));
    }

    #[test]
    fn gradients_are_those_of_the_values() {
        let energy = Tempered::new(Parabola, 0.25).unwrap();
        let value = |phi: &[f64], a: &[f64]| {
            let mut out = [f64::NAN];
            energy.values(phi, a, &mut out).unwrap();
            out[0]
        };
        let (mut in_phi, mut in_a) = ([0.0], [f64::NAN]);
        energy.add_grad_prediction(&[0.3], &[1.1], &[1.0], &mut in_phi).unwrap();
        energy.grad_decision(&[0.3], &[1.1], &mut in_a).unwrap();
        assert!(gradient_error(&[0.3], &in_phi, 1e-5, |phi| value(phi, &[1.1])) < 1e-9);
        assert!(gradient_error(&[1.1], &in_a, 1e-5, |a| value(&[0.3], a)) < 1e-9);
        let cost = Tempered::new(Parabola, 0.25).unwrap();
        assert!((cost.value(&[0.3], &[1.1]) - value(&[0.3], &[1.1])).abs() < 1e-15);
        for bad in [0.0, -1.0, f64::INFINITY] {
            assert!(matches!(Tempered::new(Parabola, bad), Err(Error::Domain { .. })), "{bad}");
        }
    }
}
