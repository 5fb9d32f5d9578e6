//! What makes a decision of the output of a policy, without solving anything: the identity, a box and the simplex.

use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, Dims, Error, Result, Solution, SolveInfo, Solver, Status, check_len};

use crate::instance::{finite, reset};

/// A smooth map from `[n]` to `[n]` whose derivative follows from its value.
trait Map: Send + Sync {
    const NAME: &'static str;
    fn len(&self) -> usize;
    fn value(&self, theta: &[f64], x: &mut [f64]);
    /// `out = J' v` at the value `x`; all these Jacobians are symmetric, so that it is `J v` too.
    fn product(&self, x: &[f64], v: &[f64], out: &mut [f64]);
}

/// The decision is the output itself, $z = \theta$: a policy that nothing binds.
///
/// # Shapes
/// `theta`, `x`: `[n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    n: usize,
}

impl Identity {
    /// For decisions of length `n`.
    pub fn new(n: usize) -> Self {
        Self { n }
    }
}

impl Map for Identity {
    const NAME: &'static str = "identity";
    fn len(&self) -> usize {
        self.n
    }
    fn value(&self, theta: &[f64], x: &mut [f64]) {
        x.copy_from_slice(theta);
    }
    fn product(&self, _x: &[f64], v: &[f64], out: &mut [f64]) {
        out.copy_from_slice(v);
    }
}

/// A box by the logistic function, entry by entry: $z_i = l_i + (u_i - l_i) / (1 + e^{-\theta_i})$.
///
/// With $s_i$ the share of the way from $l_i$ to $u_i$, $\partial z_i / \partial \theta_i = (u_i - l_i)\, s_i (1 - s_i)$, from $z$ itself;
/// bounds are reached where that rounds to zero.
///
/// # Shapes
/// `theta`, `x`: `[n]`; `x` has the unit of the bounds.
#[derive(Clone, Debug, PartialEq)]
pub struct BoxSigmoid {
    lower: Vec<f64>,
    upper: Vec<f64>,
}

impl BoxSigmoid {
    /// Between `lower` and `upper`, both `[n]`.
    ///
    /// # Errors
    /// [`Error::Dimension`] if they differ in length, [`Error::NotFinite`] for an open side, [`Error::CrossedBounds`].
    pub fn new(lower: Vec<f64>, upper: Vec<f64>) -> Result<Self> {
        check_len("upper", lower.len(), upper.len())?;
        finite("lower", &lower)?;
        finite("upper", &upper)?;
        match (0..lower.len()).find(|&i| lower[i] > upper[i]) {
            Some(i) => Err(Error::CrossedBounds { what: "box of a policy", index: i, lower: lower[i], upper: upper[i] }),
            None => Ok(Self { lower, upper }),
        }
    }
}

impl Map for BoxSigmoid {
    const NAME: &'static str = "box_sigmoid";
    fn len(&self) -> usize {
        self.lower.len()
    }
    fn value(&self, theta: &[f64], x: &mut [f64]) {
        for (i, x) in x.iter_mut().enumerate() {
            *x = (self.lower[i] + (self.upper[i] - self.lower[i]) / (1.0 + (-theta[i]).exp())).min(self.upper[i]);
        }
    }
    fn product(&self, x: &[f64], v: &[f64], out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate() {
            let width = self.upper[i] - self.lower[i];
            *out = if width > 0.0 { v[i] * (x[i] - self.lower[i]) * (self.upper[i] - x[i]) / width } else { 0.0 };
        }
    }
}

/// The simplex by the softmax: $z_i = e^{\theta_i} / \sum_j e^{\theta_j}$, with $J = \operatorname{diag}(z) - z z^\top$.
///
/// # Shapes
/// `theta`, `x`: `[n]`; the `x` are positive and sum to 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Softmax {
    n: usize,
}

impl Softmax {
    /// For decisions of length `n`.
    ///
    /// # Errors
    /// [`Error::Domain`] for `n = 0`: nothing sums to 1.
    pub fn new(n: usize) -> Result<Self> {
        if n == 0 { Err(Error::Domain { what: "length of a softmax", value: 0.0, need: "at least 1" }) } else { Ok(Self { n }) }
    }
}

impl Map for Softmax {
    const NAME: &'static str = "softmax";
    fn len(&self) -> usize {
        self.n
    }
    fn value(&self, theta: &[f64], x: &mut [f64]) {
        let top = theta.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        x.iter_mut().zip(theta).for_each(|(x, t)| *x = (t - top).exp());
        let sum: f64 = x.iter().sum();
        x.iter_mut().for_each(|x| *x /= sum);
    }
    fn product(&self, x: &[f64], v: &[f64], out: &mut [f64]) {
        let mean: f64 = x.iter().zip(v).map(|(x, v)| x * v).sum();
        for (i, out) in out.iter_mut().enumerate() {
            *out = x[i] * (v[i] - mean);
        }
    }
}

