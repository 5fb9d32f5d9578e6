use dfl_core::Result;
#[cfg(feature = "torch")]
use dfl_core::{Key, Stream};
use serde::Deserialize;

use super::{Findings, Piece, Words};
use crate::data::polynomial::check_positive;

/// How far the gradient of the bound (ELBO) is from the score of a diffusion with an affine noise prediction, where both have closed forms,
/// against the dimension (Fig. 2 and 6 of Diffusion-DFL, which print no numbers).
///
/// Outcomes are drawn from $\mathcal N(W \phi, v I)$; the prediction is the best one for these data, or that with normal noise added to its
/// parameters. `exact` are data that equal the chain's start, $\mathcal N(0, I)$: there the bound is the density and both gradients agree.
///
/// Figures are means over outcomes: the cosine of gradient and score, for the true weights and for equal ones; for the true weights the
/// norm of their difference relative to the score's, and the bound $\sqrt 2 B \sqrt{\mathrm{KL}}$ on it, where $B$ is the largest norm of
/// the joint score over drawn paths, since there is none over all.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "read by what needs libtorch's crate"))]
pub struct ElboScore {
    dims: Vec<usize>,
    inputs: usize,
    steps: usize,
    /// $v$.
    variance: f64,
    /// Deviation of the noise in the parameters.
    error: f64,
    outcomes: usize,
    /// Paths of the forward chain from each outcome that $B$ is found on.
    paths: usize,
}

/// Data and prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    Exact,
    Optimal,
    Perturbed,
}

const METHODS: [&str; 2] = ["elbo_weighted", "elbo_simple"];

impl ElboScore {
    pub(super) fn check(&self) -> Result<()> {
        let counts = [
            ("dimensions", self.dims.len()),
            ("features", self.inputs),
            ("steps", self.steps),
            ("outcomes", self.outcomes),
            ("paths", self.paths),
        ];
        counts.into_iter().chain(self.dims.iter().map(|&d| ("dimension", d))).try_for_each(|(what, count)| check_positive(what, count))
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        let piece = |case| Box::new(OneCase { study: self, case }) as Box<dyn Piece>;
        [Case::Exact, Case::Optimal, Case::Perturbed].map(piece).into()
    }
}

struct OneCase<'a> {
    study: &'a ElboScore,
    case: Case,
}

impl OneCase<'_> {
    fn words(&self, dim: usize, method: &str) -> Words {
        let solver = match self.case {
            Case::Exact => "exact",
            Case::Optimal => "optimal",
            Case::Perturbed => "perturbed",
        };
        Words {
            task: "linear_gaussian",
            size: format!("d{dim}"),
            method: method.into(),
            predictor: "diffusion",
            solver: solver.into(),
            seed: Some(0),
        }
    }
}

impl Piece for OneCase<'_> {
    fn label(&self) -> String {
        format!("ELBO gradient and score, {:?}", self.case)
    }

    fn metric(&self) -> &'static str {
        "cosine"
    }

    fn rows(&self) -> Vec<Words> {
        self.study.dims.iter().flat_map(|&dim| METHODS.map(|method| self.words(dim, method))).collect()
    }

    #[cfg(not(feature = "torch"))]
    fn compute(&self) -> Result<Findings> {
        Err(crate::registry::without_libtorch())
    }

    #[cfg(feature = "torch")]
    fn compute(&self) -> Result<Findings> {
        use super::Line;
        use super::vectors::figure;
        let found = self.study.dims.iter().map(|&dim| self.measure(dim)).collect::<Result<Vec<_>>>()?;
        let column = |of: fn(&Seen) -> f64, seen: &[Seen]| -> Vec<f64> { seen.iter().map(of).collect() };
        let figures = found.iter().flat_map(|seen| {
            let weighted = vec![
                figure("cosine", &column(|s| s.cosine, seen)),
                figure("relative_difference", &column(|s| s.difference, seen)),
                figure("difference_bound", &column(|s| s.bound, seen)),
            ];
            [weighted, vec![figure("cosine", &column(|s| s.simple, seen))]]
        });
        let figures: Vec<_> = figures.collect();
        let last = self.study.dims.last().copied().unwrap_or_default();
        // Drawn with the last dimension.
        let line = |(at, method): (usize, &str)| Line {
            words: self.words(last, method),
            what: "cosine",
            over: "dimension",
            log: [true, false],
            points: self.study.dims.iter().zip(figures.iter().skip(at).step_by(2)).map(|(&dim, row)| [dim as f64, row[0].value]).collect(),
        };
        let lines = METHODS.into_iter().enumerate().map(line).collect();
        Ok(Findings { figures, instances: self.study.outcomes, lines, maps: Vec::new() })
    }
}

/// What one outcome shows.
#[cfg(feature = "torch")]
struct Seen {
    cosine: f64,
    simple: f64,
    difference: f64,
    bound: f64,
}

#[cfg(feature = "torch")]
impl OneCase<'_> {
    fn measure(&self, dim: usize) -> Result<Vec<Seen>> {
        use super::vectors::normals;
        let ElboScore { inputs, steps, variance, error, outcomes, .. } = *self.study;
        let stream = Stream { seed: 0, step: dim as u64 };
        let exact = self.case == Case::Exact;
        let variance: f64 = if exact { 1.0 } else { variance };
        let scale = if exact { 0.0 } else { 1.0 / (inputs as f64).sqrt() };
        let weights: Vec<f64> = normals(dim * inputs, stream, "weights").iter().map(|w| scale * w).collect();
        let table = dfl_models::torch::NoiseSchedule::VariancePreserving { first: 0.1, last: 20.0 }.table(steps)?;
        let best = dfl_models::torch::LinearDiffusion::optimal(table.clone(), (inputs, dim), &weights, variance)?;
        let model = if self.case == Case::Perturbed {
            let parameters = perturbed(best.parameters(), (inputs, dim), error, stream);
            dfl_models::torch::LinearDiffusion::new(table.clone(), (inputs, dim), parameters)?
        } else {
            best
        };
        let one = |id: u64| {
            let mut rng = stream.rng("outcome", Key { id, slot: 0 });
            let features: Vec<f64> = (0..inputs).map(|_| rng.normal()).collect();
            let mean = |row: &[f64]| super::vectors::dot(row, &features);
            let outcome: Vec<f64> = weights.chunks_exact(inputs).map(|row| mean(row) + variance.sqrt() * rng.normal()).collect();
            seen(&model, &table, (&features, &outcome), self.study.paths, &mut rng)
        };
        (0..outcomes as u64).map(one).collect()
    }
}

