//! The quadratic term and the metric that the method works in.

use dfl_core::Csc;

use super::kernels::{axpy, dot, largest, multiply, padded};

/// A pivot of the Cholesky factor below this share of its diagonal entry means a matrix that is not safely positive definite.
const WEAK_PIVOT: f64 = 1e-9;
/// Proximal term, relative to the largest entry of the diagonal of `P`.
const SHIFT: f64 = 1e-6;

/// `P`, and the inverse of $H = P + \varepsilon I$, where $\varepsilon = 0$ if `P` is positive definite.
///
/// The inverse is kept, not a factor: substitution is a chain of dependent steps, which a product is not. Its rounding errors are those
/// of another metric, and rounds (see the module of that name) take them out of the answer.
#[derive(Clone, Debug)]
pub(super) struct Metric {
    n: usize,
    /// Padded length of a row.
    stride: usize,
    /// Both triangles of `P`, row by row; only its diagonal if it has no other entries.
    p: Vec<f64>,
    /// The inverse of `H`; only its diagonal if `P` has no other entries.
    inverse: Vec<f64>,
    /// Memory for the lower factor of `H` and its inverse, row by row, and for the inverse of its diagonal.
    factor: Vec<f64>,
    pivots: Vec<f64>,
    /// The proximal term's weight, 0 for a positive definite `P`.
    pub(super) shift: f64,
    /// Whether `P` is zero, so that costs can be scaled freely.
    pub(super) linear: bool,
    diagonal: bool,
}

impl Metric {
    /// Room for `P` and its factor, and their values.
    pub(super) fn new(p: &Csc, units: &[f64]) -> Self {
        let n = p.cols();
        let diagonal = p.triplets().all(|(i, j, _)| i == j);
        let stride = padded(n);
        let size = if diagonal { n } else { n * stride };
        let factor = if diagonal { Vec::new() } else { vec![0.0; size] };
        let mut out = Self {
            n,
            stride,
            p: vec![0.0; size],
            factor,
            inverse: vec![0.0; size],
            pivots: vec![0.0; n],
            shift: 0.0,
            linear: false,
            diagonal,
        };
        out.fill(p, units);
        out
    }

    /// Takes over the values of `p`, whose pattern is that of `new`, in other units of the variables, and factorises. A `P` that
    /// is not positive definite gets a proximal term; whether it is convex is for the caller to know.
    pub(super) fn fill(&mut self, p: &Csc, units: &[f64]) {
        for (i, j, v) in p.triplets() {
            let v = v * units[i] * units[j];
            if self.diagonal {
                self.p[i] = v;
            } else {
                self.p[i * self.stride + j] = v;
                self.p[j * self.stride + i] = v;
            }
        }
        let top = (0..self.n).fold(0.0_f64, |top, i| top.max(self.entry(i)));
        self.linear = self.p.iter().all(|&v| v == 0.0);
        self.shift = 0.0;
        if !self.factorise(WEAK_PIVOT, top) {
            self.shift = if top > 0.0 { SHIFT * top } else { 1.0 };
            self.factorise(0.0, top);
        }
        if !self.diagonal {
            invert(self.n, self.stride, &mut self.factor, &self.pivots, &mut self.inverse);
        }
    }

    fn entry(&self, i: usize) -> f64 {
        self.p[if self.diagonal { i } else { i * self.stride + i }]
    }

    /// False at a pivot of at most `weak` times its diagonal entry (`top` for a diagonal matrix).
    fn factorise(&mut self, weak: f64, top: f64) -> bool {
        if self.diagonal {
            self.invert_diagonal(weak * top)
        } else {
            cholesky(self.n, self.stride, &self.p, self.shift, weak, &mut self.factor, &mut self.pivots)
        }
    }

    fn invert_diagonal(&mut self, least: f64) -> bool {
        let shift = self.shift;
        self.inverse.iter_mut().zip(&self.p).for_each(|(to, p)| *to = 1.0 / (p + shift));
        self.p.iter().all(|p| p + shift > least)
    }

