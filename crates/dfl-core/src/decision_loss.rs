use crate::{Batch, Call, Decider, Error, Found, Key, Loss, Result, Rng, Row, SolveInfo, Stream, Targets, Through, check_len};

/// Per-row values and gradients of a batch.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// `[b]`; rows without a usable decision are 0.
    pub values: Vec<f64>,
    /// Gradient of each value in its own prediction, `[b, theta]`; masked (zero) rows as above.
    pub grads: Batch,
    /// How each solve ended, `[b * probes]`, probes of a row together.
    pub info: Vec<SolveInfo>,
    /// Solves per row.
    pub probes: usize,
}

impl Evaluation {
    /// Rows with a probe that found no usable decision.
    pub fn failed_rows(&self) -> Vec<usize> {
        let failed = |probes: &[SolveInfo]| probes.iter().any(|i| !i.status.usable());
        self.info.chunks(self.probes.max(1)).enumerate().filter(|(_, p)| failed(p)).map(|(i, _)| i).collect()
    }
}

/// A loss joined with the decider it probes: one driver for every pair.
///
/// The gradient of row $i$ is $\nabla_\text{direct} + \sum_k J_k^\top \text{cotangent}_k$ over its probes, the second part only
/// where the loss wants it and the decider has it.
#[derive(Clone, Debug)]
pub struct DecisionLoss<L, D> {
    loss: L,
    decider: Option<D>,
}

impl<L: Loss, D: Decider> DecisionLoss<L, D> {
    /// Joins a loss and a decider.
    ///
    /// # Errors
    /// [`Error::Missing`] if the loss has no gradient without a differentiable decider, or its `theta` is not the cost of x: such a
    /// pair would train with zeros.
    pub fn new(loss: L, decider: D) -> Result<Self> {
        let (needs, dims) = (loss.needs(), decider.dims());
        if needs.through == Through::Always && !decider.differentiable() {
            return Err(Error::Missing {
                loss: loss.name(),
                what: "a differentiable decider; this one is a black box, whose gradient is zero almost everywhere",
            });
        }
        if needs.linear && dims.theta != dims.x {
            return Err(Error::Missing { loss: loss.name(), what: "a prediction that is the linear cost of the decision (equal lengths)" });
        }
        Ok(Self { loss, decider: Some(decider) })
    }

    /// A loss that solves nothing, such as the squared error.
    ///
    /// # Errors
    /// [`Error::Missing`] if it does solve something.
    pub fn without_decider(loss: L) -> Result<Self> {
        if loss.probes() > 0 {
            return Err(Error::Missing { loss: loss.name(), what: "a decider" });
        }
        Ok(Self { loss, decider: None })
    }

    /// The loss.
    pub fn loss(&self) -> &L {
        &self.loss
    }

    /// The decider, unless the loss solves nothing.
    pub fn decider(&self) -> Option<&D> {
        self.decider.as_ref()
    }

    /// Values and gradients at the predictions `[b, theta]`; `ids` name the rows.
    ///
    /// # Errors
    /// [`Error::NotFinite`] naming a bad prediction or truth, [`Error::Missing`] for targets the loss reads but did not get,
    /// [`Error::Dimension`], or what the loss or the decider refuses.
    pub fn evaluate(&self, preds: &Batch, targets: &Targets, ids: &[u64], stream: Stream) -> Result<Evaluation> {
        self.check(preds, targets, ids)?;
        let (b, probes) = (preds.rows(), self.loss.probes());
        let Some(decider) = self.decider.as_ref().filter(|_| probes > 0) else {
            return Ok(self.finish_all(preds, targets, ids, stream, &Batch::zeros(0, 0), &[], Vec::new()).0);
        };
        let mut at = Batch::zeros(b, probes * preds.cols());
        for i in 0..b {
            self.loss.probe(&row(preds, targets, ids, i), &mut noise(stream, ids[i]), at.row_mut(i));
        }
        let keys: Vec<Key> = ids.iter().flat_map(|&id| (0..probes as u32).map(move |slot| Key { id, slot })).collect();
        let at = Batch::from_vec(b * probes, preds.cols(), at.into_vec())?;
        let backward = self.loss.needs().through != Through::Never && decider.differentiable();
        let found = decider.forward(&at, &Call { keys: &keys, stream, backward })?;
        let (mut out, cotangent) = self.finish_all(preds, targets, ids, stream, &found.x, &found.objective, found.info);
        if let Some(back) = found.back.filter(|_| backward) {
            add_probe_gradients(&back.pull(&cotangent)?, probes, &mut out.grads);
        }
        for i in out.failed_rows() {
            out.values[i] = 0.0;
            out.grads.row_mut(i).fill(0.0);
        }
        Ok(out)
    }

