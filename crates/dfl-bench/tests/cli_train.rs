//! `dfl train`, `evaluate`, `predict`, `report` and `compare` as a user meets them: whole rounds on files of another tool, with a kill in the
//! middle, and what is said about bad input.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A folder in which the program is run.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With features and costs for a problem.
    fn with_data(problem: &Path, rows: &str) -> Self {
        let place = Self::new();
        let to =
            ["--problem", problem.to_str().unwrap(), "--rows", rows, "--features", "3", "--out-features", "X.csv", "--out-costs", "C.csv"];
        place.ok(&[&["generate", "perturbed"], &to[..]].concat());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dfl"));
        command.args(args).current_dir(self.0.path());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What it prints, if all is well.
    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// What it complains of, with exit code 1 and nothing on standard output.
    #[track_caller]
    fn refused(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(1), &b""[..]), "{args:?}: {said}");
        said
    }

    /// Starts it, and kills it (SIGKILL) once so many epochs are done.
    fn killed_after(&self, epochs: usize, out: &str, args: &[&str]) {
        let mut child = self.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let (lines, begun) = (self.path(out).join("epochs.jsonl"), Instant::now());
        while fs::read_to_string(&lines).unwrap_or_default().lines().count() < epochs {
            assert!(begun.elapsed() < Duration::from_secs(60) && child.try_wait().unwrap().is_none(), "it must be killed while it trains");
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!self.path(out).join("metrics.json").exists(), "it must be killed before it ends");
    }
}

/// An instance that comes with HiGHS, made by other tools.
fn instance(name: &str) -> PathBuf {
    let output =
        Command::new(env!("CARGO")).args(["metadata", "--format-version", "1", "--offline", "--features", "highs"]).output().unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo knows the packages it has built");
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let package = packages.find(|package| package["name"] == "highs-sys").unwrap();
    PathBuf::from(package["manifest_path"].as_str().unwrap()).with_file_name("HiGHS/check/instances").join(name)
}

/// Two ways from a to b; the first one costs what x says.
const TWO_WAYS: &str = "Minimize\n obj: p + 2 q\nSubject To\n one: p + q = 1\nBounds\n 0 <= p <= 1\n 0 <= q <= 1\nEnd\n";

fn two_ways() -> Place {
    let place = Place::new();
    place.write("ways.lp", TWO_WAYS);
    let row = |i: i32| f64::from(i % 7) - 3.0;
    let rows = |of: &dyn Fn(i32) -> String| (0..40).map(of).collect::<String>();
    place.write("X.csv", &format!("id,x\n{}", rows(&|i| format!("day{i},{}\n", row(i)))));
    place.write("C.csv", &format!("id,p,q\n{}", rows(&|i| format!("day{i},{},{}\n", 5.0 + row(i), 5.0 - row(i)))));
    place.write("V.csv", &format!("id,p,q\n{}", rows(&|i| if row(i) < 0.0 { format!("day{i},1,0\n") } else { format!("day{i},0,1\n") })));
    place
}

const FILES: [&str; 6] = ["--problem", "ways.lp", "--features", "X.csv", "--costs", "C.csv"];

