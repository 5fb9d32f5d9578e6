use dfl_core::{Batch, Generative, LinearGaussian, Result, Spread, Stream};
use dfl_losses::{Correction, Estimator, SampledOptions};
use serde::Deserialize;

use super::squared::{decision, gradient};
use super::vectors::{cosine, difference, figure, mean_of, norm, normals};
use super::{Findings, Line, Piece, Words};
use crate::data::polynomial::check_positive;
use crate::tasks::Figure;

/// How alike the pathwise and the score-function gradient of a decision are, against the dimension of what is uncertain (Fig. 2 of
/// Diffusion-DFL, which prints no numbers).
///
/// The cost is $\tfrac12 \|z - y\|^2$, so that with a Gaussian whose mean and deviations are learned the expected gradient is known:
/// $\bar\mu - \bar y$ in the mean, $e^{2 s}/M$ in each log-deviation $s$, of which plain score weights make twice that: they take the slope
/// of the cost at a decision that the sample is part of. Each repeat is one batch of `rows` truths $y \sim \mathcal N(1,
/// I)$ with fresh samples. A row `dfl_rp` or `dfl_sf` has the cosine of a repeat with the mean gradient of all *other* pathwise repeats:
/// its own batch is in neither. `dfl_sf` has besides, as `relative_difference`, how far the mean of its repeats is from that of the
/// pathwise ones. With a diffusion, begun at random weights, the score is that of its bound (ELBO) and the path that of its sampler: two
/// distributions, so that no number of samples makes the gradients equal.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cosine {
    dims: Vec<usize>,
    predictor: Predicted,
    rows: usize,
    samples: usize,
    repeats: usize,
}

/// What predicts the distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Predicted {
    Gaussian,
    Diffusion,
}

const METHODS: [&str; 2] = ["dfl_rp", "dfl_sf"];

impl Cosine {
    pub(super) fn check(&self) -> Result<()> {
        let counts = [
            ("dimensions", self.dims.len()),
            ("rows", self.rows),
            ("samples beside the first", self.samples.saturating_sub(1)),
            ("repeats beside the first", self.repeats.saturating_sub(1)),
        ];
        counts.into_iter().chain(self.dims.iter().map(|&d| ("dimension", d))).try_for_each(|(what, count)| check_positive(what, count))
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        vec![Box::new(self)]
    }

    fn words(&self, dim: usize, method: &str) -> Words {
        let predictor = match self.predictor {
            Predicted::Gaussian => "gaussian",
            Predicted::Diffusion => "diffusion",
        };
        Words {
            task: "squared_error",
            size: format!("d{dim}"),
            method: method.into(),
            predictor,
            solver: "stochastic".into(),
            seed: Some(0),
        }
    }

    fn model(&self, dim: usize) -> Result<Box<dyn Generative>> {
        match self.predictor {
            Predicted::Gaussian => Ok(Box::new(LinearGaussian::new(1, dim, Spread::Constant))),
            Predicted::Diffusion => diffusion(dim),
        }
    }

    /// Gradients of all repeats by each estimator.
    fn gradients(&self, dim: usize) -> Result<[Vec<Vec<f64>>; 2]> {
        let mut model = self.model(dim)?;
        let mut by = |estimator| -> Result<Vec<Vec<f64>>> {
            let objective = decision(dim, SampledOptions { samples: self.samples, estimator, anchor: None })?;
            let one = |step: usize| {
                let stream = Stream { seed: dim as u64, step: step as u64 };
                let features = Batch::from_vec(self.rows, 1, vec![1.0; self.rows])?;
                let truth = normals(self.rows * dim, stream, "truth").iter().map(|e| 1.0 + e).collect();
                gradient(&mut *model, &objective, (&features, &Batch::from_vec(self.rows, dim, truth)?), stream)
            };
            (0..self.repeats).map(one).collect()
        };
        Ok([by(Estimator::Pathwise)?, by(Estimator::Score { correction: Correction::Plain })?])
    }
}

/// Of each vector with the mean of the references, less the one of its own place.
fn cosines(vectors: &[Vec<f64>], references: &[Vec<f64>]) -> Vec<f64> {
    let (mean, n) = (mean_of(references), references.len() as f64);
    // The direction of (n mean - own) / (n - 1).
    let others = |own: &[f64]| mean.iter().zip(own).map(|(mean, own)| mean - own / n).collect::<Vec<f64>>();
    vectors.iter().zip(references).map(|(vector, own)| cosine(vector, &others(own))).collect()
}

#[cfg(feature = "torch")]
fn diffusion(dim: usize) -> Result<Box<dyn Generative>> {
    use dfl_models::torch::{Device, Diffusion, DiffusionConfig, DiffusionSampler, Elbo, NoiseSchedule, Timesteps};
    let config = DiffusionConfig {
        hidden: vec![64],
        steps: 20,
        noise: NoiseSchedule::VariancePreserving { first: 0.1, last: 20.0 },
        sampler: DiffusionSampler::Ancestral,
        elbo: Elbo::Weighted,
        timesteps: Timesteps::All,
        ..DiffusionConfig::new(1, dim)
    };
    Ok(Box::new(Diffusion::new(config, 0, Device::Cpu)?))
}

