use super::{Comparison, Family, Found, Tested};
use crate::results::numbers::three_digits;
use crate::results::sheet::{Cell, Column, Sheet};

/// What a column shows of a comparison that was made.
type Show = fn(&Tested) -> Cell;

/// The comparisons as a table.
pub(in crate::results) fn sheet(family: &Family) -> Sheet {
    let numbers: [(&str, u8, Show); 7] = [
        ("difference", 0, |t| plain(three_digits(t.difference))),
        ("95 % interval", 0, |t| Cell { value: three_digits(t.interval[0]), spread: format!("to {}", three_digits(t.interval[1])) }),
        ("p", 1, |t| plain(probability(t.p))),
        ("p (Holm)", 0, |t| plain(probability(t.p_holm))),
        ("wins %", 1, |t| plain(format!("{:.1}", 100.0 * t.win_rate))),
        ("rows", 2, |t| plain(t.n.to_string())),
        ("seeds", 2, |t| plain(t.seeds[0].to_string())),
    ];
    let words = [word(family, "row", |c| &c.row), word(family, "against", |c| &c.against)];
    let place = several(family).then(|| word(family, "where", |c| &c.place));
    let columns = place.into_iter().chain(words).chain(numbers.map(|(title, spare, show)| number(family, title, spare, show)));
    let blocks = if family.block > 1 { format!(", in blocks of {}", family.block) } else { String::new() };
    let missing = |c: &Comparison| match &c.found {
        Found::Missing { missing } => Some(format!("{}: {missing}", c.place)),
        Found::Tested(_) => None,
    };
    Sheet {
        title: family.text.clone(),
        context: format!(
            "suite {}, profile {}, {}: paired bootstrap of test rows{blocks}, {} draws",
            family.suite, family.profile, family.metric, family.draws
        ),
        columns: columns.collect(),
        notes: [
            "difference: mean over test rows of the costs averaged over seeds, below 0 if the row is better".into(),
            format!("p (Holm): adjusted for {} comparisons", family.comparisons.len()),
            "wins: share of test rows on which the row costs less".into(),
        ]
        .into_iter()
        .chain(family.claimed_wins())
        .collect(),
        failures: family.comparisons.iter().filter_map(missing).collect(),
    }
}

fn several(family: &Family) -> bool {
    family.comparisons.iter().any(|c| c.place != family.comparisons[0].place)
}

fn word(family: &Family, title: &str, read: fn(&Comparison) -> &str) -> Column {
    let cells = family.comparisons.iter().map(|c| Cell { value: read(c).to_owned(), ..Cell::default() }).collect();
    Column { title: title.into(), numeric: false, spare: 0, cells }
}

fn number(family: &Family, title: &str, spare: u8, show: Show) -> Column {
    let cell = |c: &Comparison| match &c.found {
        Found::Tested(tested) => show(tested),
        Found::Missing { .. } => plain("missing".into()),
    };
    let cells = family.comparisons.iter().map(cell).collect();
    Column { title: title.into(), numeric: true, spare, cells }
}

fn plain(value: String) -> Cell {
    Cell { value, ..Cell::default() }
}

/// Four decimals; smaller ones are said to be.
fn probability(p: f64) -> String {
    if p < 1e-4 { "< 0.0001".into() } else { format!("{p:.4}") }
}
