use std::collections::HashMap;

use dfl_core::Result;

use super::drawing::Scene;
use super::judge::Figures;
use super::run::Run;
use super::training::RowResult;
use crate::page::{Curve, Example, RowOutcome, Sheet, SheetCell, Story};

/// What is said beside the figures of a file that maximises.
pub(crate) const MAXIMISES: &str = "The file maximises: costs are objectives with their sign turned.";

/// The figures in the order of a table, with their titles.
pub(crate) const FIGURES: [(&str, &str); 6] = [
    ("normalized_regret", "normalised regret"),
    ("mean_regret", "mean regret"),
    ("mean_cost", "mean cost"),
    ("mean_violation", "violation"),
    ("squared_distance", "squared distance"),
    ("rmse", "rmse"),
];

/// What decides, in the order of a table.
pub(crate) const DECIDERS: [&str; 4] = ["model", "least_squares", "constant", "oracle"];

impl Run {
    /// What its page tells; `command` makes it again.
    ///
    /// # Errors
    /// Those of missing or damaged files.
    pub fn story(&self, command: String) -> Result<Story> {
        let (metrics, rows) = (&self.metrics, self.rows()?);
        let count = |part: &str| metrics.rows.get(part).copied().unwrap_or(0);
        let version = format!("dfl {}{}", self.versions.dfl, self.versions.commit.as_ref().map(|c| format!(" ({c})")).unwrap_or_default());
        let (n, m) = (self.problem.variables.len(), self.problem.rows.len());
        let facts = [
            ("Problem", format!("{}, {n} variables, {m} rows, {} predicted", metrics.problem, self.problem.parameters.len())),
            ("Loss", format!("{}, solver {}", metrics.loss, metrics.solver)),
            ("Predictor", format!("{}, {} features", metrics.predictor, self.columns().len())),
            ("Kept", format!("epoch {} at learning rate {}", metrics.epoch, metrics.learning_rate)),
            ("Rows", format!("{} training, {} validation, {} test", count("train"), count("valid"), count("test"))),
            ("Seed", self.settings.seed.to_string()),
            ("Trained", self.versions.created.clone()),
            ("Program", version),
        ];
        let turned = metrics.maximise.then(|| MAXIMISES.to_owned());
        let named = |part: &str, title: &str| metrics.figures.get(part).map(|figures| sheet(title, figures));
        let parts = [named("test", "Test rows"), named("valid", "Validation rows"), named("train", "Training rows")];
        Ok(Story {
            title: format!("{}: {} with {}", metrics.problem, metrics.loss, metrics.predictor),
            facts: facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
            command,
            verdict: [metrics.verdict.clone()].into_iter().chain(turned).chain(metrics.notes.clone()).collect::<Vec<_>>().join(" "),
            sheets: parts.into_iter().flatten().collect(),
            curves: self.curves()?,
            rows: rows.iter().map(outcome).collect(),
            baseline: metrics.baseline.clone(),
            unit: String::new(),
            examples: self.examples(&rows),
        })
    }

    fn curves(&self) -> Result<Vec<Curve>> {
        let epochs: Vec<_> = self.epochs()?.into_iter().filter(|e| e.learning_rate == self.metrics.learning_rate).collect();
        let loss = epochs.iter().map(|e| [e.epoch as f64, e.loss]).collect();
        let valid: Vec<_> = epochs.iter().filter_map(|e| Some([e.epoch as f64, e.valid?])).collect();
        let figure = self.metrics.figures.get("valid").and_then(|f| f.get("model"));
        let figure = FIGURES.iter().find(|(id, _)| figure.is_some_and(|f| f.contains_key(*id))).map_or("figure", |(_, title)| *title);
        let curves = [
            Curve { name: format!("{} on the training rows", self.metrics.loss), points: loss },
            Curve { name: format!("{figure} on the validation rows"), points: valid },
        ];
        Ok(curves.into_iter().filter(|c| !c.points.is_empty()).collect())
    }

