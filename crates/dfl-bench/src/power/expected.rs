use dfl_core::{Energy, EnergyCurvature, Result, check_len};

use super::{Forecast, PowerCost};

/// The cost of a day that is expected when hour $i$ is $N(\mu_i, \sigma_i^2)$, the sum of [`Forecast::value`] over the hours, with $\phi = (\mu, \sigma)$.
///
/// $$E(\phi, z) = \sum_i s\,[\sigma_i^2\varphi_i + (z_i-\mu_i)\Phi_i] - \text{under}\,(z_i-\mu_i) + \tfrac12[(z_i-\mu_i)^2+\sigma_i^2], \qquad s = \text{under} + \text{over}$$
///
/// Strictly convex and separable in $z$. Ramps are rows of a program, not part of the energy.
///
/// # Shapes
/// $\phi$: `[2 * hours]`, the means first, in the units of the demand; $z$: `[hours]`.
/// # Errors
/// [`Dimension`](dfl_core::Error::Dimension); [`Domain`](dfl_core::Error::Domain) for a mean that is not finite or a deviation that is not positive and finite.
/// # References
/// Donti et al. (2017), appendix; Kong et al. (2022), section 5, whose energy of the power task this is.
#[derive(Clone, Debug)]
pub struct GaussianPower {
    cost: PowerCost,
    hours: usize,
}

impl GaussianPower {
    /// For days of `hours` hours.
    pub fn new(cost: PowerCost, hours: usize) -> Self {
        Self { cost, hours }
    }

    /// The forecast of each hour.
    fn forecasts<'p>(&self, phi: &'p [f64]) -> Result<impl Iterator<Item = Result<Forecast>> + 'p> {
        check_len("means and deviations of a day", 2 * self.hours, phi.len())?;
        let (mean, deviation) = phi.split_at(self.hours);
        let cost = self.cost;
        Ok(mean.iter().zip(deviation).map(move |(&mu, &sigma)| Forecast::new(cost, mu, sigma)))
    }

    fn check(&self, z: &[f64]) -> Result<()> {
        check_len("decision of a day", self.hours, z.len())
    }
}

impl Energy for GaussianPower {
    fn prediction(&self) -> usize {
        2 * self.hours
    }
    fn decision(&self) -> usize {
        self.hours
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        check_len("candidates", out.len() * self.hours, candidates.len())?;
        out.fill(0.0);
        for (i, forecast) in self.forecasts(phi)?.enumerate() {
            let forecast = forecast?;
            let hour = candidates.iter().skip(i).step_by(self.hours);
            out.iter_mut().zip(hour).for_each(|(out, &z)| *out += forecast.value(z));
        }
        Ok(())
    }
    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
        check_len("candidates", weights.len() * self.hours, candidates.len())?;
        check_len("gradient in means and deviations", phi.len(), out.len())?;
        let (on_mean, on_deviation) = out.split_at_mut(self.hours.min(phi.len()));
        for (i, forecast) in self.forecasts(phi)?.enumerate() {
            let forecast = forecast?;
            let hour = candidates.iter().skip(i).step_by(self.hours);
            for (w, &z) in weights.iter().zip(hour).filter(|(w, _)| **w != 0.0) {
                let slopes = forecast.moment_slopes(z);
                on_mean[i] += w * slopes.dmu;
                on_deviation[i] += w * slopes.dsigma;
            }
        }
        Ok(())
    }
    fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        self.check(a)?;
        for ((forecast, out), &z) in self.forecasts(phi)?.zip(out).zip(a) {
            *out = forecast?.partials(z).dz;
        }
        Ok(())
    }
}

