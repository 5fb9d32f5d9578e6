//! The derivative of the decision in every sample.

use dfl_core::dense::dot;
use dfl_core::{Adjoint, CostCurvature, Cotangent, Curvature, DifferentiableSolver, Error, Result, Side, Solution, SolveInfo, check_len};
use faer::Mat;

use super::residual::{largest, pinning_group};
use super::system::System;
use super::workspace::StochasticWorkspace;
use super::{NAME, StochasticProgram};

/// A multiplier this close to an end of its range, relative to `1 +` the gradient, decides nothing.
const WEAK: f64 = 1e-9;

/// What the backward pass of one answer needs.
pub struct StochasticTape {
    pub(super) theta: Vec<f64>,
    pub(super) z: Vec<f64>,
    /// Gradient of the risk in the scenarios' costs.
    pub(super) weights: Vec<f64>,
    /// Gradients of the scenarios, `[M, n]`; at a kink the element of the subdifferential that makes the point stationary.
    pub(super) grads: Vec<f64>,
    /// The slopes in them, `[M, hinges]`, hinges in the order of axes.
    pub(super) slopes: Vec<f64>,
    /// Curvature of each hinge by the density of its breakpoint, `[M, hinges]`; empty unless that is asked for.
    pub(super) bends: Vec<f64>,
    /// The same of the threshold of CVaR, `[M]`.
    pub(super) edge_bends: Vec<f64>,
    /// Hessian of the deterministic part, `[n, n]`.
    pub(super) fixed_hess: Vec<f64>,
    /// What each row of the system behind the variables says.
    pub(super) rows: Vec<Row>,
    /// Whether the threshold of CVaR is a variable, after the decision.
    pub(super) threshold: bool,
    pub(super) system: System,
}

/// A tight constraint.
pub(super) enum Row {
    /// Row of the program, or constraint behind them.
    Tight(usize),
    Bound(usize),
    /// The decision stays at the breakpoint of these entries (`m * hinges + h`) of an axis.
    Pin(usize, Vec<usize>),
    /// Scenario `m` stays at the threshold of CVaR.
    Edge(usize),
}

impl<C: CostCurvature> StochasticProgram<C> {
    /// Number of hinges of the axes before each, and in all.
    pub(super) fn offsets(&self) -> (Vec<usize>, usize) {
        let mut total = 0;
        let mut first = Vec::with_capacity(self.axes.len());
        for axis in &self.axes {
            first.push(total);
            total += axis.hinges.len();
        }
        (first, total)
    }

    /// Slopes of all hinges; where the decision is pinned, those that its multiplier stands for.
    fn effective_slopes(&self, ws: &StochasticWorkspace) -> Vec<f64> {
        let (first, total) = self.offsets();
        let mut out = vec![0.0; self.scenarios.count * total];
        for (j, axis) in self.axes.iter().enumerate() {
            let (breaks, cell) = (&ws.breaks[j], &ws.cells[j]);
            let jump = self.jump(j, cell, breaks, &ws.point);
            for (k, &group) in breaks.group.iter().enumerate() {
                let hinge = &axis.hinges[k % axis.hinges.len()];
                let mut slope = hinge.slope(group < cell.index);
                if Some(group) == pinning_group(cell) && jump > 0.0 {
                    slope += (cell.dual / jump) * (hinge.right - hinge.left);
                }
                out[k / axis.hinges.len() * total + first[j] + k % axis.hinges.len()] = slope;
            }
        }
        out
    }

    /// Curvature of each hinge: its jump times the kernel density of its breakpoint at the decision.
    fn density_bends(&self, ws: &StochasticWorkspace, bandwidth: f64) -> Vec<f64> {
        let (first, total) = self.offsets();
        let mut out = vec![0.0; self.scenarios.count * total];
        for (j, axis) in self.axes.iter().enumerate() {
            let (breaks, tau, hinges) = (&ws.breaks[j], axis.dot(&ws.z), axis.hinges.len());
            for (h, hinge) in axis.hinges.iter().enumerate() {
                let width = bandwidth * breaks.deviation(h, hinges);
                for m in 0..self.scenarios.count {
                    let kernel = gaussian((tau - breaks.position[m * hinges + h]) / width) / width;
                    out[m * total + first[j] + h] = (hinge.right - hinge.left) * kernel;
                }
            }
        }
        out
    }

    fn edge_bends(&self, ws: &StochasticWorkspace, bandwidth: f64) -> Vec<f64> {
        let Some(cap) = self.cap() else { return Vec::new() };
        let (costs, eta) = (&ws.point.costs, ws.answer.x[self.feasible.n()]);
        let mean = costs.iter().sum::<f64>() / costs.len() as f64;
        let variance = costs.iter().map(|f| (f - mean) * (f - mean)).sum::<f64>() / costs.len() as f64;
        let width = bandwidth * variance.sqrt().max(1e-6 * (1.0 + eta.abs()));
        costs.iter().map(|f| cap * gaussian((f - eta) / width) / width).collect()
    }

