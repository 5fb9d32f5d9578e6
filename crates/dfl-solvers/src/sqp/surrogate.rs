use dfl_core::{
    Adjoint, Cotangent, Csc, DifferentiableSolver, Dims, EnergyCurvature, Error, Program, Result, Solution, SolveInfo, Solver, check_len,
};

use super::mapped::{Map, Mapped};
use super::{Sqp, SqpOptions, SqpTape, SqpWorkspace};
use crate::instance::{finite, refuse_integers_and_cones, reset};

const NAME: &str = "surrogate";

/// The decision of least energy among those that few variables describe, with its derivative in $\phi$ and in the description; minimises.
///
/// $$a^\star(\phi, T) = T s^\star, \qquad s^\star = \arg\min_{s \ge 0} E(\phi, Ts) + \tfrac12 (Ts)^\top P (Ts) + c^\top T s
/// \quad\text{s.t. } \underline b \le A T s \le \overline b,\ \underline a \le T s \le \overline a$$
///
/// solved by [`Sqp`] over the $k$ variables $s$. With $u$ the adjoint of that program, $g$ the cotangent on $a$, $H$ the Hessian and $r$ the gradient
/// of the Lagrangian in $a$ and $\lambda, \nu$ the multipliers of rows and of the sides of $Ts$, the gradients are
///
/// $$\bar\phi = \Bigl(\tfrac{\partial^2 E}{\partial a \partial \phi}\Bigr)^\top T u, \qquad
/// \bar T = (g + H T u + A^\top u_\lambda + u_\nu)\, s^\top + r\, u^\top$$
///
/// # Shapes
/// `theta`: $\phi$, then $T$ row-major `[m, k]`; `x`: $a$, `[m]`, with the multipliers of its rows and sides.
/// # Errors
/// Those of [`Sqp`]. A $T$ whose image misses the feasible set is [`Status::Infeasible`](dfl_core::Status).
/// # References
/// Wang, Wilder, Perrault & Tambe (2020), NeurIPS, Section 4: learned linear surrogates.
#[derive(Clone, Debug)]
pub struct Surrogate<E> {
    energy: E,
    feasible: Program,
    width: usize,
    options: SqpOptions,
}

/// Memory of a [`Surrogate`]: the program of the last $T$.
#[derive(Clone, Debug)]
pub struct SurrogateWorkspace<E> {
    inner: Option<(Sqp<Mapped<E>>, SqpWorkspace)>,
    found: Solution,
}

/// What a backward pass of a [`Surrogate`] needs.
pub struct SurrogateTape<E> {
    phi: Vec<f64>,
    sqp: Sqp<Mapped<E>>,
    inner: SqpTape,
    found: Solution,
}

impl<E: EnergyCurvature + Clone> Surrogate<E> {
    /// Decisions described by `width` variables.
    ///
    /// # Errors
    /// [`Error::Domain`] for no variables, [`Error::Dimension`] if the energy is over another number of decisions, and as [`Sqp::new`].
    pub fn new(energy: E, feasible: Program, width: usize, options: SqpOptions) -> Result<Self> {
        if width == 0 {
            return Err(Error::Domain { what: "variables of a surrogate", value: 0.0, need: "at least 1" });
        }
        check_len("decision of the energy", feasible.n(), energy.decision())?;
        feasible.check()?;
        refuse_integers_and_cones(NAME, &feasible)?;
        crate::check_convex(&feasible)?;
        Ok(Self { energy, feasible, width, options })
    }

    fn sizes(&self) -> Dims {
        Dims { theta: self.energy.prediction() + self.feasible.n() * self.width, x: self.feasible.n(), rows: self.feasible.m() }
    }

    /// The program over $s$: rows of $A T$, then those of $T$.
    fn program(&self, map: &Map) -> Result<Program> {
        let (f, k) = (&self.feasible, self.width);
        let (m, n) = (f.m(), f.n());
        let mut dense = vec![0.0; (m + n) * k];
        for (i, j, v) in f.a.triplets() {
            dense[i * k..][..k].iter_mut().zip(&map.values[j * k..][..k]).for_each(|(to, t)| *to += v * t);
        }
        dense[m * k..].copy_from_slice(&map.values);
        let entries: Vec<_> = dense.iter().enumerate().map(|(at, v)| (at / k, at % k, *v)).collect();
        let sides = |rows: &[f64], bounds: &[f64]| [rows, bounds].concat();
        Ok(Program::linear(vec![0.0; k])
            .with_rows(Csc::from_triplets(m + n, k, &entries)?, sides(&f.row_lo, &f.lo), sides(&f.row_up, &f.up))
            .with_bounds(vec![0.0; k], vec![f64::INFINITY; k]))
    }

    /// The solver of these values of $T$.
    fn solver(&self, values: &[f64]) -> Result<Sqp<Mapped<E>>> {
        let map = Map { values: values.to_vec(), width: self.width };
        let program = self.program(&map)?;
        Sqp::new(Mapped { energy: self.energy.clone(), program: self.feasible.clone(), map }, program, self.options.clone())
    }
}

