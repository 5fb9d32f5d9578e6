//! The iteration as plain numbers.

use dfl_core::{Batch, Entry, Splitting};

use super::Dys;

impl Dys {
    /// What the iteration is made of, as dense matrices: for a layer that takes the same steps on another device. Its options are those given
    /// to [`Dys::new`], without acceleration. Takes $O(n^2)$ memory and $n$ projections, so call it once.
    pub fn operator(&self) -> Splitting {
        let (form, options) = (&self.form, &self.options);
        let gram = &form.projection.gram;
        let (n, m) = (form.n(), form.projection.rows());
        let (mut rows, mut multipliers, mut sides) = (Batch::zeros(m, n), Batch::zeros(m, n), vec![0.0; m]);
        for (k, &i) in gram.order.iter().enumerate() {
            gram.a.row(k).for_each(|(j, v)| rows.row_mut(i)[j] += v);
            sides[i] = form.projection.side(k);
        }
        let mut projection = Batch::zeros(n, n);
        let (mut unit, mut y, mut t) = (vec![[0.0]; n], vec![[0.0]; n], vec![[0.0]; m]);
        for j in 0..n {
            unit[j] = [1.0];
            form.projection.twice(&unit, &mut t, &mut y);
            projection.row_mut(j).copy_from_slice(y.as_flattened());
            form.projection.sparse(&unit, false, &mut t, &mut y);
            gram.order.iter().zip(&t).for_each(|(&i, t)| multipliers.row_mut(i)[j] = t[0]);
            unit[j] = [0.0];
        }
        Splitting {
            mu: form.mu,
            constant: form.constant,
            cost: self.instance.base.c.clone(),
            cost_map: self.cost_map(),
            rows,
            sides,
            lower: form.lo.clone(),
            upper: form.up.clone(),
            projection,
            point: form.projection.point.clone(),
            multipliers,
            step: options.step,
            iterations: options.iterations,
            tolerance: options.tolerance,
            derivative: options.derivative,
        }
    }

    /// How each parameter moves the costs, `[theta, n]`.
    fn cost_map(&self) -> Batch {
        let params = &self.instance.params;
        let mut out = Batch::zeros(params.theta(), self.form.n());
        let mut unit = vec![0.0; params.theta()];
        for k in 0..params.theta() {
            unit[k] = 1.0;
            params.tangent(&unit, |entry, d| {
                if let Entry::C(j) = entry {
                    out.row_mut(k)[j] += d;
                }
            });
            unit[k] = 0.0;
        }
        out
    }
}
