//! `dfl generate`: the files it writes, read back by other means, and what it says about bad input.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use dfl_bench::data::allocation::{AllocationData, Returns};
use dfl_bench::data::epidemic::{EpidemicData, Process};
use dfl_bench::data::inventory::InventoryData;
use dfl_bench::data::knapsack::KnapsackData;
use dfl_bench::data::polynomial::Generated;
use dfl_bench::data::portfolio::PortfolioData;
use dfl_bench::data::security::SecurityData;
use dfl_bench::data::shortest_path::ShortestPathData;
use dfl_bench::data::top_k::TopKData;
use dfl_bench::data::tsp::TspData;
use dfl_bench::security::RandomGraph;
use dfl_core::Batch;
use serde_json::{Value, json};

fn dfl(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dfl")).args(args).output().unwrap()
}

fn generate(out: &Path, more: &[&str]) -> Output {
    generate_task("shortest-path", out, more)
}

fn generate_task(task: &str, out: &Path, more: &[&str]) -> Output {
    let out = out.to_str().unwrap();
    dfl(&[&["generate", task, "--samples", "3", "--out", out], more].concat())
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Fails with exit code 1, no file, and a message that has every word given.
fn assert_refused(dir: &Path, output: &Output, words: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(words.iter().all(|word| text.contains(word)), "{words:?} not all in: {text}");
    assert_eq!(fs::read_dir(dir).unwrap().count(), 0, "a file was left behind");
}

fn expected() -> Generated {
    ShortestPathData { grid: [3, 4], samples: 3, features: 2, degree: 4, noise: 0.25, seed: 9 }.generate().unwrap()
}

const ARGS: [&str; 10] = ["--grid", "3x4", "--features", "2", "--degree", "4", "--noise", "0.25", "--seed", "9"];

#[test]
fn json_holds_the_data_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sp.json");
    let output = generate(&path, &ARGS);
    assert!(output.status.success(), "{}", stderr(&output));
    let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let rows = |name: &str| -> Vec<Vec<f64>> { serde_json::from_value(file[name].clone()).unwrap() };
    assert_eq!(file["task"], "shortest_path");
    let args = r#"{"grid":[3,4],"samples":3,"features":2,"degree":4,"noise":0.25,"seed":9}"#;
    assert_eq!(file["args"], serde_json::from_str::<Value>(args).unwrap());
    assert_eq!(rows("x"), expected().x.iter().collect::<Vec<_>>());
    assert_eq!(rows("c"), expected().c.iter().collect::<Vec<_>>());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn npz_holds_the_data_exactly() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sp.NPZ");
    let output = generate(&path, &ARGS);
    assert!(output.status.success(), "{}", stderr(&output));
    let entries = stored_entries(&fs::read(&path).unwrap());
    assert_eq!(entries.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["x.npy", "c.npy"]);
    assert_eq!(npy(&entries[0].1), ("(3, 2)".into(), expected().x.into_vec()));
    assert_eq!(npy(&entries[1].1), ("(3, 17)".into(), expected().c.into_vec()));
}

/// A task's file as JSON and as npz: its name, its arguments and its arrays, in this order.
fn assert_written(task: &str, more: &[&str], args: &Value, arrays: &[(&str, &Batch)]) {
    let dir = tempfile::tempdir().unwrap();
    let (json, npz) = (dir.path().join("data.json"), dir.path().join("data.npz"));
    for path in [&json, &npz] {
        let output = generate_task(task, path, more);
        assert!(output.status.success(), "{}", stderr(&output));
        let shapes: Vec<_> = arrays.iter().map(|(name, batch)| format!("{name} [{}, {}]", batch.rows(), batch.cols())).collect();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("wrote {}: {}\n", path.display(), shapes.join(", ")));
    }
    let file: Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!((&file["task"], &file["args"]), (&json!(task.replace('-', "_")), args));
    assert_eq!(file.as_object().unwrap().len(), 2 + arrays.len());
    let entries = stored_entries(&fs::read(&npz).unwrap());
    assert_eq!(entries.len(), arrays.len());
    for ((name, expected), (entry, bytes)) in arrays.iter().zip(&entries) {
        let rows: Vec<Vec<f64>> = serde_json::from_value(file[*name].clone()).unwrap();
        assert_eq!(rows, expected.iter().collect::<Vec<_>>(), "{task} {name}");
        assert_eq!(entry, &format!("{name}.npy"));
        assert_eq!(npy(bytes), (format!("({}, {})", expected.rows(), expected.cols()), expected.as_slice().to_vec()), "{task} {name}");
    }
}

