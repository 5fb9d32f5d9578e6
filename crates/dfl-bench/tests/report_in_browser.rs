//! Pages of a run and of a suite in headless Chromium: nothing amiss on its console, nothing fetched, plots to be seen, tables that sort,
//! no line wider than a phone. Where no Chromium is found the tests say that they are skipped.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "common/story.rs"]
mod story;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;

use dfl_bench::page;
use dfl_bench::registry::make_loss;
use dfl_bench::results::{Store, report};
use dfl_bench::suite::{Definition, Options, Profile, Published, Runner};
use serde_json::Value;

/// Two problems, so that there is a table over all; pictures of a path and of a tour.
const SUITE: &str = r#"
title = "small"
minutes = { quick = 0.1, full = 0.1 }
[[experiment]]
task = "shortest_path"
size = "4x4"
data = { features = 5, degree = 4, noise = 0.5, train = 60, valid = 20, test = 50 }
seeds = { quick = 2, full = 2 }
training = { epochs = { quick = 6, full = 6 }, batch = 16, learning_rates = [0.1] }
run = [ { method = "oracle" }, { method = "constant" }, { method = "two_stage", predictor = "linear" }, { method = "spo_plus", predictor = "linear", solver = "exact" } ]
[[experiment]]
task = "tsp"
size = "5"
data = { features = 5, degree = 4, noise = 0.5, train = 60, valid = 20, test = 30 }
seeds = { quick = 1, full = 1 }
training = { epochs = { quick = 3, full = 3 }, batch = 16, learning_rates = [0.1] }
run = [ { method = "oracle" }, { method = "constant" }, { method = "two_stage", predictor = "linear" }, { method = "spo_plus", predictor = "linear", solver = "exact" } ]
"#;

/// Clicks through a page in a frame that is as narrow as a phone, and writes down what it finds.
const DRIVER: &str = r#"<!DOCTYPE html><title>driver</title><iframe id="frame" width="360" height="800" src="PAGE"></iframe><pre id="found"></pre>
<script>
onload = () => {
  const frame = document.getElementById("frame"), page = frame.contentDocument;
  // What is folded cannot be reached.
  page.querySelectorAll("details").forEach((details) => { details.open = true; });
  const boxes = Array.from(page.querySelectorAll("figure > svg"), (svg) => svg.getBoundingClientRect());
  const cells = (table, column) => Array.from(table.tBodies[0].rows, (row) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim());
  const tables = Array.from(page.querySelectorAll("table"), (table) => {
    const heads = Array.from(table.tHead.rows[0].cells);
    const at = heads.findIndex((head) => head.className === "number"), head = heads[at < 0 ? 0 : at];
    const column = heads.slice(0, heads.indexOf(head)).reduce((sum, other) => sum + other.colSpan, 0);
    const button = head.querySelector("button");
    button.focus();
    const focused = page.activeElement === button;
    const written = cells(table, column);
    button.click();
    const up = cells(table, column), said = [head.getAttribute("aria-sort")];
    button.click();
    const down = cells(table, column);
    said.push(head.getAttribute("aria-sort"));
    return { numeric: at >= 0, focused, written, up, down, said, buttons: table.tHead.querySelectorAll("button").length, heads: heads.length };
  });
  document.getElementById("found").textContent = JSON.stringify({
    width: page.documentElement.clientWidth,
    wide: page.documentElement.scrollWidth,
    figures: boxes.length,
    seen: boxes.filter((box) => box.width > 150 && box.height > 60 && box.left >= 0 && box.right <= 360).length,
    fetched: frame.contentWindow.performance.getEntriesByType("resource").length,
    background: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
    ink: frame.contentWindow.getComputedStyle(page.querySelector("figure text")).fill,
    tables,
  });
};
</script>"#;

/// The browser that `CHROMIUM` names, or one of the usual names.
fn chromium() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let names = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"];
    let usual = std::env::split_paths(&paths).flat_map(|folder| names.map(|name| folder.join(name))).find(|path| path.is_file());
    named.or(usual)
}

