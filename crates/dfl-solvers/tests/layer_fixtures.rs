//! Two QP layers, solved and differentiated by other libraries: `min 1/2 z'Qz + p'z` under `Az = b`, `Gz <= h`, eight costs `p` each with
//! a cotangent `g` on `z`. `power24` has 24 hours, ramps and `z >= 0`; `portfolio50` a dense `Q` over the simplex.
//!
//! `reference_activeset` solves the KKT equations of the tight rows to rounding, as we do; the margin of strict complementarity is 5e-4
//! at the least, so that there is one derivative. The two agree to 3e-14, and a row wrongly tight shows far above 1e-8. Gradients of qpth
//! and proxsuite are exact to about 1e-5 by their tolerances; ours are within 9e-6 of them, for which 2e-5 has room.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed helper fails its test, and errors are shown")]

use std::io::Write;
use std::path::{Path, PathBuf};

use dfl_core::{Adjoint, Cotangent, Csc, DifferentiableSolver, Entry, ParamMap, Program, ProgramSolver, Residuals, Solution, Status};
use dfl_solvers::{ActiveSet, ActiveSetOptions, Kkt};
use serde_json::Value;

const EXACT: f64 = 1e-8;
const INTERIOR: f64 = 2e-5;

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

/// With the active set's own tape.
fn by_own_tape(layer: &Layer, solver: ActiveSet) -> Vec<Found> {
    differentiate(layer, &solver, |ws, out| Residuals::of(solver.program(ws), out).worst())
}

/// Largest difference, relative to the largest entry (at least 1).
fn error(got: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(got.len(), expected.len());
    let scale = expected.iter().fold(1.0_f64, |a, v| a.max(v.abs()));
    got.iter().zip(expected).fold(0.0_f64, |a, (g, e)| if (g - e).is_nan() { f64::NAN } else { a.max((g - e).abs()) }) / scale
}

fn within(what: &str, errors: &[f64], tolerance: f64) {
    assert!(errors.iter().all(|&e| e <= tolerance), "{what}: {errors:?}");
    println!("{what}: largest error {:.1e}", errors.iter().fold(0.0_f64, |a, &b| a.max(b)));
}

/// Solutions and gradients in `p` and `h` against the three that are to be trusted; proxsuite has none in `h`.
fn agrees<S>(name: &str, make: impl Fn(Program, ParamMap) -> S, tape: impl Fn(&Layer, S) -> Vec<Found>) {
    let Some(layer) = layer(name) else { return };
    let found = tape(&layer, make(layer.program(), layer.costs_and_sides()));
    let references = [
        ("reference_activeset", &layer.file["reference_activeset"], EXACT, EXACT),
        ("qpth", &layer.file["peers"]["qpth"], EXACT, INTERIOR),
        ("proxsuite", &layer.file["peers"]["proxsuite"], 1e-6, INTERIOR),
    ];
    for (who, reference, on_z, on_gradient) in references {
        let compare = |part: &str, tolerance: f64, of: &dyn Fn(&Found) -> Vec<f64>| {
            let expected = numbers(&reference[part]);
            let errors: Vec<f64> = found.iter().enumerate().map(|(i, f)| error(&of(f), layer.row(&expected, i))).collect();
            within(&format!("{name}, {who}, {part}"), &errors, tolerance);
        };
        compare("z", on_z, &|(z, _)| z.clone());
        compare("dL_dp", on_gradient, &|(_, grad)| grad[..layer.n].to_vec());
        if reference["dL_dh"].is_array() {
            compare("dL_dh", on_gradient, &|(_, grad)| grad[layer.n..].to_vec());
        }
    }
}

/// Gradients in `Q`, which only qpth has: half on each side of the diagonal, where ours is for both at once.
fn agrees_in_the_matrix<S>(name: &str, make: impl Fn(Program, ParamMap) -> S, tape: impl Fn(&Layer, S) -> Vec<Found>) {
    let Some(layer) = layer(name) else { return };
    let (program, n) = (layer.program(), layer.n);
    let positions = program.p.positions();
    let map = (0..n).fold(ParamMap::new(n + positions.len()), |map, j| map.link(Entry::C(j), j, 1.0));
    let map = (0..positions.len()).fold(map, |map, k| map.link(Entry::P(k), n + k, 1.0));
    let expected = numbers(&layer.file["peers"]["qpth"]["dL_dQ"]);
    let one = |(i, (_, grad)): (usize, Found)| {
        let (q, mut dense) = (layer.row(&expected, i), vec![0.0; n * n]);
        for (&(r, c), g) in positions.iter().zip(&grad[n..]) {
            let each = if r == c { *g } else { 0.5 * g };
            (dense[r * n + c], dense[c * n + r]) = (each, each);
        }
        error(&dense, q)
    };
    let errors: Vec<f64> = tape(&layer, make(program, map)).into_iter().enumerate().map(one).collect();
    within(&format!("{name}, qpth, dL_dQ"), &errors, INTERIOR);
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
