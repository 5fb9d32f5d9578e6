//! Many rows through few lanes: one that is done hands its lane to the next.

use dfl_core::{Result, Solution, SolveInfo, Status};

use super::answer;
use super::form::Form;
use super::lanes::{Lanes, step_for_answer};
use super::lines::Lane;
use super::masks::Masks;
use super::mixer::Mixer;
use super::pace::FIRST_LOOK;
use super::{DysDerivative, DysOptions};
use crate::instance::{is_finite, without_answer};

/// How the processor takes a step of `L` rows.
pub(super) type Step<const L: usize> = fn(&Form, &mut Lanes<L>, &mut Mixer<L>);

/// One row to solve.
pub(super) struct Job<'a> {
    pub(super) theta: &'a [f64],
    pub(super) from: Option<&'a Solution>,
}

/// The bookkeeping of one lane.
#[derive(Clone, Debug)]
struct Place {
    /// The row that is in it.
    job: Option<usize>,
    iterations: usize,
    /// `1 +` the largest cost.
    scale: f64,
    /// Distance of $P_2 z$ from the equations at which the answer is worth a look.
    goal: f64,
    /// Iterations after which the length of the steps is looked at again.
    look: usize,
    masks: Masks,
}

/// Memory of `L` lanes, and the answer of the row that was finished last.
#[derive(Clone, Debug)]
pub(super) struct Memory<const L: usize> {
    lanes: Lanes<L>,
    mixer: Mixer<L>,
    places: Vec<Place>,
    pub(super) row: Lanes<1>,
    pub(super) masks: Masks,
    /// Scratch of a proof.
    t: Vec<Lane<1>>,
}

impl<const L: usize> Memory<L> {
    pub(super) fn new(form: &Form, options: &DysOptions) -> Self {
        let recorded = if options.is_unrolled() { options.iterations } else { 0 };
        let place = || Place { job: None, iterations: 0, scale: 1.0, goal: 0.0, look: 0, masks: Masks::new(form.n(), recorded) };
        Self {
            lanes: Lanes::new(form, options.cycle()),
            mixer: Mixer::new(form.n(), options.is_unrolled()),
            places: (0..L).map(|_| place()).collect(),
            row: Lanes::new(form, 1),
            masks: place().masks,
            t: vec![[0.0]; form.projection.rows()],
        }
    }
}

/// Solves `jobs` in the order given, each lane for itself, and hands each to `done`, with its state in `memory.row` and `memory.masks`.
pub(super) struct Run<'a, const L: usize> {
    pub(super) form: &'a Form,
    pub(super) options: &'a DysOptions,
    pub(super) step: Step<L>,
}

impl<const L: usize> Run<'_, L> {
    /// `costs` writes the cost of a row; one that it refuses is handed to `done` with the error.
    pub(super) fn solve(
        &self,
        jobs: &[Job<'_>],
        memory: &mut Memory<L>,
        mut costs: impl FnMut(&[f64], &mut [[f64; 1]]) -> Result<()>,
        mut done: impl FnMut(usize, Result<SolveInfo>, &mut Memory<L>),
    ) {
        let mut waiting = 0..jobs.len();
        loop {
            for l in 0..if memory.lanes.at_end() { L } else { 0 } {
                while memory.places[l].job.is_none()
                    && let Some(k) = waiting.next()
                {
                    match costs(jobs[k].theta, &mut memory.row.cost) {
                        Err(error) => done(k, Err(error), memory),
                        Ok(()) if self.form.contradicts => done(k, Ok(without_answer(Status::Infeasible, 0)), memory),
                        Ok(()) => self.load(k, jobs[k].from, l, memory),
                    }
                }
            }
            if memory.lanes.at_end() && memory.places.iter().all(|place| place.job.is_none()) {
                return;
            }
            (self.step)(self.form, &mut memory.lanes, &mut memory.mixer);
            for l in 0..L {
                if let Some((k, info)) = self.look(l, memory) {
                    done(k, Ok(info), memory);
                }
            }
        }
    }

    /// Puts the row whose cost is in `memory.row` into lane `l`.
    fn load(&self, k: usize, from: Option<&Solution>, l: usize, memory: &mut Memory<L>) {
        let from = from.filter(|from| is_finite(from));
        let Memory { lanes, mixer, places, row, .. } = memory;
        let form = self.form;
        let alpha = self.options.step.unwrap_or_else(|| form.alpha(row));
        lanes.alpha[l] = alpha;
        for j in 0..form.n() {
            lanes.cost[j][l] = row.cost[j][0];
            lanes.z[j][l] = from.map_or(form.projection.point[j], |from| from.x[j] + alpha * from.bound_dual[j]);
        }
        lanes.hold(l);
        mixer.forget(l);
        let place = &mut places[l];
        (place.job, place.iterations) = (Some(k), 0);
        place.scale = row.cost.iter().fold(1.0, |a: f64, c| a.max(1.0 + c[0].abs()));
        place.look = if self.options.changes_pace() { FIRST_LOOK } else { usize::MAX };
        place.goal = self.goal(alpha, place.scale);
        place.masks.clear();
    }

    /// The distance at which neither rows nor gradient can be further off than the tolerance.
    fn goal(&self, alpha: f64, scale: f64) -> f64 {
        self.options.tolerance * (1.0 / self.form.reach).min(alpha * scale)
    }

    /// Whether the row in lane `l` is done; its answer is then in `memory`.
    fn look(&self, l: usize, memory: &mut Memory<L>) -> Option<(usize, SolveInfo)> {
        let Memory { lanes, mixer, places, row, masks, t } = memory;
        let place = &mut places[l];
        let job = place.job?;
        let begun = place.iterations > 0;
        if begun && self.options.is_unrolled() {
            place.masks.push(lanes, l);
        }
        let last = place.iterations == self.options.iterations;
        // A derivative of steps needs one.
        let may_end = self.options.tolerance > 0.0 && (begun || self.options.derivative == DysDerivative::Implicit);
        if last || may_end && lanes.distance[l] <= place.goal {
            row.take(lanes, l);
            step_for_answer(self.form, row);
            let residual = answer::residual(self.form, row);
            if last || residual <= self.options.tolerance {
                let status = answer::status(self.form, row, t, residual, self.options.tolerance);
                std::mem::swap(&mut place.masks, masks);
                place.job = None;
                return Some((job, without_answer(status, place.iterations)));
            }
            place.goal *= 0.5;
        }
        if lanes.at_end() && place.iterations >= place.look {
            place.look *= 2;
            self.form.change_pace(lanes, l);
            place.goal = self.goal(lanes.alpha[l], place.scale);
            mixer.forget(l);
        }
        place.iterations += 1;
        None
    }
}
