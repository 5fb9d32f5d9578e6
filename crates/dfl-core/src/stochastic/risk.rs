use crate::dense::dot;
use crate::{Error, Result};

/// How the costs $f_1, \dots, f_M$ of equally likely scenarios become one number, which is minimised.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Risk {
    /// $\tfrac1M \sum_m f_m$.
    #[default]
    Mean,
    /// $\min_\eta \eta + \tfrac{1}{\alpha M} \sum_m (f_m - \eta)_+$: the mean of the worst share $\alpha$ of the scenarios. Rockafellar &
    /// Uryasev (2000), J. Risk 2, Eq. 4, whose $\beta$ is $1 - \alpha$.
    Cvar {
        /// $\alpha \in (0, 1]$; 1 is the mean.
        tail: f64,
    },
    /// $\bar f + w \tfrac1M \sum_m (f_m - \bar f)^2$. Not monotone: a scenario that costs more may lower it, and a convex cost does not
    /// make it convex.
    MeanVariance {
        /// $w \ge 0$.
        weight: f64,
    },
    /// $T \log \tfrac1M \sum_m e^{f_m/T}$: the mean for $T \to \infty$, the worst case for $T \to 0$.
    Entropic {
        /// $T > 0$, in units of cost.
        temperature: f64,
    },
}

impl Risk {
    /// Refuses parameters outside their domain.
    ///
    /// # Errors
    /// [`Error::Domain`].
    pub fn check(&self) -> Result<()> {
        let (what, value, good, need) = match *self {
            Self::Mean => return Ok(()),
            Self::Cvar { tail } => ("Risk::Cvar tail", tail, tail > 0.0 && tail <= 1.0, "in (0, 1], the share of worst scenarios"),
            Self::MeanVariance { weight } => {
                ("Risk::MeanVariance weight", weight, weight >= 0.0 && weight.is_finite(), "at least 0 and finite")
            }
            Self::Entropic { temperature } => {
                ("Risk::Entropic temperature", temperature, temperature > 0.0 && temperature.is_finite(), "positive and finite")
            }
        };
        if good { Ok(()) } else { Err(Error::Domain { what, value, need }) }
    }

    /// The value, and in `p` its gradient in the costs, which adds up to 1. At a tie of [`Risk::Cvar`] the scenarios at the threshold
    /// share what is left of the tail evenly, one element of the subdifferential.
    ///
    /// # Panics
    /// For no costs under CVaR, or a `p` of another length: a bug of the caller.
    pub fn gradient(&self, costs: &[f64], p: &mut [f64]) -> f64 {
        let share = 1.0 / costs.len() as f64;
        match *self {
            Self::Mean => {
                p.fill(share);
                dot(p, costs)
            }
            Self::Cvar { tail } => cvar(costs, share / tail, p),
            Self::MeanVariance { weight } => {
                let mean = share * costs.iter().sum::<f64>();
                p.iter_mut().zip(costs).for_each(|(p, f)| *p = share * (1.0 + 2.0 * weight * (f - mean)));
                mean + weight * share * costs.iter().map(|f| (f - mean) * (f - mean)).sum::<f64>()
            }
            Self::Entropic { temperature } => {
                let top = costs.iter().fold(f64::NEG_INFINITY, |a, &f| a.max(f));
                // Less 1, which a logarithm of the mean itself would round off at high temperatures.
                let excess = share * costs.iter().map(|f| ((f - top) / temperature).exp_m1()).sum::<f64>();
                p.iter_mut().zip(costs).for_each(|(p, f)| *p = share * ((f - top) / temperature).exp() / (1.0 + excess));
                top + temperature * excess.ln_1p()
            }
        }
    }

    /// `out = Q v` with the Hessian $Q$ in the costs, at the gradient `p` that [`Risk::gradient`] left; 0 for mean and CVaR. `v` and
    /// `out`: `[M]`.
    pub fn hess_mul(&self, p: &[f64], v: &[f64], out: &mut [f64]) {
        match *self {
            Self::Mean | Self::Cvar { .. } => out.fill(0.0),
            Self::MeanVariance { weight } => {
                let share = 1.0 / p.len() as f64;
                let mean = share * v.iter().sum::<f64>();
                out.iter_mut().zip(v).for_each(|(out, v)| *out = 2.0 * weight * share * (v - mean));
            }
            Self::Entropic { temperature } => {
                let mean = dot(p, v);
                out.iter_mut().zip(p).zip(v).for_each(|((out, p), v)| *out = p * (v - mean) / temperature);
            }
        }
    }
}

