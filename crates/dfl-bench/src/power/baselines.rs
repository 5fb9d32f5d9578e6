//! Decisions that need no decision-focused training: what every learned model has to beat.

use super::{PowerCost, RampQp, best_constant, fit_least_squares, fit_linear_policy, gaussian_decisions, rmse_per_column};
use crate::data::pjm::{HOURS, Inputs, Pjm, Prepared, Scaling, Split};
use dfl_core::{Batch, Result};

/// A baseline of the power task. All but [`Baseline::LinearPolicy`] are fitted on all 2553 rows before the test period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Baseline {
    /// The load of the day before.
    Persistence,
    /// That as the mean of a Gaussian whose deviation per hour is the RMSE on the training rows.
    PersistenceSigma,
    /// Least squares on all columns.
    LeastSquares,
    /// That as the mean of a Gaussian, deviation per hour as above.
    LeastSquaresSigma,
    /// The same with the RMSE on the *test* rows: no baseline but an oracle, to show how much of the cost is a wrong deviation.
    LeastSquaresTestSigma,
    /// Least squares on the 29 columns without temperature.
    NoTemperature,
    /// That as the mean of a Gaussian, deviation per hour as above.
    NoTemperatureSigma,
    /// That plus, per hour, the constant that is best on the training rows.
    NoTemperatureConstant,
    /// The best affine rule on the 29 columns, fitted on the 2042 rows of the published split.
    LinearPolicy,
    /// The same on all 2553 rows.
    LinearPolicyAll,
}

impl Baseline {
    /// All of them, in the order of the result table.
    pub const ALL: [Self; 10] = [
        Self::Persistence,
        Self::PersistenceSigma,
        Self::LeastSquares,
        Self::LeastSquaresSigma,
        Self::LeastSquaresTestSigma,
        Self::NoTemperature,
        Self::NoTemperatureSigma,
        Self::NoTemperatureConstant,
        Self::LinearPolicy,
        Self::LinearPolicyAll,
    ];

    /// What it is, in a few words.
    pub fn label(self) -> &'static str {
        match self {
            Self::Persistence => "persistence",
            Self::PersistenceSigma => "persistence + sigma",
            Self::LeastSquares => "least squares",
            Self::LeastSquaresSigma => "least squares + sigma",
            Self::LeastSquaresTestSigma => "least squares + test sigma (oracle)",
            Self::NoTemperature => "least squares, no temperature",
            Self::NoTemperatureSigma => "least squares, no temperature + sigma",
            Self::NoTemperatureConstant => "least squares, no temperature + best constant",
            Self::LinearPolicy => "exact linear policy, 2042 rows",
            Self::LinearPolicyAll => "exact linear policy, 2553 rows",
        }
    }

    /// Whether it reads the columns that are broken in the test period.
    pub fn reads_temperature(self) -> bool {
        matches!(self, Self::LeastSquares | Self::LeastSquaresSigma | Self::LeastSquaresTestSigma)
    }

    /// The decisions for the test days, `[639, 24]`. `split` is read by [`Baseline::LinearPolicy`] alone; `qp` solves what the Gaussian
    /// baselines ask. Only those respect the ramps by construction.
    ///
    /// # Errors
    /// As the fit it stands for, [`gaussian_decisions`] and `qp`.
    pub fn decide(self, pjm: &Pjm, split: &Split, qp: &mut dyn RampQp) -> Result<Batch> {
        match self {
            Self::Persistence => Ok(load_before(pjm, &pjm.test_rows())),
            Self::PersistenceSigma => {
                let train = Split::all().fit;
                let sigma = rmse_per_column(&load_before(pjm, &train), &pjm.labels.select(&train))?;
                gaussian_decisions(&load_before(pjm, &pjm.test_rows()), &sigma, qp)
            }
            Self::LinearPolicy => policy(pjm, split),
            Self::LinearPolicyAll => policy(pjm, &Split::all()),
            _ => self.regress(pjm, qp),
        }
    }

    /// The family built on least squares.
    fn regress(self, pjm: &Pjm, qp: &mut dyn RampQp) -> Result<Batch> {
        // The constant is left out of the columns because the fit has an intercept of its own.
        let inputs = if self.reads_temperature() { Inputs::Network } else { Inputs::NoTemperature };
        let data = pjm.prepare(inputs, Scaling::TrainOnly, &Split::all())?;
        let Prepared { train, test, .. } = &data;
        let map = fit_least_squares(&train.x, &train.y)?;
        let (fitted, mut mean) = (map.predict(&train.x)?, map.predict(&test.x)?);
        match self {
            Self::LeastSquaresSigma | Self::NoTemperatureSigma => gaussian_decisions(&mean, &rmse_per_column(&fitted, &train.y)?, qp),
            Self::LeastSquaresTestSigma => {
                let sigma = rmse_per_column(&mean, &test.y)?;
                gaussian_decisions(&mean, &sigma, qp)
            }
            Self::NoTemperatureConstant => {
                let constant = best_constant(&PowerCost::PUBLISHED, &fitted, &train.y)?;
                for day in 0..mean.rows() {
                    mean.row_mut(day).iter_mut().zip(&constant).for_each(|(z, b)| *z += b);
                }
                Ok(mean)
            }
            _ => Ok(mean),
        }
    }
}

/// The load of the day before, `[rows, 24]`.
fn load_before(pjm: &Pjm, rows: &[usize]) -> Batch {
    let mut out = Batch::zeros(rows.len(), HOURS);
    for (i, &row) in rows.iter().enumerate() {
        out.row_mut(i).copy_from_slice(&pjm.features.row(row)[..HOURS]);
    }
    out
}

fn policy(pjm: &Pjm, split: &Split) -> Result<Batch> {
    let data = pjm.prepare(Inputs::NoTemperature, Scaling::TrainOnly, split)?;
    fit_linear_policy(&PowerCost::PUBLISHED, &data.train.x, &data.train.y)?.map.predict(&data.test.x)
}
