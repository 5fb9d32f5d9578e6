//! `docs/adding-a-solver.md`.

// The guide shows this.
use dfl_core::{Adjoint, Cotangent, DifferentiableSolver, Dims, Result, Solution, SolveInfo, Solver, Status, check_len};

/// Isotonic regression, the nearest ascending sequence, with its derivative. Minimises.
///
/// $$x^\star(\theta) = \arg\min_x \tfrac12 \|x - \theta\|^2 \quad\text{s.t. } x_1 \le x_2 \le \dots \le x_n$$
///
/// Neighbours that descend are pooled to their mean. The Jacobian averages within each pool; where two pools have one mean it is one
/// element of the Clarke Jacobian, and the answer is flagged.
///
/// # Shapes
/// `theta`, `x`: `[n]`. Cost of a solve and of a derivative $O(n)$.
/// # References
/// Best & Chakravarti (1990), Mathematical Programming 47, pool adjacent violators.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Isotonic {
    pub(crate) n: usize,
}

impl Solver for Isotonic {
    /// First place of each pool.
    type Workspace = Vec<usize>;

    fn name(&self) -> &'static str {
        "isotonic"
    }
    fn dims(&self) -> Dims {
        Dims { theta: self.n, x: self.n, rows: 0 }
    }
    fn workspace(&self) -> Result<Vec<usize>> {
        Ok(Vec::with_capacity(self.n))
    }
    fn solve(&self, theta: &[f64], _from: Option<&Solution>, pools: &mut Vec<usize>, out: &mut Solution) -> Result<SolveInfo> {
        check_len("theta", self.n, theta.len())?;
        if out.x.len() != self.n || !out.row_dual.is_empty() {
            *out = Solution::zeros(self.n, 0);
        }
        pools.clear();
        let x = &mut out.x; // its entry at the first place of a pool is the mean of the pool
        for (j, value) in theta.iter().enumerate() {
            pools.push(j);
            x[j] = *value;
            while let &[.., left, right] = pools.as_slice() {
                if x[left] <= x[right] {
                    break;
                }
                let (before, behind) = ((right - left) as f64, (j + 1 - right) as f64);
                x[left] = (before * x[left] + behind * x[right]) / (before + behind);
                pools.pop();
            }
        }
        let degenerate = pools.windows(2).any(|pair| x[pair[0]] == x[pair[1]]);
        each_pool(pools, self.n, |from, to| (from..to).for_each(|j| x[j] = x[from]));
        out.objective = theta.iter().zip(x).map(|(theta, x)| 0.5 * (*x - theta).powi(2)).sum();
        Ok(SolveInfo { status: Status::Optimal, iterations: pools.len(), degenerate })
    }
}

impl DifferentiableSolver for Isotonic {
    type Tape = Vec<usize>;

    fn tape(&self, _theta: &[f64], _solution: &Solution, pools: &mut Vec<usize>, _info: &mut SolveInfo) -> Result<Vec<usize>> {
        Ok(pools.clone())
    }
    fn vjp(&self, pools: &Vec<usize>, cotangent: Cotangent<'_>, _u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        check_len("cotangent", self.n, cotangent.x.len())?;
        average(pools, cotangent.x, grad_theta);
        Ok(())
    }
    /// The Jacobian is symmetric.
    fn jvp(&self, pools: &Vec<usize>, dtheta: &[f64], _u: &mut Adjoint, dx: &mut [f64]) -> Result<()> {
        check_len("dtheta", self.n, dtheta.len())?;
        average(pools, dtheta, dx);
        Ok(())
    }
}

fn average(pools: &[usize], values: &[f64], out: &mut [f64]) {
    let mean = |from: usize, to: usize| values[from..to].iter().sum::<f64>() / (to - from) as f64;
    each_pool(pools, values.len(), |from, to| out[from..to].fill(mean(from, to)));
}

