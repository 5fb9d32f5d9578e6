//! Second-order-cone rows in the KKT matrix: the gradient and the curvature of $h_k(x) = \|F_k x + g_k\| - d_k^\top x - e_k \le 0$.

use dfl_core::{Cone, Csc, Program, Result, Side, Solution};

use super::active::Matrices;

/// A cone row is at its apex if $\|F x + g\|$ is below this, relative to `1 +` the largest of $|g|$ and $|e|$.
const APEX: f64 = 1e-7;

/// The matrices with all cone rows in them, numbered as in `Solution::cone_dual` behind the rows of $A$.
pub(super) struct Linearisation {
    pub(super) matrices: Matrices,
    /// Which of these rows are tight.
    pub(super) rows: Vec<usize>,
    /// Whether some tight row is at its apex.
    pub(super) apex: bool,
}

/// Adds to $P$ the curvature $\mu_k F^\top (I / s - v v^\top / s^3) F$ with $v = F x + g$, $s = \|v\|$, and below $A$ the gradient
/// $F^\top v / s - d$ of each tight cone row, followed by `F`, whose rows are tight where $v = 0$: there $F x + g = 0$ and
/// $d^\top x + e = 0$ stay as they are while $\|w\| < \mu$. The pattern is the same at every point.
pub(super) fn linearise(program: &Program, s: &Solution) -> Result<Linearisation> {
    let (n, m) = (program.n(), program.m());
    let (mut p, mut a): (Vec<_>, Vec<_>) = (program.p.triplets().collect(), program.a.triplets().collect());
    let (mut rows, mut apex, mut at) = (Vec::new(), false, m);
    for (k, cone) in program.cones.iter().enumerate() {
        let tight = s.cone_side[k] != Side::Free;
        let mut v = cone.g.clone();
        cone.f.mul_add(1.0, &s.x, &mut v);
        let length = v.iter().map(|v| v * v).sum::<f64>().sqrt();
        let scale = cone.g.iter().fold(1.0 + cone.e.abs(), |a, g| a.max(1.0 + g.abs()));
        let smooth = length > APEX * scale;
        let mut gradient = vec![0.0; n];
        if smooth {
            cone.f.mul_t_add(1.0 / length, &v, &mut gradient);
        }
        let support: Vec<usize> = (0..n).filter(|&j| cone.f.col_ptr()[j] < cone.f.col_ptr()[j + 1]).collect();
        let curved = if tight && smooth { s.cone_dual[at - m] / length } else { 0.0 };
        curvature(cone, &support, &gradient, curved, &mut p);
        a.extend((0..n).filter(|&j| cone.d[j] != 0.0 || support.binary_search(&j).is_ok()).map(|j| (at, j, gradient[j] - cone.d[j])));
        a.extend(cone.f.triplets().map(|(i, j, f)| (at + 1 + i, j, f)));
        if tight {
            rows.push(at);
            if !smooth {
                apex = true;
                rows.extend(at + 1..=at + cone.g.len());
            }
        }
        at += 1 + cone.g.len();
    }
    Ok(Linearisation { matrices: Matrices { p: Csc::from_triplets(n, n, &p)?, a: Csc::from_triplets(at, n, &a)? }, rows, apex })
}

/// `weight (F'F - q q')` with $q = F^\top v / s$, upper triangle.
fn curvature(cone: &Cone, support: &[usize], q: &[f64], weight: f64, out: &mut Vec<(usize, usize, f64)>) {
    for (b, &j) in support.iter().enumerate() {
        for &i in &support[..=b] {
            out.push((i, j, weight * (column_dot(&cone.f, i, j) - q[i] * q[j])));
        }
    }
}

/// Product of two columns.
fn column_dot(f: &Csc, i: usize, j: usize) -> f64 {
    let mut right = f.col(j).peekable();
    let mut sum = 0.0;
    for (row, value) in f.col(i) {
        while right.next_if(|r| r.0 < row).is_some() {}
        sum += right.next_if(|r| r.0 == row).map_or(0.0, |r| r.1 * value);
    }
    sum
}

/// Place of each cone row's multiplier in `Solution::cone_dual`.
pub(super) fn places(program: &Program) -> impl Iterator<Item = usize> + '_ {
    program.cones.iter().scan(0, |at, cone| {
        let place = *at;
        *at += 1 + cone.g.len();
        Some(place)
    })
}

/// Number and multiplier $\mu$ of each cone row.
pub(super) fn multipliers<'a>(program: &'a Program, s: &'a Solution) -> impl Iterator<Item = (usize, f64)> + 'a {
    places(program).enumerate().map(|(k, at)| (k, s.cone_dual[at]))
}
