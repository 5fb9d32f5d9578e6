use dfl_core::{Batch, Error, ParamMap, Program, Residuals, Result, Solution, Solver};
use dfl_solvers::{ActiveSet, ActiveSetOptions};
use faer::{Mat, Side as Triangle};

use super::Equations;

/// Eigenvalues below this share of the largest one count as zero.
const ZERO_EIGENVALUE: f64 = 1e-11;
/// What the optimum that the derivative is taken at may violate.
const RESIDUAL: f64 = 1e-9;
/// How far the solution of the equations may be from that optimum: more means that another set of constraints is tight.
const SAME_POINT: f64 = 1e-8;

/// Derivatives that no layer computed: $-K^{+} g$ with the pseudo-inverse of the dense KKT matrix of the tight constraints, by its
/// eigenvectors. `[b, n]`, the gradient of each `cotangent' x` in the linear cost.
///
/// The solutions are those of [`ActiveSet`], which count only if their residuals and the equations themselves agree with them.
///
/// # Errors
/// [`Error::NotSolved`], or [`Error::Domain`] if an optimum does not satisfy its own equations.
pub fn reference_gradients(program: &Program, costs: &Batch, cotangents: &Batch) -> Result<Batch> {
    let solver = ActiveSet::new(program.clone(), ParamMap::costs(program.n()), ActiveSetOptions::default())?;
    let (mut ws, mut out) = (solver.workspace()?, Solution::like(program));
    let mut gradients = Batch::zeros(costs.rows(), costs.cols());
    for i in 0..costs.rows() {
        let info = solver.solve(costs.row(i), None, &mut ws, &mut out)?;
        if !info.status.usable() {
            return Err(Error::NotSolved { index: i, solver: solver.name(), status: info.status });
        }
        let here = Program { c: costs.row(i).to_vec(), ..program.clone() };
        within("residual of the reference", Residuals::of(&here, &out).worst(), RESIDUAL)?;
        differentiate(&here, &out, cotangents.row(i), gradients.row_mut(i))?;
    }
    Ok(gradients)
}

fn differentiate(program: &Program, out: &Solution, cotangent: &[f64], gradient: &mut [f64]) -> Result<()> {
    let equations = Equations::at(program, out);
    let solve = pseudo_inverse(&equations.matrix)?;
    let (free, size) = (&equations.free, equations.matrix.nrows());
    let point = solve(&right_hand_side(program, out, &equations));
    let distance = free.iter().enumerate().map(|(k, &j)| (point[(k, 0)] - out.x[j]).abs()).fold(0.0, f64::max);
    within("distance of the reference to its own equations", distance, SAME_POINT)?;
    let u = solve(&Mat::from_fn(size, 1, |k, _| if k < free.len() { -cotangent[free[k]] } else { 0.0 }));
    for (k, &j) in free.iter().enumerate() {
        gradient[j] = u[(k, 0)];
    }
    Ok(())
}

/// Of the equations whose solution is the optimum: `-c - P_FB x_B`, then the tight side of each row less `A_RB x_B`.
fn right_hand_side(program: &Program, out: &Solution, equations: &Equations) -> Mat<f64> {
    let mut at_bounds = out.x.clone();
    equations.free.iter().for_each(|&j| at_bounds[j] = 0.0);
    let (mut px, mut ax) = (vec![0.0; program.n()], vec![0.0; program.m()]);
    program.p.symmetric_mul_add(1.0, &at_bounds, &mut px);
    program.a.mul_add(1.0, &at_bounds, &mut ax);
    let side = |i: usize| if out.row_side[i] == dfl_core::Side::Lower { program.row_lo[i] } else { program.row_up[i] };
    let top = equations.free.iter().map(|&j| -program.c[j] - px[j]);
    let entries: Vec<f64> = top.chain(equations.rows.iter().map(|&i| side(i) - ax[i])).collect();
    Mat::from_fn(entries.len(), 1, |k, _| entries[k])
}

fn pseudo_inverse(matrix: &Mat<f64>) -> Result<impl Fn(&Mat<f64>) -> Mat<f64>> {
    let failed = |e| Error::Backend { backend: "the eigenvalues of a KKT matrix", source: format!("{e:?}").into() };
    let eigen = matrix.self_adjoint_eigen(Triangle::Lower).map_err(failed)?;
    let (vectors, values) = (eigen.U().to_owned(), eigen.S().column_vector().to_owned());
    let largest = values.iter().fold(0.0_f64, |a, v| a.max(v.abs()));
    Ok(move |rhs: &Mat<f64>| {
        let mut along = vectors.transpose() * rhs;
        for k in 0..values.nrows() {
            along[(k, 0)] = if values[k].abs() > ZERO_EIGENVALUE * largest { along[(k, 0)] / values[k] } else { 0.0 };
        }
        &vectors * along
    })
}

fn within(what: &'static str, value: f64, most: f64) -> Result<()> {
    if value <= most { Ok(()) } else { Err(Error::Domain { what, value, need: "zero but for rounding" }) }
}
