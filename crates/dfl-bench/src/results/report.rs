//! `report.html`: tables and plots on one page that needs nothing else: no network, and no script but to sort its tables.

use std::path::Path;

use dfl_core::Result;

use super::claims::Verdict;
use super::sheet::Sheet;
use super::significance::{self, Family};
use super::summary::{Group, groups};
use super::{Curve, Examples, HeatMap, Measurement, RowCosts, curve_plot, dot_plot, heat_map, html, overview, row_plots, share_plot};
use crate::files::AtomicFile;
use crate::page::frame;
use crate::page::html::{escape, figures};
use crate::page::plot::Plot;

pub use super::again::again;

/// What the page shows besides measurements and curves; what is empty is left out.
#[derive(Clone, Debug, Default)]
pub struct Heading {
    /// The page's title.
    pub title: String,
    /// Date and time of the run.
    pub when: String,
    /// The commit that was run.
    pub commit: Option<String>,
    /// Number of threads.
    pub threads: Option<usize>,
    /// Profile of the suites.
    pub profile: String,
    /// The command that makes this page again.
    pub command: String,
    /// What came of the suites' claims.
    pub claims: Vec<Verdict>,
    /// Which rows differ by more than the choice of test rows explains.
    pub significance: Vec<Family>,
    /// Heat maps, each for the table of its job.
    pub maps: Vec<HeatMap>,
    /// What each test row cost under each job.
    pub rows: Vec<RowCosts>,
    /// Decisions to be drawn.
    pub examples: Vec<Examples>,
}

/// Writes the page; a reader sees the old one or the new one, never half of it.
///
/// # Errors
/// [`dfl_core::Error::File`] if it cannot be written, [`dfl_core::Error::Backend`] if a plot cannot be drawn.
pub fn write(path: &Path, heading: &Heading, measurements: &[Measurement], curves: &[Curve]) -> Result<()> {
    let page = render(heading, measurements, curves)?;
    AtomicFile::create(path)?.write(|file| std::io::Write::write_all(file, page.as_bytes()))
}

/// The page.
///
/// # Errors
/// [`dfl_core::Error::Backend`] if a plot cannot be drawn.
pub fn render(heading: &Heading, measurements: &[Measurement], curves: &[Curve]) -> Result<String> {
    let groups = groups(measurements);
    let sections: String =
        groups.iter().enumerate().map(|(number, group)| section(number, group, curves, heading)).collect::<Result<_>>()?;
    let empty = if groups.is_empty() { "<p>Nothing was measured.</p>\n" } else { "" };
    let body = format!(
        "{}{}{}{empty}{sections}{}",
        frame::header(&heading.title, &facts(heading)),
        contents(&groups),
        overview(&groups) + &shares(&groups)? + &claims(&heading.claims) + &significance(&heading.significance),
        frame::footer(&heading.command)
    );
    Ok(frame::document(&heading.title, &body))
}

fn facts(heading: &Heading) -> Vec<String> {
    let threads = heading.threads.map(|threads| if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") });
    let commit = heading.commit.as_ref().map(|commit| format!("commit {commit}"));
    let profile = (!heading.profile.is_empty()).then(|| format!("profile {}", heading.profile));
    [Some(heading.when.clone()), commit, threads, profile].into_iter().flatten().collect()
}

fn contents(groups: &[Group]) -> String {
    let title = |(number, group): (usize, &Group)| (format!("g{number}"), format!("{} {}", group.key().task, group.size()));
    frame::contents(&groups.iter().enumerate().map(title).collect::<Vec<_>>())
}

fn overview(groups: &[Group]) -> String {
    let tables: String =
        overview::sheets(groups).iter().map(|sheet| format!("<h3>{}</h3>\n{}", escape(&sheet.title), html::table(sheet))).collect();
    if tables.is_empty() {
        return tables;
    }
    let note =
        "Means over seeds, and what an epoch takes; rows in the order of their average place. Standard errors are in the tables below.";
    format!("<section id=\"overview\">\n<h2>All together</h2>\n<p class=\"context\">{note}</p>\n{tables}</section>\n")
}

fn shares(groups: &[Group]) -> Result<String> {
    let section = |(title, plots): (String, Vec<Plot>)| format!("<section>\n<h2>{}</h2>\n{}</section>\n", escape(&title), figures(&plots));
    Ok(share_plot::plots(groups)?.into_iter().map(section).collect())
}

fn claims(verdicts: &[Verdict]) -> String {
    if verdicts.is_empty() {
        return String::new();
    }
    let note = "A claim holds if it is true of the means over seeds in every place where it is claimed. Differences are paired by seed; \
                ± is their standard error.";
    format!("<section id=\"claims\">\n<h2>Claims</h2>\n{}<p class=\"note\">{note}</p>\n</section>\n", html::claims(verdicts))
}

fn significance(families: &[Family]) -> String {
    if families.is_empty() {
        return String::new();
    }
    let table = |family: &Family| {
        let sheet = significance::sheet(family);
        format!("<h3>{}</h3>\n<p class=\"context\">{}</p>\n{}", escape(&sheet.title), escape(&sheet.context), html::table(&sheet))
    };
    let tables: String = families.iter().map(table).collect();
    format!("<section id=\"significance\">\n<h2>Row by row</h2>\n{tables}</section>\n")
}

fn section(number: usize, group: &Group, curves: &[Curve], heading: &Heading) -> Result<String> {
    let sheet = Sheet::new(group);
    let (title, context) = (escape(&sheet.title), escape(&sheet.context));
    let plots = [dot_plot::plots(group)?, curve_plot::plots(group, curves)?, heat_map::plots(group, &heading.maps)?].concat();
    let rows = row_plots::html(group, &heading.rows, &heading.examples)?;
    let (table, figures) = (html::table(&sheet), figures(&plots));
    Ok(format!("<section id=\"g{number}\">\n<h2>{title}</h2>\n<p class=\"context\">{context}</p>\n{table}{figures}{rows}</section>\n"))
}
