use dfl_core::{Energy, EnergyCurvature, Error, Program, Result, check_len};

use crate::kernels::positive;

/// An energy with a penalty on what a program does not allow, for sets that candidates around a label would mostly miss:
///
/// $$E(\phi, a) + \rho \sum_i \operatorname{dist}\bigl((Aa)_i, [\underline b_i, \overline b_i]\bigr)^2
///   + \rho \sum_j \operatorname{dist}(a_j, [\underline x_j, \overline x_j])^2$$
///
/// $q$ is then spread over a shell of width about $1/\sqrt{2\rho}$ around the feasible set, which the widths of a proposal have to match; the
/// penalty is data, so its gradient in $\phi$ is that of $E$. The decision itself is made by a solver that keeps the constraints. This is one
/// answer to the question about tight constraints that the paper leaves open; [`Support`](dfl_core::Support) is the other.
#[derive(Clone, Debug)]
pub struct Penalised<E> {
    energy: E,
    feasible: Program,
    weight: f64,
}

impl<E: Energy> Penalised<E> {
    /// Adds the rows and bounds of `feasible` with the weight $\rho$; its objective is not read.
    ///
    /// # Errors
    /// [`Error::Dimension`] if the program is not one of decisions, [`Error::Domain`] for a weight that is not positive,
    /// [`Error::Unsupported`] for cones or integers.
    pub fn new(energy: E, feasible: Program, weight: f64) -> Result<Self> {
        check_len("variables of the program", energy.decision(), feasible.n())?;
        if !feasible.cones.is_empty() || feasible.has_integers() {
            return Err(Error::Unsupported { who: "a penalised energy", what: "cones or integers" });
        }
        positive("weight of the penalty", weight)?;
        Ok(Self { energy, feasible, weight })
    }

    /// How far each row, then each entry, is beyond its sides, with a sign: positive above. `[m + n]`.
    fn excess(&self, a: &[f64], out: &mut Vec<f64>) {
        let beyond = |v: f64, lo: f64, up: f64| (v - up).max(0.0) + (v - lo).min(0.0);
        let p = &self.feasible;
        out.clear();
        out.resize(p.m(), 0.0);
        p.a.triplets().for_each(|(i, j, v)| out[i] += v * a[j]);
        out.iter_mut().zip(p.row_lo.iter().zip(&p.row_up)).for_each(|(r, (lo, up))| *r = beyond(*r, *lo, *up));
        out.extend(a.iter().zip(p.lo.iter().zip(&p.up)).map(|(a, (lo, up))| beyond(*a, *lo, *up)));
    }
}

impl<E: Energy> Energy for Penalised<E> {
    fn prediction(&self) -> usize {
        self.energy.prediction()
    }
    fn decision(&self) -> usize {
        self.energy.decision()
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        self.energy.values(phi, candidates, out)?;
        let mut excess = Vec::new();
        for (a, out) in candidates.chunks_exact(self.decision()).zip(out) {
            self.excess(a, &mut excess);
            *out += self.weight * excess.iter().map(|e| e * e).sum::<f64>();
        }
        Ok(())
    }
    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
        self.energy.add_grad_prediction(phi, candidates, weights, out)
    }
    fn grad_decision(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        self.energy.grad_decision(phi, a, out)?;
        let mut excess = Vec::new();
        self.excess(a, &mut excess);
        self.feasible.a.triplets().for_each(|(i, j, v)| out[j] += 2.0 * self.weight * v * excess[i]);
        out.iter_mut().zip(&excess[self.feasible.m()..]).for_each(|(out, e)| *out += 2.0 * self.weight * e);
        Ok(())
    }
}

impl<E: EnergyCurvature> EnergyCurvature for Penalised<E> {
    fn add_hess(&self, phi: &[f64], a: &[f64], out: &mut [f64]) -> Result<()> {
        self.energy.add_hess(phi, a, out)?;
        let (n, m, mut excess) = (a.len(), self.feasible.m(), Vec::new());
        self.excess(a, &mut excess);
        for (r, _) in excess[..m].iter().enumerate().filter(|(_, e)| **e != 0.0) {
            let of_row: Vec<(usize, f64)> = self.feasible.a.triplets().filter(|(i, ..)| *i == r).map(|(_, j, v)| (j, v)).collect();
            for &(i, u) in &of_row {
                of_row.iter().for_each(|&(j, v)| out[i * n + j] += 2.0 * self.weight * u * v);
            }
        }
        (0..n).filter(|&j| excess[m + j] != 0.0).for_each(|j| out[j * n + j] += 2.0 * self.weight);
        Ok(())
    }
    fn add_cross(&self, phi: &[f64], a: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        self.energy.add_cross(phi, a, v, out)
    }
}
