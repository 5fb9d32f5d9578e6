//! The one place where tensors and `f64` slices meet: every cast, copy between devices and hand-made gradient is here.
//!
//! Solvers and losses work on the host in `f64`; libtorch cannot call them from its backward pass. Two moves replace that:
//! [`inject`] gives a prediction a gradient that was computed elsewhere, [`cut`] reads the gradient of what torch computes after a
//! decision. First order only: neither can be differentiated twice.

use dfl_core::{Batch, Error, Result, check_len};
use tch::{Device, Kind, TchError, Tensor};

/// Kind and device of a tensor, in tch's order.
pub type Place = (Kind, Device);

/// Result of internal steps; [`backend`] turns its error into the workspace's where a public function returns.
pub(crate) type Torch<T> = std::result::Result<T, TchError>;

/// A failure of libtorch as the workspace's error, with its own as the source.
pub fn backend(source: TchError) -> Error {
    Error::Backend { backend: "libtorch", source: Box::new(source) }
}

/// Kind and device of `tensor`.
pub fn place(tensor: &Tensor) -> Place {
    (tensor.kind(), tensor.device())
}

/// Copies `batch` into a tensor `[rows, cols]`; `what` names it in errors.
///
/// # Errors
/// [`Error::NotFinite`] for a NaN or infinite entry, [`Error::Domain`] for one that overflows `f32` where that is the kind,
/// [`Error::Backend`].
pub fn to_tensor(what: &'static str, batch: &Batch, place: Place) -> Result<Tensor> {
    batch.check_finite(what)?;
    let narrow = place.0 == Kind::Float;
    if let Some(&value) = batch.as_slice().iter().find(|v| narrow && v.abs() > f64::from(f32::MAX)) {
        return Err(Error::Domain { what, value, need: "within the range of f32; scale it, or use a model in double precision" });
    }
    upload(batch.as_slice(), &[batch.rows() as i64, batch.cols() as i64], place).map_err(backend)
}

/// Copies a tensor `[rows, cols]` of any kind and device into a batch, without its graph; `what` names it in errors.
///
/// # Errors
/// [`Error::Dimension`] if it has not two dimensions, [`Error::NotFinite`] for a NaN or infinite entry, [`Error::Backend`].
pub fn from_tensor(what: &'static str, tensor: &Tensor) -> Result<Batch> {
    let size = tensor.size();
    check_len("dimensions of a batch tensor", 2, size.len())?;
    let batch = Batch::from_vec(size[0] as usize, size[1] as usize, download(tensor).map_err(backend)?)?;
    batch.check_finite(what)?;
    Ok(batch)
}

/// A scalar with value `value` and gradient `cotangent` with respect to `output`:
///
/// $$v + \textstyle\sum_{ij} g_{ij} (o_{ij} - \bar o_{ij}), \qquad \bar o = o \text{ without its graph}$$
///
/// The sum is zero in value and the identity in gradient, so what torch differentiates further up is $J^\top g$. The mean or sum
/// over rows is taken by the caller, in `cotangent` and `value` alike.
///
/// # Shapes
/// `output`, `cotangent`: `[b, p]`; the result is a scalar of the kind and on the device of `output`.
/// # Errors
/// [`Error::Dimension`] or [`Error::NotFinite`] naming the cotangent, [`Error::Backend`].
pub fn inject(output: &Tensor, cotangent: &Batch, value: f64) -> Result<Tensor> {
    let (rows, cols) = output.size2().map_err(backend)?;
    check_len("cotangent rows", rows as usize, cotangent.rows())?;
    check_len("cotangent", cols as usize, cotangent.cols())?;
    let gradient = to_tensor("cotangent", cotangent, place(output))?;
    let scalar = || output.f_sub(&output.f_detach()?)?.f_mul(&gradient)?.f_sum(output.f_kind()?)?.f_add_scalar(value);
    scalar().map_err(backend)
}

