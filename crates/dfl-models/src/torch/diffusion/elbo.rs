use dfl_core::{Batch, Error, Key, Result, Rng, Stream, check_len};
use tch::Tensor;

use super::super::bridge::{Torch, backend, flatten, gradients, indices, to_tensor, upload};
use super::super::weights::add;
use super::{Diffusion, Elbo, NoiseTable, Timesteps};

/// Outcomes that a bound is estimated for.
pub(super) struct Outcomes<'a> {
    /// `[b, inputs]`.
    features: Tensor,
    /// `[b, samples * outputs]`.
    values: &'a Batch,
    samples: usize,
}

/// Noised outcomes that pass the denoiser together.
#[derive(Default)]
struct Noised {
    /// Which outcome, counted through all rows.
    item: Vec<usize>,
    /// Its step, less 1.
    time: Vec<usize>,
    /// How often it counts.
    share: Vec<f64>,
    noise: Vec<f64>,
    noisy: Vec<f64>,
}

/// $\|\epsilon - \hat\epsilon\|^2$ of one noised outcome.
struct Seen {
    item: usize,
    step: usize,
    share: f64,
    square: f64,
}

/// Steps, each with its share, for one outcome.
type Plan<'p> = &'p dyn Fn(&mut Rng) -> Vec<(usize, f64)>;

impl Elbo {
    /// $e_t$ for $t = 1 \dots T$.
    pub(super) fn step_weights(self, table: &NoiseTable) -> Vec<f64> {
        match self {
            Self::Simple => vec![1.0 / table.steps() as f64; table.steps()],
            Self::Weighted => (1..=table.steps()).map(|t| table.bound_weight(t)).collect(),
        }
    }

    fn constant(self, table: &NoiseTable, outcome: &[f64]) -> f64 {
        match self {
            Self::Simple => 0.0,
            Self::Weighted => table.bound_constant(outcome),
        }
    }
}

impl Noised {
    fn push(&mut self, item: usize, (step, share): (usize, f64), outcome: &[f64], table: &NoiseTable, rng: &mut Rng) {
        let (keep, spread) = (table.alpha_bar(step).sqrt(), table.noise(step));
        self.item.push(item);
        self.time.push(step - 1);
        self.share.push(share);
        for y in outcome {
            let noise = rng.normal();
            self.noise.push(noise);
            self.noisy.push(keep * y + spread * noise);
        }
    }
}