    #[allow(clippy::too_many_arguments, reason = "the two halves of one call, split for length")]
    fn finish_all(
        &self,
        preds: &Batch,
        targets: &Targets,
        ids: &[u64],
        stream: Stream,
        x: &Batch,
        objective: &[f64],
        info: Vec<SolveInfo>,
    ) -> (Evaluation, Batch) {
        let (b, probes, n) = (preds.rows(), self.loss.probes(), x.cols());
        let mut out = Evaluation { values: vec![0.0; b], grads: Batch::zeros(b, preds.cols()), info, probes };
        let mut cotangent = Batch::zeros(b * probes, n);
        for i in 0..b {
            let (from, to) = (i * probes, (i + 1) * probes);
            let found = Found { x: &x.as_slice()[from * n..to * n], objective: &objective[from..to] };
            let cot = &mut cotangent.as_mut_slice()[from * n..to * n];
            out.values[i] = self.loss.finish(&row(preds, targets, ids, i), &mut noise(stream, ids[i]), found, out.grads.row_mut(i), cot);
        }
        (out, cotangent)
    }

    fn check(&self, preds: &Batch, targets: &Targets, ids: &[u64]) -> Result<()> {
        let (needs, loss) = (self.loss.needs(), self.loss.name());
        preds.check_finite("prediction")?;
        check_len("ids", preds.rows(), ids.len())?;
        if let Some(d) = &self.decider {
            check_len("prediction", d.dims().theta, preds.cols())?;
        }
        let parts = [
            (needs.truth, &targets.truth, "the true parameters as a target"),
            (needs.solution, &targets.solution, "the optimal decisions as a target"),
        ];
        for (needed, part, what) in parts {
            match part {
                Some(batch) => check_len("targets", preds.rows(), batch.rows())?,
                None if needed => return Err(Error::Missing { loss, what }),
                None => {}
            }
        }
        if let Some(truth) = targets.truth.as_ref().filter(|_| needs.truth) {
            truth.check_finite("truth")?;
            if needs.linear || needs.paired {
                check_len("truth", preds.cols(), truth.cols())?;
            }
        }
        if let Some(solution) = targets.solution.as_ref().filter(|_| needs.solution) {
            if let Some(d) = &self.decider {
                check_len("solution", d.dims().x, solution.cols())?;
            }
            if needs.linear {
                check_len("solution", preds.cols(), solution.cols())?;
            }
            solution.check_finite("solution")?;
        }
        if needs.normals {
            let what = "the normals of the tight constraints as a target";
            check_normals(targets.normals.as_deref().ok_or(Error::Missing { loss, what })?, preds)?;
        }
        self.loss.check(preds, ids)
    }
}

/// One set of normals per row, each as long as the prediction.
fn check_normals(normals: &[Batch], preds: &Batch) -> Result<()> {
    check_len("normals", preds.rows(), normals.len())?;
    normals.iter().filter(|n| n.rows() > 0).try_for_each(|n| {
        check_len("normal", preds.cols(), n.cols())?;
        n.check_finite("normal")
    })
}

/// The same noise for `probe` and `finish`.
fn noise(stream: Stream, id: u64) -> Rng {
    stream.rng("loss", Key { id, slot: 0 })
}

fn row<'a>(preds: &'a Batch, targets: &'a Targets, ids: &[u64], i: usize) -> Row<'a> {
    let part = |b: &'a Option<Batch>| b.as_ref().map_or(&[][..], |b| b.row(i));
    Row {
        id: ids[i],
        pred: preds.row(i),
        truth: part(&targets.truth),
        solution: part(&targets.solution),
        normals: targets.normals.as_ref().map(|n| &n[i]),
    }
}

fn add_probe_gradients(pulled: &Batch, probes: usize, grads: &mut Batch) {
    for k in 0..pulled.rows() {
        for (g, p) in grads.row_mut(k / probes).iter_mut().zip(pulled.row(k)) {
            *g += p;
        }
    }
}
