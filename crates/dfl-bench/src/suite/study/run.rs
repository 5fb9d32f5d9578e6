use std::sync::atomic::Ordering;

use dfl_core::{Error, Result};

use super::{Findings, Piece, Words};
use crate::data::pjm::Columns;
use crate::results::{Curve, HeatMap, Key, Measurement};
use crate::suite::runner::{Chain, measured};
use crate::suite::{Definition, Outcome, Runner};
use crate::tasks::Figure;

impl Runner<'_> {
    /// Computes a piece that is not yet stored; one that fails is stored as failed.
    pub(in crate::suite) fn study(&mut self, definition: &Definition, piece: &dyn Piece) -> Result<Outcome> {
        if self.interrupted.load(Ordering::Relaxed) {
            return Err(Error::Interrupted);
        }
        let keys: Vec<Key> = piece.rows().iter().map(|words| self.study_key(definition, words)).collect();
        if keys.iter().all(|key| self.store.done(key)) {
            return Ok(Outcome::Resumed);
        }
        match piece.compute() {
            Ok(findings) => self.keep_findings(definition, &keys, &findings),
            Err(error) => {
                let failed = |key| self.stamp(Measurement::failed(key, piece.metric(), Chain(&error)));
                let rows: Vec<_> = keys.iter().map(failed).collect();
                self.store.append(&rows)?;
                Ok(Outcome::Failed(error))
            }
        }
    }

    fn keep_findings(&mut self, definition: &Definition, keys: &[Key], findings: &Findings) -> Result<Outcome> {
        let curve = |line: &super::Line| {
            let key = self.study_key(definition, &line.words);
            Curve::new(&key, line.what, line.points.iter().copied()).over(line.over, line.log)
        };
        let curves: Vec<Curve> = findings.lines.iter().map(curve).collect();
        let figures = || keys.iter().zip(&findings.figures).flat_map(|(key, figures)| figures.iter().map(move |figure| (key, figure)));
        let row = |(key, figure): (&Key, &Figure)| {
            let published = self.published.get(key, figure.metric).map(|published| published.value);
            self.stamp(measured(key, figure, findings.instances).published(published))
        };
        let rows: Vec<Measurement> = figures().map(row).collect();
        let maps: Vec<HeatMap> =
            findings.maps.iter().map(|(words, map)| HeatMap { key: self.study_key(definition, words), ..map.clone() }).collect();
        self.store.append_curves(&curves)?;
        self.store.append_maps(&maps)?;
        self.store.append(&rows)?;
        Ok(match figures().find(|(_, figure)| !figure.value.is_finite()) {
            Some((_, figure)) => Outcome::Failed(Error::NotFinite { what: figure.metric, row: 0, column: 0, value: figure.value }),
            None => Outcome::Measured,
        })
    }

    fn study_key(&self, definition: &Definition, words: &Words) -> Key {
        Key {
            suite: definition.name.clone(),
            task: words.task.into(),
            size: words.size.clone(),
            method: words.method.clone(),
            predictor: words.predictor.into(),
            solver: words.solver.clone(),
            columns: Columns::Published.id().into(),
            seed: words.seed,
            profile: self.options.profile.id().into(),
        }
    }
}