impl Diffusion {
    pub(super) fn outcomes<'a>(&self, features: &Batch, values: &'a Batch, samples: usize) -> Result<Outcomes<'a>> {
        if samples == 0 {
            return Err(Error::Domain { what: "number of samples", value: 0.0, need: "at least 1" });
        }
        check_len("features", self.config.inputs, features.cols())?;
        check_len("outcome rows", features.rows(), values.rows())?;
        check_len("outcomes", samples * self.config.outputs, values.cols())?;
        values.check_finite("outcomes")?;
        Ok(Outcomes { features: to_tensor("features", features, self.place)?, values, samples })
    }

    /// Noises every outcome at the steps of its plan and hands them on in groups that fit into memory.
    fn in_groups(
        &self,
        outcomes: &Outcomes<'_>,
        plan: Plan<'_>,
        (stream, purpose): (Stream, &str),
        mut pass: impl FnMut(Noised) -> Result<()>,
    ) -> Result<()> {
        let (limit, d) = (self.group(), self.config.outputs);
        let mut group = Noised::default();
        for (item, outcome) in outcomes.values.as_slice().chunks_exact(d).enumerate() {
            let key = Key { id: (item / outcomes.samples) as u64, slot: (item % outcomes.samples) as u32 };
            let mut rng = stream.rng(purpose, key);
            for step in plan(&mut rng) {
                group.push(item, step, outcome, &self.table, &mut rng);
                if group.item.len() == limit {
                    pass(std::mem::take(&mut group))?;
                }
            }
        }
        if group.item.is_empty() { Ok(()) } else { pass(group) }
    }

    /// $\|\epsilon - \hat\epsilon\|^2$ of each, `[n]`.
    fn squares(&self, outcomes: &Outcomes<'_>, group: &Noised) -> Torch<Tensor> {
        let shape = [group.item.len() as i64, self.config.outputs as i64];
        let rows: Vec<usize> = group.item.iter().map(|item| item / outcomes.samples).collect();
        let features = outcomes.features.f_index_select(0, &indices(&rows, self.place.1)?)?;
        let (noisy, noise) = (upload(&group.noisy, &shape, self.place)?, upload(&group.noise, &shape, self.place)?);
        let error = self.denoiser.forward(&noisy, &indices(&group.time, self.place.1)?, &features)?.f_sub(&noise)?;
        error.f_square()?.f_sum_dim_intlist([1_i64].as_slice(), false, self.place.0)
    }

    /// Gradient of $-\sum_j w_j s_j e_{t_j} \|\epsilon_j - \hat\epsilon_j\|^2$ over all noised outcomes, and what was seen of them; `None` for no
    /// outcomes.
    fn descend(
        &self,
        outcomes: &Outcomes<'_>,
        weight: &dyn Fn(usize) -> f64,
        plan: Plan<'_>,
        noise: (Stream, &str),
    ) -> Result<(Option<Vec<Tensor>>, Vec<Seen>)> {
        let mut total = None;
        let mut seen = Vec::new();
        self.in_groups(outcomes, plan, noise, |group| {
            let mut one = || -> Torch<()> {
                let squares = self.squares(outcomes, &group)?;
                let at = |j: usize| -weight(group.item[j]) * group.share[j] * self.step_weights[group.time[j]];
                let factors: Vec<f64> = (0..group.item.len()).map(at).collect();
                let factors = upload(&factors, &[factors.len() as i64], self.place)?;
                let new = gradients(&squares.f_dot(&factors)?, self.weights.trained(), false)?;
                seen.extend(group.seen(&flatten([&squares])?));
                add(&mut total, new)
            };
            one().map_err(backend)
        })?;
        Ok((total, seen))
    }

    /// As [`Generative::add_log_likelihood`](dfl_core::Generative::add_log_likelihood).
    pub(super) fn add_bound(&mut self, features: &Batch, values: &Batch, weights: &Batch, stream: Stream) -> Result<f64> {
        check_len("weight rows", features.rows(), weights.rows())?;
        weights.check_finite("weights")?;
        let outcomes = self.outcomes(features, values, weights.cols())?;
        let plan = |rng: &mut Rng| self.proposal.draw(self.config.draws, rng);
        let w = weights.as_slice();
        let (gradient, seen) = self.descend(&outcomes, &|item| w[item], &plan, (stream, "bound"))?;
        let moving: f64 = seen.iter().map(|s| w[s.item] * s.share * self.step_weights[s.step - 1] * s.square).sum();
        let constants = values.as_slice().chunks_exact(self.config.outputs).map(|y| self.config.elbo.constant(&self.table, y));
        let value = w.iter().zip(constants).map(|(w, c)| w * c).sum::<f64>() - moving;
        Batch::from_vec(1, 1, vec![value])?.check_finite("log-likelihood bound")?;
        if let Some(gradient) = gradient {
            self.weights.accumulate(gradient)?;
        }
        self.learn_steps(&outcomes, w, &seen, stream)?;
        Ok(value)
    }

    /// Lets the proposal see what it draws by, for the next call.
    fn learn_steps(&mut self, outcomes: &Outcomes<'_>, w: &[f64], seen: &[Seen], stream: Stream) -> Result<()> {
        let square: f64 = w.iter().map(|w| w * w).sum();
        if square == 0.0 {
            return Ok(());
        }
        match self.proposal.kind() {
            Timesteps::Uniform | Timesteps::All => {}
            Timesteps::LossSecondMoment => {
                let scale = self.table.steps() as f64 / (square / w.len() as f64).sqrt();
                let loss = |s: &Seen| (s.step, scale * w[s.item].abs() * self.step_weights[s.step - 1] * s.square);
                self.proposal.see_losses(seen.iter().map(loss));
            }
            Timesteps::GradientNorm => {
                let mut rng = stream.rng("probed step", Key::default());
                let step = self.proposal.probe(&mut rng);
                let signed: Vec<f64> = w.iter().map(|w| if rng.uniform() < 0.5 { -w } else { *w }).collect();
                let (gradient, _) = self.descend(outcomes, &|item| signed[item], &|_| vec![(step, 1.0)], (stream, "probe"))?;
                let norm: f64 = flatten(gradient.iter().flatten()).map_err(backend)?.iter().map(|g| g * g).sum();
                self.proposal.see_norm(step, norm / square);
            }
        }
        Ok(())
    }

    /// The gradient of $\sum_{im} w_{im}$ times the one term of the sum over steps at `step`, $-e_t \|\epsilon - \hat\epsilon\|^2$, with one draw of
    /// noise for each sample; in the order of [`Parameters::gradient`](dfl_core::Parameters::gradient), which it leaves as it is. Summed over
    /// all steps its mean is that of the gradient of the bound.
    ///
    /// # Errors
    /// As [`Generative::add_log_likelihood`](dfl_core::Generative::add_log_likelihood); [`Error::Domain`] for a step outside $1 \dots T$.
    pub fn gradient_at(&self, features: &Batch, outcomes: &Batch, weights: &Batch, step: usize, stream: Stream) -> Result<Vec<f64>> {
        if step == 0 || step > self.table.steps() {
            return Err(Error::Domain { what: "step", value: step as f64, need: "between 1 and the number of steps" });
        }
        check_len("weight rows", features.rows(), weights.rows())?;
        weights.check_finite("weights")?;
        let outcomes = self.outcomes(features, outcomes, weights.cols())?;
        let (gradient, _) = self.descend(&outcomes, &|item| weights.as_slice()[item], &|_| vec![(step, 1.0)], (stream, "step"))?;
        gradient.map_or_else(|| Ok(vec![0.0; self.weights.len()]), |gradient| flatten(&gradient).map_err(backend))
    }

    /// The lower bound on $\log p(y_{im} \mid \phi_i)$ of the ancestral chain in nats, `[b, samples]`, with all constants: over all $T$ steps, the
    /// mean over `draws` draws of noise at each. Unbiased; the `elbo` and `timesteps` of the configuration are not read.
    ///
    /// # Errors
    /// [`Error::Dimension`] or [`Error::NotFinite`] naming the argument, [`Error::Domain`] for no draws.
    pub fn elbo(&self, features: &Batch, outcomes: &Batch, draws: usize, stream: Stream) -> Result<Batch> {
        if draws == 0 {
            return Err(Error::Domain { what: "draws of noise", value: 0.0, need: "at least 1" });
        }
        let samples = outcomes.cols() / self.config.outputs;
        let seen_by = self.outcomes(features, outcomes, samples)?;
        let values = outcomes.as_slice().chunks_exact(self.config.outputs);
        let mut out: Vec<f64> = values.map(|y| self.table.bound_constant(y)).collect();
        let share = 1.0 / draws as f64;
        let plan = |_: &mut Rng| (0..draws).flat_map(|_| (1..=self.table.steps()).map(|t| (t, share))).collect();
        let _no_graph = tch::no_grad_guard();
        self.in_groups(&seen_by, &plan, (stream, "elbo"), |group| {
            let squares = self.squares(&seen_by, &group).and_then(|s| flatten([&s])).map_err(backend)?;
            for s in group.seen(&squares) {
                out[s.item] -= self.table.bound_weight(s.step) * s.share * s.square;
            }
            Ok(())
        })?;
        Batch::from_vec(features.rows(), samples, out)
    }
}

impl Noised {
    fn seen<'a>(&'a self, squares: &'a [f64]) -> impl Iterator<Item = Seen> + 'a {
        let one = |(j, &square): (usize, &f64)| Seen { item: self.item[j], step: self.time[j] + 1, share: self.share[j], square };
        squares.iter().enumerate().map(one)
    }
}
