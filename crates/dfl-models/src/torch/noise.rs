//! Standard normal noise: drawn on the host from named streams, so that it is the same on every device.

use std::f64::consts::TAU;

use dfl_core::{Key, Stream};
use tch::Tensor;

use super::bridge::{Place, Torch, upload};

/// Independent standard normals `[rows, each]`. Row i's are a function of the stream and i alone, and begin alike for every `each`.
pub(crate) fn normals(stream: Stream, rows: usize, each: usize, place: Place) -> Torch<Tensor> {
    let mut values = Vec::with_capacity(rows * each);
    for id in 0..rows as u64 {
        let mut rng = stream.rng("sample", Key { id, slot: 0 });
        values.extend((0..each).map(|_| rng.normal()));
    }
    upload(&values, &[rows as i64, each as i64], place)
}

/// $\log N(u; 0, I)$ over the last dimension.
pub(crate) fn log_standard_normal(u: &Tensor) -> Torch<Tensor> {
    let d = u.size().last().copied().unwrap_or_default() as f64;
    u.f_square()?.f_sum_dim_intlist(-1, false, None)?.f_mul_scalar(-0.5)?.f_add_scalar(-0.5 * d * TAU.ln())
}