macro_rules! solvers {
    ($($map:ty),*) => {$(
        /// Nothing is optimised: the objective is 0 and there are no duals.
        impl Solver for $map {
            type Workspace = ();

            fn name(&self) -> &'static str {
                Self::NAME
            }
            fn dims(&self) -> Dims {
                Dims { theta: self.len(), x: self.len(), rows: 0 }
            }
            fn workspace(&self) -> Result<()> {
                Ok(())
            }
            fn solve(&self, theta: &[f64], _from: Option<&Solution>, _ws: &mut (), out: &mut Solution) -> Result<SolveInfo> {
                check_len("theta", self.len(), theta.len())?;
                finite("theta", theta)?;
                reset(out, (self.len(), 0), (0, 0));
                self.value(theta, &mut out.x);
                Ok(SolveInfo { status: Status::Optimal, iterations: 0, degenerate: false })
            }
        }

        impl DifferentiableSolver for $map {
            /// The decision.
            type Tape = Vec<f64>;

            fn tape(&self, _theta: &[f64], solution: &Solution, _ws: &mut (), _info: &mut SolveInfo) -> Result<Vec<f64>> {
                Ok(solution.x.clone())
            }
            fn vjp(&self, tape: &Vec<f64>, cotangent: Cotangent<'_>, _u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
                check_len("cotangent", self.len(), cotangent.x.len())?;
                check_len("gradient", self.len(), grad_theta.len())?;
                self.product(tape, cotangent.x, grad_theta);
                Ok(())
            }
            fn jvp(&self, tape: &Vec<f64>, dtheta: &[f64], _u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
                check_len("dtheta", self.len(), dtheta.len())?;
                check_len("dx", self.len(), dx.len())?;
                self.product(tape, dtheta, dx);
                Ok(())
            }
        }
    )*};
}
solvers!(Identity, BoxSigmoid, Softmax);

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;
    use dfl_core::testkit::{jvp_error, vjp_error};

    fn decide<S: Solver<Workspace = ()>>(solver: &S, theta: &[f64]) -> Vec<f64> {
        let mut out = Solution::default();
        solver.solve(theta, None, &mut (), &mut out).unwrap();
        out.x
    }

    fn unit_box() -> BoxSigmoid {
        BoxSigmoid::new(vec![-1.0, 0.0, 2.0], vec![1.0, 30.0, 2.0]).unwrap()
    }

    /// Sigmoid of 0 and of ln 3 is 1/2 and 3/4; softmax of (0, ln 2, ln 3) is (1, 2, 3) / 6.
    #[test]
    fn values_by_hand() {
        let close = |a: &[f64], b: &[f64]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-14);
        assert_eq!(decide(&Identity::new(2), &[-3.0, 7.0]), [-3.0, 7.0]);
        assert!(close(&decide(&unit_box(), &[0.0, 3.0_f64.ln(), 5.0]), &[0.0, 22.5, 2.0]));
        assert!(close(&decide(&Softmax::new(3).unwrap(), &[0.0, 2.0_f64.ln(), 3.0_f64.ln()]), &[1.0 / 6.0, 1.0 / 3.0, 0.5]));
    }

    /// No overflow: the box is not left, and the simplex ends at a vertex.
    #[test]
    fn extreme_outputs_stay_feasible() {
        assert_eq!(decide(&unit_box(), &[-1e300, 1e300, 0.0]), [-1.0, 30.0, 2.0]);
        assert_eq!(decide(&Softmax::new(2).unwrap(), &[1e300, -1e300]), [1.0, 0.0]);
    }

    /// Central differences of h = 1e-5 are right to 1e-9 here.
    #[test]
    fn derivatives_match_central_differences() {
        fn check<S: DifferentiableSolver>(solver: &S, rng: &mut Rng) {
            let theta: Vec<f64> = (0..solver.dims().theta).map(|_| rng.normal()).collect();
            let errors = [vjp_error(solver, &theta, 1e-5, rng), jvp_error(solver, &theta, 1e-5, rng)];
            assert!(errors.iter().all(|e| *e < 1e-7), "{}: {errors:?}", solver.name());
        }
        let mut rng = Rng::seeded(12);
        for _ in 0..20 {
            check(&Identity::new(4), &mut rng);
            check(&unit_box(), &mut rng);
            check(&Softmax::new(5).unwrap(), &mut rng);
        }
    }

    #[test]
    fn bad_bounds_and_outputs_are_named() {
        let text = |lower: Vec<f64>, upper: Vec<f64>| BoxSigmoid::new(lower, upper).unwrap_err().to_string();
        assert!(text(vec![0.0], vec![1.0, 2.0]).starts_with("upper: expected length 1, got 2"));
        assert!(text(vec![0.0, 3.0], vec![1.0, 2.0]).starts_with("box of a policy 1: lower bound 3 exceeds upper bound 2"));
        assert!(text(vec![0.0], vec![f64::INFINITY]).starts_with("upper, row 0, column 0"));
        assert!(matches!(Softmax::new(0), Err(Error::Domain { .. })));
        let nan = Identity::new(1).solve(&[f64::NAN], None, &mut (), &mut Solution::default());
        assert!(matches!(nan, Err(Error::NotFinite { .. })));
    }
}