    /// The tight constraints, and whether one of them decides nothing.
    fn tight(&self, ws: &StochasticWorkspace, scale: f64) -> (Vec<Row>, bool) {
        let (layout, n, m) = (&self.layout, self.feasible.n(), self.feasible.m());
        let mut weak = false;
        let is_tight = |i: &usize| ws.answer.row_side[*i] != Side::Free;
        let mut rows: Vec<Row> = (0..m).filter(is_tight).map(Row::Tight).collect();
        rows.extend((0..self.constraints.len()).filter(|i| is_tight(&(layout.bent() + i))).map(|i| Row::Tight(m + i)));
        weak |= (layout.bent()..layout.tail()).any(|i| is_tight(&i) && ws.answer.row_dual[i].abs() <= WEAK * scale);
        rows.extend((0..n).filter(|&j| ws.answer.bound_side[j] != Side::Free).map(Row::Bound));
        if self.options.curvature != Curvature::SampleAverage {
            return (rows, weak);
        }
        for (j, (cell, breaks)) in ws.cells.iter().zip(&ws.breaks).enumerate() {
            let (jump, tau) = (self.jump(j, cell, breaks, &ws.point), ws.point.tau[j]);
            let near = |end: f64| (tau - end).abs() <= WEAK * (1.0 + tau.abs());
            let Some(group) = pinning_group(cell) else {
                let (lower, upper) = breaks.ends(cell.index);
                weak |= near(lower) || near(upper);
                continue;
            };
            let members = breaks.members(group).to_vec();
            weak |= members.len() > 1 || cell.dual.abs() <= WEAK * scale || jump - cell.dual.abs() <= WEAK * scale;
            rows.push(Row::Pin(j, members));
        }
        if let Some(cap) = self.cap() {
            let inside = |m: &usize| ws.point.weights[*m] > WEAK * cap && ws.point.weights[*m] < (1.0 - WEAK) * cap;
            rows.extend((0..self.scenarios.count).filter(inside).map(Row::Edge));
        }
        (rows, weak)
    }

    /// $K$: the Hessian, bordered by the normals of the tight constraints.
    fn matrix(&self, ws: &StochasticWorkspace, tape: &Unfactored) -> Mat<f64> {
        let (n, grads) = (self.feasible.n(), &ws.point.grads);
        let size = n + usize::from(tape.threshold);
        let mut k = Mat::zeros(size + tape.rows.len(), size + tape.rows.len());
        for j in 0..n {
            (0..n).for_each(|i| k[(i, j)] = ws.point.hess[i * n + j]);
        }
        for (m, &bend) in tape.edge_bends.iter().enumerate() {
            add_edge(bend, &grads[m * n..][..n], &mut k);
        }
        for (at, row) in tape.rows.iter().enumerate() {
            let at = size + at;
            match row {
                Row::Tight(i) if *i < self.feasible.m() => {}
                Row::Tight(i) => {
                    let normal = &ws.point.bent_grads[(i - self.feasible.m()) * n..][..n];
                    normal.iter().enumerate().for_each(|(j, v)| k[(at, j)] = *v);
                }
                Row::Bound(j) => k[(at, *j)] = 1.0,
                Row::Pin(axis, _) => self.axes[*axis].a.iter().for_each(|&(j, a)| k[(at, j)] = a),
                Row::Edge(m) => {
                    grads[m * n..][..n].iter().enumerate().for_each(|(j, v)| k[(at, j)] = *v);
                    k[(at, n)] = -1.0;
                }
            }
        }
        let mut place = vec![usize::MAX; self.feasible.m()];
        for (at, row) in tape.rows.iter().enumerate() {
            if let Row::Tight(i) = row
                && *i < place.len()
            {
                place[*i] = size + at;
            }
        }
        for (i, j, v) in self.feasible.a.triplets().filter(|t| place[t.0] != usize::MAX) {
            k[(place[i], j)] = v;
        }
        k
    }

