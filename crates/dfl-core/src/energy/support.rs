use crate::{Error, Result};

/// Where the decisions of an energy model live, over which $e^{-E}$ is normalised.
///
/// The whole space serves an energy that grows in every direction; a linear, bounded or rank-deficient one has no normaliser there.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Support {
    /// $\mathbb R^n$.
    #[default]
    Everywhere,
    /// $l \le a \le u$, both finite.
    Box {
        /// $l$, `[n]`.
        lower: Vec<f64>,
        /// $u$, `[n]`.
        upper: Vec<f64>,
    },
    /// $\sum_i a_i = t$ and $0 \le a \le c$: with $c \ge t$ the simplex, a portfolio; with $c = 1$ a budget of probabilities.
    CappedSimplex {
        /// $t > 0$.
        total: f64,
        /// $c > t / n$.
        cap: f64,
    },
}

impl Support {
    /// Refuses a set that is empty, has no interior, or is not one of decisions of length `n`.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::CrossedBounds`] or [`Error::Domain`] naming the part.
    pub fn check(&self, n: usize) -> Result<()> {
        match self {
            Self::Everywhere => Ok(()),
            Self::Box { lower, upper } => {
                crate::check_len("lower sides of the support", n, lower.len())?;
                crate::check_len("upper sides of the support", n, upper.len())?;
                let bad = |(_, (l, u)): &(usize, (&f64, &f64))| !(l < u && l.is_finite() && u.is_finite());
                match lower.iter().zip(upper).enumerate().find(bad) {
                    Some((_, (l, u))) if l == u || !(u - l).is_finite() => {
                        Err(Error::Domain { what: "side of the support", value: *u, need: "finite, and the upper above the lower" })
                    }
                    Some((index, (&lower, &upper))) => Err(Error::CrossedBounds { what: "entry of the support", index, lower, upper }),
                    None => Ok(()),
                }
            }
            Self::CappedSimplex { total, cap } => {
                if n < 2 {
                    return Err(Error::Domain { what: "entries of a decision on a simplex", value: n as f64, need: "at least 2" });
                }
                if !(*total > 0.0 && total.is_finite()) {
                    return Err(Error::Domain { what: "total of the support", value: *total, need: "positive and finite" });
                }
                match *cap > total / n as f64 {
                    true => Ok(()),
                    false => Err(Error::Domain { what: "cap of the support", value: *cap, need: "above the total divided by the entries" }),
                }
            }
        }
    }

    /// Replaces `a` by the nearest point of the support, for a support that [`Support::check`] accepts.
    ///
    /// On a capped simplex that is $\operatorname{clip}(a - \tau, 0, c)$ with the $\tau$ at which it sums to $t$, found among the sorted
    /// breakpoints $a_i$ and $a_i - c$ of a sum that is piecewise linear and falls in $\tau$: exact, $O(n \log n)$. `breaks` is memory.
    pub fn project(&self, a: &mut [f64], breaks: &mut Vec<f64>) {
        match self {
            Self::Everywhere => {}
            Self::Box { lower, upper } => a.iter_mut().zip(lower).zip(upper).for_each(|((a, l), u)| *a = a.clamp(*l, *u)),
            Self::CappedSimplex { total, cap } => {
                let shift = simplex_shift(a, *total, *cap, breaks);
                a.iter_mut().for_each(|a| *a = (*a - shift).clamp(0.0, *cap));
            }
        }
    }
}