/// The browser, or a line that says why the test is skipped.
fn browser(test: &str) -> Option<PathBuf> {
    let found = chromium();
    if found.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: {test}: no Chromium on the PATH, nor named by CHROMIUM");
    }
    found
}

/// What a page became, and what the browser wrote on its console.
struct Opened {
    dom: String,
    console: Vec<String>,
}

fn open(browser: &Path, page: &Path, dark: bool) -> Opened {
    let profile = tempfile::tempdir().unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--v=0", "--window-size=800,900"])
        // No name leads anywhere, and the driver may look into the page that it frames.
        .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--allow-file-access-from-files"])
        .arg(format!("--blink-settings=preferredColorScheme={}", if dark { 0 } else { 1 }))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .args(["--virtual-time-budget=5000", "--dump-dom"])
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let console = log.lines().filter(|line| line.contains(":CONSOLE")).map(str::to_owned).collect();
    Opened { dom: String::from_utf8_lossy(&output.stdout).into_owned(), console }
}

/// Opens a page in the driver's frame and returns what that found.
fn drive(browser: &Path, page: &Path, dark: bool) -> Value {
    let driver = page.with_file_name("driver.html");
    std::fs::write(&driver, DRIVER.replace("PAGE", page.file_name().unwrap().to_str().unwrap())).unwrap();
    let Opened { dom, console } = open(browser, &driver, dark);
    assert_eq!(console, Vec::<String>::new());
    let found = dom.split_once("<pre id=\"found\">").and_then(|(_, rest)| rest.split_once("</pre>")).unwrap().0;
    serde_json::from_str(&found.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).unwrap_or_else(|e| panic!("{e}: {dom}"))
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
}

/// What cannot be read as a number, such as `failed` or a blank, stands last in both directions.
fn numbers(list: &Value) -> Vec<f64> {
    let digits = |text: &String| text.trim().chars().take_while(|c| "0123456789.-+e".contains(*c)).collect::<String>();
    strings(list).iter().map(|text| digits(text).parse().unwrap_or(f64::NAN)).collect()
}

/// Everything that holds of any of our pages; returns the number of its tables that sort by a number.
fn check(browser: &Path, path: &Path) -> usize {
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(story::external(&text), Vec::<String>::new());
    assert_eq!(story::unbalanced(&text), None);
    assert_eq!(open(browser, path, false).console, Vec::<String>::new(), "the page by itself");
    let [light, dark] = [false, true].map(|dark| drive(browser, path, dark));
    let [width, wide] = ["width", "wide"].map(|key| light[key].as_i64().unwrap());
    assert!((340..=360).contains(&width) && wide <= width, "wider than a phone: {wide} of {width}");
    assert!(light["figures"].as_u64().unwrap() > 0 && light["figures"] == light["seen"], "{light}");
    assert_eq!(light["fetched"].as_u64(), Some(0));
    assert!(light["background"] != dark["background"] && light["ink"] != dark["ink"], "one appearance for light and dark");
    let tables = light["tables"].as_array().unwrap();
    for table in tables {
        assert_eq!((&table["focused"], &table["buttons"]), (&Value::Bool(true), &table["heads"]), "{table}");
        assert_eq!(strings(&table["said"]), ["ascending", "descending"]);
        let sorted = |key: &str| -> Vec<String> {
            let mut all = strings(&table[key]);
            all.sort();
            all
        };
        assert!(sorted("written") == sorted("up") && sorted("up") == sorted("down"), "rows are lost: {table}");
        if table["numeric"] == true {
            let (up, down) = (numbers(&table["up"]), numbers(&table["down"]));
            assert!(up.windows(2).all(|pair| pair[0] <= pair[1] || pair[1].is_nan()), "{up:?}");
            assert!(down.windows(2).all(|pair| pair[0] >= pair[1] || pair[1].is_nan()), "{down:?}");
        }
    }
    tables.iter().filter(|table| table["numeric"] == true).count()
}

