use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, Dims, Error, Result, Rng, Solution, SolveInfo, Solver, check_len};

/// Runs a solver that finds local minima from several points and keeps the best answer; minimises.
///
/// The inner solver's own start comes first, then an earlier answer if one is given, then the points of this wrapper, always the same
/// ones; of equal values the first is kept. The derivative is that of the inner solver at the point found, which
/// [`SolveInfo::degenerate`] flags if it is no strict local minimum. Where two minima have the same value the decision jumps, and no
/// derivative says so.
///
/// # Errors
/// Those of the inner solver. The status is the best answer's; without any, that of the first start.
#[derive(Clone, Debug)]
pub struct MultiStart<S> {
    inner: S,
    starts: Vec<Vec<f64>>,
}

impl<S: Solver> MultiStart<S> {
    /// Starts from these points; they need not be feasible if the inner solver takes such.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a wrong length, [`Error::NotFinite`] for a point that is not finite.
    pub fn new(inner: S, starts: Vec<Vec<f64>>) -> Result<Self> {
        for (row, start) in starts.iter().enumerate() {
            check_len("start", inner.dims().x, start.len())?;
            if let Some(column) = start.iter().position(|v| !v.is_finite()) {
                return Err(Error::NotFinite { what: "start", row, column, value: start[column] });
            }
        }
        Ok(Self { inner, starts })
    }

    /// Starts from `count` points uniform in the box `[lo, up]`.
    ///
    /// # Errors
    /// As [`MultiStart::new`].
    pub fn uniform(inner: S, lo: &[f64], up: &[f64], count: usize, rng: &mut Rng) -> Result<Self> {
        check_len("lo", inner.dims().x, lo.len())?;
        check_len("up", inner.dims().x, up.len())?;
        let mut draw = || lo.iter().zip(up).map(|(lo, up)| lo + (up - lo) * rng.uniform()).collect();
        let starts = (0..count).map(|_| draw()).collect();
        Self::new(inner, starts)
    }
}

/// Memory of a [`MultiStart`].
#[derive(Clone, Debug)]
pub struct MultiStartWorkspace<W> {
    inner: W,
    start: Solution,
    found: Solution,
}

/// Where a run begins.
#[derive(Clone, Copy)]
enum Begin<'a> {
    Own,
    From(&'a Solution),
    Point(usize),
}

impl<S: Solver> MultiStart<S> {
    fn run(&self, begin: Begin<'_>, theta: &[f64], ws: &mut MultiStartWorkspace<S::Workspace>) -> Result<SolveInfo> {
        let from = match begin {
            Begin::Own => None,
            Begin::From(solution) => Some(solution),
            Begin::Point(k) => {
                ws.start.x.copy_from_slice(&self.starts[k]);
                Some(&ws.start)
            }
        };
        self.inner.solve(theta, from, &mut ws.inner, &mut ws.found)
    }
}

impl<S: Solver> Solver for MultiStart<S> {
    type Workspace = MultiStartWorkspace<S::Workspace>;

    fn name(&self) -> &'static str {
        "multi_start"
    }

    fn dims(&self) -> Dims {
        self.inner.dims()
    }

    fn workspace(&self) -> Result<Self::Workspace> {
        let start = Solution::zeros(self.dims().x, self.dims().rows);
        Ok(MultiStartWorkspace { inner: self.inner.workspace()?, found: start.clone(), start })
    }

    fn solve(&self, theta: &[f64], from: Option<&Solution>, ws: &mut Self::Workspace, out: &mut Solution) -> Result<SolveInfo> {
        let begins = || [Begin::Own].into_iter().chain(from.map(Begin::From)).chain((0..self.starts.len()).map(Begin::Point));
        let (mut best, mut total, mut last) = (None::<(usize, SolveInfo)>, 0, 0);
        let mut first = None;
        for (k, begin) in begins().enumerate() {
            let info = self.run(begin, theta, ws)?;
            first = first.or(Some(info));
            (total, last) = (total + info.iterations, k);
            if info.status.usable() && (best.is_none() || ws.found.objective < out.objective) {
                best = Some((k, info));
                out.clone_from(&ws.found);
            }
        }
        let Some((k, mut info)) = best else {
            return Ok(SolveInfo { iterations: total, ..first.expect("there is always the solver's own start") });
        };
        if k != last {
            // The workspace holds what a tape is made of, and must be that of the answer.
            let begin = begins().nth(k).expect("it was run");
            info = self.run(begin, theta, ws)?;
            total += info.iterations;
        }
        Ok(SolveInfo { iterations: total, ..info })
    }
}

impl<S: DifferentiableSolver> DifferentiableSolver for MultiStart<S> {
    type Tape = S::Tape;

    fn differentiable(&self) -> bool {
        self.inner.differentiable()
    }

    fn tape(&self, theta: &[f64], solution: &Solution, ws: &mut Self::Workspace, info: &mut SolveInfo) -> Result<S::Tape> {
        self.inner.tape(theta, solution, &mut ws.inner, info)
    }

    fn vjp(&self, tape: &S::Tape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        self.inner.vjp(tape, cotangent, u, grad_theta)
    }

    fn jvp(&self, tape: &S::Tape, dtheta: &[f64], u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        self.inner.jvp(tape, dtheta, u, dx)
    }

    fn scenarios(&self) -> Option<usize> {
        self.inner.scenarios()
    }

    fn score_weights(&self, tape: &S::Tape, cotangent: Cotangent<'_>, u: &mut Adjoint, weights: &mut [f64]) -> Result<()> {
        self.inner.score_weights(tape, cotangent, u, weights)
    }
}