/// The $\tau$ with $\sum_i \operatorname{clip}(a_i - \tau, 0, c) = t$.
fn simplex_shift(a: &[f64], total: f64, cap: f64, breaks: &mut Vec<f64>) -> f64 {
    // A cap that the total keeps anyway is none.
    let cap = if cap < total { cap } else { f64::INFINITY };
    breaks.clear();
    breaks.extend(a.iter().copied().chain(a.iter().map(|a| a - cap)).filter(|at| at.is_finite()));
    // Without a cap the sum has no last breakpoint on the left, but exceeds the total here.
    breaks.push(a.iter().copied().fold(f64::INFINITY, f64::min) - total);
    breaks.sort_by(f64::total_cmp);
    let sum = |shift: f64| a.iter().map(|a| (a - shift).clamp(0.0, cap)).sum::<f64>();
    let right = breaks.partition_point(|&at| sum(at) > total).clamp(1, breaks.len() - 1);
    let middle = 0.5 * (breaks[right - 1] + breaks[right]);
    let (mut free, mut constant) = (0.0, -total);
    for a in a {
        if a - middle >= cap {
            constant += cap;
        } else if *a > middle {
            (free, constant) = (free + 1.0, constant + a);
        }
    }
    if free > 0.0 { constant / free } else { middle }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rng;

    fn projected(support: &Support, a: &[f64]) -> Vec<f64> {
        let mut out = a.to_vec();
        support.project(&mut out, &mut Vec::new());
        out
    }

    /// (1, 1/2, -1) on the simplex: threshold (1.5 - 1)/2. With total 1 and cap 0.6: the first at its cap, the second takes the rest.
    #[test]
    fn projections_by_hand() {
        assert_eq!(projected(&Support::CappedSimplex { total: 1.0, cap: 1.0 }, &[1.0, 0.5, -1.0]), [0.75, 0.25, 0.0]);
        let capped = projected(&Support::CappedSimplex { total: 1.0, cap: 0.6 }, &[1.0, 0.5, -1.0]);
        assert!(capped.iter().zip([0.6, 0.4, 0.0]).all(|(a, b)| (a - b).abs() < 1e-15), "{capped:?}");
        assert_eq!(projected(&Support::CappedSimplex { total: 2.0, cap: 2.0 }, &[0.0, 1.0, 1.0]), [0.0, 1.0, 1.0]);
        let boxed = Support::Box { lower: vec![0.0, -1.0], upper: vec![1.0, 2.0] };
        assert_eq!(projected(&boxed, &[3.0, 0.5]), [1.0, 0.5]);
        assert_eq!(projected(&Support::Everywhere, &[3.0]), [3.0]);
    }

    /// x is the projection of a if and only if it is feasible and (a - x)'(z - x) <= 0 for every feasible z; its maximum over z is at a vertex,
    /// found by filling the entries of the largest a - x first.
    #[test]
    fn projections_satisfy_the_variational_inequality() {
        let mut rng = Rng::seeded(3);
        for (n, total, cap) in [(2, 1.0, 1.0), (3, 2.0, 2.0), (5, 1.0, 2.0), (7, 3.0, 1.0), (40, 3.0, 1.0), (6, 2.0, 0.34)] {
            let support = Support::CappedSimplex { total, cap };
            support.check(n).unwrap();
            for scale in [1e-3, 1.0, 50.0] {
                let a: Vec<f64> = (0..n).map(|_| scale * rng.normal()).collect();
                let x = projected(&support, &a);
                assert!((x.iter().sum::<f64>() - total).abs() < 1e-12 * (1.0 + scale), "{x:?}");
                assert!(x.iter().all(|x| (0.0..=cap).contains(x)), "{x:?}");
                let mut off: Vec<(f64, f64)> = a.iter().zip(&x).map(|(a, x)| (a - x, *x)).collect();
                off.sort_by(|p, q| q.0.total_cmp(&p.0));
                let mut rest = total;
                let best: f64 = off
                    .iter()
                    .map(|(d, x)| {
                        let z = rest.min(cap);
                        rest -= z;
                        d * (z - x)
                    })
                    .sum();
                assert!(best <= 1e-11 * (1.0 + scale * scale), "n {n}, scale {scale}: {best}");
                let again = projected(&support, &x);
                assert!(again.iter().zip(&x).all(|(p, q)| (p - q).abs() < 1e-13), "a projection stays");
            }
        }
    }

    #[test]
    fn sets_without_interior_are_refused() {
        let refused = |support: Support, n| support.check(n).unwrap_err();
        let boxed = |lower: &[f64], upper: &[f64]| Support::Box { lower: lower.to_vec(), upper: upper.to_vec() };
        assert!(matches!(refused(boxed(&[0.0], &[1.0]), 2), Error::Dimension { .. }));
        assert!(matches!(refused(boxed(&[0.0, 2.0], &[1.0, 1.0]), 2), Error::CrossedBounds { index: 1, .. }));
        assert!(matches!(refused(boxed(&[1.0], &[1.0]), 1), Error::Domain { .. }));
        assert!(matches!(refused(boxed(&[0.0], &[f64::INFINITY]), 1), Error::Domain { .. }));
        let capped = |total, cap| Support::CappedSimplex { total, cap };
        assert!(matches!(refused(capped(0.0, 1.0), 3), Error::Domain { what: "total of the support", .. }));
        assert!(matches!(refused(capped(3.0, 1.0), 3), Error::Domain { what: "cap of the support", .. }));
        assert!(matches!(refused(capped(3.0, f64::NAN), 3), Error::Domain { what: "cap of the support", .. }));
        assert!(matches!(refused(capped(1.0, 1.0), 1), Error::Domain { .. }));
        assert!(capped(1.0, 1.0).check(2).is_ok() && Support::Everywhere.check(0).is_ok());
    }
}
