//! A convex combination of affinely independent points, and its best weights.

use crate::active_set::kernels::{axpy, dot, padded};
use crate::active_set::ldl::Ldl;

/// A point nearer than this, relative to its size, to the affine hull of the others does not join.
const DEPENDENT: f64 = 1e-12;

/// Points $v_i$, their weights, and the factor of $G = V V^\top + s 1 1^\top$. The shift $s$ makes $G$ definite for affinely independent points; steps of
/// the weights add up to 0, so that it drops out of them.
#[derive(Clone, Debug)]
pub(super) struct Hull {
    /// `[k, n]`.
    points: Vec<f64>,
    weights: Vec<f64>,
    /// $w = V^\top$ weights.
    point: Vec<f64>,
    shift: f64,
    gram: Ldl,
}

impl Hull {
    pub(super) fn new(first: &[f64]) -> Self {
        let square = dot(first, first);
        let shift = if square > 0.0 { square } else { 1.0 };
        let mut hull = Self { points: Vec::new(), weights: Vec::new(), point: first.to_vec(), shift, gram: Ldl::new(4) };
        hull.add(first);
        hull.weights[0] = 1.0;
        hull
    }

    pub(super) fn point(&self) -> &[f64] {
        &self.point
    }

    pub(super) fn least_weight(&self) -> f64 {
        self.weights.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// Adds a point with weight 0, unless it depends on the others.
    pub(super) fn add(&mut self, v: &[f64]) -> bool {
        let (column, diagonal) = (self.products(v).map(|p| p + self.shift).collect::<Vec<_>>(), dot(v, v) + self.shift);
        self.gram.grow();
        let pivot = self.gram.prepare(&column, diagonal);
        if pivot > DEPENDENT * diagonal {
            self.gram.accept(pivot);
            self.points.extend_from_slice(v);
            self.weights.push(0.0);
        }
        pivot > DEPENDENT * diagonal
    }

    /// Moves to the best weights for $\theta^\top w + \tfrac\lambda2 \|w\|^2$ after a point was added: towards the best of the affine hull, dropping the
    /// point that stops it, until none does. False if the new point itself is dropped at once, so that nothing was won.
    pub(super) fn minimise(&mut self, theta: &[f64], lambda: f64) -> bool {
        let (mut newest, mut moved) = (self.weights.len() - 1, 0.0);
        let mut downhill = vec![0.0; theta.len()];
        loop {
            downhill.iter_mut().zip(theta).zip(&self.point).for_each(|((d, t), w)| *d = -t / lambda - w);
            let step = self.coefficients(&downhill);
            let (leaving, length) = self.longest(&step);
            axpy(length, &step, &mut self.weights);
            moved += length;
            let Some(i) = leaving else {
                self.average();
                return true;
            };
            self.remove(i);
            if i == newest && moved == 0.0 {
                return false;
            }
            newest = if i < newest { newest - 1 } else { newest };
            self.average();
        }
    }

    /// The longest step up to 1 that leaves no weight below 0, and the point whose weight ends it, the first of equals.
    fn longest(&self, step: &[f64]) -> (Option<usize>, f64) {
        let ends = (0..step.len()).filter(|&i| step[i] < 0.0).map(|i| (i, (-self.weights[i] / step[i]).max(0.0)));
        ends.fold((None, 1.0), |best, (i, end)| if end < best.1 { (Some(i), end) } else { best })
    }

    /// The orthogonal projection of `g` onto the directions within the affine hull.
    pub(super) fn project(&self, g: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (c, v) in self.coefficients(g).iter().zip(self.points.chunks(out.len().max(1))) {
            axpy(*c, v, out);
        }
    }

    /// The same in terms of the points, coefficients that add up to 0: $G^{-1}(V g + \rho 1)$.
    fn coefficients(&self, g: &[f64]) -> Vec<f64> {
        let k = self.weights.len();
        let (mut scratch, mut out, mut ones) = (vec![0.0; k], vec![0.0; padded(k)], vec![0.0; padded(k)]);
        self.gram.solve(&self.products(g).collect::<Vec<_>>(), &mut scratch, &mut out);
        self.gram.solve(&vec![1.0; k], &mut scratch, &mut ones);
        let rho = -out[..k].iter().sum::<f64>() / ones[..k].iter().sum::<f64>();
        axpy(rho, &ones, &mut out);
        out.truncate(k);
        out
    }

    fn products(&self, g: &[f64]) -> impl Iterator<Item = f64> {
        self.points.chunks(g.len().max(1)).map(|v| dot(v, g))
    }

    fn remove(&mut self, i: usize) {
        let n = self.point.len();
        self.gram.remove(i, &mut vec![0.0; self.weights.len()]);
        self.points.drain(i * n..(i + 1) * n);
        self.weights.remove(i);
    }

    /// The weights add up to 1 again, and the point is their mean.
    fn average(&mut self) {
        let total: f64 = self.weights.iter().sum();
        self.weights.iter_mut().for_each(|w| *w /= total);
        self.point.fill(0.0);
        for (weight, v) in self.weights.iter().zip(self.points.chunks(self.point.len().max(1))) {
            axpy(*weight, v, &mut self.point);
        }
    }
}
