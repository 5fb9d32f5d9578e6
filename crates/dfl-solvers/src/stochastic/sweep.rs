//! Where a solve begins if every kink bends along a coordinate: descent from coordinate to coordinate, kinks and all.

use dfl_core::{CostCurvature, Risk};

use super::StochasticProgram;
use super::axes::{Axis, Breaks};
use super::newton::FEASIBLE;
use super::workspace::{Cell, StochasticWorkspace};

/// Most expansions of the smooth part; two where it is quadratic.
const EXPANSIONS: usize = 12;
/// Most passes over the coordinates; one is enough where the Hessian is diagonal.
const PASSES: usize = 20;
/// A pass that moves no coordinate by more than this, relative to `1 +` its size, is the last.
const STILL: f64 = 1e-12;

/// The axis of each coordinate, if every axis is one; axes that share a coordinate are one already.
pub(super) fn coordinates(axes: &[Axis], n: usize) -> Option<Vec<Option<usize>>> {
    let mut out = vec![None; n];
    for (at, axis) in axes.iter().enumerate() {
        let [(j, _)] = axis.a[..] else { return None };
        out[j] = Some(at);
    }
    (!axes.is_empty()).then_some(out)
}

impl<C: CostCurvature> StochasticProgram<C> {
    /// Moves `ws.z` to the minimiser of the mean cost within the bounds, with its smooth part expanded to second order, anew at each point
    /// found until none moves on, and says whether it got there: not for another risk, nor where an expansion has no minimiser, violates a row
    /// or costs more. Unless a row is tight that is the answer itself.
    pub(super) fn sweep(&self, theta: &[f64], ws: &mut StochasticWorkspace) -> bool {
        let Some(coordinates) = self.coordinates.as_ref().filter(|_| self.options.risk == Risk::Mean && self.constraints.is_empty()) else {
            return false;
        };
        for _ in 0..EXPANSIONS {
            self.place(ws);
            self.evaluate(theta, ws, false);
            let before = ws.point.risk + self.feasible.objective(&ws.z);
            if !self.descend_coordinates(coordinates, ws) {
                return false;
            }
            let StochasticWorkspace { trial, rows, breaks, point, .. } = ws;
            self.multiply_rows(trial, rows);
            let rounding = 1e-13 * (1.0 + before.abs());
            let better = self.infeasibility(trial, rows) <= FEASIBLE && self.value(theta, trial, breaks, point) <= before + rounding;
            if !better {
                return false;
            }
            let still = ws.trial.iter().zip(&ws.z).all(|(t, z)| (t - z).abs() <= STILL * (1.0 + z.abs()));
            ws.z.copy_from_slice(&ws.trial);
            if still {
                return true;
            }
        }
        false
    }

    /// Leaves in `ws.trial` where the passes end. False where a coordinate has no minimiser.
    fn descend_coordinates(&self, coordinates: &[Option<usize>], ws: &mut StochasticWorkspace) -> bool {
        let (n, StochasticWorkspace { breaks, cells, point, trial, z, .. }) = (self.feasible.n(), ws);
        trial.copy_from_slice(z);
        let weight = 1.0 / self.scenarios.count as f64;
        // The gradient of the smooth part's expansion at `trial`.
        let slope = &mut point.vector;
        slope.copy_from_slice(&point.grad);
        for (axis, (breaks, cell)) in self.axes.iter().zip(breaks.iter().zip(&*cells)) {
            axis.add(-weight * slope_in(axis, breaks, *cell), slope);
        }
        for _ in 0..PASSES {
            let mut still = true;
            for j in 0..n {
                let bend = point.hess[j * n + j];
                let line = Line { at: trial[j], slope: slope[j], bend };
                let found = match coordinates[j] {
                    None => line.root(0.0),
                    Some(k) => line.minimiser(&self.axes[k], &breaks[k], weight),
                };
                let Some(found) = found else { return false };
                let moved = found.clamp(self.feasible.lo[j], self.feasible.up[j]) - trial[j];
                if moved != 0.0 {
                    still &= moved.abs() <= STILL * (1.0 + trial[j].abs());
                    trial[j] += moved;
                    slope.iter_mut().zip(&point.hess[j * n..][..n]).for_each(|(s, h)| *s += h * moved);
                }
            }
            if still {
                break;
            }
        }
        true
    }
}

/// Sum of the slopes of all scenarios along an axis within a cell.
fn slope_in(axis: &Axis, breaks: &Breaks, cell: Cell) -> f64 {
    let hinges = axis.hinges.len();
    breaks.group.iter().enumerate().map(|(k, &group)| axis.hinges[k % hinges].slope(group < cell.index)).sum()
}

/// The smooth part along one coordinate: its slope at `at`, which grows by `bend`.
#[derive(Clone, Copy)]
struct Line {
    at: f64,
    slope: f64,
    bend: f64,
}

impl Line {
    fn slope_at(&self, t: f64) -> f64 {
        self.slope + self.bend * (t - self.at)
    }

    /// Where the slope is `-with`; stays if it is so everywhere.
    fn root(&self, with: f64) -> Option<f64> {
        let slope = self.slope + with;
        if slope == 0.0 {
            return Some(self.at);
        }
        (self.bend > 0.0).then(|| self.at - slope / self.bend)
    }

    /// The minimiser with the kinks of one axis, each scenario of this weight: a breakpoint over which the slope changes its sign, or a root between two.
    fn minimiser(&self, axis: &Axis, breaks: &Breaks, weight: f64) -> Option<f64> {
        let (a, hinges) = (axis.a[0].1, &axis.hinges);
        // Along the axis, from its far left; in units of the coordinate, which may run the other way.
        let mut kinks = weight * slope_in(axis, breaks, Cell::default());
        for group in 0..breaks.groups() {
            let tau = breaks.ends(group).1;
            let smooth = self.slope_at(tau / a) / a;
            if smooth + kinks > 0.0 {
                break;
            }
            let jump = |k: &usize| hinges[k % hinges.len()].right - hinges[k % hinges.len()].left;
            let after = kinks + weight * breaks.members(group).iter().map(jump).sum::<f64>();
            if smooth + after >= 0.0 {
                return Some(tau / a);
            }
            kinks = after;
        }
        self.root(a * kinks)
    }
}
