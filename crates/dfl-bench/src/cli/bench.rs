use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use dfl_core::{Error, Result};

use super::machine::{commit, device, interruption, set_threads};
use super::progress::Bars;
use super::say;
use crate::Timings;
use crate::registry::make_loss;
use crate::results::claims::{self, Verdict};
use crate::results::report::Heading;
use crate::results::significance::{self, Family};
use crate::results::{Baseline, Comparison, Store, compare, markdown, report, table};
use crate::suite::{Definition, Options, PeerHome, Profile, Published, Runner};

/// Arguments of `dfl bench`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  dfl bench                              the default suite, minutes on two cores
  dfl bench --resume                     go on where an interrupted run stopped
  dfl bench --check                      exit 1 if a figure is worse than its accepted value
  dfl bench --accept 'better features'   accept the figures of this run as the new baseline

Results: OUT/results.jsonl (one measurement a line), OUT/report.html, the same tables as Markdown in
OUT/report.md, OUT/claims.json and OUT/significance.json where a suite has claims and
comparisons, OUT/rows.jsonl with what each test row cost, OUT/examples.jsonl with decisions that the
report draws.")]
pub(super) struct Bench {
    /// Suites to run, separated by commas
    #[arg(long, value_delimiter = ',', default_value = "default")]
    suite: Vec<String>,
    /// Folder of suite definitions [default: benchmarks/definitions of the checkout]
    #[arg(long, value_name = "DIR")]
    definitions: Option<PathBuf>,
    /// Name the suites with their expected time, and run none
    #[arg(long)]
    list: bool,
    /// With --list: one JSON object a line
    #[arg(long, requires = "list")]
    json: bool,
    /// How much work to do: quick, for minutes, or full, with longer training and more seeds
    #[arg(long, value_enum, default_value_t, hide_possible_values = true)]
    profile: Profile,
    /// Number of seeds of the learned runs, in place of the suite's
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    seeds: Option<u64>,
    /// Threads for solvers and networks [default: all cores]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1024))]
    threads: Option<u64>,
    /// Folder of results.jsonl and report.html
    #[arg(long, default_value = "target/bench")]
    out: PathBuf,
    /// Keep what an earlier run into the same folder has finished
    #[arg(long)]
    resume: bool,
    /// Device of networks: auto, cpu or cuda:N
    #[arg(long, default_value = "auto", value_parser = device)]
    device: String,
    /// Say in the end how much time went into solves, their factors and backward passes, summed over threads
    #[arg(long)]
    timings: bool,
    /// Time other libraries too, where a suite names them, in turns with ours
    #[arg(long)]
    peers: bool,
    /// Compare with benchmarks/baselines: exit 1 on a regression, 3 if a row could not be measured
    #[arg(long, conflicts_with = "accept")]
    check: bool,
    /// Accept the figures as the new baseline, and say why
    #[arg(long, value_name = "WHY")]
    accept: Option<String>,
}

impl Bench {
    pub(super) fn run(&self) -> Result<ExitCode> {
        if self.list {
            return list(&self.folder(), self.json);
        }
        let definitions = self.suite.iter().map(|name| Definition::load(&self.folder(), name)).collect::<Result<Vec<_>>>()?;
        let threads = set_threads(self.threads)?;
        let timings = self.timings.then(Timings::install).flatten();
        let published = Published::load()?;
        // Last, since without --resume it moves earlier results aside.
        self.remember(&definitions)?;
        let mut store = Store::open(&self.out, self.resume)?;
        store.warnings().iter().for_each(|warning| super::complain(&format!("warning: {warning}")));
        let outcome = self.measure(&definitions, threads, published.clone(), &mut store);
        // What was measured is shown even if the run was interrupted.
        self.show(&definitions, &published, &store)?;
        if let Some(timings) = timings {
            say(&format!("time     summed over {threads} threads: {timings}"));
        }
        let failures = outcome?;
        let verdict = self.compare(&definitions, &store)?;
        Ok(if failures > 0 && verdict == ExitCode::SUCCESS { ExitCode::FAILURE } else { verdict })
    }

    fn folder(&self) -> PathBuf {
        self.definitions.clone().unwrap_or_else(Definition::folder)
    }