/// A linear program of 8 variables, in pure Rust: killed in the middle, resumed, and the same to the bit as if it had not
/// been; then everything that is done with a run.
#[test]
fn a_linear_program_from_data_to_report() {
    let problem = instance("avgas.mps");
    let place = Place::with_data(&problem, "60");
    let problem = problem.to_str().unwrap();
    let train = |out: &'static str| {
        let files = ["train", "--problem", problem, "--features", "X.csv", "--costs", "C.csv", "--out", out, "--threads", "1"];
        let more = ["--learning-rate", "0.03,0.1", "--epochs", "60", "--set", "schedule=cosine", "--set", "limits.backend=active_set"];
        [&files[..], &more].concat()
    };
    let said = place.ok(&train("whole"));
    assert!(said.contains("least_squares") && said.contains("oracle") && said.contains("kept epoch"), "{said}");
    // Once in the first learning rate and once in the second.
    place.killed_after(10, "cut", &train("cut"));
    let mut again = train("cut");
    again.push("--resume");
    place.killed_after(75, "cut", &again);
    place.ok(&["train", "--resume", "cut"]);
    for file in ["weights.toml", "metrics.json", "rows.jsonl", "scaler.toml", "baselines.toml"] {
        assert!(place.read(&format!("whole/{file}")) == place.read(&format!("cut/{file}")), "{file} differs");
    }
    assert!(!place.path("cut/checkpoint").exists());

    let metrics: Value = serde_json::from_slice(&place.read("whole/metrics.json")).unwrap();
    let test = &metrics["figures"]["test"];
    let regret = |who: &str| test[who]["normalized_regret"].as_f64().unwrap();
    assert_eq!((regret("oracle"), metrics["rows"]["test"].as_u64()), (0.0, Some(12)));
    assert!(regret("model") >= 0.0 && regret("model") < 0.7 * regret("constant"), "{test}");

    // The same rows again are the same figures, of all 60 rows.
    let said = place.ok(&["evaluate", "whole", "--features", "X.csv", "--costs", "C.csv", "--rows-out", "rows.csv", "--json"]);
    let found: Value = serde_json::from_str(&said).unwrap();
    assert!(found["figures"].as_array().unwrap().iter().any(|f| f[0] == "least_squares"), "{found}");
    let rows = String::from_utf8(place.read("rows.csv")).unwrap();
    assert_eq!((rows.lines().count(), rows.lines().next().unwrap()), (61, "id,cost,baseline,best,regret"));
    assert!(
        rows.lines().skip(1).all(|line| line.rsplit(',').next().unwrap().parse::<f64>().unwrap() > -1e-6),
        "no decision beats the best"
    );

    // On the test rows alone they are the figures that training reported.
    let rows = String::from_utf8(place.read("whole/rows.jsonl")).unwrap();
    let tested: Vec<Value> = rows.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (from, to) in [("X.csv", "X_test.csv"), ("C.csv", "C_test.csv")] {
        let text = String::from_utf8(place.read(from)).unwrap();
        let kept = |line: &&str| tested.iter().any(|row| line.split(',').next() == row["id"].as_str());
        place.write(to, &text.lines().take(1).chain(text.lines().skip(1).filter(kept)).map(|line| format!("{line}\n")).collect::<String>());
    }
    let said = place.ok(&["evaluate", "whole", "--features", "X_test.csv", "--costs", "C_test.csv", "--json"]);
    let found: Value = serde_json::from_str(&said).unwrap();
    for figures in found["figures"].as_array().unwrap() {
        for (name, value) in figures[1].as_object().unwrap() {
            let (value, trained) = (value.as_f64().unwrap(), test[figures[0].as_str().unwrap()][name].as_f64().unwrap());
            assert!((value - trained).abs() <= 1e-9 * trained.abs().max(1.0), "{} {name}: {value} and {trained}", figures[0]);
        }
    }

    let decisions = place.ok(&["predict", "whole", "--features", "X.csv", "--costs-out", "costs.csv"]);
    let mut lines = decisions.lines();
    assert_eq!((decisions.lines().count(), lines.next().unwrap().split(',').count()), (61, 1 + 8));
    assert!(lines.next().unwrap().starts_with("0,"));
    let costs = String::from_utf8(place.read("costs.csv")).unwrap();
    assert_eq!(costs.lines().next(), String::from_utf8(place.read("C.csv")).unwrap().lines().next(), "costs are named as they were");

    place.ok(&["report", "whole"]);
    let page = String::from_utf8(place.read("whole/report.html")).unwrap();
    assert!(page.contains("least_squares") && page.contains("<svg") && !page.contains("src=\"http") && page.len() > 10_000);
    let mut other = train("two_stage");
    other.extend(["--loss", "two_stage"]);
    place.ok(&other);
    let table = place.ok(&["compare", "whole", "cut", "two_stage", "--out", "compare.html"]);
    assert!(table.contains("On 12 rows cut costs the same as whole.") && table.contains("12 rows are too few"), "{table}");
    assert!(place.path("compare.html").exists());
    other.extend(["--force", "--seed", "1"]);
    place.ok(&other);
    let said = place.refused(&["compare", "whole", "two_stage"]);
    assert!(said.contains("its test rows are not those of whole") && said.contains("same seed"), "{said}");
}