    /// Least pivot of the factor, relative to its diagonal entry: about the inverse of the condition number, and the digits that are
    /// lost in `H^-1`. A diagonal loses none.
    pub(super) fn least_pivot(&self) -> f64 {
        let share = |i: usize| 1.0 / (self.pivots[i] * self.pivots[i] * (self.entry(i) + self.shift));
        if self.diagonal { 1.0 } else { (0..self.n).map(share).fold(1.0, f64::min) }
    }

    /// Largest magnitude in `P`.
    pub(super) fn largest(&self) -> f64 {
        largest(&self.p)
    }

    /// `out = P x`, padded.
    #[inline(always)]
    pub(super) fn mul(&self, x: &[f64], out: &mut [f64]) {
        self.product(&self.p, x, out);
    }

    /// `out = H^-1 x`, padded.
    #[inline(always)]
    pub(super) fn solve(&self, x: &[f64], out: &mut [f64]) {
        self.product(&self.inverse, x, out);
    }

    #[inline(always)]
    fn product(&self, symmetric: &[f64], x: &[f64], out: &mut [f64]) {
        if self.diagonal {
            out.iter_mut().zip(x).zip(symmetric).for_each(|((to, x), d)| *to = d * x);
        } else {
            multiply(&x[..self.n], symmetric, self.stride, out);
        }
    }
}

super::kernels::vectorised! {
    /// Lower factor `l` of `p + shift I`, row by row, and the inverse of its diagonal. False if a pivot is at most `weak` times its
    /// diagonal entry; without a threshold, such pivots are raised, since they are rounding of a semidefinite matrix.
    fn cholesky(n: usize, stride: usize, p: &[f64], shift: f64, weak: f64, l: &mut [f64], pivots: &mut [f64]) -> bool = cholesky_rows
}

#[inline(always)]
fn cholesky_rows(n: usize, stride: usize, p: &[f64], shift: f64, weak: f64, l: &mut [f64], pivots: &mut [f64]) -> bool {
    for i in 0..n {
        let (above, from_i) = l.split_at_mut(i * stride);
        let row = &mut from_i[..n];
        for j in 0..i {
            let sum = dot(&above[j * stride..j * stride + j], &row[..j]);
            row[j] = (p[i * stride + j] - sum) * pivots[j];
        }
        let diagonal = p[i * stride + i] + shift;
        let mut pivot = diagonal - dot(&row[..i], &row[..i]);
        if weak > 0.0 && (pivot.is_nan() || pivot <= weak * diagonal) {
            return false;
        }
        pivot = pivot.max(0.5 * shift);
        row[i] = pivot.sqrt();
        pivots[i] = 1.0 / row[i];
    }
    true
}

super::kernels::vectorised! {
    /// The inverse of `l l'`, where `l` is lower triangular with the inverse diagonal `pivots`. `l` becomes its own inverse `w`: row `i`
    /// is `-(sum_k l_ik w_k) / l_ii`, and then `w' w` is summed up row by row.
    fn invert(n: usize, stride: usize, l: &mut [f64], pivots: &[f64], out: &mut [f64]) -> () = invert_rows
}

#[inline(always)]
fn invert_rows(n: usize, stride: usize, l: &mut [f64], pivots: &[f64], out: &mut [f64]) {
    for i in 0..n {
        let (above, from_i) = l.split_at_mut(i * stride);
        let (row, scratch) = (&mut from_i[..=i], &mut out[..i]);
        scratch.copy_from_slice(&row[..i]);
        row.fill(0.0);
        for k in 0..i {
            axpy(-pivots[i] * scratch[k], &above[k * stride..k * stride + k + 1], &mut row[..=k]);
        }
        row[i] = pivots[i];
    }
    out.fill(0.0);
    for i in 0..n {
        let row = &l[i * stride..i * stride + i + 1];
        for j in 0..=i {
            axpy(row[j], &row[..=j], &mut out[j * stride..j * stride + j + 1]);
        }
    }
    for j in 0..n {
        for k in 0..j {
            out[k * stride + j] = out[j * stride + k];
        }
    }
}
