//! Where the derivative is one of several, or the system singular: finite, flagged, and the least-norm one.

use dfl_core::{Cotangent, Csc, DifferentiableSolver, Entry, ParamMap, Program, Rng};

use crate::reference::Reference;
use crate::{Taped, both, draw, error, matrix};

const INF: f64 = f64::INFINITY;

/// Every finite entry of a program gets a parameter of its own; both sides of an equality share one.
fn everything(program: &Program) -> ParamMap {
    let mut moved: Vec<Vec<Entry>> = (0..program.n()).map(|j| vec![Entry::C(j)]).collect();
    moved.extend((0..program.p.nnz()).map(|k| vec![Entry::P(k)]));
    moved.extend((0..program.a.nnz()).map(|k| vec![Entry::A(k)]));
    let mut sides = |lo: f64, up: f64, entries: [Entry; 2]| {
        if lo == up {
            moved.push(entries.to_vec());
        } else {
            moved.extend([lo, up].iter().zip(entries).filter(|(v, _)| v.is_finite()).map(|(_, e)| vec![e]));
        }
    };
    (0..program.m()).for_each(|i| sides(program.row_lo[i], program.row_up[i], [Entry::RowLo(i), Entry::RowUp(i)]));
    (0..program.n()).for_each(|j| sides(program.lo[j], program.up[j], [Entry::Lo(j), Entry::Up(j)]));
    let map = ParamMap::new(moved.len());
    moved.into_iter().enumerate().fold(map, |map, (k, entries)| entries.into_iter().fold(map, |map, e| map.link(e, k, 1.0)))
}

/// The adjoint against the pseudo-inverse, for cotangents on everything; flags as expected. Returns the largest error.
fn check_tape<S: DifferentiableSolver>(name: &str, taped: &Taped<S>, program: &Program, flagged: bool, rng: &mut Rng) -> f64 {
    let reference = Reference::of(program, &taped.solution);
    assert_eq!(taped.degenerate, flagged, "{name}: flag");
    assert!(flagged || !reference.singular, "{name}: a singular matrix without a flag");
    let (n, m, mut worst) = (program.n(), program.m(), 0.0_f64);
    for only_x in [true, false] {
        let (x, mut rows, mut bounds) = (draw(rng, n), draw(rng, m), draw(rng, n));
        if only_x {
            rows.fill(0.0);
            bounds.fill(0.0);
        }
        let (gradient, u) = taped.vjp(Cotangent { x: &x, rows: &rows, bounds: &bounds });
        assert!(gradient.iter().all(|g| g.is_finite()), "{name}: {gradient:?}");
        for (got, expected) in [u.x, u.rows, u.bounds].iter().zip(reference.adjoint(&x, &rows, &bounds)) {
            worst = worst.max(error(got, &expected));
        }
    }
    let (dx, u) = taped.jvp(&draw(rng, taped.solver.dims().theta));
    assert!([&dx, &u.rows, &u.bounds].into_iter().flatten().all(|v| v.is_finite()), "{name}: a tangent that is not finite");
    worst
}

/// With all parameters (the tape owns its matrices) and with costs alone (it shares them).
fn check(name: &str, program: &Program, flagged: bool) {
    let (mut rng, mut worst) = (Rng::seeded(41), 0.0_f64);
    for params in [everything(program), ParamMap::costs(program.n())] {
        let mut base = program.clone();
        let theta = if params == ParamMap::costs(program.n()) { std::mem::take(&mut base.c) } else { vec![0.0; params.theta()] };
        base.c.resize(program.n(), 0.0);
        let (own, general) = both(&base, &params, &theta);
        worst = worst.max(check_tape(name, &own, program, flagged, &mut rng));
        worst = worst.max(check_tape(name, &general, program, flagged, &mut rng));
    }
    println!("{name}: largest error against the pseudo-inverse {worst:.1e}");
    assert!(worst < 1e-7, "{name}: {worst:.1e}");
}

fn identity(n: usize) -> Csc {
    Csc::diagonal(&vec![1.0; n])
}