/// A program with integers, by HiGHS, and a network of libtorch whose dropout is noise: killed and resumed to the same bits.
#[cfg(all(feature = "highs", feature = "torch"))]
#[test]
fn a_network_for_integers_goes_on_after_a_kill() {
    let problem = instance("small_mip.mps");
    let place = Place::with_data(&problem, "30");
    let problem = problem.to_str().unwrap();
    let train = |out: &'static str| {
        let files =
            ["train", "--problem", problem, "--features", "X.csv", "--costs", "C.csv", "--out", out, "--threads", "1", "--epochs", "200"];
        let network = ["--predictor", "mlp", "--set", "model.hidden=[8]", "--set", "model.dropout=0.2", "--device", "cpu"];
        [&files[..], &network].concat()
    };
    place.ok(&train("whole"));
    place.killed_after(30, "cut", &train("cut"));
    place.ok(&["train", "--resume", "cut"]);
    for file in ["weights.safetensors", "metrics.json", "rows.jsonl"] {
        assert!(place.read(&format!("whole/{file}")) == place.read(&format!("cut/{file}")), "{file} differs");
    }
    place.ok(&["evaluate", "whole", "--features", "X.csv", "--costs", "C.csv"]);
    assert_eq!(place.ok(&["predict", "whole", "--features", "X.csv"]).lines().count(), 31);
}

/// The first rate diverges in its second step; the second one begins without a finished epoch, is killed and goes on. The problem has no name
/// but that of its file, which its copy in the folder does not have.
#[test]
fn a_rate_that_diverges_at_once_stops_neither_the_others_nor_a_resumption() {
    let place = two_ways();
    let train = |out: &'static str| {
        let more = ["--loss", "two_stage", "--learning-rate", "1e300,0.01", "--set", "batch=4", "--epochs", "300", "--threads", "1"];
        [&["train", "--out", out], &FILES[..], &more].concat()
    };
    place.ok(&train("whole"));
    place.killed_after(20, "cut", &train("cut"));
    place.ok(&["train", "--resume", "cut"]);
    for file in ["weights.toml", "metrics.json", "rows.jsonl"] {
        assert!(place.read(&format!("whole/{file}")) == place.read(&format!("cut/{file}")), "{file} differs");
    }
    let metrics: Value = serde_json::from_slice(&place.read("whole/metrics.json")).unwrap();
    let first = &metrics["tried"][0];
    assert_eq!((&metrics["problem"], &first["epochs"], first["diverged"].is_string()), (&"ways".into(), &0.into(), true), "{metrics}");
    // The copy of the problem is what a training goes on with, so it must be the one that it began with.
    place.killed_after(20, "other", &train("other"));
    let copy = String::from_utf8(place.read("other/problem.lp")).unwrap();
    place.write("other/problem.lp", &copy.replace("2 q", "3 q"));
    let said = place.refused(&["train", "--resume", "other"]);
    assert!(said.contains("it was the problem of this run, and has changed"), "{said}");
}

/// A name in TOML has no remarks behind it.
#[test]
fn a_name_of_several_words_stays_whole() {
    let place = two_ways();
    let model = "name = 'two ways, one day'\nparameters = ['p', 'q']\nobjective = 'p*x + q*y'\n[variables]\nx = { lower = 0 }\ny = { lower = 0 }\n[constraints]\none = 'x + y = 1'\n";
    place.write("ways.toml", model);
    let files = ["--problem", "ways.toml", "--features", "X.csv", "--costs", "C.csv", "--out", "run", "--epochs", "2"];
    assert!(place.ok(&[&["train"], &files[..]].concat()).starts_with("two ways, one day: spo_plus"));
}

