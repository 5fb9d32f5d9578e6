use dfl_core::{Energy, EnergyCurvature, Program, Result};

/// The energy and the own cost of a program as a function of few variables: $E(\phi, Ts) + \tfrac12 (Ts)^\top P (Ts) + c^\top T s$.
#[derive(Clone, Debug)]
pub(super) struct Mapped<E> {
    pub(super) energy: E,
    /// Of which the cost is added.
    pub(super) program: Program,
    pub(super) map: Map,
}

/// $T$, row-major `[m, k]`.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub(super) values: Vec<f64>,
    pub(super) width: usize,
}

impl Map {
    /// $T s$.
    pub(super) fn apply(&self, s: &[f64]) -> Vec<f64> {
        self.values.chunks_exact(self.width).map(|row| row.iter().zip(s).map(|(t, s)| t * s).sum()).collect()
    }

    /// `out +=` $T^\top v$.
    pub(super) fn add_transposed(&self, v: &[f64], out: &mut [f64]) {
        for (row, v) in self.values.chunks_exact(self.width).zip(v) {
            out.iter_mut().zip(row).for_each(|(out, t)| *out += v * t);
        }
    }
}

impl<E: EnergyCurvature> Mapped<E> {
    /// Gradient of energy and cost in the decision.
    pub(super) fn gradient(&self, phi: &[f64], a: &[f64]) -> Result<Vec<f64>> {
        let mut out = vec![0.0; a.len()];
        self.energy.grad_decision(phi, a, &mut out)?;
        out.iter_mut().zip(&self.program.c).for_each(|(g, c)| *g += c);
        self.program.p.symmetric_mul_add(1.0, a, &mut out);
        Ok(out)
    }

    /// Hessian of energy and cost in the decision, `[m, m]`.
    pub(super) fn hessian(&self, phi: &[f64], a: &[f64]) -> Result<Vec<f64>> {
        let m = a.len();
        let mut out = vec![0.0; m * m];
        self.energy.add_hess(phi, a, &mut out)?;
        for (i, j, v) in self.program.p.triplets() {
            out[i * m + j] += v;
            if i != j {
                out[j * m + i] += v;
            }
        }
        Ok(out)
    }
}

/// Each evaluation makes the few numbers of $Ts$ anew, which the energy itself outweighs.
impl<E: EnergyCurvature> Energy for Mapped<E> {
    fn prediction(&self) -> usize {
        self.energy.prediction()
    }
    fn decision(&self) -> usize {
        self.map.width
    }
    fn values(&self, phi: &[f64], candidates: &[f64], out: &mut [f64]) -> Result<()> {
        let whole: Vec<f64> = candidates.chunks_exact(self.map.width).flat_map(|s| self.map.apply(s)).collect();
        self.energy.values(phi, &whole, out)?;
        out.iter_mut().zip(whole.chunks_exact(self.program.n())).for_each(|(out, a)| *out += self.program.objective(a));
        Ok(())
    }
    fn add_grad_prediction(&self, phi: &[f64], candidates: &[f64], weights: &[f64], out: &mut [f64]) -> Result<()> {
        let whole: Vec<f64> = candidates.chunks_exact(self.map.width).flat_map(|s| self.map.apply(s)).collect();
        self.energy.add_grad_prediction(phi, &whole, weights, out)
    }
    fn grad_decision(&self, phi: &[f64], s: &[f64], out: &mut [f64]) -> Result<()> {
        out.fill(0.0);
        self.map.add_transposed(&self.gradient(phi, &self.map.apply(s))?, out);
        Ok(())
    }
}

impl<E: EnergyCurvature> EnergyCurvature for Mapped<E> {
    /// $T^\top H T$.
    fn add_hess(&self, phi: &[f64], s: &[f64], out: &mut [f64]) -> Result<()> {
        let (k, a) = (self.map.width, self.map.apply(s));
        let hess = self.hessian(phi, &a)?;
        let rows = hess.chunks_exact(a.len()).zip(self.map.values.chunks_exact(k));
        let mut image = vec![0.0; k];
        for (row, t) in rows {
            image.fill(0.0);
            self.map.add_transposed(row, &mut image);
            for (out, t) in out.chunks_exact_mut(k).zip(t) {
                out.iter_mut().zip(&image).for_each(|(out, v)| *out += t * v);
            }
        }
        Ok(())
    }
    fn add_cross(&self, phi: &[f64], s: &[f64], v: &[f64], out: &mut [f64]) -> Result<()> {
        self.energy.add_cross(phi, &self.map.apply(s), &self.map.apply(v), out)
    }
}
