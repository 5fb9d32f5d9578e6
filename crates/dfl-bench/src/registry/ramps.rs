use dfl_core::Result;

use crate::power::RampQp;

/// The QP with ramp rows that Gaussian decisions ask for, solved by OSQP.
///
/// # Errors
/// [`dfl_core::Error::Unsupported`] if OSQP is not built in.
#[cfg(feature = "osqp")]
pub fn ramp_qp(hours: usize, ramp: f64) -> Result<Box<dyn RampQp>> {
    Ok(Box::new(with_osqp::OsqpRamps::new(hours, ramp)?))
}

/// The QP with ramp rows that Gaussian decisions ask for.
///
/// # Errors
/// [`dfl_core::Error::Unsupported`]: OSQP is not built in.
#[cfg(not(feature = "osqp"))]
pub fn ramp_qp(_hours: usize, _ramp: f64) -> Result<Box<dyn RampQp>> {
    Err(dfl_core::Error::Unsupported { who: "this build", what: "OSQP; build dfl-bench with `--features osqp` after `cargo xtask setup`" })
}

#[cfg(feature = "osqp")]
mod with_osqp {
    use dfl_core::{Csc, Entry, Error, ParamMap, Program, Result, Solution, Solver};
    use dfl_solvers::{Osqp, OsqpOptions};

    use crate::power::RampQp;

    /// `min 1/2 z' diag(h) z + g'z` under the ramps; theta is `[h, g]`.
    pub(super) struct OsqpRamps {
        solver: Osqp,
        workspace: <Osqp as Solver>::Workspace,
        theta: Vec<f64>,
        out: Solution,
    }

    impl OsqpRamps {
        pub(super) fn new(hours: usize, ramp: f64) -> Result<Self> {
            let rows: Vec<_> = (1..hours).flat_map(|i| [(i - 1, i - 1, -1.0), (i - 1, i, 1.0)]).collect();
            let program = Program::linear(vec![0.0; hours]).with_quadratic(Csc::diagonal(&vec![0.0; hours])).with_rows(
                Csc::from_triplets(hours - 1, hours, &rows)?,
                vec![-ramp; hours - 1],
                vec![ramp; hours - 1],
            );
            let map = ParamMap::new(2 * hours);
            let params = (0..hours).fold(map, |map, i| map.link(Entry::P(i), i, 1.0).link(Entry::C(i), hours + i, 1.0));
            let solver = Osqp::new(program, params, OsqpOptions::default())?;
            let workspace = solver.workspace()?;
            Ok(Self { solver, workspace, theta: vec![0.0; 2 * hours], out: Solution::zeros(hours, hours - 1) })
        }
    }

    impl RampQp for OsqpRamps {
        fn solve(&mut self, hess_diag: &[f64], grad: &[f64], z: &mut [f64]) -> Result<()> {
            let (h, g) = self.theta.split_at_mut(hess_diag.len());
            h.copy_from_slice(hess_diag);
            g.copy_from_slice(grad);
            let info = self.solver.solve(&self.theta, None, &mut self.workspace, &mut self.out)?;
            if !info.status.usable() {
                return Err(Error::NotSolved { index: 0, solver: self.solver.name(), status: info.status });
            }
            z.copy_from_slice(&self.out.x);
            Ok(())
        }
    }
}