    /// The rows that cost most and middling regret, and the one where the model gains most on the baseline.
    fn examples(&self, rows: &[RowResult]) -> Vec<Example> {
        let mut by_regret: Vec<&RowResult> = rows.iter().collect();
        by_regret.sort_by(|a, b| regret(b).total_cmp(&regret(a)));
        let gain = |row: &&RowResult| row.baseline - row.cost;
        let gained = rows.iter().filter(|row| row.baseline > row.cost).max_by(|a, b| gain(a).total_cmp(&gain(b)));
        let worst = by_regret.first().copied().map(|row| (row, "the largest regret".to_owned()));
        let middle = by_regret.get(by_regret.len() / 2).copied().map(|row| (row, "the middle regret".to_owned()));
        let most = gained.map(|row| (row, format!("most gained on {}", self.metrics.baseline)));
        let mut chosen: Vec<(&RowResult, String)> = Vec::new();
        for (row, why) in [worst, middle, most].into_iter().flatten() {
            if !chosen.iter().any(|(other, _)| other.id == row.id) {
                chosen.push((row, why));
            }
        }
        chosen.into_iter().map(|(row, why)| self.example(row, &why)).collect()
    }

    fn example(&self, row: &RowResult, why: &str) -> Example {
        let truth: HashMap<&str, f64> = self.problem.parameters.iter().map(String::as_str).zip(row.truth.iter().copied()).collect();
        let scene = Scene { problem: &self.problem, truth: &truth };
        let draw = |decision: &[f64]| self.settings.drawing.draw(decision, scene);
        let (decided, best) = (draw(&row.decision), draw(&row.best_decision));
        Example { title: format!("row {}, {why}: costs {} more than the best", row.id, short(regret(row))), decided, best }
    }
}

fn regret(row: &RowResult) -> f64 {
    row.cost - row.best
}

fn outcome(row: &RowResult) -> RowOutcome {
    RowOutcome { id: row.id.clone(), cost: row.cost, baseline: row.baseline, best: row.best }
}

/// Who decides, with figures, in the order of a table.
pub(super) fn in_order<'a>(figures: impl IntoIterator<Item = (&'a String, &'a Figures)>) -> Vec<(&'a str, &'a Figures)> {
    let mut rows: Vec<_> = figures.into_iter().map(|(who, figures)| (who.as_str(), figures)).collect();
    rows.sort_by_key(|(who, _)| DECIDERS.iter().position(|d| d == who));
    rows
}

fn sheet<'a>(title: &str, figures: impl IntoIterator<Item = (&'a String, &'a Figures)>) -> Sheet {
    let rows = in_order(figures);
    let shown: Vec<_> = FIGURES.iter().filter(|(id, _)| rows.iter().any(|(_, f)| f.contains_key(*id))).collect();
    let cell = |figure: Option<&f64>| match figure {
        Some(&value) => SheetCell { text: short(value), number: Some(value) },
        None => SheetCell::default(),
    };
    let line = |(who, figures): &(&str, &Figures)| {
        let name = SheetCell { text: (*who).to_owned(), number: None };
        [name].into_iter().chain(shown.iter().map(|(id, _)| cell(figures.get(*id)))).collect()
    };
    Sheet {
        title: title.into(),
        note: "All but the model learn nothing for the decision; less is better.".into(),
        columns: ["decides"].into_iter().chain(shown.iter().map(|(_, title)| *title)).map(str::to_owned).collect(),
        rows: rows.iter().map(line).collect(),
    }
}

/// Five significant digits, without trailing zeros.
pub(crate) fn short(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return if value == 0.0 { "0".into() } else { value.to_string() };
    }
    let decimals = (4 - value.abs().log10().floor() as i32).clamp(0, 12) as usize;
    let text = if value.abs() < 1e-7 { format!("{value:.3e}") } else { format!("{value:.decimals$}") };
    if text.contains('.') && !text.contains('e') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let expected =
            [(0.0, "0"), (0.012_345_67, "0.012346"), (-464.753_142, "-464.75"), (123_456.0, "123456"), (2.5, "2.5"), (1e-9, "1.000e-9")];
        for (value, text) in expected {
            assert_eq!(short(value), text);
        }
    }
}
