use dfl_core::{
    Batch, Call, Decider, Decisions, Dims, Found, Loss, Needs, Pullback, Result, Rng, Row, SolveInfo, Status, Through, check_len,
};
use dfl_models::torch::{Architecture, Device, Network, Precision};

/// A batch of standard normals.
pub(crate) fn normals(rows: usize, cols: usize, seed: u64) -> Batch {
    let mut rng = Rng::seeded(seed);
    Batch::from_vec(rows, cols, (0..rows * cols).map(|_| rng.normal()).collect()).unwrap()
}

pub(crate) fn double(architecture: Architecture, seed: u64) -> Network {
    Network::new(architecture.with_precision(Precision::Double), seed, Device::Cpu).unwrap()
}

pub(crate) fn assert_close(left: &[f64], right: &[f64], relative: f64, absolute: f64) {
    assert_eq!(left.len(), right.len());
    for (i, (l, r)) in left.iter().zip(right).enumerate() {
        let bound = relative * l.abs().max(r.abs()) + absolute;
        assert!((l - r).abs() <= bound, "entry {i}: {l} and {r} differ by {:e}, more than {bound:e}", (l - r).abs());
    }
}

/// Projects each row onto the probability simplex; its Jacobian is diag(S) - S S'/|S| for the support S.
pub(crate) struct Simplex(pub(crate) usize);

struct Supports(Batch);

impl Decider for Simplex {
    fn name(&self) -> &'static str {
        "simplex"
    }
    fn dims(&self) -> Dims {
        Dims { theta: self.0, x: self.0, rows: 1 }
    }
    fn differentiable(&self) -> bool {
        true
    }
    fn forward<'d>(&'d self, thetas: &Batch, _call: &Call<'_>) -> Result<Decisions<'d>> {
        check_len("theta", self.0, thetas.cols())?;
        let mut x = thetas.clone();
        for i in 0..x.rows() {
            let threshold = threshold(thetas.row(i));
            x.row_mut(i).iter_mut().for_each(|v| *v = (*v - threshold).max(0.0));
        }
        let info = vec![SolveInfo { status: Status::Optimal, iterations: 0, degenerate: false }; x.rows()];
        Ok(Decisions { objective: vec![0.0; x.rows()], info, back: Some(Box::new(Supports(x.clone()))), x })
    }
}

/// The t with sum of max(theta - t, 0) equal to 1: the largest of the (sum of the k largest - 1) / k.
fn threshold(theta: &[f64]) -> f64 {
    let mut sorted = theta.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let sums = sorted.iter().scan(0.0, |sum, v| {
        *sum += v;
        Some(*sum)
    });
    sums.enumerate().map(|(k, sum)| (sum - 1.0) / (k + 1) as f64).fold(f64::NEG_INFINITY, f64::max)
}

impl Pullback for Supports {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        let mut out = cotangent.clone();
        for i in 0..out.rows() {
            let active: Vec<usize> = (0..out.cols()).filter(|&j| self.0.row(i)[j] > 0.0).collect();
            let mean = active.iter().map(|&j| cotangent.row(i)[j]).sum::<f64>() / active.len() as f64;
            (0..out.cols()).for_each(|j| out.row_mut(i)[j] = if active.contains(&j) { cotangent.row(i)[j] - mean } else { 0.0 });
        }
        Ok(out)
    }
}

/// Sum of (x - y)^2 / 2 + x^3, a cost of the decision that is neither linear nor quadratic.
pub(crate) struct Cubic;

impl Loss for Cubic {
    fn name(&self) -> &'static str {
        "cubic"
    }
    fn needs(&self) -> Needs {
        Needs { truth: true, through: Through::Always, ..Needs::default() }
    }
    fn finish(&self, row: &Row<'_>, _rng: &mut Rng, found: Found<'_>, _grad: &mut [f64], cotangent: &mut [f64]) -> f64 {
        let mut value = 0.0;
        for ((x, y), c) in found.x.iter().zip(row.truth).zip(cotangent) {
            value += 0.5 * (x - y).powi(2) + x.powi(3);
            *c += (x - y) + 3.0 * x * x;
        }
        value
    }
}