    /// Keeps what is run beside its results: figures of another definition must not be resumed as if they were of this one.
    fn remember(&self, definitions: &[Definition]) -> Result<()> {
        for definition in definitions {
            let (ours, kept) =
                (self.folder().join(format!("{}.toml", definition.name)), self.out.join(format!("{}.toml", definition.name)));
            let failed = |path: &Path, action| {
                let path = path.to_path_buf();
                move |source| Error::File { path, action, remedy: "choose another folder with --out", source }
            };
            let text = std::fs::read(&ours).map_err(failed(&ours, "reading"))?;
            if self.resume && std::fs::read(&kept).is_ok_and(|earlier| earlier != text) {
                let source = std::io::Error::other("the suite's definition is another one now");
                let remedy = "run without --resume, or into another folder with --out";
                return Err(Error::File { path: kept, action: "resuming", remedy, source });
            }
            std::fs::create_dir_all(&self.out).map_err(failed(&self.out, "creating"))?;
            std::fs::write(&kept, text).map_err(failed(&kept, "writing"))?;
        }
        Ok(())
    }

    fn measure(&self, definitions: &[Definition], threads: usize, published: Published, store: &mut Store) -> Result<usize> {
        let bars = Bars::new();
        let peers = self.peers.then(PeerHome::of_checkout);
        let options = Options { profile: self.profile, seeds: self.seeds, threads, device: self.device.clone(), commit: commit(), peers };
        let mut runner = Runner { options, methods: make_loss, published, store, interrupted: interruption()?, progress: &bars };
        let mut failures = 0;
        for definition in definitions {
            failures += runner.run(definition)?;
        }
        Ok(failures)
    }

    fn show(&self, definitions: &[Definition], published: &Published, store: &Store) -> Result<()> {
        let page = self.out.join("report.html");
        let (rows, curves) = (store.measurements(), store.curves());
        let claims: Vec<Verdict> = definitions.iter().flat_map(|d| d.judge(self.profile, &rows, published)).collect();
        let costs = store.rows();
        let families: Vec<Family> = definitions.iter().flat_map(|d| d.compare_rows(self.profile, &costs)).collect();
        let (significance, maps, examples) = (families.clone(), store.maps(), store.examples());
        let heading = Heading { claims: claims.clone(), significance, maps, rows: costs, examples, ..self.heading() };
        report::write(&page, &heading, &rows, &curves)?;
        markdown::write(&self.out.join("report.md"), &rows, &families, &claims)?;
        say(&table::render(&rows));
        if !families.is_empty() {
            let path = self.out.join("significance.json");
            significance::write(&path, &families)?;
            say(&format!("{}row by row {}", table::significance(&families), path.display()));
        }
        if !claims.is_empty() {
            let path = self.out.join("claims.json");
            claims::write(&path, &claims)?;
            say(&format!("{}claims   {}", table::claims(&claims), path.display()));
        }
        say(&format!("results  {}\nreport   {}", self.out.join("results.jsonl").display(), page.display()));
        Ok(())
    }

    fn heading(&self) -> Heading {
        let arguments: Vec<String> = std::env::args().skip(2).filter(|a| a != "--resume").collect();
        Heading {
            title: format!("Benchmark: {}", self.suite.join(", ")),
            when: jiff::Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
            commit: commit(),
            threads: Some(rayon::current_num_threads()),
            profile: self.profile.id().into(),
            command: format!("cargo xtask bench {}", arguments.join(" ")).trim_end().into(),
            ..Heading::default()
        }
    }

    fn compare(&self, definitions: &[Definition], store: &Store) -> Result<ExitCode> {
        let rows = store.measurements();
        let mut all = Comparison::default();
        for definition in definitions {
            let mut baseline = Baseline::load(&Baseline::path(&definition.name, self.profile.id()))?;
            if let Some(why) = &self.accept {
                let accepted = baseline.accept(&rows, why, commit().as_deref())?;
                say(&format!(
                    "accepted for {}: {} new, {} changed, {} dropped",
                    definition.name, accepted.added, accepted.changed, accepted.dropped
                ));
            } else if self.check {
                all.merge(compare(&rows, &baseline));
            }
        }
        if !self.check {
            return Ok(ExitCode::SUCCESS);
        }
        say(&all.to_string());
        Ok(ExitCode::from(all.exit_code()))
    }
}

fn list(folder: &Path, json: bool) -> Result<ExitCode> {
    for name in Definition::names(folder)? {
        let d = Definition::load(folder, &name)?;
        if json {
            let minutes = serde_json::json!({ "quick": d.minutes.quick, "full": d.minutes.full });
            say(&serde_json::json!({ "suite": name, "title": d.title, "minutes": minutes }).to_string());
            continue;
        }
        say(&format!("{name:<12} {}\n{:<12} quick {} min, full {} min", d.title, "", d.minutes.quick, d.minutes.full));
    }
    Ok(ExitCode::SUCCESS)
}
