use dfl_core::Result;
use serde::Deserialize;

use super::{Findings, Piece, Words};
use crate::data::polynomial::check_positive;

/// What the choice of the steps that a diffusion's bound is estimated from does to the variance of its gradient, and to training (Fig. 3b
/// of Diffusion-DFL, which prints no numbers).
///
/// Data: $\phi \sim U(-1, 1)$, $y = \pm(1 + \tfrac12 \phi) + 0.3\,\xi$, the sign one for all coordinates. A model is trained with uniform
/// steps; then, for fixed outcomes and weights, the gradient is estimated `repeats` times by each rule with equally many steps a sample,
/// after the rule has seen enough. `score` weights are standard normal: those of a decision have mean zero too. `gradient_variance` is the
/// trace of the covariance, `variance_ratio` that over the one of uniform steps, and `shift_in_errors` the difference of the mean from that
/// of uniform steps along the mean gradient, in standard errors: within 2 for unbiased rules, mostly. Every seed trains a model of its own.
///
/// Curves: the bound on held-out rows while training from the same weights, over evaluations of the denoiser. Gradient norms cost one more
/// step a sample.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(feature = "torch"), expect(dead_code, reason = "read by what needs libtorch"))]
pub struct TimestepStudy {
    bound: Bound,
    weights: Weights,
    outputs: usize,
    hidden: Vec<usize>,
    /// $T$.
    steps: usize,
    /// $k$.
    draws: usize,
    /// Outcomes of one gradient, and of one step of training.
    rows: usize,
    /// Steps of training, with this rate.
    training: usize,
    rate: f64,
    repeats: usize,
    seeds: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Bound {
    Simple,
    Weighted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Weights {
    Likelihood,
    Score,
}

const METHODS: [&str; 3] = ["steps_uniform", "steps_loss", "steps_norm"];

impl TimestepStudy {
    pub(super) fn check(&self) -> Result<()> {
        let counts = [
            ("outputs", self.outputs),
            ("steps", self.steps),
            ("draws", self.draws),
            ("rows", self.rows),
            ("steps of training", self.training),
            ("repeats beside the first", self.repeats.saturating_sub(1)),
            ("seeds", self.seeds as usize),
        ];
        counts.into_iter().try_for_each(|(what, count)| check_positive(what, count))
    }

    pub(super) fn pieces(&self) -> Vec<Box<dyn Piece + '_>> {
        (0..self.seeds).map(|seed| Box::new(OneSeed { study: self, seed }) as Box<dyn Piece>).collect()
    }
}

struct OneSeed<'a> {
    study: &'a TimestepStudy,
    seed: u64,
}

impl OneSeed<'_> {
    fn words(&self, method: &str) -> Words {
        let TimestepStudy { bound, weights, draws, .. } = self.study;
        let size = format!("{bound:?}-{weights:?}-k{draws}").to_lowercase();
        Words {
            task: "conditional_mixture",
            size,
            method: method.into(),
            predictor: "diffusion",
            solver: "none".into(),
            seed: Some(self.seed),
        }
    }
}

impl Piece for OneSeed<'_> {
    fn label(&self) -> String {
        format!("timesteps {} seed {}", self.words(METHODS[0]).size, self.seed)
    }

    fn metric(&self) -> &'static str {
        "gradient_variance"
    }

    fn rows(&self) -> Vec<Words> {
        METHODS.iter().map(|method| self.words(method)).collect()
    }

    #[cfg(not(feature = "torch"))]
    fn compute(&self) -> Result<Findings> {
        Err(crate::registry::without_libtorch())
    }

    #[cfg(feature = "torch")]
    fn compute(&self) -> Result<Findings> {
        self.measure()
    }
}

#[cfg(feature = "torch")]
mod measure {
    use dfl_core::metrics::{mean, standard_error};
    use dfl_core::{Batch, Generative, Key, Parameters, Result, Stream};
    use dfl_models::torch::{Device, Diffusion, DiffusionConfig, DiffusionSampler, Elbo, NoiseSchedule, Timesteps};

    use super::super::vectors::{difference, dot, mean_of, norm, normals};
    use super::super::{Findings, Line};
    use super::{Bound, METHODS, OneSeed, TimestepStudy, Weights};
    use crate::tasks::Figure;

    const RULES: [Timesteps; 3] = [Timesteps::Uniform, Timesteps::LossSecondMoment, Timesteps::GradientNorm];
    /// Points of a learning curve.
    const POINTS: usize = 20;
    /// Held-out rows of the bound.
    const HELD_OUT: usize = 200;
    /// Most calls that a rule looks at before its gradient is measured, and how many follow its first choice.
    const LOOKS: usize = 2000;
    const MORE_LOOKS: usize = 50;