fn each_pool(pools: &[usize], n: usize, mut act: impl FnMut(usize, usize)) {
    let ends = pools.iter().skip(1).copied().chain([n]);
    pools.iter().zip(ends).for_each(|(&from, to)| act(from, to));
}
// The guide ends here.

use dfl_core::testkit::{check_decider, jvp_error, vjp_error};
use dfl_core::{Batch, Call, Csc, Decider, Entry, Key, ParamMap, Program, Rng, Stream};
use dfl_solvers::{Backend, Batched, Deciding};

fn solve(theta: &[f64]) -> (Vec<f64>, SolveInfo) {
    let (solver, mut out) = (Isotonic { n: theta.len() }, Solution::default());
    let info = solver.solve(theta, None, &mut solver.workspace().unwrap(), &mut out).unwrap();
    (out.x, info)
}

fn draw(rows: usize, n: usize) -> Batch {
    let mut rng = Rng::seeded(9);
    Batch::from_vec(rows, n, (0..rows * n).map(|_| rng.normal()).collect()).unwrap()
}

#[test]
fn keeps_the_contract() {
    check_decider(&Batched::new(Isotonic { n: 7 }), &draw(9, 7));
}

#[test]
fn by_hand_and_at_a_tie() {
    assert_eq!(solve(&[3.0, 1.0, 2.0]).0, [2.0; 3]);
    assert_eq!(solve(&[1.0, 3.0, 2.0, 4.0]).0, [1.0, 2.5, 2.5, 4.0]);
    assert!(!solve(&[1.0, 2.0]).1.degenerate && solve(&[1.0, 1.0]).1.degenerate);
    let mut out = Solution::default();
    assert!(Isotonic { n: 2 }.solve(&[1.0], None, &mut Vec::new(), &mut out).is_err());
}

/// The same problem as a program, decided and differentiated by the active set.
#[test]
fn agrees_with_a_second_implementation() {
    let (n, thetas) = (7, draw(40, 7));
    let rows: Vec<_> = (0..n - 1).flat_map(|j| [(j, j, -1.0), (j, j + 1, 1.0)]).collect();
    let ascending = Csc::from_triplets(n - 1, n, &rows).unwrap();
    let program = Program::linear(vec![0.0; n]).with_quadratic(Csc::diagonal(&vec![1.0; n])).with_rows(
        ascending,
        vec![0.0; n - 1],
        vec![f64::INFINITY; n - 1],
    );
    let params = (0..n).fold(ParamMap::new(n), |map, j| map.link(Entry::C(j), j, -1.0));
    let general = Backend::ActiveSet.decider(program, params, &Deciding::default()).unwrap();
    let keys: Vec<Key> = (0..40).map(|id| Key { id, slot: 0 }).collect();
    let of = |decider: &dyn Decider| {
        let found = decider.forward(&thetas, &Call { keys: &keys, stream: Stream::default(), backward: true }).unwrap();
        let gradient = found.back.as_ref().unwrap().pull(&draw(40, n)).unwrap();
        (found.x.clone(), gradient)
    };
    let (ours, theirs) = (of(&Batched::new(Isotonic { n })), of(&*general));
    for (a, b) in [(&ours.0, &theirs.0), (&ours.1, &theirs.1)] {
        assert!(a.as_slice().iter().zip(b.as_slice()).all(|(a, b)| (a - b).abs() < 1e-9), "{a:?}\n{b:?}");
    }
}

/// Random points miss the ties; differences of a piecewise linear map are exact but for rounding, of which a step of 1e-4 leaves 1e-11.
#[test]
fn derivatives_match_differences() {
    let mut rng = Rng::seeded(2);
    for theta in draw(20, 7).iter() {
        assert!(vjp_error(&Isotonic { n: 7 }, theta, 1e-4, &mut rng) < 1e-8);
        assert!(jvp_error(&Isotonic { n: 7 }, theta, 1e-4, &mut rng) < 1e-8);
    }
}
