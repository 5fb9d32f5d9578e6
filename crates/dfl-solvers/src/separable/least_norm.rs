//! The part of multipliers that is orthogonal to those which cancel each other, where the tight constraints are dependent.

use super::finish::Pattern;
use super::model::Model;
use super::profile::Factor;
use crate::active_set::kernels::{largest, vectorised, worse};

/// Weight of the regularisation, relative to the rows: small, for few steps, and far above rounding.
const WEIGHT: f64 = 1e-8;
/// Most steps; each gains several digits.
const STEPS: usize = 8;
/// What is left of the largest multiplier when the projection is exact.
const EXACT: f64 = 1e-16;

vectorised! {
    /// The factor of $I + A_R T^{-1} A_R^\top$.
    fn factorise(model: &Model, inverse: &[f64], mask: &[f64], factor: &mut Factor) -> () = run
}

#[inline(always)]
fn run(model: &Model, inverse: &[f64], mask: &[f64], factor: &mut Factor) {
    model.gram(inverse, mask, factor);
    factor.add_diagonal(&model.profile, 0.0, std::iter::repeat_n(1.0, model.rows()));
    factor.factorise(&model.profile, 0.0);
}

/// Projects $w = (w_R, w_B)$ onto the range of $C = [A_R; E_B^\top]$, the complement of $\{w : C^\top w = 0\}$.
///
/// By iterated regularisation of the least-squares problem $\min_z \|Cz - w\|$, each step on the residual $\rho$ of the last one:
/// $z \leftarrow z + (T + A_R^\top A_R)^{-1} C^\top \rho$ with $T = \varepsilon I + E_B E_B^\top$ diagonal, whose inverse by
/// Woodbury's formula needs one factor of $I + A_R T^{-1} A_R^\top$, of the same profile as the Newton matrix.
#[derive(Clone, Debug)]
pub(super) struct Projector {
    factor: Factor,
    /// $T^{-1}$.
    inverse: Vec<f64>,
}

impl Projector {
    pub(super) fn new(model: &Model, weight: &[f64], mask: &[f64]) -> Self {
        let mut squares = vec![0.0; model.padded()];
        model.squares(&vec![1.0; model.n()], &mut squares);
        let epsilon = WEIGHT * largest(&squares).max(f64::MIN_POSITIVE);
        let inverse: Vec<f64> = weight.iter().map(|w| if *w == 0.0 { 1.0 / (1.0 + epsilon) } else { 1.0 / epsilon }).collect();
        let mut factor = Factor::new(&model.profile);
        factorise(model, &inverse, mask, &mut factor);
        Self { factor, inverse }
    }

    /// Length of the scratch memory.
    pub(super) fn scratch(model: &Model) -> usize {
        2 * (model.n() + model.padded())
    }

    /// Replaces the multipliers of tight rows and of variables at a bound; the others are zero.
    #[inline(always)]
    pub(super) fn project(&self, pattern: &Pattern<'_>, rows: &mut [f64], bounds: &mut [f64], scratch: &mut [f64]) {
        let (model, n) = (pattern.model, bounds.len());
        let (rest_rows, scratch) = scratch.split_at_mut(rows.len());
        let (rest_bounds, scratch) = scratch.split_at_mut(n);
        let (g, v) = scratch.split_at_mut(n);
        rest_rows.copy_from_slice(rows);
        rest_bounds.copy_from_slice(bounds);
        let (size, mut before) = (worse(largest(rows), largest(bounds)), f64::INFINITY);
        for _ in 0..STEPS {
            for j in 0..n {
                g[j] = model.dot(j, rest_rows) + rest_bounds[j];
            }
            let now = largest(g);
            if now <= EXACT * size || now > 0.5 * before {
                break;
            }
            before = now;
            v.fill(0.0);
            (0..n).for_each(|j| model.add(j, self.inverse[j] * g[j], v));
            v.iter_mut().zip(pattern.mask).for_each(|(v, mask)| *v *= mask);
            self.factor.solve(&model.profile, v);
            for j in 0..n {
                let d = self.inverse[j] * (g[j] - model.dot(j, v));
                model.add(j, -d, rest_rows);
                rest_bounds[j] -= if pattern.weight[j] == 0.0 { d } else { 0.0 };
            }
            rest_rows.iter_mut().zip(pattern.mask).for_each(|(r, mask)| *r *= mask);
        }
        rows.iter_mut().zip(rest_rows).for_each(|(to, rest)| *to -= *rest);
        bounds.iter_mut().zip(rest_bounds).for_each(|(to, rest)| *to -= *rest);
    }
}