    impl OneSeed<'_> {
        pub(super) fn measure(&self) -> Result<Findings> {
            let mut curves = Vec::new();
            let mut trained = None;
            for rule in RULES {
                let mut model = self.model()?;
                model.set_timesteps(rule, self.study.draws)?;
                curves.push(self.train(&mut model, rule)?);
                // The one of uniform steps, which comes first.
                trained.get_or_insert_with(|| model.values());
            }
            let values = trained.unwrap_or_default();
            let repeats = RULES.map(|rule| self.repeats(&values, rule));
            let [uniform, loss, norm] = repeats;
            let found = [uniform?, loss?, norm?];
            let figures = found.iter().zip(&curves).map(|(own, curve)| figures(own, &found[0], curve)).collect();
            let lines = METHODS.iter().zip(curves).map(|(method, points)| Line {
                words: self.words(method),
                what: "valid_negative_bound",
                over: "evaluations of the denoiser",
                log: [false; 2],
                points,
            });
            Ok(Findings { figures, instances: self.study.repeats, lines: lines.collect(), maps: Vec::new() })
        }

        fn model(&self) -> Result<Diffusion> {
            let TimestepStudy { bound, outputs, steps, draws, .. } = *self.study;
            let config = DiffusionConfig {
                hidden: self.study.hidden.clone(),
                steps,
                noise: NoiseSchedule::VariancePreserving { first: 0.1, last: 20.0 },
                sampler: DiffusionSampler::Ancestral,
                elbo: if bound == Bound::Weighted { Elbo::Weighted } else { Elbo::Simple },
                draws,
                ..DiffusionConfig::new(1, outputs)
            };
            Diffusion::new(config, self.seed, Device::Cpu)
        }

        /// Features, outcomes and weights, whose squares sum to 1 in the mean.
        fn data(&self, rows: usize, stream: Stream, weights: Weights) -> Result<[Batch; 3]> {
            let (mut features, mut outcomes) = (Vec::new(), Vec::new());
            for id in 0..rows as u64 {
                let mut rng = stream.rng("mixture", Key { id, slot: 0 });
                let x = 2.0 * rng.uniform() - 1.0;
                let centre = (1.0 + 0.5 * x) * if rng.uniform() < 0.5 { -1.0 } else { 1.0 };
                features.push(x);
                outcomes.extend((0..self.study.outputs).map(|_| centre + 0.3 * rng.normal()));
            }
            let weights = match weights {
                Weights::Likelihood => vec![1.0; rows],
                Weights::Score => normals(rows, stream, "weights"),
            };
            let weights = weights.iter().map(|w| w / rows as f64).collect();
            Ok([
                Batch::from_vec(rows, 1, features)?,
                Batch::from_vec(rows, self.study.outputs, outcomes)?,
                Batch::from_vec(rows, 1, weights)?,
            ])
        }

        /// Trains on the likelihood; the negative bound on held-out rows, over evaluations of the denoiser.
        fn train(&self, model: &mut Diffusion, rule: Timesteps) -> Result<Vec<[f64; 2]>> {
            let TimestepStudy { draws, rows, training, rate, .. } = *self.study;
            let held_out = self.data(HELD_OUT, Stream { seed: self.seed, step: u64::MAX }, Weights::Likelihood)?;
            let every = training.div_ceil(POINTS);
            let cost = draws + usize::from(rule == Timesteps::GradientNorm);
            let mut points = Vec::new();
            for step in 0..=training {
                if step % every == 0 || step == training {
                    let bounds = model.elbo(&held_out[0], &held_out[1], 1, Stream { seed: self.seed, step: 0 })?;
                    points.push([(step * rows * cost) as f64, -mean(bounds.as_slice())]);
                }
                let stream = Stream { seed: self.seed, step: step as u64 };
                let [features, outcomes, weights] = self.data(rows, stream, Weights::Likelihood)?;
                model.zero_grad();
                let descent = Batch::from_vec(rows, 1, weights.as_slice().iter().map(|w| -w).collect())?;
                model.add_log_likelihood(&features, &outcomes, &descent, stream)?;
                model.step(rate)?;
            }
            Ok(points)
        }