    /// Solves for the adjoint $u = -K^{-1}$ cotangent, spread over the constraints of the program in `u`. Returns all of it.
    pub(super) fn adjoint(&self, tape: &StochasticTape, cotangent: Cotangent<'_>, u: &mut Adjoint) -> Result<Vec<f64>> {
        let packed = self.right_hand_side(tape, cotangent)?;
        let mut answer = packed;
        (u.residual, u.refinements) = tape.system.solve(&mut answer)?;
        let (sizes, first) = (self.sizes(), tape.first_row());
        u.x.clear();
        u.x.extend_from_slice(&answer[..sizes.x]);
        for (to, len) in [(&mut u.rows, sizes.rows), (&mut u.bounds, sizes.x)] {
            to.clear();
            to.resize(len, 0.0);
        }
        for (row, v) in tape.rows.iter().zip(&answer[first..]) {
            match row {
                Row::Tight(i) => u.rows[*i] = *v,
                Row::Bound(j) => u.bounds[*j] = *v,
                Row::Pin(..) | Row::Edge(_) => {}
            }
        }
        Ok(answer)
    }

    /// Minus the cotangent, in the order of the system.
    pub(super) fn right_hand_side(&self, tape: &StochasticTape, cotangent: Cotangent<'_>) -> Result<Vec<f64>> {
        let sizes = self.sizes();
        let parts = [("cotangent on x", cotangent.x, sizes.x), ("cotangent on the row duals", cotangent.rows, sizes.rows)];
        for (what, part, len) in parts.into_iter().chain([("cotangent on the bound duals", cotangent.bounds, sizes.x)]) {
            if !part.is_empty() {
                check_len(what, len, part.len())?;
            }
        }
        let mut out = vec![0.0; tape.system.matrix().nrows()];
        out.iter_mut().zip(cotangent.x).for_each(|(to, c)| *to = -c);
        let at = |part: &[f64], i: usize| part.get(i).copied().unwrap_or(0.0);
        for (to, row) in out[tape.first_row()..].iter_mut().zip(&tape.rows) {
            *to = match row {
                Row::Tight(i) => -at(cotangent.rows, *i),
                Row::Bound(j) => -at(cotangent.bounds, *j),
                Row::Pin(..) | Row::Edge(_) => 0.0,
            };
        }
        Ok(out)
    }

    /// `grad_theta = u' dF/dtheta` for the optimality conditions `F`.
    fn pull(&self, tape: &StochasticTape, u: &[f64], grad_theta: &mut [f64]) {
        let (n, count, outcome) = (self.feasible.n(), self.scenarios.count, self.scenarios.outcome);
        let (uz, mut on_cost) = (&u[..n], vec![0.0; count]);
        let along = |m: usize| dot(&tape.grads[m * n..][..n], uz);
        let moved: Vec<f64> = (0..count).map(along).collect();
        self.options.risk.hess_mul(&tape.weights, &moved, &mut on_cost);
        for (m, bend) in tape.edge_bends.iter().enumerate() {
            on_cost[m] += bend * (moved[m] - u[n]);
        }
        for (row, v) in tape.rows.iter().zip(&u[tape.first_row()..]) {
            if let Row::Edge(m) = row {
                on_cost[*m] += v;
            }
        }
        grad_theta.fill(0.0);
        for (m, out) in grad_theta.chunks_exact_mut(outcome.max(1)).enumerate() {
            let y = self.sample(&tape.theta, m);
            self.cost.add_cross(y, &tape.z, tape.weights[m], uz, out);
            if on_cost[m] != 0.0 {
                self.cost.add_grad_y(y, &tape.z, on_cost[m], out);
            }
            if on_cost[m] != 0.0 || !tape.bends.is_empty() {
                self.pull_kinks(tape, uz, m, on_cost[m], out);
            }
        }
        self.pull_pins(tape, u, grad_theta);
    }

    /// What the kinks of scenario `m` add: through its cost, and through the density of their breakpoints.
    fn pull_kinks(&self, tape: &StochasticTape, uz: &[f64], m: usize, on_cost: f64, out: &mut [f64]) {
        let (first, total) = self.offsets();
        for (axis, first) in self.axes.iter().zip(first) {
            let along = axis.dot(uz);
            for (h, hinge) in axis.hinges.iter().enumerate() {
                let at = m * total + first + h;
                let bend = tape.bends.get(at).map_or(0.0, |bend| tape.weights[m] * bend * along);
                let s = -hinge.scale * (on_cost * tape.slopes[at] + bend);
                self.cost.kinks()[hinge.kink].b.iter().zip(&mut *out).for_each(|(b, out)| *out += s * b);
            }
        }
    }

    /// A pinned decision moves with the samples that pin it, evenly.
    fn pull_pins(&self, tape: &StochasticTape, u: &[f64], grad_theta: &mut [f64]) {
        let outcome = self.scenarios.outcome;
        for (row, v) in tape.rows.iter().zip(&u[tape.first_row()..]) {
            let Row::Pin(axis, members) = row else { continue };
            let hinges = &self.axes[*axis].hinges;
            for k in members {
                let hinge = &hinges[k % hinges.len()];
                let s = -v * hinge.scale / members.len() as f64;
                let out = &mut grad_theta[k / hinges.len() * outcome..][..outcome];
                self.cost.kinks()[hinge.kink].b.iter().zip(out).for_each(|(b, out)| *out += s * b);
            }
        }
    }
}