#[test]
fn equalities_that_depend_on_each_other() {
    let dense = matrix(&[&[2.0, 0.5, 0.0], &[0.0, 1.0, 0.25], &[0.0, 0.0, 3.0]]);
    for p in [identity(3), dense] {
        let base = Program::linear(vec![1.0, -2.0, 0.5]).with_quadratic(p);
        let duplicate = matrix(&[&[1.0, 1.0, 1.0], &[1.0, 1.0, 1.0]]);
        check("a row twice", &base.clone().with_rows(duplicate, vec![1.0; 2], vec![1.0; 2]), true);
        let sum = matrix(&[&[1.0, 1.0, 0.0], &[0.0, 1.0, 1.0], &[1.0, 2.0, 1.0]]);
        check("a row that is a sum", &base.clone().with_rows(sum, vec![1.0, 2.0, 3.0], vec![1.0, 2.0, 3.0]), true);
        let thrice = matrix(&[&[1.0, 2.0, 0.0], &[2.0, 4.0, 0.0], &[-1.0, -2.0, 0.0]]);
        check("a row thrice, scaled", &base.clone().with_rows(thrice, vec![1.0, 2.0, -1.0], vec![1.0, 2.0, -1.0]), true);
        let zero = Csc::from_triplets(1, 3, &[(0, 0, 0.0)]).unwrap();
        check("an equality of zeros", &base.clone().with_rows(zero, vec![0.0], vec![0.0]), true);
        let fixed = base.with_rows(matrix(&[&[1.0, 1.0, 0.0]]), vec![3.0], vec![3.0]);
        check("an equality of fixed variables", &fixed.with_bounds(vec![1.0, 2.0, 0.0], vec![1.0, 2.0, 5.0]), true);
    }
}

/// The bound and the row say the same: the solver holds one of them, and the other is called free.
#[test]
fn inequalities_that_depend_on_each_other() {
    let base = Program::linear(vec![2.0, 0.0]).with_quadratic(identity(2));
    let twice = base.with_rows(matrix(&[&[1.0, 0.0], &[1.0, 0.0]]), vec![0.0; 2], vec![INF; 2]);
    check("an inequality twice, one of them held", &twice, true);
}

#[test]
fn flows_have_one_equality_too_many() {
    let arcs = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)];
    let entries: Vec<_> = arcs.iter().enumerate().flat_map(|(j, &(from, to))| [(from, j, 1.0), (to, j, -1.0)]).collect();
    let balance = vec![1.0, 0.0, 0.0, 0.0, -1.0];
    let costs = vec![1.0, 1.5, 0.2, 2.0, 1.0, 0.7, 0.3];
    let flow = Program::linear(costs).with_rows(Csc::from_triplets(5, 7, &entries).unwrap(), balance.clone(), balance);
    let flow = flow.with_bounds(vec![0.0; 7], vec![INF; 7]);
    check("a flow", &flow.clone().with_quadratic(Csc::diagonal(&[0.5; 7])), true);
    check("a flow of smallest cost", &Program { p: Csc::diagonal(&[0.0; 7]), ..flow }, true);
}

#[test]
fn vertices_and_flat_directions() {
    let square = |c: Vec<f64>, p: Csc| Program::linear(c).with_quadratic(p).with_bounds(vec![-1.0; 2], vec![1.0; 2]);
    check("a vertex by costs alone", &square(vec![1.0, -2.0], Csc::diagonal(&[0.0; 2])), false);
    check("a vertex of a strictly convex program", &square(vec![9.0, -9.0], identity(2)), false);
    check("semidefinite, and flat nowhere", &square(vec![1.0, 0.5], Csc::diagonal(&[0.0, 1.0])), false);
    check("zero costs and a zero Hessian", &square(vec![0.0; 2], Csc::diagonal(&[0.0; 2])), true);
    check("flat along the answer", &square(vec![0.25, 0.25], matrix(&[&[1.0, 1.0], &[0.0, 1.0]])), true);
}

#[test]
fn small_and_empty() {
    let one = Program::linear(vec![2.0]).with_quadratic(identity(1));
    check("one variable, nothing else", &one, false);
    check("zero cost without constraints", &Program { c: vec![0.0], ..one.clone() }, false);
    check("one variable at its bound", &one.clone().with_bounds(vec![0.0], vec![INF]), false);
    check("one variable, fixed", &one.clone().with_bounds(vec![0.5], vec![0.5]), false);
    let row = one.clone().with_rows(matrix(&[&[1.0]]), vec![3.0], vec![3.0]);
    check("one variable, one equality", &row, false);
    check("one variable, fixed twice", &row.with_bounds(vec![3.0], vec![3.0]), true);
    let free = Program::linear(vec![1.0, 2.0, 3.0]).with_quadratic(identity(3));
    check("no constraints", &free, false);
    check("rows without entries", &free.clone().with_rows(Csc::empty(2, 3), vec![-1.0; 2], vec![1.0; 2]), false);
    check("all variables fixed", &free.with_bounds(vec![1.0; 3], vec![1.0; 3]), false);
}

/// The unconstrained optimum lies on the constraint: tight, without a dual. The solver's sides decide, and the answer is flagged.
#[test]
fn zero_duals() {
    let base = Program::linear(vec![0.0, 1.0]).with_quadratic(identity(2));
    check("an optimum on a bound", &base.clone().with_bounds(vec![0.0; 2], vec![INF; 2]), true);
    let row = matrix(&[&[1.0, 1.0]]);
    check("an optimum on a row", &base.with_rows(row, vec![-INF], vec![-1.0]), true);
}