impl<E: EnergyCurvature + Clone> Solver for Surrogate<E> {
    type Workspace = SurrogateWorkspace<E>;

    fn name(&self) -> &'static str {
        NAME
    }

    fn dims(&self) -> Dims {
        self.sizes()
    }

    fn workspace(&self) -> Result<SurrogateWorkspace<E>> {
        Ok(SurrogateWorkspace { inner: None, found: Solution::default() })
    }

    /// The matrices are made anew only if $T$ is not that of the last solve.
    fn solve(&self, theta: &[f64], _from: Option<&Solution>, ws: &mut SurrogateWorkspace<E>, out: &mut Solution) -> Result<SolveInfo> {
        check_len("theta", self.sizes().theta, theta.len())?;
        finite("theta", theta)?;
        let (phi, values) = theta.split_at(self.energy.prediction());
        let (n, m) = (self.feasible.n(), self.feasible.m());
        reset(out, (n, m), (0, 0));
        let (sqp, inner) = match ws.inner.take() {
            Some((sqp, inner)) if sqp.energy().map.values == values => (sqp, inner),
            _ => {
                let sqp = self.solver(values)?;
                let inner = sqp.workspace()?;
                (sqp, inner)
            }
        };
        let (sqp, inner) = ws.inner.insert((sqp, inner));
        let info = sqp.solve(phi, None, inner, &mut ws.found)?;
        if info.status.usable() {
            let found = &ws.found;
            out.x.copy_from_slice(&sqp.energy().map.apply(&found.x));
            out.objective = found.objective;
            for (to, from) in [(&mut out.row_dual, &found.row_dual[..m]), (&mut out.bound_dual, &found.row_dual[m..])] {
                to.copy_from_slice(from);
            }
            out.row_side.copy_from_slice(&found.row_side[..m]);
            out.bound_side.copy_from_slice(&found.row_side[m..]);
        }
        Ok(info)
    }
}

impl<E: EnergyCurvature + Clone> DifferentiableSolver for Surrogate<E> {
    type Tape = SurrogateTape<E>;

    fn tape(&self, theta: &[f64], _solution: &Solution, ws: &mut SurrogateWorkspace<E>, info: &mut SolveInfo) -> Result<SurrogateTape<E>> {
        let (sqp, inner) = ws.inner.as_mut().expect("a tape is made of the solve that has just finished");
        let phi = &theta[..self.energy.prediction()];
        let inner = sqp.tape(phi, &ws.found, inner, info)?;
        Ok(SurrogateTape { phi: phi.to_vec(), sqp: sqp.clone(), inner, found: ws.found.clone() })
    }

    fn vjp(&self, tape: &SurrogateTape<E>, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        let (sizes, k) = (self.sizes(), self.width);
        check_len("grad_theta", sizes.theta, grad_theta.len())?;
        check_len("cotangent on x", sizes.x, cotangent.x.len())?;
        let mapped = tape.sqp.energy();
        let mut on_s = vec![0.0; k];
        mapped.map.add_transposed(cotangent.x, &mut on_s);
        let (on_phi, on_map) = grad_theta.split_at_mut(tape.phi.len());
        tape.sqp.vjp(&tape.inner, Cotangent { x: &on_s, ..Cotangent::default() }, u, on_phi)?;
        let (left, residual) = self.parts(tape, cotangent.x, u)?;
        for ((row, left), r) in on_map.chunks_exact_mut(k).zip(left).zip(residual) {
            row.iter_mut().zip(&tape.found.x).zip(&u.x).for_each(|((to, s), u)| *to = left * s + r * u);
        }
        Ok(())
    }
}

impl<E: EnergyCurvature + Clone> Surrogate<E> {
    /// $g + H T u + A^\top u_\lambda + u_\nu$, and the gradient of the Lagrangian in $a$.
    fn parts(&self, tape: &SurrogateTape<E>, cotangent: &[f64], u: &Adjoint) -> Result<(Vec<f64>, Vec<f64>)> {
        let (mapped, m) = (tape.sqp.energy(), self.feasible.m());
        let a = mapped.map.apply(&tape.found.x);
        let (hess, moved) = (mapped.hessian(&tape.phi, &a)?, mapped.map.apply(&u.x));
        let mut left = cotangent.to_vec();
        for ((to, row), nu) in left.iter_mut().zip(hess.chunks_exact(a.len())).zip(&u.rows[m..]) {
            *to += row.iter().zip(&moved).map(|(h, v)| h * v).sum::<f64>() + nu;
        }
        self.feasible.a.mul_t_add(1.0, &u.rows[..m], &mut left);
        let mut residual = mapped.gradient(&tape.phi, &a)?;
        self.feasible.a.mul_t_add(1.0, &tape.found.row_dual[..m], &mut residual);
        residual.iter_mut().zip(&tape.found.row_dual[m..]).for_each(|(r, nu)| *r += nu);
        Ok((left, residual))
    }
}
