//! `dfl solve`: the optimum of a problem in a file.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use dfl_core::{Error, Program, Result, Status};
use dfl_solvers::{Answer, Backend, Conflict, ConflictOptions, Limits, Part, Problem, irreducible_infeasible_subset, read_problem};
use serde::Serialize;

use crate::files::AtomicFile;
use crate::user::{UserProblem, read_user_problem};

/// Arguments of `dfl solve`.
#[derive(Args, Debug)]
#[command(after_help = HELP, allow_negative_numbers = true)]
pub(super) struct Solve {
    /// Problem: .mps, .qps, .lp, .json or .toml
    file: PathBuf,
    #[arg(long, default_value = "auto", help = backends())]
    backend: Backend,
    /// Print one JSON object, with the solution
    #[arg(long)]
    json: bool,
    /// Seconds after which the solver stops
    #[arg(long, value_name = "SECONDS")]
    time_limit: Option<f64>,
    /// Iterations after which the solver stops
    #[arg(long, value_name = "N")]
    iterations: Option<usize>,
    /// Parameters of a .toml model, in place of its [values]: NAME=NUMBER, with commas between
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = parameter)]
    parameters: Vec<(String, f64)>,
    /// File for the solution, a name and a value on each line
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

const HELP: &str = "\
Examples:
  dfl solve portfolio.qps                      what is best, and how well that is known
  dfl solve plan.mps --backend highs --out plan.txt
  dfl solve plant.toml --parameters demand=40,price=2.5 --json | python3 -m json.tool

The problem: minimise or maximise 1/2 x'Px + c'x + r, within rows and bounds, as MPS
(.mps, .qps), LP of CPLEX (.lp), written by hand (.toml, see docs/files.md), or as triplets:
  .json      {\"n\": 2, \"m\": 3, \"P_upper\": {\"i\": [], \"j\": [], \"v\": []}, \"q\": [-1, -2], \"r\": 0,
              \"A\": {\"i\": [0, 0, 1, 2], \"j\": [0, 1, 0, 1], \"v\": [1, 1, 1, 1]},
              \"l\": [null, 0, 0], \"u\": [1, null, null]}: indices from 0, null for an infinite
             bound, the last n rows bounds of the variables if they are the identity

What is printed: the objective in the file's own sense; residuals relative to the size of
their terms (primal: violation; dual: gradient of the Lagrangian, and complementarity);
gap between primal and dual objective, or of branch and bound, relative. If no point is
feasible: rows and bounds that contradict each other, of which none can be left out.
  --json: {\"status\", \"objective\", \"primal_residual\", \"dual_residual\", \"gap\", \"iterations\",
           \"seconds\", \"x\", \"backend\", \"conflict\"}, null for what there is none of

Exit code: 0 optimal, 2 infeasible, 3 unbounded, 4 stopped at a limit, 5 not convex,
1 bad input, or no backend found an answer that stands its check";

fn backends() -> String {
    let ids = Backend::ALL.map(|backend| backend.id().replace('_', "-")).join(", ");
    format!("Solver: one of {ids}; auto goes by the structure of the problem")
}

/// What is told of an answer; the names are the keys of the JSON.
#[derive(Debug, Serialize)]
struct Report<'a> {
    status: &'static str,
    objective: Option<f64>,
    primal_residual: Option<f64>,
    dual_residual: Option<f64>,
    gap: Option<f64>,
    iterations: usize,
    seconds: f64,
    x: Option<&'a [f64]>,
    backend: &'static str,
    conflict: Option<Explained>,
}

/// Why a problem is infeasible.
#[derive(Debug, Serialize)]
struct Explained {
    parts: Vec<Part>,
    /// Whether they conflict only because variables are integer.
    integrality: bool,
    /// Whether none can be left out.
    irreducible: bool,
    #[serde(skip)]
    claim: String,
}

impl Solve {
    pub(super) fn run(self) -> Result<ExitCode> {
        let limits = Limits { iterations: self.iterations, seconds: self.time_limit, ..Limits::default() };
        let out = self.out.as_deref().map(AtomicFile::create).transpose()?;
        let problem = self.read()?;
        let begun = Instant::now();
        let answer = match self.backend.solve(&problem.program, &limits) {
            Ok(answer) => answer,
            Err(error @ Error::NotConvex { .. }) => {
                super::explain(&error);
                self.print(&Report { seconds: begun.elapsed().as_secs_f64(), ..Report::none("not_convex", self.backend) }, &problem);
                return Ok(ExitCode::from(5));
            }
            Err(error) => return Err(error),
        };
        let mut report = Report::of(&problem, &answer, begun.elapsed().as_secs_f64());
        if answer.info.status == Status::Infeasible {
            report.conflict = self.conflict(&problem)?;
        }
        self.print(&report, &problem);
        if let (Some(file), Some(x)) = (out, report.x) {
            write_solution(file, &problem, x)?;
        }
        if answer.info.status == Status::Failed {
            return Err(Error::NotSolved { index: 0, solver: answer.backend.id(), status: answer.info.status });
        }
        Ok(ExitCode::from(code(answer.info.status)))
    }

    fn read(&self) -> Result<Problem> {
        if self.file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml")) {
            return at_parameters(read_user_problem(&self.file, None)?, &self.parameters);
        }
        if !self.parameters.is_empty() {
            return Err(Error::Unsupported { who: "this file", what: "parameters; only .toml models have some" });
        }
        Ok(read_problem(&self.file)?.named())
    }

    fn conflict(&self, problem: &Problem) -> Result<Option<Explained>> {
        let default = ConflictOptions::default();
        let limits = Limits { seconds: self.time_limit.or(default.limits.seconds), ..default.limits };
        let conflict = irreducible_infeasible_subset(&problem.program, &ConflictOptions { limits, ..default })?;
        Ok(conflict.map(|conflict| Explained::new(&conflict, problem)))
    }

    fn print(&self, report: &Report<'_>, problem: &Problem) {
        let mut out = io::stdout().lock();
        // A closed standard output, as behind `head`, is no reason to fail.
        let _ = if self.json { write_json(&mut out, report) } else { write_table(&mut out, report, problem) };
    }
}

