use crate::{Csc, Entry, ParamMap, Program, Rng, Side, Solution};

/// A program, what moves it, where it stands, and its optimum there.
#[derive(Clone, Debug)]
pub struct Parametric {
    /// The program at `theta = 0`.
    pub base: Program,
    /// What `theta` moves.
    pub params: ParamMap,
    /// A point at which the program is strictly complementary.
    pub theta: Vec<f64>,
    /// The optimum at `theta`, known by construction.
    pub solution: Solution,
}

/// A random strictly convex QP of `n` variables with equality rows, one- and two-sided rows and bounds, built backwards from an
/// optimum: every tight inequality has a dual of at least 0.1 and every other one a slack of at least 0.1, and fewer constraints
/// are tight than there are variables, so the optimum is unique and smooth around `theta`.
///
/// `theta` moves `c` and one entry each of `P` (diagonal and off it), `A`, and each kind of side that is there.
pub fn random_qp(n: usize, m: usize, rng: &mut Rng) -> Parametric {
    let p = positive_definite(n, rng);
    let dense: Vec<_> = (0..m).flat_map(|i| (0..n).map(move |j| (i, j))).map(|(i, j)| (i, j, rng.normal())).collect();
    let a = Csc::from_triplets(m, n, &dense).expect("indices are in range");
    let mut s = Solution { x: (0..n).map(|_| rng.normal()).collect(), ..Solution::zeros(n, m) };
    let mut ax = vec![0.0; m];
    a.mul_add(1.0, &s.x, &mut ax);
    // One tight constraint fewer than variables at the most, so that some freedom is left.
    let mut tight = n - 1;
    let mut base = Program::linear(vec![0.0; n]).with_quadratic(p);
    let (row_lo, row_up) = (0..m).map(|i| bounds_at(ax[i], i % 3 == 0, &mut tight, (&mut s.row_dual[i], &mut s.row_side[i]), rng)).unzip();
    (base.lo, base.up) = (0..n).map(|j| bounds_at(s.x[j], false, &mut tight, (&mut s.bound_dual[j], &mut s.bound_side[j]), rng)).unzip();
    base = base.with_rows(a, row_lo, row_up);
    base.c = stationary_cost(&base, &s);
    s.objective = base.objective(&s.x);
    let params = parameters(&base, &s);
    let theta: Vec<f64> = (0..params.theta()).map(|_| 0.01 * rng.normal()).collect();
    let base = moved_back(&params, base, &theta);
    Parametric { base, params, theta, solution: s }
}

/// `B B' / n + I`, upper triangle.
fn positive_definite(n: usize, rng: &mut Rng) -> Csc {
    let b: Vec<f64> = (0..n * n).map(|_| rng.normal()).collect();
    let row = |i: usize| &b[i * n..(i + 1) * n];
    let entry = |i: usize, j: usize| row(i).iter().zip(row(j)).map(|(x, y)| x * y).sum::<f64>() / n as f64 + if i == j { 1.0 } else { 0.0 };
    let upper: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, entry(i, j))).collect();
    Csc::from_triplets(n, n, &upper).expect("indices are in range")
}

/// Sides around `value`: an equality, tight above, tight below, or slack on both sides, of which some are infinite.
fn bounds_at(value: f64, equality: bool, tight: &mut usize, (dual, side): (&mut f64, &mut Side), rng: &mut Rng) -> (f64, f64) {
    let slack = |rng: &mut Rng| 0.1 + rng.uniform();
    let far = |rng: &mut Rng, sign: f64| if rng.uniform() < 0.3 { sign * f64::INFINITY } else { value + sign * slack(rng) };
    let kind = match (*tight, equality) {
        (0, _) => 3,
        (_, true) => 0,
        (_, false) => 1 + rng.below(4),
    };
    *tight -= usize::from(kind < 3);
    match kind {
        0 => {
            (*dual, *side) = (rng.normal(), Side::Upper);
            (value, value)
        }
        1 => {
            (*dual, *side) = (slack(rng), Side::Upper);
            (far(rng, -1.0), value)
        }
        2 => {
            (*dual, *side) = (-slack(rng), Side::Lower);
            (value, far(rng, 1.0))
        }
        _ => (far(rng, -1.0), far(rng, 1.0)),
    }
}

/// `-(P x + A' row_dual + bound_dual)`.
fn stationary_cost(program: &Program, s: &Solution) -> Vec<f64> {
    let mut c: Vec<f64> = s.bound_dual.iter().map(|v| -v).collect();
    program.p.symmetric_mul_add(-1.0, &s.x, &mut c);
    program.a.mul_t_add(-1.0, &s.row_dual, &mut c);
    c
}

fn parameters(program: &Program, s: &Solution) -> ParamMap {
    let n = program.n();
    let mut entries: Vec<Vec<Entry>> = (0..n).map(|j| vec![Entry::C(j)]).collect();
    entries.extend((0..program.p.nnz().min(3)).map(|k| vec![Entry::P(k)]));
    entries.extend((0..program.a.nnz().min(3 * n)).map(|k| vec![Entry::A(k)]));
    for i in 0..program.m() {
        match (s.row_side[i], program.row_lo[i] == program.row_up[i]) {
            (Side::Upper, true) => entries.push(vec![Entry::RowLo(i), Entry::RowUp(i)]),
            (Side::Upper, false) => entries.push(vec![Entry::RowUp(i)]),
            (Side::Lower, _) => entries.push(vec![Entry::RowLo(i)]),
            (Side::Free, _) => entries.extend((program.row_up[i] < f64::INFINITY).then(|| vec![Entry::RowUp(i)])),
        }
    }
    for j in 0..n {
        match s.bound_side[j] {
            Side::Upper => entries.push(vec![Entry::Up(j)]),
            Side::Lower => entries.push(vec![Entry::Lo(j)]),
            Side::Free => {}
        }
    }
    let map = ParamMap::new(entries.len());
    entries.into_iter().enumerate().fold(map, |map, (k, moved)| moved.into_iter().fold(map, |map, e| map.link(e, k, 1.0)))
}

/// The base from which `theta` leads to `program`.
fn moved_back(params: &ParamMap, program: Program, theta: &[f64]) -> Program {
    let back: Vec<f64> = theta.iter().map(|t| -t).collect();
    let mut base = program.clone();
    params.push(&back, &program, &mut base).expect("theta has the map's length");
    base
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Residuals;

    #[test]
    fn the_constructed_optimum_satisfies_the_kkt_conditions() {
        let mut rng = Rng::seeded(5);
        for (n, m) in [(1, 0), (1, 1), (3, 2), (6, 9), (12, 20)] {
            let q = random_qp(n, m, &mut rng);
            let mut program = q.base.clone();
            q.params.push(&q.theta, &q.base, &mut program).unwrap();
            program.check().unwrap();
            let worst = Residuals::of(&program, &q.solution).worst();
            assert!(worst < 1e-12, "n = {n}, m = {m}: {worst}");
        }
    }
}
