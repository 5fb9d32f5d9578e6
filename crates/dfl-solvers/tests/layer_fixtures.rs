//! Two QP layers, solved and differentiated by other libraries: `min 1/2 z'Qz + p'z` under `Az = b`, `Gz <= h`, eight costs `p` each with
//! a cotangent `g` on `z`. `power24` has 24 hours, ramps and `z >= 0`; `portfolio50` a dense `Q` over the simplex.
//!
//! `reference_activeset` solves the KKT equations of the tight rows to rounding, as we do; the margin of strict complementarity is 5e-4
//! at the least, so that there is one derivative. Of each library the file notes how far it is from that reference, and we may be
//! no further from the library.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed helper fails its test, and errors are shown")]

use std::io::Write;
use std::path::{Path, PathBuf};

use dfl_core::{Adjoint, Cotangent, Csc, DifferentiableSolver, Entry, ParamMap, Program, ProgramSolver, Residuals, Solution, Status};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Kkt, Separable, SeparableOptions};
use serde_json::Value;

/// Distance from the reference, whose entries are of size 1.
const EXACT: f64 = 1e-8;
/// What two answers that are exact to rounding may differ by: one library's noted error is 2e-14.
const ROUNDING: f64 = 1e-12;

struct Layer {
    file: Value,
    n: usize,
    rows: usize,
    equalities: usize,
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().flat_map(|v| v.as_f64().map_or_else(|| numbers(v), |v| vec![v])).collect()
}

/// The file, unless it is not there, which is said past the capture of the test harness.
fn layer(name: &str) -> Option<Layer> {
    let usual = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures");
    let path = std::env::var_os("DFL_FIXTURES").map_or_else(usual, PathBuf::from).join("layers").join(name);
    if !path.exists() {
        let thread = std::thread::current();
        let _ = writeln!(std::io::stderr(), "skipped: {}: {} not found", thread.name().unwrap_or("layer_fixtures"), path.display());
        return None;
    }
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let size = |name: &str| file["problem"][name]["shape"][0].as_u64().unwrap() as usize;
    let (n, rows, equalities) = (size("Q"), size("G"), size("A"));
    Some(Layer { file, n, rows, equalities })
}

impl Layer {
    fn part(&self, name: &str) -> Vec<f64> {
        numbers(&self.file["problem"][name]["data"])
    }

    fn instances(&self) -> usize {
        self.part("p").len() / self.n
    }

    /// The layer at `p = 0`: the rows of `A`, then those of `G`. Zeros of `Q` are stored, so that they can be differentiated.
    fn program(&self) -> Program {
        let (q, n) = (self.part("Q"), self.n);
        let upper: Vec<_> = (0..n).flat_map(|j| (0..=j).map(move |i| (i, j))).map(|(i, j)| (i, j, q[i * n + j])).collect();
        let rows: Vec<_> = [self.part("A"), self.part("G")].concat().chunks(n).map(<[f64]>::to_vec).collect();
        let entries = rows.iter().enumerate().flat_map(|(i, r)| r.iter().enumerate().map(move |(j, &v)| (i, j, v)));
        let a: Vec<_> = entries.filter(|e| e.2 != 0.0).collect();
        let free = vec![f64::NEG_INFINITY; self.rows];
        Program::linear(vec![0.0; n]).with_quadratic(Csc::from_triplets(n, n, &upper).unwrap()).with_rows(
            Csc::from_triplets(rows.len(), n, &a).unwrap(),
            [self.part("b"), free].concat(),
            [self.part("b"), self.part("h")].concat(),
        )
    }

    /// `theta = (p, change of h)`.
    fn costs_and_sides(&self) -> ParamMap {
        let map = (0..self.n).fold(ParamMap::new(self.n + self.rows), |map, j| map.link(Entry::C(j), j, 1.0));
        (0..self.rows).fold(map, |map, i| map.link(Entry::RowUp(self.equalities + i), self.n + i, 1.0))
    }

    /// Rows `i` of a table of the file.
    fn row<'a>(&self, values: &'a [f64], i: usize) -> &'a [f64] {
        let width = values.len() / self.instances();
        &values[i * width..(i + 1) * width]
    }
}

/// A solution and a gradient.
type Found = (Vec<f64>, Vec<f64>);