impl StochasticTape {
    /// Where the rows begin in the system.
    pub(super) fn first_row(&self) -> usize {
        self.z.len() + usize::from(self.threshold)
    }

    /// Whether a kink holds the decision.
    pub(super) fn pinned(&self) -> bool {
        self.rows.iter().any(|row| matches!(row, Row::Pin(..)))
    }
}

/// The parts of a tape that its matrix is made of.
struct Unfactored {
    rows: Vec<Row>,
    threshold: bool,
    edge_bends: Vec<f64>,
}

impl<C: CostCurvature> DifferentiableSolver for StochasticProgram<C> {
    type Tape = StochasticTape;

    fn tape(&self, theta: &[f64], _solution: &Solution, ws: &mut StochasticWorkspace, info: &mut SolveInfo) -> Result<StochasticTape> {
        let n = self.feasible.n();
        let scale = 1.0 + largest(&ws.point.grad);
        let (rows, weak) = self.tight(ws, scale);
        let slopes = self.effective_slopes(ws);
        let (bends, edge_bends) = match self.options.curvature {
            Curvature::Density { bandwidth } => (self.density_bends(ws, bandwidth), self.edge_bends(ws, bandwidth)),
            Curvature::SampleAverage | Curvature::Ignored => Default::default(),
        };
        self.update_grads(&slopes, ws);
        self.lagrangian_hess(theta, ws);
        let (first, total) = self.offsets();
        for (m, bends) in bends.chunks_exact(total.max(1)).enumerate() {
            for (axis, first) in self.axes.iter().zip(&first) {
                let bend: f64 = bends[*first..][..axis.hinges.len()].iter().sum();
                axis.add_square(ws.point.weights[m] * bend, n, &mut ws.point.hess);
            }
        }
        let threshold = !edge_bends.is_empty() || rows.iter().any(|row| matches!(row, Row::Edge(_)));
        let parts = Unfactored { rows, threshold, edge_bends };
        let system = System::new(self.matrix(ws, &parts))?;
        info.degenerate |= weak || system.singular() || system.negative() != parts.rows.len();
        let mut fixed_hess = vec![0.0; n * n];
        self.add_deterministic_hess(1.0, ws, &mut fixed_hess);
        let (point, Unfactored { rows, edge_bends, .. }) = (&ws.point, parts);
        let (weights, grads, z, theta) = (point.weights.clone(), point.grads.clone(), ws.z.clone(), theta.to_vec());
        Ok(StochasticTape { theta, z, weights, grads, slopes, bends, edge_bends, fixed_hess, rows, threshold, system })
    }

    fn vjp(&self, tape: &StochasticTape, cotangent: Cotangent<'_>, u: &mut Adjoint, grad_theta: &mut [f64]) -> Result<()> {
        check_len("grad_theta", self.sizes().theta, grad_theta.len())?;
        let answer = self.adjoint(tape, cotangent, u)?;
        self.pull(tape, &answer, grad_theta);
        Ok(())
    }

    fn scenarios(&self) -> Option<usize> {
        Some(self.scenarios.count)
    }

    fn score_weights(&self, tape: &StochasticTape, cotangent: Cotangent<'_>, u: &mut Adjoint, weights: &mut [f64]) -> Result<()> {
        check_len("score weights", self.scenarios.count, weights.len())?;
        let unsupported = |what| Err(Error::Unsupported { who: NAME, what });
        match self.options.curvature {
            Curvature::SampleAverage if tape.pinned() => unsupported(
                "score weights where a kink pins the decision under Curvature::SampleAverage: they would vanish; use Curvature::Density",
            ),
            Curvature::SampleAverage if self.cap().is_some() => {
                unsupported("score weights of CVaR under Curvature::SampleAverage: its threshold is a kink; use Curvature::Density")
            }
            Curvature::Ignored => self.published_weights(tape, cotangent, u, weights),
            _ => self.corrected_weights(tape, cotangent, u, weights),
        }
    }
}

/// `k += s (g, -1)(g, -1)'` on the decision and the threshold behind it.
pub(super) fn add_edge(s: f64, g: &[f64], k: &mut Mat<f64>) {
    let n = g.len();
    for j in 0..n {
        (0..n).for_each(|i| k[(i, j)] += s * g[i] * g[j]);
        k[(n, j)] -= s * g[j];
    }
    k[(n, n)] += s;
}

fn gaussian(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}
