use std::hint::black_box;
use std::time::Instant;

use dfl_core::testkit::dense_qp;
use dfl_core::{Entry, Error, ParamMap, Program, Result, Rng, Solution, Solver};
use dfl_solvers::{ActiveSet, ActiveSetOptions};
use faer::Mat;
use faer::linalg::solvers::{PartialPivLu, Solve};

use super::turns::{Contender, Samples, median};
use crate::layers::Equations;

/// Programs of one size.
const INSTANCES: usize = 32;
/// Solves of an instance in a row, each timed by itself, of which the median counts: as `benchmarks/peers/common.py` does with the
/// solvers' own timers, so that whoever else uses the machine disturbs both alike.
const REPEAT: usize = 5;
/// Cold, warm and moved solves end in the same point to this.
const SAME: f64 = 1e-7;

/// A dense QP with its cost and its optimum.
pub(super) struct Instance {
    pub(super) program: Program,
    pub(super) cost: Vec<f64>,
    pub(super) answer: Solution,
    pub(super) iterations: usize,
    solver: ActiveSet,
    /// The same with a `P` that moves with the cost, though hardly.
    moving: ActiveSet,
}

/// What is done to an instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// From no earlier answer; what depends on the matrices alone was done before, as in a solver's set-up.
    Cold,
    /// From no earlier answer and with nothing kept, since the matrices move too.
    Moved,
    /// From the answer itself: its tight constraints stay.
    Warm,
}

/// Instances of `n` variables and `m` rows, see [`dense_qp`].
pub(super) fn instances(n: usize, m: usize, seed: u64) -> Result<Vec<Instance>> {
    let mut rng = Rng::seeded(seed);
    let one = |index| {
        let (program, cost) = dense_qp(n, m, &mut rng);
        let make = |params| ActiveSet::new(program.clone(), params, ActiveSetOptions::default());
        let (solver, moving) = (make(ParamMap::costs(n))?, make(ParamMap::costs(n).link(Entry::P(0), 0, 1e-9))?);
        let mut answer = Solution::like(&program);
        let info = solver.solve(&cost, None, &mut solver.workspace()?, &mut answer)?;
        match info.status.usable() {
            true => Ok(Instance { program, cost, answer, iterations: info.iterations, solver, moving }),
            false => Err(Error::NotSolved { index, solver: "active_set", status: info.status }),
        }
    };
    (0..INSTANCES).map(one).collect()
}

/// What is timed.
trait Kernel {
    fn once(&mut self);
    /// How far the last answer is from the right one.
    fn off(&self) -> f64 {
        0.0
    }
}

/// A kernel for each instance; the mean over the instances counts.
struct Kernels<K>(Vec<K>);

impl<K: Kernel> Contender for Kernels<K> {
    fn run(&mut self, times: usize) -> Result<Samples> {
        let mut round = || self.0.iter_mut().map(typical).sum::<f64>() / self.0.len() as f64;
        Ok(vec![("solve_seconds", (0..times).map(|_| round()).collect())])
    }

    fn error(&mut self) -> Result<Option<f64>> {
        let worst = self.0.iter().map(Kernel::off).fold(0.0, |a, off| if off > a || off.is_nan() { off } else { a });
        let need = "zero but for rounding";
        if worst <= SAME {
            Ok(None)
        } else {
            Err(Error::Domain { what: "distance of a timed solution from the optimum", value: worst, need })
        }
    }
}

/// Median seconds of a kernel.
fn typical(kernel: &mut impl Kernel) -> f64 {
    let one = |_| {
        let start = Instant::now();
        kernel.once();
        start.elapsed().as_secs_f64()
    };
    median((0..REPEAT).map(one).collect())
}

struct Solving<'a> {
    solver: &'a ActiveSet,
    cost: &'a [f64],
    from: Option<&'a Solution>,
    answer: &'a Solution,
    workspace: <ActiveSet as Solver>::Workspace,
    out: Solution,
}

impl Kernel for Solving<'_> {
    fn once(&mut self) {
        let info = self.solver.solve(black_box(self.cost), self.from, &mut self.workspace, &mut self.out);
        if !info.is_ok_and(|info| info.status.usable()) {
            self.out.x.fill(f64::NAN);
        }
    }

    fn off(&self) -> f64 {
        self.out.x.iter().zip(&self.answer.x).map(|(a, b)| (a - b).abs()).fold(0.0, |a, d| if d > a || d.is_nan() { d } else { a })
    }
}

impl Instance {
    fn solving(&self, how: How) -> Result<Solving<'_>> {
        let solver = if how == How::Moved { &self.moving } else { &self.solver };
        let from = (how == How::Warm).then_some(&self.answer);
        Ok(Solving { solver, cost: &self.cost, from, answer: &self.answer, workspace: solver.workspace()?, out: self.answer.clone() })
    }
}

/// Solves of the active set.
pub(super) fn solves(instances: &[Instance], how: How) -> Result<Box<dyn Contender + '_>> {
    Ok(Box::new(Kernels(instances.iter().map(|i| i.solving(how)).collect::<Result<Vec<_>>>()?)))
}

struct Factor {
    matrix: Mat<f64>,
}

impl Kernel for Factor {
    fn once(&mut self) {
        let mut rhs = Mat::from_fn(self.matrix.nrows(), 1, |i, _| i as f64);
        PartialPivLu::new(black_box(self.matrix.as_ref())).solve_in_place(rhs.as_mut());
        black_box(rhs);
    }
}

/// The yardstick: one dense LU, factor and solve, of the KKT matrix at the optimum.
pub(super) fn factors(instances: &[Instance]) -> Box<dyn Contender> {
    let factor = |i: &Instance| Factor { matrix: Equations::at(&i.program, &i.answer).matrix };
    Box::new(Kernels(instances.iter().map(factor).collect()))
}
