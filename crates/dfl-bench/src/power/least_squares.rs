//! Linear regression and its residuals.

use dfl_core::{Batch, Error, Result, check_len};
use faer::{Mat, prelude::SolveLstsq};

/// An affine map `x -> x W + b`, one column of `W` per output.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// `W`: `[inputs, outputs]`.
    pub weights: Batch,
    /// `b`: `[outputs]`.
    pub intercept: Vec<f64>,
}

impl Affine {
    /// Splits coefficients `[inputs + 1, outputs]` whose last row is the intercept.
    pub(super) fn from_fn(inputs: usize, outputs: usize, at: impl Fn(usize, usize) -> f64) -> Self {
        let mut weights = Batch::zeros(inputs, outputs);
        for i in 0..inputs {
            weights.row_mut(i).iter_mut().enumerate().for_each(|(k, w)| *w = at(i, k));
        }
        Self { weights, intercept: (0..outputs).map(|k| at(inputs, k)).collect() }
    }

    /// Maps each row of `x`, `[rows, inputs]`, to `[rows, outputs]`.
    ///
    /// # Errors
    /// [`Error::Dimension`] if `x` has another number of columns.
    pub fn predict(&self, x: &Batch) -> Result<Batch> {
        check_len("columns of the inputs", self.weights.rows(), x.cols())?;
        let mut out = Batch::zeros(x.rows(), self.intercept.len());
        for row in 0..x.rows() {
            let target = out.row_mut(row);
            target.copy_from_slice(&self.intercept);
            for (value, weights) in x.row(row).iter().zip(self.weights.iter()) {
                target.iter_mut().zip(weights).for_each(|(t, w)| *t += value * w);
            }
        }
        Ok(out)
    }
}

/// `x` with a column of ones after its last: `[rows, cols + 1]`.
pub(super) fn with_intercept(x: &Batch) -> Mat<f64> {
    Mat::from_fn(x.rows(), x.cols() + 1, |i, j| x.row(i).get(j).copied().unwrap_or(1.0))
}

/// Minimises `sum ||x W + b - y||^2`, by QR with column pivoting. `x` must have no constant column, since `b` is one.
///
/// # Shapes
/// `x`: `[rows, inputs]`, best standardised; `y`: `[rows, outputs]`.
/// # Errors
/// [`Error::Dimension`], [`Error::NotFinite`], and [`Error::Domain`] where columns are collinear or outnumber the rows: no unique answer.
pub fn fit_least_squares(x: &Batch, y: &Batch) -> Result<Affine> {
    let solution = solve(&with_intercept(x), x, y)?;
    Ok(Affine::from_fn(x.cols(), y.cols(), |i, k| solution[(i, k)]))
}

/// As [`fit_least_squares`] with `b = 0`.
///
/// # Errors
/// As there.
pub fn fit_through_origin(x: &Batch, y: &Batch) -> Result<Affine> {
    let design = Mat::from_fn(x.rows(), x.cols(), |i, j| x.row(i)[j]);
    let solution = solve(&design, x, y)?;
    Ok(Affine::from_fn(x.cols(), y.cols(), |i, k| if i < x.cols() { solution[(i, k)] } else { 0.0 }))
}

/// Coefficients `[columns of the design, outputs]`; the design is that of the inputs `x`.
fn solve(design: &Mat<f64>, x: &Batch, y: &Batch) -> Result<Mat<f64>> {
    check_len("rows of the labels", x.rows(), y.rows())?;
    x.check_finite("inputs")?;
    y.check_finite("labels")?;
    let unknowns = design.ncols();
    let factor = design.col_piv_qr();
    let diagonal: Vec<f64> = (0..unknowns.min(design.nrows())).map(|k| factor.thin_R()[(k, k)].abs()).collect();
    let negligible = diagonal.first().map_or(0.0, |largest| largest * 1e-12);
    let rank = diagonal.iter().filter(|d| **d > negligible).count();
    if rank < unknowns {
        let need = "the number of columns, intercept included; drop collinear ones or add rows";
        return Err(Error::Domain { what: "rank of the inputs", value: rank as f64, need });
    }
    let right = Mat::from_fn(y.rows(), y.cols(), |i, j| y.row(i)[j]);
    Ok(factor.solve_lstsq(&right))
}

/// Root of the mean (divisor `rows`) squared error of each column.
///
/// # Errors
/// [`Error::Dimension`] if the shapes differ.
pub fn rmse_per_column(predicted: &Batch, truth: &Batch) -> Result<Vec<f64>> {
    check_len("rows predicted", truth.rows(), predicted.rows())?;
    check_len("columns predicted", truth.cols(), predicted.cols())?;
    let mut sums = vec![0.0; truth.cols()];
    for (p, t) in predicted.iter().zip(truth.iter()) {
        for ((sum, p), t) in sums.iter_mut().zip(p).zip(t) {
            *sum += (p - t) * (p - t);
        }
    }
    Ok(sums.into_iter().map(|sum| (sum / truth.rows() as f64).sqrt()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// y = 2 x + 1 exactly, and y = mean of {0, 0, 3} plus slope 1.5 around x = 1, by hand.
    #[test]
    fn hand_computed_line() {
        let x = Batch::from_rows(&[[0.0], [1.0], [2.0]]).unwrap();
        let y = Batch::from_rows(&[[1.0, 0.0], [3.0, 0.0], [5.0, 3.0]]).unwrap();
        let fit = fit_least_squares(&x, &y).unwrap();
        let (w, b) = (fit.weights.row(0), &fit.intercept);
        for (got, expected) in [(w[0], 2.0), (w[1], 1.5), (b[0], 1.0), (b[1], -0.5)] {
            assert!((got - expected).abs() < 1e-14, "{got} {expected}");
        }
        let rmse = rmse_per_column(&fit.predict(&x).unwrap(), &y).unwrap();
        assert!(rmse[0] < 1e-14 && (rmse[1] - 0.5f64.sqrt()).abs() < 1e-14);
    }

    /// The slope of y = (2, 2, 5) on x = (1, 2, 2) through the origin: 16/9, by hand.
    #[test]
    fn hand_computed_line_through_the_origin() {
        let (x, y) = (Batch::from_rows(&[[1.0], [2.0], [2.0]]).unwrap(), Batch::from_rows(&[[2.0], [2.0], [5.0]]).unwrap());
        let fit = fit_through_origin(&x, &y).unwrap();
        assert!((fit.weights.row(0)[0] - 16.0 / 9.0).abs() < 1e-14 && fit.intercept == [0.0]);
        assert!(fit_through_origin(&Batch::zeros(3, 1), &y).is_err(), "a column of zeros has no slope");
    }

    #[test]
    fn collinear_columns_are_refused() {
        let x = Batch::from_rows(&[[1.0, 2.0], [2.0, 4.0], [3.0, 6.0], [5.0, 10.0]]).unwrap();
        let text = fit_least_squares(&x, &Batch::zeros(4, 1)).unwrap_err().to_string();
        assert!(text.contains("rank of the inputs: 2 is not accepted"), "{text}");
    }
}