#[cfg(not(feature = "torch"))]
fn diffusion(_dim: usize) -> Result<Box<dyn Generative>> {
    Err(crate::registry::without_libtorch())
}

impl Piece for &Cosine {
    fn label(&self) -> String {
        format!("cosine of gradients, {:?}", self.predictor)
    }

    fn metric(&self) -> &'static str {
        "cosine"
    }

    fn rows(&self) -> Vec<Words> {
        self.dims.iter().flat_map(|&dim| METHODS.map(|method| self.words(dim, method))).collect()
    }

    fn compute(&self) -> Result<Findings> {
        let mut figures = Vec::new();
        for &dim in &self.dims {
            let [pathwise, score] = self.gradients(dim)?;
            let reference = mean_of(&pathwise);
            let off = norm(&difference(&mean_of(&score), &reference)) / norm(&reference);
            figures.push(vec![figure("cosine", &cosines(&pathwise, &pathwise))]);
            let difference = Figure { metric: "relative_difference", value: off, se: None };
            figures.push(vec![figure("cosine", &cosines(&score, &pathwise)), difference]);
        }
        let last = self.dims.last().copied().unwrap_or_default();
        let line = |(at, method): (usize, &str)| Line {
            words: self.words(last, method),
            what: "cosine",
            over: "dimension",
            log: [true, false],
            points: self.dims.iter().zip(figures.iter().skip(at).step_by(2)).map(|(&dim, row)| [dim as f64, row[0].value]).collect(),
        };
        let lines = METHODS.into_iter().enumerate().map(line).collect();
        Ok(Findings { figures, instances: self.repeats, lines, maps: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(predictor: Predicted, repeats: usize) -> Cosine {
        Cosine { dims: vec![2, 16], predictor, rows: 4, samples: 10, repeats }
    }

    /// Begun as the standard normal, truths around 1: the gradient is -1 in weight and offset of each mean (the feature is 1), and 1/M in
    /// each log-deviation, 2/M by plain score weights: their $\nabla F(z)^\top (z - z_{-m})$ leaves out $-\tfrac12 \|z - z_{-m}\|^2$, which
    /// is worth $-1/M$. In the mean over 2000 repeats, within 4.5 standard errors in each entry.
    #[test]
    fn both_estimators_of_a_gaussian_have_the_known_mean() {
        for (gradients, deviation) in study(Predicted::Gaussian, 2000).gradients(2).unwrap().iter().zip([0.1, 0.2]) {
            for entry in 0..6 {
                let values: Vec<f64> = gradients.iter().map(|g| g[entry]).collect();
                let exact = if entry < 4 { -1.0 } else { deviation };
                let (mean, se) = (dfl_core::metrics::mean(&values), dfl_core::metrics::standard_error(&values).unwrap());
                assert!((mean - exact).abs() < 4.5 * se && se < 0.1, "entry {entry}: {mean} ± {se}, exact {exact}");
            }
        }
    }

    /// Of two at a right angle each is the other's reference: cosine 0, which its own part in the mean would raise. Of three the others'
    /// sums are (2, 3), (3, 2) and (1, 1).
    #[test]
    fn a_repeat_is_compared_with_the_others_alone() {
        let all = [vec![0.0, 1.0], vec![1.0, 0.0]];
        assert_eq!(cosines(&all, &all), [0.0, 0.0]);
        let three = [vec![1.0, 0.0], vec![0.0, 1.0], vec![2.0, 2.0]];
        let found = cosines(&three, &three);
        let exact = [2.0 / 13f64.sqrt(), 2.0 / 13f64.sqrt(), 1.0];
        assert!(found.iter().zip(exact).all(|(found, exact)| (found - exact).abs() < 1e-15), "{found:?}");
    }

    /// A score function is noisier the more dimensions its weights sum over; the pathwise gradient is not.
    #[test]
    fn the_score_function_loses_its_direction_with_the_dimension() {
        let study = study(Predicted::Gaussian, 200);
        let found = (&study).compute().unwrap();
        let cosines: Vec<f64> = found.figures.iter().map(|row| row[0].value).collect();
        let [rp_2, sf_2, rp_16, sf_16] = cosines[..] else { panic!("{cosines:?}") };
        assert!(rp_16 > 0.8 && sf_2 < rp_2 - 0.05 && sf_16 < sf_2 - 0.1, "{cosines:?}");
        assert_eq!(found.lines[1].points, [[2.0, sf_2], [16.0, sf_16]]);
    }

    #[cfg(feature = "torch")]
    #[test]
    fn a_diffusion_has_both_gradients_too() {
        let study = Cosine { dims: vec![2], ..study(Predicted::Diffusion, 5) };
        let found = (&study).compute().unwrap();
        assert!(
            found.figures.iter().all(|row| row.iter().all(|f| f.value.is_finite()))
                && found.figures[0][0].value > found.figures[1][0].value
        );
    }
}
