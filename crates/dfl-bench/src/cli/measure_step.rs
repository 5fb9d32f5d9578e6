use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use dfl_core::{Error, Result};

use crate::suite::TrainingStep;

/// Arguments of `dfl measure-step`, by which a suite has a process of its own take one training step.
#[derive(Debug, Args)]
pub(super) struct MeasureStep {
    /// What to do, as JSON
    step: String,
}

impl MeasureStep {
    pub(super) fn run(&self) -> Result<ExitCode> {
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| Error::Backend { backend: "measure-step", source };
        let step: TrainingStep = serde_json::from_str(&self.step).map_err(|e| failed(e.into()))?;
        writeln!(std::io::stdout(), "{}", step.take()?).map_err(|e| failed(e.into()))?;
        Ok(ExitCode::SUCCESS)
    }
}
