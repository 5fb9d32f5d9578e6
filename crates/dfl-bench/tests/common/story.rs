//! A made-up run with everything that a page can show, and what any page must be.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, reason = "a page that is cut short fails the test")]

use dfl_bench::page::{Curve, Drawing, Example, RowOutcome, Sheet, SheetCell, Story};

/// A number in [-1, 1] that looks random and is always the same.
pub(crate) fn noise(a: usize, b: usize) -> f64 {
    ((a * 7919 + b * 104_729 + 13) as f64).sin()
}

pub(crate) fn number(value: f64) -> SheetCell {
    SheetCell { text: format!("{value:.3}"), number: Some(value) }
}

fn word(text: &str) -> SheetCell {
    SheetCell { text: text.into(), number: None }
}

/// 150 rows with costs above 10, each third decided for the best by the model and each fifth by the baseline.
fn rows() -> Vec<RowOutcome> {
    let worse = |row: usize, every: usize, seed: usize| if row.is_multiple_of(every) { 0.0 } else { (2.0 * noise(row, seed)).exp() };
    let row = |i: usize| {
        let best = 10.0 + noise(i, 3);
        RowOutcome { id: format!("day {i}"), cost: best + 0.6 * worse(i, 3, 1), baseline: best + worse(i, 5, 2), best }
    };
    (0..150).map(row).collect()
}

fn path() -> Example {
    let costs: Vec<f64> = (0..40).map(|arc| 1.5 + noise(arc, 7)).collect();
    let draw = |arcs: [usize; 8]| {
        let weights = (0..40).map(|arc| f64::from(u8::from(arcs.contains(&arc)))).collect();
        Drawing::Path { height: 5, width: 5, weights, costs: costs.clone() }
    };
    // Right, down, right, down, ... and once along the upper and the right side.
    let (decided, best) = (draw([0, 5, 10, 15, 20, 25, 30, 35]), draw([0, 1, 2, 3, 8, 17, 26, 35]));
    Example { title: "row 17, the largest regret".into(), decided, best }
}

fn tour() -> Example {
    let points: Vec<[f64; 2]> = (0..9).map(|i| [noise(i, 1), noise(i, 2)]).collect();
    let draw = |order: [usize; 9]| Drawing::Tour { points: points.clone(), order: order.to_vec() };
    let (decided, best) = (draw([0, 1, 2, 3, 4, 5, 6, 7, 8]), draw([0, 2, 1, 3, 4, 5, 7, 6, 8]));
    Example { title: "a tour".into(), decided, best }
}

fn schedule() -> Example {
    let demand: Vec<f64> = (0..24).map(|hour| 2.0 + (f64::from(hour) / 4.0).sin() + 0.2 * noise(hour as usize, 5)).collect();
    let draw = |shift: f64, band: Option<[Vec<f64>; 2]>| {
        let amounts = demand.iter().enumerate().map(|(hour, y)| y + shift * (1.0 + noise(hour, 9))).collect();
        Drawing::Schedule { amounts, demand: demand.clone(), band }
    };
    let band = [-0.4, 0.4].map(|by| (0..24).map(|hour| 2.0 + by + (f64::from(hour) / 4.0).sin()).collect());
    Example { title: "a day".into(), decided: draw(0.15, Some(band)), best: draw(0.0, None) }
}

fn portfolio() -> Example {
    let names: Vec<String> = (0..14).map(|i| format!("asset {i}")).collect();
    let shares = |seed: usize| {
        let raw: Vec<f64> = (0..14).map(|i| noise(i, seed).max(0.0)).collect();
        let sum: f64 = raw.iter().sum();
        raw.iter().map(|share| share / sum).collect()
    };
    let draw = |seed| Drawing::Portfolio { names: names.clone(), shares: shares(seed) };
    Example { title: "a portfolio".into(), decided: draw(1), best: draw(2) }
}

fn values() -> Example {
    let names: Vec<String> = (0..4).map(|i| format!("x{i}")).collect();
    let draw = |values: [f64; 4]| Drawing::Values { names: names.clone(), values: values.to_vec() };
    Example { title: "any decision".into(), decided: draw([1.0, -2.5, 0.0, 0.25]), best: draw([1.5, -2.0, 0.0, 0.5]) }
}

/// Everything at once.
pub(crate) fn story() -> Story {
    let columns = ["who", "regret", "solved"].map(str::to_owned).to_vec();
    let cells = [("model", 0.123, "all"), ("least_squares", 0.5, "all"), ("best", 0.0, "10 of 12"), ("constant", 12.25, "2 of 12")];
    let rows_of_table = cells.map(|(who, regret, solved)| vec![word(who), number(regret), word(solved)]).to_vec();
    let curve = |name: &str, scale: f64| {
        let points = (1..=60).map(|epoch| [f64::from(epoch), scale * (0.05 + (-f64::from(epoch) / 12.0).exp())]).collect();
        Curve { name: name.into(), points }
    };
    Story {
        title: "Transport by spo_plus".into(),
        facts: [
            ("date", "2026-11-22 18:00 UTC"),
            ("version", "0.1.0"),
            ("problem", "transport.mps: 12 variables, 7 rows"),
            ("rows", "150"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec(),
        command: "dfl report run/".into(),
        verdict: "The model's decisions cost 2.1 % more than the best ones, those of least_squares 5.3 % more.".into(),
        sheets: vec![Sheet { title: "On the rows".into(), note: "less is better".into(), columns, rows: rows_of_table }],
        curves: vec![
            curve("normalized regret on the validation rows", 0.4),
            curve("normalized regret on the training rows", 0.3),
            curve("loss", 8.0),
        ],
        rows: rows(),
        baseline: "least_squares".into(),
        unit: "EUR".into(),
        examples: vec![path(), tour(), schedule(), portfolio(), values()],
    }
}

/// Every tag that is opened is closed, in the right order; what stands in scripts and styles is no tag.
pub(crate) fn unbalanced(page: &str) -> Option<String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page;
    while let Some(at) = rest.find('<') {
        let (tag, after) = rest[at + 1..].split_once('>').unwrap();
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
        match tag {
            _ if tag.ends_with('/') || ["meta", "!DOCTYPE"].contains(&name) => {}
            _ if tag.starts_with('/') => {
                let last = open.pop();
                if last != Some(name) {
                    return Some(format!("</{name}> after {last:?}"));
                }
            }
            _ => open.push(name),
        }
        rest = if name == "script" && !tag.starts_with('/') { &after[after.find("</script").unwrap()..] } else { after };
    }
    open.pop().map(|name| format!("<{name}> is never closed"))
}

/// What a page names that is not itself: values of attributes that fetch or lead elsewhere, and what styles fetch.
pub(crate) fn external(page: &str) -> Vec<String> {
    let attributes = [" src=\"", " href=\"", " srcset=\"", " action=\"", " data=\"", " poster=\"", " xlink:href=\""];
    let named =
        attributes.iter().flat_map(|attribute| page.split(attribute).skip(1)).map(|rest| rest[..rest.find('"').unwrap()].to_owned());
    let fetched = ["url(", "@import", "fetch(", "XMLHttpRequest", "WebSocket", "import("].into_iter().filter(|word| page.contains(word));
    named.filter(|target| !target.starts_with('#')).chain(fetched.map(str::to_owned)).collect()
}
