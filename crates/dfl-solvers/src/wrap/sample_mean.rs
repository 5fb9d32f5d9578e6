use dfl_core::{Batch, Call, Decider, Decisions, Dims, Pullback, Result, check_len, check_samples};

use crate::checks::{check_batch, check_linear};

/// Decides for samples of a linear cost by their mean; minimises.
///
/// $$x^\star(c_1, \dots, c_M) = \arg\min_{x \in F} \tfrac1M \sum_m c_m^\top x$$
///
/// With a cost that is linear in $c$ this *is* the sample-average problem, so any oracle of one cost decides it exactly; an objective that
/// looks at more than the mean, such as [`cvar_of_samples`](crate::cvar_of_samples), is another problem. The cotangent of each sample is
/// $\tfrac1M$ of that of the mean.
///
/// # Shapes
/// `theta`: `[M * n]`, sample by sample; `x`: `[n]`.
#[derive(Clone, Debug)]
pub struct SampleMean<D> {
    inner: D,
    samples: usize,
}

impl<D: Decider> SampleMean<D> {
    /// Wraps a decider whose `theta` is the linear cost of its decision.
    ///
    /// # Errors
    /// [`Error::Dimension`](dfl_core::Error::Dimension) unless `theta` and `x` have one length, [`Error::Domain`](dfl_core::Error::Domain)
    /// for no samples.
    pub fn new(inner: D, samples: usize) -> Result<Self> {
        check_linear(&inner)?;
        check_samples(samples)?;
        Ok(Self { inner, samples })
    }
}

impl<D: Decider> Decider for SampleMean<D> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }
    fn dims(&self) -> Dims {
        let inner = self.inner.dims();
        Dims { theta: self.samples * inner.theta, ..inner }
    }
    fn differentiable(&self) -> bool {
        self.inner.differentiable()
    }
    fn forward<'d>(&'d self, thetas: &Batch, call: &Call<'_>) -> Result<Decisions<'d>> {
        check_batch(self.dims(), thetas, call)?;
        let found = self.inner.forward(&means(thetas, self.samples)?, call)?;
        let back = found.back.map(|inner| Box::new(SampleMeanPullback { inner, samples: self.samples }) as Box<dyn Pullback + 'd>);
        Ok(Decisions { back, ..found })
    }
}

struct SampleMeanPullback<'d> {
    inner: Box<dyn Pullback + 'd>,
    samples: usize,
}

impl Pullback for SampleMeanPullback<'_> {
    fn pull(&self, cotangent: &Batch) -> Result<Batch> {
        let of_mean = self.inner.pull(cotangent)?;
        let mut out = Batch::zeros(of_mean.rows(), self.samples * of_mean.cols());
        for i in 0..of_mean.rows() {
            for part in out.row_mut(i).chunks_exact_mut(of_mean.cols().max(1)) {
                part.iter_mut().zip(of_mean.row(i)).for_each(|(to, g)| *to = g / self.samples as f64);
            }
        }
        Ok(out)
    }
}

/// Mean of the samples of each row: `[b, M * n]` to `[b, n]`.
fn means(samples: &Batch, count: usize) -> Result<Batch> {
    let n = samples.cols() / count;
    check_len("samples of a row", count * n, samples.cols())?;
    let mut out = Batch::zeros(samples.rows(), n);
    for (i, row) in samples.iter().enumerate() {
        let mean = out.row_mut(i);
        for sample in row.chunks_exact(n.max(1)) {
            mean.iter_mut().zip(sample).for_each(|(m, c)| *m += c);
        }
        mean.iter_mut().for_each(|m| *m /= count as f64);
    }
    Ok(out)
}