#[test]
fn every_other_task_is_written_exactly() {
    let common = ["--features", "2", "--degree", "4", "--seed", "9"];
    let noise = ["--noise", "0.25"];
    let knapsack = KnapsackData { items: 4, dim: 3, samples: 3, features: 2, degree: 4, noise: 0.25, seed: 9 };
    let (data, weights) = (knapsack.generate().unwrap(), knapsack.weights().unwrap());
    let args = json!({"items": 4, "dim": 3, "samples": 3, "features": 2, "degree": 4, "noise": 0.25, "seed": 9});
    let more = [&["--items", "4", "--dim", "3"], &common[..], &noise].concat();
    assert_written("knapsack", &more, &args, &[("x", &data.x), ("c", &data.c), ("weights", &weights)]);

    let tour = TspData { nodes: 4, samples: 3, features: 2, degree: 4, noise: 0.25, seed: 9 };
    let (data, coords) = (tour.generate().unwrap(), tour.coordinates().unwrap());
    let args = json!({"nodes": 4, "samples": 3, "features": 2, "degree": 4, "noise": 0.25, "seed": 9});
    let more = [&["--nodes", "4"], &common[..], &noise].concat();
    assert_written("tsp", &more, &args, &[("x", &data.x), ("c", &data.c), ("coords", &coords)]);

    let portfolio = PortfolioData { assets: 4, samples: 3, features: 2, degree: 4, noise_level: 2.0, seed: 9 };
    let (data, cov) = (portfolio.generate().unwrap(), portfolio.covariance().unwrap());
    let args = json!({"assets": 4, "samples": 3, "features": 2, "degree": 4, "noise_level": 2.0, "seed": 9});
    let more = [&["--assets", "4", "--noise-level", "2"], &common[..]].concat();
    assert_written("portfolio", &more, &args, &[("x", &data.x), ("c", &data.c), ("cov", &cov)]);

    let (x, c) = TopKData { items: 4, samples: 3, noise: 0.25, seed: 9, ..TopKData::default() }.generate().unwrap();
    let args = json!({"items": 4, "samples": 3, "degree": 3, "noise": 0.25, "seed": 9});
    let more = ["--items", "4", "--features", "1", "--noise", "0.25", "--seed", "9"];
    assert_written("top-k", &more, &args, &[("x", &x), ("c", &c)]);
}

#[test]
fn data_of_own_streams_are_written_exactly() {
    let returns = json!({"chance": 0.8, "gain": 1.0, "loss": 3.0, "sigma": 0.15, "scale": 1.0});
    let allocation = AllocationData { products: 2, samples: 3, features: 5, returns: Returns::PAPER, seed: 1 << 40 };
    let (x, y) = allocation.generate().unwrap();
    let args = json!({"products": 2, "samples": 3, "features": 5, "returns": returns, "seed": 1_u64 << 40});
    let more = ["--products", "2", "--features", "5", "--constants", "paper", "--seed", "1099511627776"];
    assert_written("allocation", &more, &args, &[("x", &x), ("y", &y)]);

    let inventory = InventoryData { products: 2, samples: 3, features: 3, seed: 9 };
    let (x, y) = inventory.generate().unwrap();
    let args = json!({"products": 2, "samples": 3, "features": 3, "seed": 9});
    assert_written("inventory", &["--products", "2", "--features", "3", "--seed", "9"], &args, &[("x", &x), ("y", &y)]);

    let epidemic = EpidemicData { samples: 3, horizon: 5, population: 1e6, volatility: 0.2, process: Process::Binomial, seed: 9 };
    let (x, y) = epidemic.generate().unwrap();
    let args = json!({"samples": 3, "horizon": 5, "population": 1e6, "volatility": 0.2, "process": "binomial", "seed": 9});
    let more = ["--horizon", "5", "--population", "1e6", "--volatility", "0.2", "--process", "binomial", "--seed", "9"];
    assert_written("covid", &more, &args, &[("x", &x), ("y", &y)]);
}

/// Names and contents by the local headers of a zip archive (APPNOTE 4.3.7), whose checksums must hold.
fn stored_entries(mut bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut entries = Vec::new();
    while bytes.starts_with(b"PK\x03\x04") {
        let half = |at: usize| u16::from_le_bytes(bytes[at..at + 2].try_into().unwrap());
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!((half(6) & 8, half(8)), (0, 0), "sizes in the header, method stored");
        assert_eq!(word(18), word(22));
        let name_end = 30 + half(26) as usize;
        let start = name_end + half(28) as usize;
        let end = start + word(18) as usize;
        assert_eq!(crc32(&bytes[start..end]), word(14));
        entries.push((String::from_utf8(bytes[30..name_end].to_vec()).unwrap(), bytes[start..end].to_vec()));
        bytes = &bytes[end..];
    }
    assert!(bytes.starts_with(b"PK\x01\x02"), "the central directory follows");
    entries
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes
        .iter()
        .fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }))
}