/// Without this the other tests could not fail: what a page must not do is seen on the console.
#[test]
fn a_page_that_fetches_or_runs_what_it_may_not_is_caught() {
    let Some(browser) = browser("a_page_that_fetches_or_runs_what_it_may_not_is_caught") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("page.html");
    let page = page::render(&story::story()).unwrap();
    let caught = |what: &str| {
        std::fs::write(&path, page.replace("</body>", &format!("{what}</body>"))).unwrap();
        open(&browser, &path, false).console.len()
    };
    assert_eq!(caught(""), 0);
    assert_eq!(caught("<script>document.title = 'changed'</script>"), 1, "a script that the policy does not know");
    assert_eq!(caught("<img src=\"https://example.com/a.png\" alt=\"\">"), 1, "an image from elsewhere");
}

#[test]
fn the_page_of_a_run() {
    let Some(browser) = browser("the_page_of_a_run") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.html");
    page::write(&path, &story::story()).unwrap();
    assert_eq!(check(&browser, &path), 1);
}

/// Sorted by what the numbers are: 12.25 comes after 0.5, which it would not as text.
#[test]
fn a_click_sorts_by_numbers_and_by_words() {
    let Some(browser) = browser("a_click_sorts_by_numbers_and_by_words") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.html");
    let mut told = story::story();
    for (row, value) in told.sheets[0].rows.iter_mut().zip([2.5, -1e-3, 100.0, 10.0]) {
        row[1] = story::number(value);
    }
    let by_number = |told: &page::Story| {
        page::write(&path, told).unwrap();
        drive(&browser, &path, false)["tables"][0].clone()
    };
    let table = by_number(&told);
    assert_eq!(strings(&table["up"]), ["-0.001", "2.5", "10", "100"]);
    assert_eq!(strings(&table["down"]), ["100", "10", "2.5", "-0.001"]);
    told.sheets[0].rows.iter_mut().for_each(|row| row[1].number = None);
    let words = by_number(&told);
    assert_eq!(
        (words["numeric"].as_bool(), strings(&words["up"])),
        (Some(false), ["best", "constant", "least_squares", "model"].map(str::to_owned).to_vec())
    );
}

fn run_suite(dir: &Path) -> PathBuf {
    let out = dir.join("out");
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(out.join("small.toml"), SUITE).unwrap();
    let mut store = Store::open(&out, false).unwrap();
    let interrupted = AtomicBool::new(false);
    let options = Options { profile: Profile::Quick, seeds: None, threads: 2, device: "cpu".into(), commit: None, peers: None };
    let methods = make_loss;
    let mut runner =
        Runner { options, methods, published: Published::default(), store: &mut store, interrupted: &interrupted, progress: &() };
    assert_eq!(runner.run(&Definition::load(&out, "small").unwrap()).unwrap(), 0);
    assert!(store.examples().len() >= 8 && store.examples().iter().all(|job| job.key.seed == Some(0) && job.examples.len() == 2));
    out
}

/// The page is made from what was stored alone; a second time it is the same.
#[test]
fn the_page_of_a_suite_made_again_from_its_folder() {
    let dir = tempfile::tempdir().unwrap();
    let out = run_suite(dir.path());
    let path = report::again(&out).unwrap();
    let page = std::fs::read_to_string(&path).unwrap();
    for text in
        ["Regret of the test rows", "spo_plus is better than two_stage in", "the largest regret of 50", "legs are those of the best tour"]
    {
        assert!(page.contains(text), "{text}");
    }
    assert_eq!(std::fs::read_to_string(report::again(&out).unwrap()).unwrap(), page);
    let nothing = report::again(&dir.path().join("gone")).unwrap_err().to_string();
    assert!(nothing.contains("dfl bench"), "{nothing}");
    let Some(browser) = browser("the_page_of_a_suite_made_again_from_its_folder") else { return };
    assert!(check(&browser, &path) >= 2);
}
