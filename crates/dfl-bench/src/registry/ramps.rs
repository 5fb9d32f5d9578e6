use dfl_core::{Csc, Entry, Error, ParamMap, Program, Result, Solution, Solver};
use dfl_solvers::{ActiveSet, ActiveSetOptions};

use crate::power::RampQp;

/// `min 1/2 z' diag(h) z + g'z` under ramps between consecutive hours: what decisions under a Gaussian forecast ask for.
pub struct Ramps {
    solver: ActiveSet,
    workspace: <ActiveSet as Solver>::Workspace,
    /// `[h, g]`.
    theta: Vec<f64>,
    out: Solution,
}

impl Ramps {
    /// The program of `hours` hours with steps of at most `ramp`.
    ///
    /// # Errors
    /// [`Error::CrossedBounds`] for a negative ramp.
    pub fn new(hours: usize, ramp: f64) -> Result<Self> {
        let rows: Vec<_> = (1..hours).flat_map(|i| [(i - 1, i - 1, -1.0), (i - 1, i, 1.0)]).collect();
        let program = Program::linear(vec![0.0; hours]).with_quadratic(Csc::diagonal(&vec![0.0; hours])).with_rows(
            Csc::from_triplets(hours - 1, hours, &rows)?,
            vec![-ramp; hours - 1],
            vec![ramp; hours - 1],
        );
        let map = ParamMap::new(2 * hours);
        let params = (0..hours).fold(map, |map, i| map.link(Entry::P(i), i, 1.0).link(Entry::C(i), hours + i, 1.0));
        let solver = ActiveSet::new(program, params, ActiveSetOptions::default())?;
        let workspace = solver.workspace()?;
        Ok(Self { solver, workspace, theta: vec![0.0; 2 * hours], out: Solution::zeros(hours, hours - 1) })
    }
}

impl RampQp for Ramps {
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