/// Value and gradient, in `decisions`, of a scalar that `downstream` computes from them with tensors.
///
/// The decisions become a fresh leaf, so torch's graph ends at them; carry the gradient through the solver with
/// [`Pullback::pull`](dfl_core::Pullback::pull), then [`inject`] the result on the prediction. Weights that `downstream` uses
/// receive no gradient.
///
/// # Shapes
/// `decisions` and the returned gradient: `[b, x]`; `downstream` maps a tensor `[b, x]` to one number.
/// # Errors
/// [`Error::NotFinite`] for decisions or a gradient that are not finite, [`Error::Dimension`] if the result is not one number,
/// [`Error::Backend`], also if `downstream` ignores the decisions; or its own error.
pub fn cut(decisions: &Batch, place: Place, downstream: impl FnOnce(&Tensor) -> Result<Tensor>) -> Result<(f64, Batch)> {
    let leaf = to_tensor("decision", decisions, place)?.f_set_requires_grad(true).map_err(backend)?;
    let scalar = downstream(&leaf)?;
    check_len("result after the decisions", 1, scalar.numel())?;
    let gradient = gradients(&scalar, &[leaf], false).map_err(backend)?;
    let value = download(&scalar).map_err(backend)?[0];
    Ok((value, from_tensor("gradient in the decision", &gradient[0])?))
}

/// Gradients of a scalar in `inputs`; zero for one it does not depend on. `keep` allows a second pass over the same graph.
pub(crate) fn gradients(scalar: &Tensor, inputs: &[Tensor], keep: bool) -> Torch<Vec<Tensor>> {
    // The raw call follows a null pointer for a constant.
    if !scalar.requires_grad() {
        return Err(TchError::Torch("the scalar is a constant: it depends on nothing that has a gradient".into()));
    }
    let found = Tensor::f_run_backward(&[scalar], inputs, keep, false)?;
    found.into_iter().zip(inputs).map(|(g, input)| if g.defined() { Ok(g) } else { input.f_zeros_like() }).collect()
}

/// All values of `tensors`, one after the other.
pub(crate) fn flatten<'a>(tensors: impl IntoIterator<Item = &'a Tensor>) -> Torch<Vec<f64>> {
    let mut out = Vec::new();
    for tensor in tensors {
        out.extend(download(tensor)?);
    }
    Ok(out)
}

/// Cuts `values` into tensors shaped and placed like `like`; their lengths must agree in total.
pub(crate) fn unflatten(values: &[f64], like: &[Tensor]) -> Torch<Vec<Tensor>> {
    let mut rest = values;
    like.iter()
        .map(|tensor| {
            let (head, tail) = rest.split_at(tensor.numel());
            rest = tail;
            upload(head, &tensor.size(), place(tensor))
        })
        .collect()
}

pub(crate) fn upload(values: &[f64], shape: &[i64], (kind, device): Place) -> Torch<Tensor> {
    Tensor::f_from_slice(values)?.f_view(shape)?.f_to_kind(kind)?.f_to_device(device)
}

/// Positions, to select rows by.
pub(crate) fn indices(positions: &[usize], device: Device) -> Torch<Tensor> {
    let wide: Vec<i64> = positions.iter().map(|&k| k as i64).collect();
    Tensor::f_from_slice(&wide)?.f_to_device(device)
}

