use dfl_core::{Entry, ParamMap, Program, Result, Solution, check_len};

/// Writes the gradient of the optimal value $V(\theta)$ of a minimisation, from an optimum `solution` of `program` alone; nothing is
/// factorised.
///
/// By the envelope theorem it is the derivative of the Lagrangian in the parameters: $\bar c_j = x_j$, $\bar P_{ij} = x_i x_j$
/// ($\tfrac12 x_i^2$ on the diagonal), $\bar A_{ij} = \lambda_i x_j$; for the upper side of a row $-\max(\lambda_i, 0)$, for the lower one
/// $-\min(\lambda_i, 0)$, and the same with $\nu_j$ for bounds. Both sides of an equality together give $-\lambda_i$; one alone gives what
/// relaxing the equality on that side does.
///
/// This is *the* derivative where $x$ and the duals that it reads are unique. Else: in $(c, P)$ alone $V$ is concave and the result one
/// of its supergradients, whichever optimum was found; in sides and bounds alone $V$ is convex and the result a subgradient; where $A$
/// moves too it is one element of a set and need not be a one-sided derivative of anything.
///
/// # Errors
/// [`Error::Dimension`](dfl_core::Error::Dimension) if a length is wrong.
///
/// # References
/// Fiacco (1983), Introduction to Sensitivity and Stability Analysis in Nonlinear Programming, Theorem 3.4.1; Milgrom & Segal (2002),
/// Econometrica 70, Corollary 5.
pub fn value_gradient(program: &Program, params: &ParamMap, solution: &Solution, grad_theta: &mut [f64]) -> Result<()> {
    check_len("grad_theta", params.theta(), grad_theta.len())?;
    check_len("solution.x", program.n(), solution.x.len())?;
    check_len("solution.row_dual", program.m(), solution.row_dual.len())?;
    check_len("solution.bound_dual", program.n(), solution.bound_dual.len())?;
    let Solution { x, row_dual, bound_dual, .. } = solution;
    let positions = |wanted: fn(Entry) -> bool, of: &dfl_core::Csc| if params.moves(wanted) { of.positions() } else { Vec::new() };
    let p = positions(|e| matches!(e, Entry::P(_)), &program.p);
    let a = positions(|e| matches!(e, Entry::A(_)), &program.a);
    grad_theta.fill(0.0);
    params.pull(
        |entry| match entry {
            Entry::C(j) => x[j],
            Entry::P(k) if p[k].0 == p[k].1 => 0.5 * x[p[k].0] * x[p[k].0],
            Entry::P(k) => x[p[k].0] * x[p[k].1],
            Entry::A(k) => row_dual[a[k].0] * x[a[k].1],
            Entry::RowLo(i) => -row_dual[i].min(0.0),
            Entry::RowUp(i) => -row_dual[i].max(0.0),
            Entry::Lo(j) => -bound_dual[j].min(0.0),
            Entry::Up(j) => -bound_dual[j].max(0.0),
        },
        grad_theta,
    );
    Ok(())
}