/// Tables that are arrays of one file of numpy.
#[test]
fn arrays_of_one_file_are_features_and_costs() {
    let place = Place::new();
    place.ok(&["generate", "shortest-path", "--grid", "2x2", "--samples", "20", "--features", "2", "--out", "sp.npz"]);
    let grid = "min\n obj: a + b + c + d\nst\n s: a + b = 1\n u: a - c = 0\n v: b - d = 0\nend\n";
    place.write("grid.lp", grid);
    let files = ["--problem", "grid.lp", "--features", "sp.npz:x", "--costs", "sp.npz:c"];
    let refused = place.refused(&[&["train", "--out", "run", "--loss", "pfy", "--set", "loss.sigma=1"], &files[..]].concat());
    assert!(refused.contains("unknown setting `loss.sigma`"), "{refused}");
    place.ok(&[&["train", "--out", "run", "--epochs", "3"], &files[..]].concat());
    place.ok(&["evaluate", "run", "--features", "sp.npz:x", "--costs", "sp.npz:c"]);
    let wrong = [&["train", "--out", "run", "--force", "--epochs", "3"], &files[..4], &["--costs", "sp.npz:d"]].concat();
    assert!(place.refused(&wrong).contains("there is no array `d`"));
    assert_eq!(place.ok(&["predict", "run", "--features", "sp.npz:x"]).lines().count(), 21, "the earlier run is still there");
    place.ok(&["generate", "shortest-path", "--grid", "2x2", "--samples", "4", "--features", "3", "--out", "wide.npz"]);
    let wide = place.refused(&["predict", "run", "--features", "wide.npz:x"]);
    assert!(wide.contains("3 columns without names, where the run was trained on 2"), "{wide}");
    let both = place.refused(&["predict", "run", "--features", "sp.npz:x", "--json", "--out", "d.json"]);
    assert!(both.contains("cannot be used with"), "one object goes to standard output: {both}");
}

/// The cost of p is 5 + x and that of q is 5 - x: a line is enough, and every loss finds it.
#[test]
fn a_line_is_found_by_losses_of_costs_and_of_decisions() {
    let place = two_ways();
    for (loss, more) in [("spo_plus", &[][..]), ("two_stage", &[]), ("dfl_point", &["--set", "options.mu=0.5"]), ("sce", &[]), ("dbb", &[])]
    {
        let out = format!("run_{loss}");
        let said = place.ok(&[&["train", "--loss", loss, "--out", &out, "--epochs", "60", "--json"], &FILES[..], more].concat());
        let metrics: Value = serde_json::from_str(&said).unwrap();
        let regret = metrics["figures"]["test"]["model"]["normalized_regret"].as_f64().unwrap();
        assert!(regret < 1e-9, "{loss}: {regret}");
    }
    for loss in ["pfy", "sqde", "cave"] {
        let out = format!("seen_{loss}");
        let files = ["--problem", "ways.lp", "--features", "X.csv", "--solutions", "V.csv", "--learning-rate", "0.1"];
        let said = place.ok(&[&["train", "--loss", loss, "--out", &out, "--epochs", "60", "--json"], &files[..]].concat());
        let metrics: Value = serde_json::from_str(&said).unwrap();
        let of = |who: &str| metrics["figures"]["test"][who]["squared_distance"].as_f64().unwrap();
        // Where x is 0 both ways are as good.
        assert!(of("model") <= 0.5 && of("constant") > 0.5, "{loss}: {}", metrics["figures"]["test"]);
    }
    // Without names decisions are those of the variables in the order of the file, whichever are predicted first.
    let bare: String =
        String::from_utf8(place.read("V.csv")).unwrap().lines().skip(1).map(|l| format!("{}\n", &l[l.len() - 3..])).collect();
    place.write("bare.csv", &bare);
    let files =
        ["train", "--problem", "ways.lp", "--features", "X.csv", "--loss", "pfy", "--learning-rate", "0.1", "--set", "predict=['q', 'p']"];
    place.ok(&[&files[..], &["--solutions", "bare.csv", "--out", "bare", "--epochs", "60"]].concat());
    assert!(place.ok(&["predict", "bare", "--features", "X.csv"]).starts_with("id,q,p\nday0,0,1\nday1,0,1\n"));
    place.write("bare.csv", &bare.replace('\n', ",0\n"));
    let wide = place.refused(&[&files[..], &["--solutions", "bare.csv", "--out", "wide"]].concat());
    assert!(wide.contains("3 columns without names") && wide.contains("has 2 variables"), "{wide}");
    let decided = place.ok(&["predict", "run_spo_plus", "--features", "X.csv"]);
    assert!(decided.starts_with("id,p,q\nday0,1,0\nday1,1,0\n"), "{decided}");
}

