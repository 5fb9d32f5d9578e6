use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::suite::{Outcome, Progress};

/// A progress bar on the terminal; silent elsewhere but for failures and gaps, which are always told.
pub(super) struct Bars {
    bar: ProgressBar,
}

impl Bars {
    pub(super) fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} {elapsed} {wide_msg}").expect("the template is valid");
        let bar = ProgressBar::no_length().with_style(style);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar }
    }
}

impl Progress for Bars {
    fn suite(&self, jobs: usize) {
        self.bar.reset();
        self.bar.set_length(jobs as u64);
    }
    fn begin(&self, label: &str) {
        self.bar.set_message(label.to_owned());
    }
    fn end(&self, label: &str, outcome: &Outcome) {
        self.bar.inc(1);
        let complaints = match outcome {
            Outcome::Failed(error) => vec![format!("failed: {label}: {error}")],
            Outcome::Gaps(gaps) => gaps.iter().map(|gap| format!("gap: {label}: {gap}")).collect(),
            Outcome::Measured | Outcome::Resumed => Vec::new(),
        };
        complaints.iter().for_each(|text| self.warn(text));
    }
    fn warn(&self, text: &str) {
        self.bar.suspend(|| super::complain(text));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
