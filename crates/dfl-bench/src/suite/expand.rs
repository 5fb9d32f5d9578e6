use std::collections::BTreeMap;

use dfl_core::{Error, Result};

use super::share::share_size;
use super::{Experiment, RunSpec};

/// One experiment for each of its sizes and shares of the training rows, with the lists of runs that it names behind its own.
pub(super) fn expand(experiments: Vec<Experiment>, lists: &BTreeMap<String, Vec<RunSpec>>) -> Result<Vec<Experiment>> {
    let mut all = Vec::new();
    for mut experiment in experiments {
        for name in std::mem::take(&mut experiment.runs) {
            let known = || crate::tasks::unknown("list of runs", &name, lists.keys().map(String::as_str));
            experiment.run.extend_from_slice(lists.get(&name).ok_or_else(known)?);
        }
        let mut sizes = std::mem::take(&mut experiment.sizes);
        if experiment.size.is_empty() == sizes.is_empty() {
            let known = "either `size` or `sizes`".into();
            return Err(Error::Unknown { what: "size of an experiment", given: experiment.size, known });
        }
        if sizes.is_empty() {
            sizes.push(experiment.size.clone());
        }
        let shares = std::mem::take(&mut experiment.shares);
        for size in sizes {
            let part = |&share: &f64| Experiment { size: share_size(&size, share), share, ..experiment.clone() };
            match shares.is_empty() {
                true => all.push(Experiment { size, ..experiment.clone() }),
                false => all.extend(shares.iter().map(part)),
            }
        }
    }
    Ok(all)
}