impl EnergyCurvature for GaussianPower {
    fn add_hess(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        self.check(a)?;
        for ((forecast, out), &z) in self.forecasts(phi)?.zip(out.iter_mut().step_by(self.hours + 1)).zip(a) {
            *out += forecast?.partials(z).dzz;
        }
        Ok(())
    }
    fn add_cross(&self, phi: &[f64], a: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        self.check(a)?;
        check_len("gradient in means and deviations", phi.len(), out.len())?;
        let (on_mean, on_deviation) = out.split_at_mut(self.hours.min(phi.len()));
        for (i, forecast) in self.forecasts(phi)?.enumerate() {
            let at = forecast?.partials(a[i]);
            on_mean[i] += v[i] * at.dz_dmu;
            on_deviation[i] += v[i] * at.dz_dsigma;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::testkit::gradient_error;
    use dfl_core::{Error, Rng};

    const HOURS: usize = 4;

    fn energy() -> GaussianPower {
        GaussianPower::new(PowerCost::PUBLISHED, HOURS)
    }

    /// Means near 1.5 and deviations of 0.05 to 0.3, as of the PJM data.
    fn draw(rng: &mut Rng) -> (Vec<f64>, Vec<f64>) {
        let mut phi: Vec<f64> = (0..HOURS).map(|_| 1.5 + 0.3 * rng.normal()).collect();
        phi.extend((0..HOURS).map(|_| 0.05 + 0.25 * rng.uniform()));
        let z = (0..HOURS).map(|i| phi[i] + 2.0 * phi[HOURS + i] * rng.normal()).collect();
        (phi, z)
    }

    fn value(phi: &[f64], z: &[f64]) -> f64 {
        let mut out = [0.0];
        energy().values(phi, z, &mut out).unwrap();
        out[0]
    }

    fn slope(phi: &[f64], z: &[f64]) -> [f64; HOURS] {
        let mut out = [0.0; HOURS];
        energy().grad_decision(phi, z, &mut out).unwrap();
        out
    }

    fn dot(a: &[f64], b: &[f64]) -> f64 {
        a.iter().zip(b).map(|(a, b)| a * b).sum()
    }

    /// Values computed apart from this project's code: a day of equal hours is so many times one.
    #[test]
    fn published_check_values() {
        let (phi, z) = ([[1.2; HOURS], [0.1; HOURS]].concat(), [1.3; HOURS]);
        let mut hess = [0.0; HOURS * HOURS];
        energy().add_hess(&phi, &z, &mut hess).unwrap();
        let close = |got: f64, expected: f64| assert!((got - expected).abs() <= 4e-15 * expected.abs(), "{got:?} {expected:?}");
        close(value(&phi, &z), HOURS as f64 * 0.4807431264678155);
        for (i, got) in slope(&phi, &z).into_iter().enumerate() {
            close(got, -7.412090323538573);
            for (j, got) in hess[i * HOURS..][..HOURS].iter().enumerate() {
                close(*got, if i == j { 123.19521588216729 } else { 0.0 });
            }
        }
    }

    /// All of them, with weights on two candidates at once. Third derivatives reach 1e5 at the least deviation, so that h = 1e-6 leaves 1e-8.
    #[test]
    fn derivatives_match_central_differences() {
        let (mut rng, energy) = (Rng::seeded(1), energy());
        for _ in 0..20 {
            let (phi, z) = draw(&mut rng);
            let other: Vec<f64> = z.iter().map(|z| z + 0.05 * rng.normal()).collect();
            let v: Vec<f64> = (0..HOURS).map(|_| rng.normal()).collect();
            let (mut on_phi, mut cross, mut hess) = ([0.0; 2 * HOURS], [0.0; 2 * HOURS], [0.0; HOURS * HOURS]);
            energy.add_grad_prediction(&phi, &[z.clone(), other.clone()].concat(), &[0.7, -0.4], &mut on_phi).unwrap();
            energy.add_cross(&phi, &z, &v, &mut cross).unwrap();
            energy.add_hess(&phi, &z, &mut hess).unwrap();
            let of_v: Vec<f64> = hess.chunks(HOURS).map(|row| dot(row, &v)).collect();
            let errors = [
                gradient_error(&phi, &on_phi, 1e-6, |phi| 0.7 * value(phi, &z) - 0.4 * value(phi, &other)),
                gradient_error(&z, &slope(&phi, &z), 1e-6, |z| value(&phi, z)),
                gradient_error(&phi, &cross, 1e-6, |phi| dot(&slope(phi, &z), &v)),
                gradient_error(&z, &of_v, 1e-6, |z| dot(&slope(&phi, z), &v)),
            ];
            assert!(errors.iter().all(|e| *e < 1e-6), "{errors:?}");
        }
    }

    /// Against the mean of the cost over 200 000 draws: four standard errors.
    #[test]
    fn is_the_mean_of_the_cost() {
        let (mut rng, draws) = (Rng::seeded(2), 200_000);
        let (phi, z) = draw(&mut rng);
        let costs: Vec<f64> =
            (0..draws).map(|_| (0..HOURS).map(|i| PowerCost::PUBLISHED.hour(phi[i] + phi[HOURS + i] * rng.normal(), z[i])).sum()).collect();
        let mean = costs.iter().sum::<f64>() / draws as f64;
        let variance = costs.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / draws as f64;
        let gap = (value(&phi, &z) - mean) / (variance / draws as f64).sqrt();
        assert!(gap.abs() < 4.0, "{gap} standard errors");
    }

    #[test]
    fn forecasts_that_are_none_are_refused() {
        let good = [[1.2; HOURS], [0.1; HOURS]].concat();
        for (at, bad) in [(0, f64::NAN), (1, f64::INFINITY), (HOURS, 0.0), (2 * HOURS - 1, -0.1), (HOURS + 1, f64::NAN)] {
            let mut phi = good.clone();
            phi[at] = bad;
            let (mut one, mut two) = ([0.0; HOURS], [0.0; 2 * HOURS]);
            assert!(matches!(energy().values(&phi, &[1.0; HOURS], &mut [0.0]), Err(Error::Domain { .. })), "{at}");
            assert!(energy().grad_decision(&phi, &[1.0; HOURS], &mut one).is_err());
            assert!(energy().add_grad_prediction(&phi, &[1.0; HOURS], &[1.0], &mut two).is_err());
            assert!(energy().add_cross(&phi, &[1.0; HOURS], &[1.0; HOURS], &mut two).is_err());
        }
        assert!(matches!(energy().values(&good[1..], &[1.0; HOURS], &mut [0.0]), Err(Error::Dimension { .. })));
        assert!(matches!(energy().values(&good, &[1.0; HOURS - 1], &mut [0.0]), Err(Error::Dimension { .. })));
    }
}
