use dfl_core::{Batch, Error, Result, Splits, check_len};
use faer::linalg::solvers::Llt;
use faer::{Mat, Side};

/// Makes features uncorrelated with unit variance on the training rows: $\tilde x = L^{-1}(x - m)$ with $LL^\top$ their covariance.
///
/// An invertible affine map, so what a linear model can express stays the same; but first-order training no longer crawls along the
/// valleys that collinear columns (24 consecutive hours of load) make. Statistics come from the training rows alone.
#[derive(Clone, Debug)]
pub struct Whitening {
    mean: Vec<f64>,
    factor: Llt<f64>,
}

impl Whitening {
    /// Fits mean and covariance on `features` `[rows, columns]`.
    ///
    /// # Errors
    /// [`Error::Domain`] if columns are collinear or constant, or there are no more rows than columns.
    pub fn fit(features: &Batch) -> Result<Self> {
        let (rows, cols) = (features.rows(), features.cols());
        let singular =
            |value| Error::Domain { what: "rank of the features", value, need: "full: drop constant and collinear columns, or add rows" };
        if rows <= cols {
            return Err(singular(rows as f64));
        }
        let mean: Vec<f64> = (0..cols).map(|j| features.iter().map(|x| x[j]).sum::<f64>() / rows as f64).collect();
        let centred = Mat::from_fn(rows, cols, |i, j| features.row(i)[j] - mean[j]);
        let covariance = centred.transpose() * &centred * faer::Scale(1.0 / rows as f64);
        let factor = Llt::new(covariance.as_ref(), Side::Lower).map_err(|_| singular(f64::NAN))?;
        let pivots = (0..cols).map(|j| factor.L()[(j, j)] / covariance[(j, j)].sqrt());
        if pivots.fold(f64::INFINITY, f64::min) < 1e-7 {
            return Err(singular((cols - 1) as f64));
        }
        Ok(Self { mean, factor })
    }

    /// Maps rows of features.
    ///
    /// # Errors
    /// [`Error::Dimension`] for another number of columns.
    pub fn apply(&self, features: &Batch) -> Result<Batch> {
        check_len("features", self.mean.len(), features.cols())?;
        let mut columns = Mat::from_fn(features.cols(), features.rows(), |j, i| features.row(i)[j] - self.mean[j]);
        let lower = self.factor.L();
        faer::linalg::triangular_solve::solve_lower_triangular_in_place(lower, columns.as_mut(), faer::Par::Seq);
        Batch::from_vec(
            features.rows(),
            features.cols(),
            (0..features.rows()).flat_map(|i| columns.col(i).iter().copied().collect::<Vec<_>>()).collect(),
        )
    }
}

/// Whitens the features of all splits with the statistics of the training rows.
///
/// # Errors
/// As [`Whitening::fit`].
pub fn whiten(splits: &mut Splits) -> Result<()> {
    let whitening = Whitening::fit(&splits.train.features)?;
    for part in [&mut splits.train, &mut splits.valid, &mut splits.test] {
        part.features = whitening.apply(&part.features)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Rng;

    /// Two nearly collinear columns and an independent one: mean 0, covariance I afterwards.
    #[test]
    fn the_covariance_becomes_the_identity() {
        let mut rng = Rng::seeded(1);
        let rows: Vec<[f64; 3]> = (0..200)
            .map(|_| {
                let a = rng.normal();
                [a + 5.0, a + 1e-3 * rng.normal(), rng.normal() * 7.0]
            })
            .collect();
        let x = Batch::from_rows(&rows).unwrap();
        let white = Whitening::fit(&x).unwrap().apply(&x).unwrap();
        for i in 0..3 {
            assert!(white.iter().map(|r| r[i]).sum::<f64>().abs() < 1e-7);
            for j in 0..3 {
                let moment = white.iter().map(|r| r[i] * r[j]).sum::<f64>() / 200.0;
                assert!((moment - f64::from(u8::from(i == j))).abs() < 1e-6, "{i} {j} {moment}");
            }
        }
    }

    #[test]
    fn collinear_constant_and_too_few_rows_are_refused() {
        let collinear: Vec<[f64; 2]> = (0..10).map(|i| [f64::from(i), 2.0 * f64::from(i)]).collect();
        let constant: Vec<[f64; 2]> = (0..10).map(|i| [f64::from(i), 1.0]).collect();
        for rows in [&collinear, &constant, &collinear[..2].to_vec()] {
            assert!(matches!(Whitening::fit(&Batch::from_rows(rows).unwrap()), Err(Error::Domain { .. })));
        }
    }
}