/// Adds noise of equal size to what a step makes of outcome, features and nothing.
#[cfg(feature = "torch")]
fn perturbed(parameters: &[f64], (inputs, dim): (usize, usize), error: f64, stream: Stream) -> Vec<f64> {
    let noise = super::vectors::normals(parameters.len(), stream, "error");
    let length = dim * (dim + inputs + 1);
    let scale = |at: usize| match at % length {
        k if k < dim * dim => error / (dim as f64).sqrt(),
        k if k < dim * (dim + inputs) => error / (inputs as f64).sqrt(),
        _ => error,
    };
    parameters.iter().zip(noise).enumerate().map(|(at, (p, noise))| p + scale(at) * noise).collect()
}

#[cfg(feature = "torch")]
fn seen(
    model: &dfl_models::torch::LinearDiffusion,
    table: &dfl_models::torch::NoiseTable,
    (features, outcome): (&[f64], &[f64]),
    paths: usize,
    rng: &mut dfl_core::Rng,
) -> Result<Seen> {
    use super::vectors::{cosine, difference, norm};
    let (score, gradient) = (model.score(features, outcome)?, model.elbo_gradient(features, outcome)?);
    // Each step has parameters of its own, so that another weight of the step scales their gradient.
    let length = gradient.len() / table.steps();
    let simple: Vec<f64> = gradient.iter().enumerate().map(|(k, g)| g / table.bound_weight(k / length + 1)).collect();
    let gap = (model.log_density(features, outcome)? - model.elbo(features, outcome)?).max(0.0);
    let mut largest = 0.0_f64;
    for _ in 0..paths {
        largest = largest.max(norm(&model.joint_score(features, &forward(table, outcome, rng))?));
    }
    let size = norm(&score);
    Ok(Seen {
        cosine: cosine(&gradient, &score),
        simple: cosine(&simple, &score),
        difference: norm(&difference(&gradient, &score)) / size,
        bound: largest * (2.0 * gap).sqrt() / size,
    })
}

/// A path of the forward chain, from its outcome.
#[cfg(feature = "torch")]
fn forward(table: &dfl_models::torch::NoiseTable, outcome: &[f64], rng: &mut dfl_core::Rng) -> Vec<f64> {
    let (d, mut path) = (outcome.len(), outcome.to_vec());
    for t in 1..=table.steps() {
        for _ in 0..d {
            let before = path[path.len() - d];
            path.push(table.alpha(t).sqrt() * before + table.beta(t).sqrt() * rng.normal());
        }
    }
    path
}

#[cfg(all(test, feature = "torch"))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]
    use super::*;

    fn found(case: Case) -> Findings {
        let study = ElboScore { dims: vec![1, 4], inputs: 3, steps: 12, variance: 0.25, error: 0.1, outcomes: 4, paths: 50 };
        OneCase { study: &study, case }.compute().unwrap()
    }

    /// Where the bound is the density, both gradients are one, and the bound on their difference is as small as the rounding of the KL.
    #[test]
    fn the_exact_case_agrees_to_rounding() {
        let found = found(Case::Exact);
        for row in found.figures.iter().step_by(2) {
            let [cosine, difference, bound] = [row[0].value, row[1].value, row[2].value];
            assert!((cosine - 1.0).abs() < 1e-9 && difference < 1e-9 && bound < 1e-3, "{row:?}");
        }
    }

    /// Elsewhere they differ, by no more than the bound allows, and a wrong prediction is farther off than the best one.
    #[test]
    fn elsewhere_the_difference_is_there_and_below_the_bound() {
        let [best, wrong] = [found(Case::Optimal), found(Case::Perturbed)];
        for (best, wrong) in best.figures.iter().zip(&wrong.figures).step_by(2) {
            for row in [best, wrong] {
                assert!(row[1].value > 1e-4 && row[1].value < row[2].value && row[0].value < 1.0, "{row:?}");
            }
            assert!(wrong[1].value > best[1].value, "{wrong:?} {best:?}");
        }
        assert_eq!(best.lines[1].points[1], [4.0, best.figures[3][0].value]);
    }

    /// A forward path keeps the variance of standard normal data: over 4000 paths of the last state within 5 standard errors.
    #[test]
    fn paths_end_in_the_standard_normal() {
        let table = dfl_models::torch::NoiseSchedule::VariancePreserving { first: 0.1, last: 20.0 }.table(10).unwrap();
        let mut rng = dfl_core::Rng::seeded(2);
        let last: Vec<f64> = (0..4000)
            .map(|_| {
                let y = rng.normal();
                let path = forward(&table, &[y], &mut rng);
                assert_eq!((path.len(), path[0]), (11, y));
                path[10]
            })
            .collect();
        let second = dfl_core::metrics::mean(&last.iter().map(|y| y * y).collect::<Vec<_>>());
        assert!((second - 1.0).abs() < 5.0 * (2.0_f64 / 4000.0).sqrt(), "{second}");
    }
}
