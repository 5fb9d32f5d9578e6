//! The page of one run, on a made-up one.

#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

#[path = "common/story.rs"]
mod story;

use dfl_bench::page::{Curve, Drawing, Example, RowOutcome, Sheet, SheetCell, Story, render, write};
use story::{external, number, story, unbalanced};

/// Set `DFL_PAGE_OUT` to a path to look at the page.
#[test]
fn the_page_shows_everything_that_the_story_tells() {
    let page = render(&story()).unwrap();
    if let Some(path) = std::env::var_os("DFL_PAGE_OUT") {
        std::fs::write(path, &page).unwrap();
    }
    // A histogram, a scatter, two plots of curves and five decisions.
    assert_eq!((page.matches("<section").count(), page.matches("<figure>").count()), (4, 9));
    for text in [
        "<h1>Transport by spo_plus</h1>",
        "2.1 % more",
        "<dt>problem</dt><dd>transport.mps: 12 variables, 7 rows</dd>",
        "regret, EUR",
        "regret of least_squares, EUR",
        "normalized regret over epochs",
        "row 17, the largest regret",
        "The decided path costs",
        "legs are those of the best tour",
        "of 24 hours",
        "5 more, all of them zero in both.",
        "least_squares better",
        "Made by <code>dfl report run/</code>",
    ] {
        assert!(page.contains(text), "{text}");
    }
    assert!(page.len() < 200_000, "{}", page.len());
}

/// Counted by hand: of 150 rows each third and each fifth have no regret, 10 are both.
#[test]
fn words_say_how_many_rows_are_better_and_how_many_have_no_regret() {
    let story = story();
    let page = render(&story).unwrap();
    let better = story.rows.iter().filter(|row| row.cost < row.baseline).count();
    let worse = story.rows.iter().filter(|row| row.cost > row.baseline).count();
    assert!(page.contains(&format!("model is better than least_squares in {better} of 150 rows, worse in {worse}, equal in 10.")));
    assert!(page.contains("50 of 150 rows at zero") && page.contains("30 of 150 rows at zero"), "{page}");
}

#[test]
fn a_page_is_whole_and_names_nothing_outside_itself() {
    let page = render(&story()).unwrap();
    assert_eq!(unbalanced(&page), None);
    assert_eq!(external(&page), Vec::<String>::new());
    assert!(page.contains("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-"));
    assert_eq!(page.matches("<script").count(), 1);
    // Every drawing says in words what it shows.
    assert_eq!(page.matches("<svg role=\"img\" aria-label=\"").count(), page.matches("<figure>").count());
}

#[test]
fn what_is_empty_is_left_out() {
    let page = render(&Story { title: "nothing yet".into(), ..Story::default() }).unwrap();
    assert!(page.contains("nothing yet") && !page.contains("<section") && !page.contains("<figure"), "{page}");
    assert_eq!(unbalanced(&page), None);
    let row = RowOutcome { id: "a".into(), cost: 1.0, baseline: 1.0, best: 1.0 };
    let curves = vec![Curve { name: "loss".into(), points: vec![[1.0, f64::NAN], [2.0, 0.5]] }];
    let few = render(&Story { rows: vec![row], curves, ..Story::default() }).unwrap();
    assert!(few.contains("equal in 1") && few.contains("lowest 0.500 at epoch 2"), "{few}");
}

/// Thousands of rows become shaded squares: the page stays small, and no row is left out of the words.
#[test]
fn many_rows_make_no_large_page() {
    let row = |i: usize| RowOutcome { id: i.to_string(), cost: 2.0 + story::noise(i, 1), baseline: 2.0 + story::noise(i, 2), best: 0.5 };
    let page = render(&Story { rows: (0..20_000).map(row).collect(), ..Story::default() }).unwrap();
    assert!(page.contains("of 20000 rows") && page.len() < 250_000, "{}", page.len());
}

#[test]
fn text_is_escaped_everywhere() {
    let evil = "<b>&\"' onload=\"x";
    let cell = SheetCell { text: evil.into(), number: None };
    let values = Drawing::Values { names: vec![evil.into()], values: vec![1.0] };
    let (title, name) = (evil.to_owned(), evil.to_owned());
    let story = Story {
        title: evil.into(),
        facts: vec![(evil.into(), evil.into())],
        command: evil.into(),
        verdict: evil.into(),
        sheets: vec![Sheet { title: evil.into(), note: evil.into(), columns: vec![evil.into()], rows: vec![vec![cell]] }],
        curves: vec![Curve { name, points: vec![[1.0, 2.0], [2.0, 1.0]] }],
        rows: vec![RowOutcome { id: evil.into(), cost: 2.0, baseline: 3.0, best: 1.0 }],
        baseline: evil.into(),
        unit: evil.into(),
        examples: vec![Example { title, decided: values.clone(), best: values }],
    };
    let page = render(&story).unwrap();
    assert!(!page.contains("<b>") && page.contains("&lt;b&gt;&amp;"), "{page}");
    assert!(!page.contains("onload=\""), "an attribute that a name has brought: {page}");
    assert_eq!(unbalanced(&page), None);
}

#[test]
fn decisions_that_do_not_fit_together_are_named() {
    let fails = |decided: Drawing, best: Drawing| {
        let examples = vec![Example { title: "x".into(), decided, best }];
        render(&Story { examples, ..Story::default() }).unwrap_err().to_string()
    };
    let values = |n: usize| Drawing::Values { names: vec!["a".into(), "b".into()], values: vec![1.0; n] };
    let tour = |order: &[usize]| Drawing::Tour { points: vec![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]], order: order.to_vec() };
    let path = Drawing::Path { height: 2, width: 2, weights: vec![1.0; 3], costs: vec![1.0; 4] };
    assert!(fails(values(2), tour(&[0, 1, 2])).contains("another kind"));
    assert!(fails(values(3), values(2)).contains("expected length 2, got 3"));
    assert!(fails(tour(&[0, 1, 3]), tour(&[0, 1, 2])).contains("stop of a tour"));
    assert!(fails(path.clone(), path).contains("expected length 4, got 3"));
}

/// A sorted column goes by the number, not by what is printed of it.
#[test]
fn numbers_carry_what_they_are_sorted_by() {
    let rows = vec![vec![SheetCell { text: "a".into(), number: None }, number(1_234.567_89)], vec![]];
    let sheets = vec![Sheet { title: "t".into(), columns: vec!["who".into(), "cost".into()], rows, ..Sheet::default() }];
    let page = render(&Story { sheets, ..Story::default() }).unwrap();
    assert!(page.contains("<td class=\"number\" data-v=\"1234.56789\">1234.568</td>"), "{page}");
}

#[test]
fn a_page_that_cannot_be_written_leaves_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("report.html");
    write(&path, &story()).unwrap();
    let before = std::fs::read_to_string(&path).unwrap();
    let error = write(&dir.path().join("gone/report.html"), &story()).unwrap_err().to_string();
    assert!(error.contains("gone/report.html"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}