impl Report<'_> {
    fn none(status: &'static str, backend: Backend) -> Self {
        let backend = backend.id();
        Self {
            status,
            objective: None,
            primal_residual: None,
            dual_residual: None,
            gap: None,
            iterations: 0,
            seconds: 0.0,
            x: None,
            backend,
            conflict: None,
        }
    }
}

impl Explained {
    fn new(conflict: &Conflict, problem: &Problem) -> Self {
        let parts = conflict.parts(&problem.program, &problem.variables, &problem.rows);
        let Conflict { integrality, irreducible, .. } = *conflict;
        Self { parts, integrality, irreducible, claim: conflict.claim("these") }
    }
}

/// The problem with the numbers that its parameters are given: here, else in the file.
fn at_parameters(problem: UserProblem, given: &[(String, f64)]) -> Result<Problem> {
    let table = problem.values(given)?;
    let program = problem.at(&table)?;
    let UserProblem { name, maximise, variables, rows, .. } = problem;
    Ok(Problem { name, program, maximise, variables, rows })
}

fn parameter(text: &str) -> std::result::Result<(String, f64), String> {
    let parts = text.split_once('=').and_then(|(name, value)| Some((name.trim().to_owned(), value.trim().parse::<f64>().ok()?)));
    parts.filter(|(_, value)| value.is_finite()).ok_or_else(|| "give a name and a finite number, as in demand=40".into())
}

impl<'a> Report<'a> {
    fn of(problem: &Problem, answer: &'a Answer, seconds: f64) -> Self {
        let Answer { solution, info, backend, .. } = answer;
        let iterations = info.iterations;
        let none = Self { iterations, seconds, ..Report::none(word(info.status), *backend) };
        if !info.status.usable() {
            return none;
        }
        let with_duals = info.status == Status::Optimal && !problem.program.has_integers();
        let residuals = answer.residuals.unwrap_or_default();
        Self {
            objective: Some(problem.in_own_sense(solution.objective)),
            primal_residual: Some(residuals.primal),
            dual_residual: with_duals.then(|| residuals.dual.max(residuals.complementarity)),
            gap: gap(&problem.program, answer),
            x: Some(&solution.x),
            ..none
        }
    }
}

/// The relative distance of the objective from its bound: the dual objective, or what branch and bound knows.
fn gap(program: &Program, answer: &Answer) -> Option<f64> {
    let objective = answer.solution.objective;
    let gap = match answer.info.status {
        Status::Optimal if !program.has_integers() => {
            Some((objective - program.dual_objective(&answer.solution)).abs() / objective.abs().max(1.0))
        }
        _ => answer.gap,
    };
    gap.filter(|gap| gap.is_finite())
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Optimal => "optimal",
        Status::Infeasible => "infeasible",
        Status::Unbounded => "unbounded",
        Status::Feasible { .. } => "feasible",
        Status::Limit => "limit",
        _ => "failed",
    }
}

fn code(status: Status) -> u8 {
    match status {
        Status::Optimal => 0,
        Status::Infeasible => 2,
        Status::Unbounded => 3,
        _ => 4,
    }
}

fn write_json(out: &mut impl Write, report: &Report<'_>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, report)?;
    writeln!(out)
}

fn write_table(out: &mut impl Write, report: &Report<'_>, problem: &Problem) -> io::Result<()> {
    let Problem { name, program, maximise, .. } = problem;
    let count = |many: usize, what: &str| format!("{many} {what}{}", if many == 1 { "" } else { "s" });
    let whole = program.integer.iter().filter(|&&whole| whole).count();
    let sense = if *maximise { "maximise" } else { "minimise" };
    let kind = if program.p.values().iter().any(|&v| v != 0.0) { "quadratic" } else { "linear" };
    let (n, m) = (count(program.n(), "variable"), count(program.m(), "row"));
    let integers = if whole > 0 { format!(" ({whole} integer)") } else { String::new() };
    writeln!(out, "{name}: {sense} a {kind} objective, {n}{integers}, {m}")?;
    let number = |value: f64| if value == 0.0 { "0".to_owned() } else { format!("{value:.1e}") };
    let rows = [
        ("status", Some(report.status.replace('_', " "))),
        ("objective", report.objective.map(|v| v.to_string())),
        ("primal residual", report.primal_residual.map(number)),
        ("dual residual", report.dual_residual.map(number)),
        ("gap", report.gap.map(number)),
        ("iterations", Some(report.iterations.to_string())),
        ("seconds", Some(format!("{:.3e}", report.seconds))),
        ("backend", Some(report.backend.to_owned())),
    ];
    rows.iter()
        .filter_map(|(what, value)| Some((what, value.as_ref()?)))
        .try_for_each(|(what, value)| writeln!(out, "  {what:<16} {value}"))?;
    let Some(conflict) = &report.conflict else { return Ok(()) };
    for (k, part) in conflict.parts.iter().enumerate() {
        writeln!(out, "  {:<16} {part}", if k == 0 { "conflict" } else { "" })?;
    }
    writeln!(out, "  {:<16} ({})", "", conflict.claim)
}

fn write_solution(file: AtomicFile, problem: &Problem, x: &[f64]) -> Result<()> {
    file.write(|file| problem.variables.iter().zip(x).try_for_each(|(name, value)| writeln!(file, "{name} {value}")))
}