/// The answer and the gradient of `g'z` in theta, for each instance; theta is `p` and zeros. `residual` is that of an
/// answer to the program in the workspace.
fn differentiate<S: DifferentiableSolver>(layer: &Layer, kkt: &S, residual: impl Fn(&S::Workspace, &Solution) -> f64) -> Vec<Found> {
    let (p, g) = (layer.part("p"), layer.part("g"));
    let (mut ws, mut out) = (kkt.workspace().unwrap(), Solution::default());
    let one = |i| {
        let mut theta = layer.row(&p, i).to_vec();
        theta.resize(kkt.dims().theta, 0.0);
        let mut info = kkt.solve(&theta, None, &mut ws, &mut out).unwrap();
        assert_eq!(info.status, Status::Optimal, "instance {i}");
        assert!(residual(&ws, &out) <= EXACT, "instance {i}");
        let tape = kkt.tape(&theta, &out, &mut ws, &mut info).unwrap();
        assert!(!info.degenerate, "instance {i}");
        let mut grad = vec![f64::NAN; theta.len()];
        let on_z = Cotangent { x: layer.row(&g, i), ..Cotangent::default() };
        kkt.vjp(&tape, on_z, &mut Adjoint::default(), &mut grad).unwrap();
        (out.x.clone(), grad)
    };
    (0..layer.instances()).map(one).collect()
}

/// With the tape that serves every solver.
fn by_kkt<S: ProgramSolver>(layer: &Layer, solver: S) -> Vec<Found> {
    let kkt = Kkt::new(solver);
    differentiate(layer, &kkt, |ws, out| Residuals::of(kkt.inner().program(ws), out).worst())
}

/// With the solver's own tape.
fn by_own_tape<S: ProgramSolver + DifferentiableSolver>(layer: &Layer, solver: S) -> Vec<Found> {
    differentiate(layer, &solver, |ws, out| Residuals::of(solver.program(ws), out).worst())
}

/// Largest magnitude; NaN if there is one.
fn largest(values: impl IntoIterator<Item = f64>) -> f64 {
    values.into_iter().fold(0.0, |a: f64, v| if v.abs() > a || v.is_nan() { v.abs() } else { a })
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    largest(a.iter().zip(b).map(|(a, b)| a - b))
}

fn within(what: &str, error: f64, tolerance: f64) {
    assert!(error <= tolerance, "{what}: {error:.3e} is above {tolerance:.3e}");
    println!("{what}: {error:.1e} of {tolerance:.1e}");
}

/// `(u z' + z u') / 2` of each instance.
fn symmetric_products(u: &[f64], z: &[f64], n: usize) -> Vec<f64> {
    let product = |(u, z): (&[f64], &[f64])| -> Vec<f64> {
        (0..n * n).map(|k| (k / n, k % n)).map(|(i, j)| 0.5 * (u[i] * z[j] + z[i] * u[j])).collect()
    };
    u.chunks(n).zip(z.chunks(n)).flat_map(product).collect()
}

impl Layer {
    /// The gradient in `Q`, which the reference leaves out, follows from that in `p`.
    fn reference(&self, part: &str) -> Vec<f64> {
        let stored = |part: &str| numbers(&self.file["reference_activeset"][part]);
        if part == "dL_dQ" { symmetric_products(&stored("dL_dp"), &stored("z"), self.n) } else { stored(part) }
    }

    /// The libraries whose gradients are derivatives: those of qpax are relaxed, and cvxpylayers with MOREAU drops `x >= 0`.
    fn peers(&self) -> Vec<(&String, &Value)> {
        let trusted = |who: &str| !who.starts_with("qpax") && who != "cvxpylayers_MOREAU";
        let peers: Vec<_> = self.file["peers"].as_object().unwrap().iter().filter(|(who, _)| trusted(who)).collect();
        assert!(peers.len() >= 5, "{}", peers.len());
        peers
    }

    /// One part of all our answers against the reference, and against each library that has it by that library's own error: the largest
    /// of all entries, for gradients as a share of the largest in the reference. Where the file notes none it is computed.
    fn compare(&self, name: &str, part: &str, ours: &[f64]) {
        let reference = self.reference(part);
        within(&format!("{name}, {part}, reference_activeset"), distance(ours, &reference), EXACT);
        let scale = if part == "z" { 1.0 } else { largest(reference.iter().copied()) };
        for (who, peer) in self.peers().into_iter().filter(|(_, peer)| peer[part].is_array()) {
            let theirs = numbers(&peer[part]);
            let error = distance(&theirs, &reference) / scale;
            let noted = match part {
                "z" => &peer["max_abs_z_err"],
                "dL_dp" => &peer["rel_grad_err"],
                _ => &Value::Null,
            };
            let noted = noted.as_f64().unwrap_or(error);
            assert!((error - noted).abs() <= 1e-9 * noted, "{name}, {part}, {who}: {error:e}, noted {noted:e}");
            within(&format!("{name}, {part}, {who}"), distance(ours, &theirs) / scale, noted + ROUNDING);
        }
    }
}

/// Solutions and gradients in `p` and `h`.
fn agrees<S>(name: &str, make: impl Fn(Program, ParamMap) -> S, tape: impl Fn(&Layer, S) -> Vec<Found>) {
    let Some(layer) = layer(name) else { return };
    let found = tape(&layer, make(layer.program(), layer.costs_and_sides()));
    let table = |of: &dyn Fn(&Found) -> Vec<f64>| -> Vec<f64> { found.iter().flat_map(of).collect() };
    layer.compare(name, "z", &table(&|(z, _)| z.clone()));
    layer.compare(name, "dL_dp", &table(&|(_, grad)| grad[..layer.n].to_vec()));
    layer.compare(name, "dL_dh", &table(&|(_, grad)| grad[layer.n..].to_vec()));
}