fn download(tensor: &Tensor) -> Torch<Vec<f64>> {
    let host = tensor.f_detach()?.f_to_device(Device::Cpu)?.f_to_kind(Kind::Double)?.f_contiguous()?;
    let mut out = vec![0.0; host.numel()];
    host.f_copy_data(&mut out, host.numel())?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Place = (Kind::Double, Device::Cpu);

    fn batch(rows: &[[f64; 2]]) -> Batch {
        Batch::from_rows(rows).unwrap()
    }

    #[test]
    fn a_batch_survives_the_round_trip() {
        let there = to_tensor("batch", &batch(&[[1.0, 0.1], [-3.0, 1e300]]), HOST).unwrap();
        assert_eq!(there.size(), [2, 2]);
        assert_eq!(from_tensor("batch", &there).unwrap(), batch(&[[1.0, 0.1], [-3.0, 1e300]]));
        assert_eq!(from_tensor("batch", &there.transpose(0, 1)).unwrap(), batch(&[[1.0, -3.0], [0.1, 1e300]]));
    }

    #[test]
    fn rows_without_columns_and_columns_without_rows() {
        for empty in [Batch::zeros(0, 3), Batch::zeros(3, 0)] {
            assert_eq!(from_tensor("batch", &to_tensor("batch", &empty, HOST).unwrap()).unwrap(), empty);
        }
    }

    /// o = 2 w at w = (1, 2; 3, 4): the injected gradient in w is 2 g whatever the value says.
    #[test]
    fn an_injected_gradient_passes_through_what_came_before() {
        let w = to_tensor("w", &batch(&[[1.0, 2.0], [3.0, 4.0]]), HOST).unwrap().set_requires_grad(true);
        let scalar = inject(&(&w * 2.0), &batch(&[[1.0, -1.0], [0.5, 0.0]]), 7.25).unwrap();
        assert_eq!(scalar.double_value(&[]), 7.25);
        scalar.backward();
        assert_eq!(from_tensor("gradient", &w.grad()).unwrap(), batch(&[[2.0, -2.0], [1.0, 0.0]]));
    }

    /// d/dx of the sum of x^3 is 3 x^2.
    #[test]
    fn a_cut_returns_value_and_gradient() {
        let (value, gradient) = cut(&batch(&[[1.0, 2.0]]), HOST, |x| Ok((x * x * x).sum(Kind::Double))).unwrap();
        assert_eq!((value, gradient), (9.0, batch(&[[3.0, 12.0]])));
    }

    #[test]
    fn malformed_input_is_named() {
        let out = to_tensor("o", &batch(&[[1.0, 2.0]]), HOST).unwrap();
        let nan = inject(&out, &batch(&[[0.0, f64::NAN]]), 0.0).unwrap_err();
        assert!(matches!(nan, Error::NotFinite { what: "cotangent", row: 0, column: 1, .. }), "{nan}");
        let rows = inject(&out, &Batch::zeros(2, 2), 0.0).unwrap_err();
        assert!(matches!(rows, Error::Dimension { what: "cotangent rows", expected: 1, got: 2 }), "{rows}");
        let flat = from_tensor("o", &out.view(-1)).unwrap_err();
        assert!(matches!(flat, Error::Dimension { expected: 2, got: 1, .. }), "{flat}");
        let vector = cut(&batch(&[[1.0, 2.0]]), HOST, |x| Ok(x * 2.0)).unwrap_err();
        assert!(matches!(vector, Error::Dimension { what: "result after the decisions", .. }), "{vector}");
        let wide = to_tensor("o", &batch(&[[1e300, 0.0]]), (Kind::Float, Device::Cpu)).unwrap_err();
        assert!(matches!(wide, Error::Domain { value: 1e300, .. }), "{wide}");
    }

    #[test]
    fn a_failure_of_libtorch_keeps_its_message() {
        let unrelated = cut(&batch(&[[1.0, 2.0]]), HOST, |_| Ok(Tensor::from(1.0))).unwrap_err();
        assert!(matches!(unrelated, Error::Backend { backend: "libtorch", .. }), "{unrelated}");
        assert!(std::error::Error::source(&unrelated).is_some_and(|s| s.to_string().contains("constant")));
        let mismatch = Tensor::from_slice(&[1.0, 2.0]).f_add(&Tensor::from_slice(&[1.0, 2.0, 3.0])).map_err(backend).unwrap_err();
        assert!(std::error::Error::source(&mismatch).is_some_and(|s| s.to_string().contains("size")));
    }
}