/// Shape and values of an array in version 1.0 of numpy's format.
fn npy(bytes: &[u8]) -> (String, Vec<f64>) {
    assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
    let start = 10 + u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    assert_eq!(start % 64, 0);
    let header = std::str::from_utf8(&bytes[10..start]).unwrap();
    assert!(header.contains("'descr': '<f8'") && header.contains("'fortran_order': False") && header.ends_with('\n'), "{header}");
    let shape = header.split_once("'shape': ").unwrap().1.split_once(')').unwrap().0;
    let values = bytes[start..].chunks_exact(8).map(|v| f64::from_le_bytes(v.try_into().unwrap()));
    (format!("{shape})"), values.collect())
}

#[test]
fn same_arguments_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.npz", "b.npz", "a.json", "b.json"] {
        assert!(generate(&dir.path().join(name), &ARGS).status.success());
    }
    let read = |name: &str| fs::read(dir.path().join(name)).unwrap();
    assert_eq!(read("a.npz"), read("b.npz"));
    assert_eq!(read("a.json"), read("b.json"));
}

#[test]
fn bad_arguments_are_refused() {
    let cases: &[(&[&str], &[&str])] = &[
        (&["--grid", "5x"], &["5x", "--grid", "as in 5x5"]),
        (&["--grid", "-1x5"], &["-1x5", "--grid", "as in 5x5"]),
        (&["--grid", "1x1"], &["nodes of the grid", "2 or more", "1x2"]),
        (&["--grid", "0x5"], &["nodes of the grid", "2 or more"]),
        (&["--features", "0"], &["features", "1 or more"]),
        (&["--features", "two"], &["two", "--features", "1 or more"]),
        (&["--degree", "-1"], &["-1", "--degree", "1 or more"]),
        (&["--degree", "0"], &["degree: 0", "1 or more"]),
        (&["--degree", "100000"], &["degree", "smaller"]),
        (&["--noise", "1.5"], &["noise: 1.5", "from 0 to 1"]),
        (&["--noise", "-0.5"], &["noise: -0.5", "from 0 to 1"]),
        (&["--noise", "-inf"], &["noise: -inf", "from 0 to 1"]),
        (&["--noise", "NaN"], &["noise: NaN", "from 0 to 1"]),
        (&["--seed", "4294967296"], &["4294967296", "--seed", "0..=4294967295"]),
        (&["--colour", "red"], &["--colour", "--help"]),
    ];
    for (args, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        assert_refused(dir.path(), &generate(&dir.path().join("sp.json"), args), words);
    }
}

#[test]
fn bad_arguments_of_the_other_tasks_are_refused() {
    let cases: &[(&str, &[&str], &[&str])] = &[
        ("knapsack", &["--items", "0"], &["items: 0", "1 or more"]),
        ("knapsack", &["--items", "-3"], &["-3", "--items", "1 or more"]),
        ("knapsack", &["--items", "99999999999999"], &["constraints x items", "memory"]),
        ("knapsack", &["--dim", "0"], &["dim: 0", "1 or more"]),
        ("knapsack", &["--noise", "-0.5"], &["noise: -0.5", "from 0 to 1"]),
        ("knapsack", &["--degree", "0"], &["degree: 0", "1 or more"]),
        ("knapsack", &["--degree", "100000"], &["degree", "smaller"]),
        ("tsp", &["--nodes", "1"], &["nodes: 1", "2 or more"]),
        ("tsp", &["--nodes", "0"], &["nodes: 0", "2 or more"]),
        ("tsp", &["--nodes", "99999999999"], &["nodes", "few enough"]),
        ("tsp", &["--noise", "NaN"], &["noise: NaN", "from 0 to 1"]),
        ("tsp", &["--degree", "-1"], &["-1", "--degree", "1 or more"]),
        ("portfolio", &["--assets", "0"], &["assets: 0", "1 or more"]),
        ("portfolio", &["--noise-level", "-1"], &["noise level: -1", "from 0"]),
        ("portfolio", &["--noise-level", "inf"], &["noise level: inf", "from 0"]),
        ("portfolio", &["--noise", "1"], &["--noise", "--noise-level"]),
        ("top-k", &["--items", "0"], &["items: 0", "1 or more"]),
        ("top-k", &["--features", "5"], &["5", "--features", "each item has one feature"]),
        ("top-k", &["--noise", "-0.25"], &["noise: -0.25", "0 or more"]),
        ("top-k", &["--degree", "0"], &["degree: 0", "1 or more"]),
    ];
    for (task, args, words) in cases {
        let dir = tempfile::tempdir().unwrap();
        assert_refused(dir.path(), &generate_task(task, &dir.path().join("data.json"), args), words);
    }
}

