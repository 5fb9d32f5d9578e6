//! Large sparse programs, whose KKT matrix goes to the sparse factor.

use dfl_core::testkit::{jvp_error, vjp_error};
use dfl_core::{Cotangent, Csc, Entry, ParamMap, Program, Residuals, Rng, Side, Solution};
use dfl_solvers::Kkt;

use crate::reference::Reference;
use crate::{Fixed, Taped, active_set, draw, error};

/// A random sparse QP built backwards from its optimum, with `equal` equalities of which `redundant` are sums of two others, tight
/// inequalities with duals of at least 0.5, and slacks of at least 0.5 elsewhere.
struct Sparse {
    program: Program,
    solution: Solution,
}

fn sparse(n: usize, equal: usize, redundant: usize, flat: bool, rng: &mut Rng) -> Sparse {
    let mut rows: Vec<Vec<(usize, f64)>> = (0..equal).map(|_| (0..3).map(|_| (rng.below(n), rng.normal())).collect()).collect();
    for k in 0..redundant {
        rows.push([rows[2 * k].clone(), rows[2 * k + 1].clone()].concat());
    }
    let inequalities = n / 4;
    rows.extend((0..inequalities).map(|_| (0..3).map(|_| (rng.below(n), rng.normal())).collect()));
    let m = rows.len();
    let entries: Vec<_> = rows.iter().enumerate().flat_map(|(i, row)| row.iter().map(move |&(j, v)| (i, j, v))).collect();
    let a = Csc::from_triplets(m, n, &entries).unwrap();
    let mut p: Vec<_> = (0..n).map(|j| (j, j, if flat && j % 2 == 0 { 0.0 } else { 1.0 + rng.uniform() })).collect();
    p.extend((0..n / 2).filter(|k| !flat || k % 2 == 1).map(|k| (k, k + 2, if flat { 0.0 } else { 0.3 })));
    let mut s = Solution { x: draw(rng, n), ..Solution::zeros(n, m) };
    let (mut ax, mut row_lo, mut row_up) = (vec![0.0; m], vec![f64::NEG_INFINITY; m], vec![0.0; m]);
    a.mul_add(1.0, &s.x, &mut ax);
    for i in 0..m {
        row_up[i] = ax[i];
        if i < equal + redundant {
            (row_lo[i], s.row_side[i], s.row_dual[i]) = (ax[i], Side::Upper, rng.normal());
        } else if rng.uniform() < 0.3 {
            (s.row_side[i], s.row_dual[i]) = (Side::Upper, 0.5 + rng.uniform());
        } else {
            row_up[i] += 0.5 + rng.uniform();
        }
    }
    let (mut lo, up) = (vec![0.0; n], vec![f64::INFINITY; n]);
    for j in 0..n {
        lo[j] = s.x[j];
        if rng.uniform() < 0.3 {
            (s.bound_side[j], s.bound_dual[j]) = (Side::Lower, -0.5 - rng.uniform());
        } else {
            lo[j] -= 0.5 + rng.uniform();
        }
    }
    let mut program = Program::linear(vec![0.0; n]).with_quadratic(Csc::from_triplets(n, n, &p).unwrap());
    program = program.with_rows(a, row_lo, row_up).with_bounds(lo, up);
    let mut c: Vec<f64> = s.bound_dual.iter().map(|v| -v).collect();
    program.p.symmetric_mul_add(-1.0, &s.x, &mut c);
    program.a.mul_t_add(-1.0, &s.row_dual, &mut c);
    program.c = c;
    s.objective = program.objective(&s.x);
    assert!(Residuals::of(&program, &s).worst() < 1e-12);
    Sparse { program, solution: s }
}

/// Costs, and one entry of `P`, some of `A` and of the sides.
fn params(program: &Program, s: &Solution) -> ParamMap {
    let n = program.n();
    let map = (0..n).fold(ParamMap::new(n + 5), |map, j| map.link(Entry::C(j), j, 1.0));
    let tight = (0..program.m()).find(|&i| s.row_side[i] != Side::Free && program.row_lo[i] < program.row_up[i]).unwrap();
    let fixed = (0..n).find(|&j| s.bound_side[j] == Side::Lower).unwrap();
    map.link(Entry::P(1), n, 1.0)
        .link(Entry::A(0), n + 1, 1.0)
        .link(Entry::A(program.a.nnz() - 1), n + 2, 1.0)
        .link(Entry::RowUp(tight), n + 3, 1.0)
        .link(Entry::Lo(fixed), n + 4, 1.0)
}

fn largest(u: [&[f64]; 3], expected: &[Vec<f64>; 3]) -> f64 {
    u.iter().zip(expected).map(|(got, expected)| error(got, expected)).fold(0.0, f64::max)
}

/// Against the dense pseudo-inverse; regular, with dependent equalities, and with a flat direction on top of them.
#[test]
fn adjoints_of_large_programs_are_those_of_the_pseudo_inverse() {
    let mut rng = Rng::seeded(51);
    for (n, equal, redundant, flat) in [(200, 40, 0, false), (200, 40, 5, false), (150, 60, 20, true), (250, 10, 0, true)] {
        let q = sparse(n, equal, redundant, flat, &mut rng);
        let reference = Reference::of(&q.program, &q.solution);
        let (x, rows, bounds) = (draw(&mut rng, n), draw(&mut rng, q.program.m()), draw(&mut rng, n));
        let expected = reference.adjoint(&x, &rows, &bounds);
        let fixed = Fixed { params: ParamMap::costs(n), program: q.program, solution: q.solution };
        let taped = Taped::new(Kkt::new(fixed), &vec![0.0; n]);
        assert_eq!(taped.degenerate, reference.singular);
        let (_, u) = taped.vjp(Cotangent { x: &x, rows: &rows, bounds: &bounds });
        let error = largest([&u.x, &u.rows, &u.bounds], &expected);
        println!(
            "n = {n}, {redundant} dependent, flat: {flat}: error {error:.1e}, residual {:.1e}, {} refinements",
            u.residual, u.refinements
        );
        assert!(error < 1e-7, "{error:.1e}");
        assert!(reference.singular || u.residual < 1e-13, "{:.1e}", u.residual);
    }
}

/// Central differences through the dense active-set solver, whose own tape is a third opinion.
#[test]
fn derivatives_of_large_programs_match_central_differences() {
    let mut rng = Rng::seeded(52);
    for n in [120, 300, 500] {
        let q = sparse(n, n / 6, 0, false, &mut rng);
        let params = params(&q.program, &q.solution);
        let theta: Vec<f64> = vec![0.0; params.theta()];
        let solver = active_set(q.program, params);
        let kkt = Kkt::new(solver.clone());
        let direction = draw(&mut rng, theta.len());
        let (own, general) = (Taped::new(solver, &theta), Taped::new(kkt.clone(), &theta));
        let x = draw(&mut rng, n);
        let on_x = Cotangent { x: &x, ..Cotangent::default() };
        let apart = error(&own.vjp(on_x).0, &general.vjp(on_x).0).max(error(&own.jvp(&direction).0, &general.jvp(&direction).0));
        // A vjp differs in every parameter, which takes two solves for each.
        let differences = jvp_error(&kkt, &theta, 1e-5, &mut rng).max(if n < 200 { vjp_error(&kkt, &theta, 1e-5, &mut rng) } else { 0.0 });
        println!("n = {n}: {differences:.1e} from central differences, tapes {apart:.1e} apart");
        assert!(differences < 1e-6 && apart < 1e-9);
    }
}