/// What must be made is predicted: a decision for too little breaks the true row, which costs what `violation_cost` says. Demand is 10 + 2 x,
/// a unit made costs 2 and a unit short 20.
#[test]
fn a_predicted_demand_is_judged_by_the_true_one() {
    let place = two_ways();
    let model =
        "parameters = ['demand']\nobjective = '2 make'\n[variables]\nmake = { lower = 0 }\n[constraints]\nenough = 'make >= demand'\n";
    place.write("plant.toml", model);
    let row = |i: i32| f64::from(i % 7) - 3.0;
    place.write("D.csv", &format!("demand\n{}", (0..40).map(|i| format!("{}\n", 10.0 + 2.0 * row(i))).collect::<String>()));
    let files = ["train", "--problem", "plant.toml", "--features", "X.csv", "--costs", "D.csv", "--json", "--epochs", "200"];
    let train = |out: &'static str, loss: &'static str, more: &[&'static str]| [&files[..], &["--out", out, "--loss", loss], more].concat();
    assert!(place.refused(&train("run", "two_stage", &[])).contains("violation_cost"));
    assert!(place.refused(&train("run", "spo_plus", &[])).contains("two_stage, dfl_point and sqde"));
    for (out, loss) in [("squared", "two_stage"), ("decided", "dfl_point")] {
        let said = place.ok(&train(out, loss, &["--set", "violation_cost=20", "--learning-rate", "0.03,0.01"]));
        let metrics: Value = serde_json::from_str(&said).unwrap();
        let of = |who: &str, figure: &str| metrics["figures"]["test"][who][figure].as_f64().unwrap();
        assert!(of("model", "mean_regret") < 1.0 && of("constant", "mean_regret") > 5.0, "{loss}: {}", metrics["figures"]["test"]);
        assert!(of("oracle", "mean_violation") < 1e-9 && of("constant", "mean_violation") > 0.5);
    }
    let decided = place.ok(&["predict", "decided", "--features", "X.csv"]);
    let made: Vec<f64> = decided.lines().skip(1).map(|line| line.split(',').nth(1).unwrap().parse().unwrap()).collect();
    assert!((made[0] - 4.0).abs() < 0.5 && (made[6] - 16.0).abs() < 0.5, "{made:?}");
    // Who learned from decisions was never asked what a violation costs, without which costs mean nothing.
    place.write("M.csv", &format!("make\n{}", (0..40).map(|i| format!("{}\n", 10.0 + 2.0 * row(i))).collect::<String>()));
    let seen = ["train", "--problem", "plant.toml", "--features", "X.csv", "--solutions", "M.csv", "--loss", "sqde"];
    place.ok(&[&seen[..], &["--out", "seen", "--epochs", "2"]].concat());
    assert!(
        place
            .refused(&["evaluate", "seen", "--features", "X.csv", "--costs", "D.csv"])
            .contains("violation_cost=COST of a unit in training")
    );
    place.ok(&["evaluate", "seen", "--features", "X.csv", "--solutions", "M.csv"]);
}

/// Values of a file that maximises: the way of the greater one is taken, and figures say so.
#[test]
fn a_file_that_maximises_keeps_its_signs() {
    let place = two_ways();
    place.write("ways.lp", &TWO_WAYS.replace("Minimize", "Maximize"));
    let said = place.ok(&[&["train", "--out", "run", "--epochs", "40"], &FILES[..]].concat());
    assert!(said.contains("The file maximises"), "{said}");
    assert!(place.ok(&["predict", "run", "--features", "X.csv"]).starts_with("id,p,q\nday0,0,1\n"));
    let costs = place.ok(&["predict", "run", "--features", "X.csv", "--what", "costs"]);
    let first: Vec<f64> = costs.lines().nth(1).unwrap().split(',').skip(1).map(|v| v.parse().unwrap()).collect();
    assert!(first[0] > 0.0 && first[1] > first[0], "values and not costs: {first:?}");
    // Values 2 and 8, then 8 and 2: the model takes the 8s, whoever takes one way always has 5 on average, 3 too little.
    place.write("new.csv", "x\n-3\n3\n");
    place.write("values.csv", "p,q\n2,8\n8,2\n");
    let evaluate = ["evaluate", "run", "--features", "new.csv", "--costs", "values.csv"];
    let found: Value = serde_json::from_str(&place.ok(&[&evaluate[..], &["--json", "--threads", "0"]].concat())).unwrap();
    assert_eq!(found["maximise"], true);
    for (who, cost, regret) in [("model", -8.0, 0.0), ("constant", -5.0, 3.0), ("oracle", -8.0, 0.0)] {
        let figures = &found["figures"].as_array().unwrap().iter().find(|f| f[0] == who).unwrap()[1];
        let (mean, over) = (figures["mean_cost"].as_f64().unwrap(), figures["mean_regret"].as_f64().unwrap());
        assert!((mean - cost).abs() < 1e-9 && (over - regret).abs() < 1e-9, "{who}: {figures}");
    }
    let rows = String::from_utf8(place.read("run/rows.jsonl")).unwrap();
    for row in rows.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
        let truth: Vec<f64> = row["truth"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
        assert!(truth[0] > 0.0 && (truth[0] + truth[1] - 10.0).abs() < 1e-9, "what the table says: {row}");
    }
    for args in [&evaluate[..], &["compare", "run", "run"]] {
        let said = place.ok(args);
        assert!(said.contains("The file maximises"), "{said}");
    }
    place.ok(&["report", "run"]);
    assert!(String::from_utf8(place.read("run/report.html")).unwrap().contains("The file maximises"));
}

#[test]
fn what_does_not_fit_together_is_refused_by_name() {
    let place = two_ways();
    let train = |more: &[&str]| place.refused(&[&["train", "--out", "run"], &FILES[..], more].concat());
    for (more, named) in [
        (&["--loss", "spo"][..], "unknown loss `spo`; known are two_stage"),
        (&["--set", "epocs=3"], "unknown field `epocs`"),
        (&["--set", "options.sigma=1.0"], "unknown option of this loss and solver `sigma`"),
        (&["--set", "model.hidden=[3]"], "unknown model option of this predictor `hidden`"),
        (&["--predictor", "forest"], "unknown predictor `forest`; known are linear, mlp"),
        (&["--set", "limits.backend=gurobi"], "unknown backend `gurobi`"),
        (&["--learning-rate", "0"], "learning rate: 0 is not accepted"),
        (&["--loss", "regret", "--solver", "exact"], "black box"),
        (&["--set", "drawing={kind = 'path', height = 5, width = 5}"], "arcs of the grid in [drawing]"),
        (&["--config", "none.toml"], "--print-config"),
    ] {
        let said = train(more);
        assert!(said.contains(named), "{more:?}: {said}");
    }
    assert!(!place.path("run").exists(), "nothing is made of what is refused");
    place.write("V.csv", &"p,q\n0,1\n".to_owned().replace("0,1\n", &"0,1\n".repeat(40)));
    let seen = ["train", "--out", "run", "--problem", "ways.lp", "--features", "X.csv", "--solutions", "V.csv"];
    assert!(place.refused(&seen).contains("loss spo_plus needs costs of the training rows (--costs)"));
    place.write("V.csv", &"p,q\n".to_owned().replace("p,q\n", &format!("p,q\n{}", "1,1\n".repeat(40))));
    let said = place.refused(&[&seen[..], &["--loss", "pfy"]].concat());
    assert!(said.contains("the decision of row `day0` is not feasible"), "{said}");

    place.write("C.csv", "id,p,r\nday0,1,2\n");
    assert!(train(&[]).contains("no variable is called `r`"));
    place.write("C.csv", "id,p,q\nday0,1,2\n");
    assert!(train(&[]).contains("1 rows, but features"));
    place.write("ways.lp", &TWO_WAYS.replace("one: p + q = 1", "one: p + q = 3"));
    place.write("C.csv", &format!("p,q\n{}", "1,2\n".repeat(40)));
    let said = train(&[]);
    assert!(said.contains("has no solution") && said.contains("one"), "the row is named: {said}");
}

#[test]
fn a_run_folder_is_guarded() {
    let place = two_ways();
    let train = |more: &[&'static str]| [&["train", "--out", "run", "--epochs", "3"], &FILES[..], more].concat();
    place.ok(&train(&[]));
    assert!(place.refused(&train(&[])).contains("go on with --resume, replace it with --force"));
    assert!(place.ok(&["train", "--resume", "run"]).contains("kept epoch"), "what has ended is shown again");
    assert!(place.ok(&["train", "--resume", "run", "--epochs", "3", "--threads", "1"]).contains("kept epoch"));
    for (more, named) in [
        (["--epochs", "100"], "it began with `epochs = 3`, now there is `epochs = 100`"),
        (["--set", "batch=7"], "now there is `batch = 7`"),
        (["--costs", "V.csv"], "C.csv"),
    ] {
        let said = place.refused(&[&["train", "--resume", "run"], &more[..]].concat());
        assert!(said.contains(named), "{said}");
    }
    let said = place.refused(&train(&["--resume", "--loss", "pfy"]));
    assert!(said.contains("it began with `loss = \"spo_plus\"`, now there is `loss = \"pfy\"`"), "{said}");
    place.ok(&train(&["--force"]));
    assert!(place.refused(&["report", "nowhere"]).contains("name the folder that `dfl train --out` wrote"));
    let new = "x\n1\n2\n";
    place.write("new.csv", new);
    assert_eq!(place.ok(&["predict", "run", "--features", "new.csv"]).lines().count(), 3);
    place.write("new.csv", "y\n1\n");
    assert!(place.refused(&["predict", "run", "--features", "new.csv"]).contains("there is no column `x`"));
    let edit = |file: &str, from: &str, to: &str| {
        let good = String::from_utf8(place.read(file)).unwrap();
        place.write(file, &good.replacen(from, to, 1));
        let said = place.refused(&["predict", "run", "--features", "new.csv"]);
        place.write(file, &good);
        said
    };
    assert!(edit("run/versions.json", "\"format\": 1", "\"format\": 0").contains("its format is 0"));
    assert!(edit("run/weights.toml", "weights = [", "weights = [ ").contains("it was changed after training"));
    assert!(edit("run/epochs.jsonl", "\"epoch\":1", "\"epoch\":7").contains("it was changed after training"));
    let metrics = place.read("run/metrics.json");
    place.write("run/metrics.json", "{}");
    assert!(place.refused(&["train", "--resume", "run"]).contains("it was changed after training"));
    fs::write(place.path("run/metrics.json"), metrics).unwrap();
    let inside = ["train", "--problem", "run/problem.lp", "--features", "X.csv", "--costs", "C.csv", "--out", "run", "--force"];
    assert!(place.refused(&inside).contains("it lies in the folder of the run"));
    assert!(place.path("run/problem.lp").exists());
    fs::remove_file(place.path("run/scaler.toml")).unwrap();
    assert!(place.refused(&["report", "run"]).contains("scaler.toml"));
}

/// Settings of a file, printed, read back, and with paths relative to the file.
#[test]
fn settings_of_a_file_are_those_of_the_command_line() {
    let place = two_ways();
    let printed = place.ok(&[&["train", "--print-config", "--epochs", "4", "--seed", "3"], &FILES[..]].concat());
    assert!(printed.contains("epochs = 4 ") && printed.contains("# share of the rows that the result is judged on"), "{printed}");
    fs::create_dir(place.path("settings")).unwrap();
    place.write(
        "settings/run.toml",
        &printed.replace("\"ways.lp\"", "\"../ways.lp\"").replace("\"X.csv\"", "\"../X.csv\"").replace("\"C.csv\"", "\"../C.csv\""),
    );
    place.ok(&["train", "--config", "settings/run.toml", "--out", "file"]);
    place.ok(&[&["train", "--out", "flags", "--epochs", "4", "--seed", "3"], &FILES[..]].concat());
    assert_eq!(place.read("file/weights.toml"), place.read("flags/weights.toml"));
    assert!(place.ok(&["train", "--list"]).contains("spo_plus"));
}

/// Every screen of help fits a terminal of 100 columns and 50 lines, and has an example.
#[test]
fn help_fits_a_screen() {
    let place = Place::new();
    for command in [&["train"][..], &["evaluate"], &["predict"], &["report"], &["compare"], &["generate", "perturbed"]] {
        let help = place.ok(&[command, &["--help"]].concat());
        let (lines, widest) = (help.lines().count(), help.lines().map(|l| l.chars().count()).max().unwrap());
        assert!(lines <= 50 && widest <= 100 && help.contains("Example"), "{command:?}: {lines} lines, {widest} columns\n{help}");
    }
}