#[test]
fn no_samples_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("sp.json");
    let output = dfl(&["generate", "shortest-path", "--samples", "0", "--out", out.to_str().unwrap()]);
    assert_refused(dir.path(), &output, &["samples: 0", "1 or more"]);
}

#[test]
fn unknown_formats_are_refused() {
    for name in ["sp.csv", "sp", ".json"] {
        let dir = tempfile::tempdir().unwrap();
        assert_refused(dir.path(), &generate(&dir.path().join(name), &[]), &[name, "--out", ".json or .npz"]);
    }
}

/// Features and attractiveness are those of the generator, and the graph is the one that they belong to; a budget that closes every way is refused.
#[test]
fn a_security_game_is_written_with_its_graph() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("security.json");
    let flags = ["--nodes", "20", "--features", "2", "--seed", "4"];
    assert!(generate_task("security", &path, &flags).status.success());
    let file: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    let rows = |name: &str| -> Vec<Vec<f64>> { serde_json::from_value(file[name].clone()).unwrap() };
    let data = SecurityData { graph: RandomGraph::of_size(20), features: 2, samples: 3, seed: 4, ..SecurityData::default() };
    let game = data.game().unwrap();
    let (x, phi) = data.generate(&game, 2).unwrap();
    assert!(rows("x").iter().zip(x.iter()).all(|(a, b)| a == b) && rows("phi").iter().zip(phi.iter()).all(|(a, b)| a == b));
    let edges: Vec<Vec<f64>> = game.graph().edges().iter().map(|edge| edge.iter().map(|&v| v as f64).collect()).collect();
    assert_eq!((rows("edges"), rows("payoffs")), (edges, vec![game.payoffs().to_vec()]));
    assert_eq!(rows("targets")[0].len(), 5);
    fs::remove_file(&path).unwrap();
    assert_refused(dir.path(), &generate_task("security", &path, &["--nodes", "20", "--budget", "500"]), &["minimum cut"]);
}

#[test]
fn a_missing_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("none/sp.json");
    assert_refused(dir.path(), &generate(&out, &[]), &["none/sp.json", "create its directory", "caused by"]);
}

#[test]
fn a_directory_in_place_of_the_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = dir.path().join("sp.json");
    fs::create_dir(&taken).unwrap();
    let output = generate(&taken, &[]);
    assert!(stderr(&output).contains("this is a directory"), "{}", stderr(&output));
    assert_eq!((output.status.code(), fs::read_dir(dir.path()).unwrap().count()), (Some(1), 1));
}

#[cfg(unix)]
#[test]
fn an_unwritable_directory_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).unwrap();
    // The superuser may write even here; a kernel's file system refuses everyone.
    let writable = fs::write(dir.path().join("probe"), "").is_ok();
    let out = if writable { Path::new("/sys/sp.json").to_owned() } else { dir.path().join("sp.json") };
    let output = generate(&out, &[]);
    let text = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("sp.json") && text.contains("--out"), "{text}");
}

#[test]
fn help_teaches_and_version_is_told() {
    let examples = [
        ("shortest-path", "--grid 5x5 --samples 20"),
        ("knapsack", "--items 10 --dim 2 --samples 20"),
        ("tsp", "--nodes 5 --samples 20"),
        ("portfolio", "--assets 50 --samples 20"),
        ("top-k", "--items 50 --samples 400"),
        ("security", "--nodes 50 --samples 50"),
    ];
    let list = String::from_utf8(dfl(&["generate", "--help"]).stdout).unwrap();
    for (task, example) in examples {
        let help = dfl(&["generate", task, "--help"]);
        let text = String::from_utf8(help.stdout).unwrap();
        assert_eq!(help.status.code(), Some(0));
        assert!(text.contains(&format!("dfl generate {task} {example}")) && text.contains("numpy.load"), "{text}");
        let (about, _) = text.split_once('\n').unwrap();
        assert!(list.contains(&format!(" {task} ")) && list.contains(about), "{about} is not in: {list}");
    }
    let version = dfl(&["--version"]);
    assert_eq!(version.status.code(), Some(0));
    assert_eq!(version.stdout, format!("dfl {}\n", env!("CARGO_PKG_VERSION")).into_bytes());
    assert_eq!(dfl(&[]).status.code(), Some(1));
}
