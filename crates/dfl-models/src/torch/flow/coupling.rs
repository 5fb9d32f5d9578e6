use std::ops::Range;

use tch::Tensor;
use tch::nn::Path;

use crate::torch::Activation;
use crate::torch::bridge::{Place, Torch};
use crate::torch::layer::Mode;
use crate::torch::trunk::{Trunk, TrunkShape};

/// An affine coupling: the entries `moved` become $y = u\,e^s + t$, with $s$ and $t$ functions of the features and of the `seen`
/// entries, which stay.
#[derive(Debug)]
pub(super) struct Coupling {
    seen: Range<i64>,
    moved: Range<i64>,
    scale: Trunk,
    shift: Trunk,
}

impl Coupling {
    /// The `index`-th coupling of a flow. Even ones move the second half, odd ones the first; with a single entry there is nothing to
    /// see, and each moves it.
    pub(super) fn new(
        root: &Path<'_>,
        index: usize,
        (inputs, outputs): (usize, usize),
        hidden: &[usize],
        seed: u64,
        place: Place,
    ) -> Torch<Self> {
        let half = outputs / 2;
        let (seen, moved) = if index.is_multiple_of(2) || half == 0 { (0..half, half..outputs) } else { (half..outputs, 0..half) };
        let shape = TrunkShape {
            inputs: inputs + seen.len(),
            hidden,
            outputs: moved.len(),
            batch_norm: false,
            activation: Activation::Relu,
            dropout: 0.0,
            skip: false,
        };
        let path = root / format!("coupling{index}");
        let trunk = |name: &str, which: usize| -> Torch<Trunk> {
            let trunk = Trunk::new(&(&path / name), shape, seed, (2 * index + which) as u32, place)?;
            // The identity: the flow starts as its base.
            trunk.start_at(0, &vec![0.0; moved.len()])?;
            Ok(trunk)
        };
        let (scale, shift) = (trunk("scale", 0)?, trunk("shift", 1)?);
        let span = |r: Range<usize>| r.start as i64..r.end as i64;
        Ok(Self { seen: span(seen), moved: span(moved), scale, shift })
    }

    /// $s$ and $t$ for features `[b, m, p]` and points `[b, m, d]` of either side.
    fn coefficients(&self, features: &Tensor, points: &Tensor) -> Torch<(Tensor, Tensor)> {
        let input = Tensor::f_cat(&[features, &part(points, &self.seen)?], -1)?;
        Ok((self.scale.forward(&input, Mode::Predict)?.f_tanh()?, self.shift.forward(&input, Mode::Predict)?))
    }

    /// From base to data, and the log-determinant `[b, m]`.
    pub(super) fn forward(&self, features: &Tensor, u: &Tensor) -> Torch<(Tensor, Tensor)> {
        let (s, t) = self.coefficients(features, u)?;
        let moved = part(u, &self.moved)?.f_mul(&s.f_exp()?)?.f_add(&t)?;
        Ok((self.join(u, moved)?, s.f_sum_dim_intlist(-1, false, None)?))
    }

    /// From data to base, and the log-determinant `[b, m]` of the way *to the data*.
    pub(super) fn inverse(&self, features: &Tensor, y: &Tensor) -> Torch<(Tensor, Tensor)> {
        let (s, t) = self.coefficients(features, y)?;
        let moved = part(y, &self.moved)?.f_sub(&t)?.f_mul(&s.f_neg()?.f_exp()?)?;
        Ok((self.join(y, moved)?, s.f_sum_dim_intlist(-1, false, None)?))
    }

    /// `points` with other moved entries.
    fn join(&self, points: &Tensor, moved: Tensor) -> Torch<Tensor> {
        let seen = part(points, &self.seen)?;
        if self.seen.start < self.moved.start { Tensor::f_cat(&[seen, moved], -1) } else { Tensor::f_cat(&[moved, seen], -1) }
    }
}

fn part(points: &Tensor, span: &Range<i64>) -> Torch<Tensor> {
    points.f_narrow(-1, span.start, span.end - span.start)
}