        /// Gradients for the same outcomes and weights with fresh steps and noise.
        fn repeats(&self, values: &[f64], rule: Timesteps) -> Result<Vec<Vec<f64>>> {
            let mut model = self.model()?;
            model.set_values(values)?;
            model.set_timesteps(rule, self.study.draws)?;
            let [features, outcomes, weights] =
                self.data(self.study.rows, Stream { seed: self.seed, step: u64::MAX - 1 }, self.study.weights)?;
            let mut one = |seed: u64, step: usize| -> Result<(Vec<f64>, bool)> {
                model.zero_grad();
                model.add_log_likelihood(&features, &outcomes, &weights, Stream { seed, step: step as u64 })?;
                let p = model.step_probabilities();
                Ok((model.gradient(), p.iter().any(|&q| q != p[0])))
            };
            if rule != Timesteps::Uniform {
                let mut left = LOOKS;
                let mut step = 0;
                while left > 0 {
                    let (_, chosen) = one(self.seed + 1000, step)?;
                    left = if chosen { left.min(MORE_LOOKS) } else { left } - 1;
                    step += 1;
                }
            }
            // Noise and steps of its own for each rule, so that means are compared as independent ones.
            let own = 2000 + 1000 * RULES.iter().position(|&other| other == rule).unwrap_or_default() as u64;
            (0..self.study.repeats).map(|step| Ok(one(self.seed + own, step)?.0)).collect()
        }
    }

    /// Squared distances from the mean, made unbiased: their mean is the trace of the covariance.
    fn squares(gradients: &[Vec<f64>]) -> Vec<f64> {
        let (centre, n) = (mean_of(gradients), gradients.len() as f64);
        gradients.iter().map(|g| norm(&difference(g, &centre)).powi(2) * n / (n - 1.0)).collect()
    }

    fn figures(own: &[Vec<f64>], uniform: &[Vec<f64>], curve: &[[f64; 2]]) -> Vec<Figure> {
        let (ours, theirs) = (squares(own), squares(uniform));
        let (variance, reference) = (mean(&ours), mean(&theirs));
        let errors = [standard_error(&ours), standard_error(&theirs)].map(|se| se.unwrap_or(f64::NAN));
        let mut out = vec![Figure { metric: "gradient_variance", value: variance, se: Some(errors[0]) }];
        if !std::ptr::eq(own, uniform) {
            let ratio = variance / reference;
            let se = ratio * (errors[0] / variance).hypot(errors[1] / reference);
            out.push(Figure { metric: "variance_ratio", value: ratio, se: Some(se) });
            out.push(Figure { metric: "shift_in_errors", value: shift(own, uniform), se: None });
        }
        out.extend(curve.last().map(|end| Figure { metric: "negative_bound", value: end[1], se: None }));
        out
    }

    /// Difference of the means along the mean of both, in its standard errors; without sign.
    fn shift(own: &[Vec<f64>], uniform: &[Vec<f64>]) -> f64 {
        let along = mean_of(&[mean_of(own), mean_of(uniform)]);
        let along = |gradients: &[Vec<f64>]| -> Vec<f64> { gradients.iter().map(|g| dot(g, &along)).collect() };
        let (own, uniform) = (along(own), along(uniform));
        let error = |values: &[f64]| standard_error(values).unwrap_or(f64::NAN);
        ((mean(&own) - mean(&uniform)) / error(&own).hypot(error(&uniform))).abs()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        fn study() -> TimestepStudy {
            TimestepStudy {
                bound: Bound::Weighted,
                weights: Weights::Likelihood,
                outputs: 1,
                hidden: vec![16],
                steps: 20,
                draws: 2,
                rows: 32,
                training: 300,
                rate: 3e-3,
                repeats: 300,
                seeds: 1,
            }
        }

        /// (0, 0), (2, 0): squared distances from the mean are 1 each, times 2/1; against themselves nothing is shifted.
        #[test]
        fn variance_by_hand() {
            let gradients = vec![vec![0.0, 0.0], vec![2.0, 0.0]];
            assert_eq!(squares(&gradients), [2.0, 2.0]);
            let moved = vec![vec![0.0, 1.0], vec![2.0, 1.0], vec![1.0, 4.0], vec![1.0, -2.0]];
            assert!(shift(&moved, &moved) == 0.0 && shift(&moved, &[vec![9.0, 9.0], vec![9.1, 9.0]]) > 5.0);
        }

        /// For the true weights of the steps, which differ by a factor of hundreds, gradient norms have less variance than uniform steps.
        /// Losses need not: ten squared errors of one coordinate are a poor guess of their mean, and a step that is thought to be small
        /// counts a lot when it is drawn. Neither shifts the mean: of two rules a shift beyond 4 standard errors has probability 1e-4.
        #[test]
        fn importance_has_less_variance_and_no_shift() {
            let study = study();
            let found = OneSeed { study: &study, seed: 0 }.measure().unwrap();
            for row in &found.figures[1..] {
                assert!(row[2].value < 4.0, "{row:?}");
            }
            let ratio = &found.figures[2][1];
            assert!(ratio.value + 3.0 * ratio.se.unwrap() < 1.0, "{ratio:?}");
            for line in &found.lines {
                let (first, last) = (line.points[0], line.points[line.points.len() - 1]);
                assert!(last[1] < first[1] - 0.1, "{line:?}", line = line.points);
            }
        }
    }
}
