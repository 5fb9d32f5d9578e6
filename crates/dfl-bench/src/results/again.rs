use std::io;
use std::path::{Path, PathBuf};

use dfl_core::{Error, Result};

use super::log::failure;
use super::report::{Heading, write};
use super::{Measurement, Store, markdown};
use crate::suite::{Definition, Profile, Published};

/// Makes `report.html` and `report.md` of a folder again from what `dfl bench` stored there, and returns the path of the former. Claims and comparisons are judged by the
/// definitions that lie beside the results.
///
/// # Errors
/// [`Error::File`] if the folder holds no results or the page cannot be written, [`Error::Content`] or [`Error::Format`] if what is stored
/// there cannot be read.
pub fn again(folder: &Path) -> Result<PathBuf> {
    let results = folder.join("results.jsonl");
    let changed = std::fs::metadata(&results).and_then(|file| file.modified());
    let remedy = "name a folder that `dfl bench --out FOLDER` has written";
    let when = changed.map_err(|source| Error::File { path: results, action: "reading the results of a suite", remedy, source })?;
    let store = Store::open(folder, true)?;
    let (measurements, rows) = (store.measurements(), store.rows());
    let suites = suites(&measurements);
    let (mut claims, mut families) = (Vec::new(), Vec::new());
    // Away from a checkout there are none, and claims about published figures cannot be tested.
    let published = Published::load().unwrap_or_default();
    for (suite, profile) in &suites {
        if !folder.join(format!("{suite}.toml")).is_file() {
            continue;
        }
        let definition = Definition::load(folder, suite)?;
        claims.extend(definition.judge(*profile, &measurements, &published));
        families.extend(definition.compare_rows(*profile, &rows));
    }
    markdown::write(&folder.join("report.md"), &measurements, &families, &claims)?;
    let zoned = jiff::Timestamp::try_from(when).map(|time| time.to_zoned(jiff::tz::TimeZone::system()));
    let heading = Heading {
        title: format!("Benchmark: {}", suites.iter().map(|(suite, _)| suite.as_str()).collect::<Vec<_>>().join(", ")),
        when: zoned.map_err(|e| failure(folder, "reading the time of", io::Error::other(e)))?.strftime("%Y-%m-%d %H:%M %Z").to_string(),
        commit: measurements.iter().rev().find_map(|row| row.commit.clone()),
        threads: measurements.iter().rev().find_map(|row| row.threads),
        profile: suites.first().map_or(String::new(), |(_, profile)| profile.id().to_owned()),
        command: format!("dfl report {}", folder.display()),
        claims,
        significance: families,
        maps: store.maps(),
        rows,
        examples: store.examples(),
    };
    let page = folder.join("report.html");
    write(&page, &heading, &measurements, &store.curves())?;
    Ok(page)
}

/// Suites and their profiles, in the order in which they were first measured.
fn suites(measurements: &[Measurement]) -> Vec<(String, Profile)> {
    let mut suites = Vec::new();
    for Measurement { key, .. } in measurements {
        let profile = if key.profile == Profile::Full.id() { Profile::Full } else { Profile::Quick };
        let suite = (key.suite.clone(), profile);
        if !suites.contains(&suite) {
            suites.push(suite);
        }
    }
    suites
}