/// `cap` is the most that one scenario weighs.
fn cvar(costs: &[f64], cap: f64, p: &mut [f64]) -> f64 {
    let whole = (1.0 / cap * (1.0 + 1e-12)).floor() as usize;
    p.copy_from_slice(costs);
    // The costliest `whole` scenarios have the full weight; the threshold is the cost of the next one.
    let rank = whole.min(costs.len() - 1);
    let threshold = *p.select_nth_unstable_by(rank, |a, b| b.total_cmp(a)).1;
    let (above, at) = costs.iter().fold((0, 0), |(a, t), &f| (a + usize::from(f > threshold), t + usize::from(f == threshold)));
    let rest = (1.0 - cap * above as f64).max(0.0) / at as f64;
    p.iter_mut().zip(costs).for_each(|(p, &f)| {
        *p = if f > threshold {
            cap
        } else if f == threshold {
            rest
        } else {
            0.0
        }
    });
    p.iter().zip(costs).filter(|(p, _)| **p > 0.0).map(|(p, f)| p * f).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;
    use crate::testkit::gradient_error;

    const ALL: [Risk; 5] = [
        Risk::Mean,
        Risk::Cvar { tail: 0.35 },
        Risk::Cvar { tail: 1.0 },
        Risk::MeanVariance { weight: 0.3 },
        Risk::Entropic { temperature: 0.7 },
    ];

    fn costs(m: usize, rng: &mut Rng) -> Vec<f64> {
        (0..m).map(|_| 2.0 * rng.normal()).collect()
    }

    /// Costs 1, 2, 3, 4 with tail 3/8: the worst and a half of the next, (4 + 3/2) / 1.5 = 11/3. Tail 1/2: (4 + 3)/2.
    #[test]
    fn cvar_by_hand() {
        let mut p = [0.0; 4];
        let value = |tail: f64, p: &mut [f64]| Risk::Cvar { tail }.gradient(&[3.0, 1.0, 4.0, 2.0], p);
        assert!((value(0.375, &mut p) - 11.0 / 3.0).abs() < 1e-15);
        assert!((p[2] - 2.0 / 3.0).abs() < 1e-15 && (p[0] - 1.0 / 3.0).abs() < 1e-15 && p[1] == 0.0 && p[3] == 0.0);
        assert_eq!(value(0.5, &mut p), 3.5);
        assert_eq!(p, [0.5, 0.0, 0.5, 0.0]);
        assert_eq!((value(1e-9, &mut p), p), (4.0, [0.0, 0.0, 1.0, 0.0]));
    }

    /// Costs 1 and 3: mean 2, variance 1; log-mean-exp at T = 1: log((e + e^3)/2).
    #[test]
    fn the_others_by_hand() {
        let mut p = [0.0; 2];
        assert_eq!(Risk::MeanVariance { weight: 0.5 }.gradient(&[1.0, 3.0], &mut p), 2.5);
        assert_eq!(p, [0.0, 1.0]);
        let value = Risk::Entropic { temperature: 1.0 }.gradient(&[1.0, 3.0], &mut p);
        assert!((value - ((1f64.exp() + 3f64.exp()) / 2.0).ln()).abs() < 1e-14);
        // The mean and half the variance over T, 2 + 1/(2e8), to the last digits.
        let hot = Risk::Entropic { temperature: 1e8 }.gradient(&[1.0, 3.0], &mut p);
        assert!((hot - 2.0 - 0.5e-8).abs() < 1e-15, "{hot:e}");
        let huge = Risk::Entropic { temperature: 1e-3 }.gradient(&[1e6, 3e6], &mut p);
        assert!((huge - 3e6).abs() < 1e-2 && p == [0.0, 1.0], "no overflow: {huge}");
    }

    /// Central differences; h = 1e-6 leaves about 1e-9.
    #[test]
    fn gradients_and_hessians_match_differences() {
        let mut rng = Rng::seeded(3);
        for risk in ALL {
            for m in [1, 2, 7, 40] {
                let (f, v) = (costs(m, &mut rng), costs(m, &mut rng));
                let (mut p, mut scratch, mut q) = (vec![0.0; m], vec![0.0; m], vec![0.0; m]);
                risk.gradient(&f, &mut p);
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12, "{risk:?}: weights add up to 1");
                let error = gradient_error(&f, &p, 1e-6, |at| risk.gradient(at, &mut scratch));
                assert!(error < 1e-8, "{risk:?}, M = {m}: {error:.1e}");
                risk.hess_mul(&p, &v, &mut q);
                let error = gradient_error(&f, &q, 1e-6, |at| {
                    risk.gradient(at, &mut scratch);
                    dot(&scratch, &v)
                });
                assert!(error < 1e-7 || q.iter().all(|q| q.abs() < 1e-9) && error < 1e-4, "{risk:?}, M = {m}: Hessian {error:.1e}");
            }
        }
    }

    #[test]
    fn parameters_outside_their_domain_are_refused() {
        let bad = [
            Risk::Cvar { tail: 0.0 },
            Risk::Cvar { tail: 1.1 },
            Risk::Cvar { tail: f64::NAN },
            Risk::MeanVariance { weight: -1.0 },
            Risk::MeanVariance { weight: f64::INFINITY },
            Risk::Entropic { temperature: 0.0 },
            Risk::Entropic { temperature: f64::NAN },
        ];
        assert!(ALL.iter().all(|r| r.check().is_ok()));
        for risk in bad {
            assert!(matches!(risk.check(), Err(Error::Domain { .. })), "{risk:?}");
        }
    }
}