/// Gradients in `Q`: half on each side of the diagonal, where ours is for both at once.
fn agrees_in_the_matrix<S>(name: &str, make: impl Fn(Program, ParamMap) -> S, tape: impl Fn(&Layer, S) -> Vec<Found>) {
    let Some(layer) = layer(name) else { return };
    let (program, n) = (layer.program(), layer.n);
    let positions = program.p.positions();
    let map = (0..n).fold(ParamMap::new(n + positions.len()), |map, j| map.link(Entry::C(j), j, 1.0));
    let map = (0..positions.len()).fold(map, |map, k| map.link(Entry::P(k), n + k, 1.0));
    let dense = |(_, grad): Found| {
        let mut dense = vec![0.0; n * n];
        for (&(r, c), g) in positions.iter().zip(&grad[n..]) {
            let each = if r == c { *g } else { 0.5 * g };
            (dense[r * n + c], dense[c * n + r]) = (each, each);
        }
        dense
    };
    let ours: Vec<f64> = tape(&layer, make(program, map)).into_iter().flat_map(dense).collect();
    layer.compare(name, "dL_dQ", &ours);
}

#[test]
fn a_nan_is_an_error() {
    assert!(distance(&[f64::NAN, 1.0], &[0.0, 3.0]).is_nan() && distance(&[1.0, f64::NAN], &[3.0, 0.0]).is_nan());
    assert_eq!(distance(&[1.0, -3.0], &[3.0, 0.0]), 3.0);
}

fn active_set(program: Program, params: ParamMap) -> ActiveSet {
    ActiveSet::new(program, params, ActiveSetOptions::default()).unwrap()
}

#[test]
fn power_by_the_active_set_solver() {
    agrees("power24.json", active_set, by_kkt);
    agrees("power24.json", active_set, by_own_tape);
}

#[test]
fn portfolio_by_the_active_set_solver() {
    agrees("portfolio50.json", active_set, by_kkt);
    agrees("portfolio50.json", active_set, by_own_tape);
}

#[test]
fn power_in_its_matrix_by_the_active_set_solver() {
    agrees_in_the_matrix("power24.json", active_set, by_kkt);
    agrees_in_the_matrix("power24.json", active_set, by_own_tape);
}

#[test]
fn portfolio_in_its_matrix_by_the_active_set_solver() {
    agrees_in_the_matrix("portfolio50.json", active_set, by_kkt);
    agrees_in_the_matrix("portfolio50.json", active_set, by_own_tape);
}

/// The layer of the power program has a diagonal `Q`; its zeros are not stored here.
#[test]
fn power_by_the_separable_solver() {
    let separable = |program: Program, params| {
        assert!(program.p.triplets().all(|(i, j, v)| i == j || v == 0.0));
        let diagonal: Vec<f64> = program.p.triplets().filter(|(i, j, _)| i == j).map(|(_, _, v)| v).collect();
        Separable::new(program.with_quadratic(Csc::diagonal(&diagonal)), params, SeparableOptions::default()).unwrap()
    };
    agrees("power24.json", separable, by_kkt);
    agrees("power24.json", separable, by_own_tape);
}

#[cfg(feature = "clarabel")]
mod clarabel {
    use super::*;
    use dfl_solvers::{Clarabel, ClarabelOptions};

    fn clarabel(program: Program, params: ParamMap) -> Clarabel {
        Clarabel::new(program, params, ClarabelOptions::default()).unwrap()
    }

    #[test]
    fn power_by_clarabel() {
        agrees("power24.json", clarabel, by_kkt);
        agrees_in_the_matrix("power24.json", clarabel, by_kkt);
    }

    #[test]
    fn portfolio_by_clarabel() {
        agrees("portfolio50.json", clarabel, by_kkt);
        agrees_in_the_matrix("portfolio50.json", clarabel, by_kkt);
    }
}

#[cfg(feature = "osqp")]
mod osqp {
    use super::*;
    use dfl_solvers::{Osqp, OsqpOptions};

    fn osqp(program: Program, params: ParamMap) -> Osqp {
        Osqp::new(program, params, OsqpOptions::default()).unwrap()
    }

    #[test]
    fn power_by_osqp() {
        agrees("power24.json", osqp, by_kkt);
    }

    #[test]
    fn portfolio_by_osqp() {
        agrees("portfolio50.json", osqp, by_kkt);
    }

    #[test]
    fn power_in_its_matrix_by_osqp() {
        agrees_in_the_matrix("power24.json", osqp, by_kkt);
    }

    #[test]
    fn portfolio_in_its_matrix_by_osqp() {
        agrees_in_the_matrix("portfolio50.json", osqp, by_kkt);
    }
}
