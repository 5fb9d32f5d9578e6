//! LP files: what they mean, by hand, and what is refused.

use dfl_core::{Program, Result};
use dfl_solvers::Problem;

use super::{INF, csc, refusal};

fn read(text: &str) -> Result<Problem> {
    super::read("small.lp", text)
}

#[track_caller]
fn program(text: &str) -> Program {
    read(text).expect(text).program
}

/// Rows as `(coefficients, lower, upper)` of a file with the variables x, y and z and these rows.
#[track_caller]
fn rows(text: &str) -> Vec<([f64; 3], f64, f64)> {
    let program = program(&format!("min\n x + y + z\nst\n{text}\nend\n"));
    assert_eq!(program.n(), 3, "{text}");
    let value = |i, j| program.a.position(i, j).map_or(0.0, |k| program.a.values()[k]);
    (0..program.m()).map(|i| ([value(i, 0), value(i, 1), value(i, 2)], program.row_lo[i], program.row_up[i])).collect()
}

/// Bounds of x of a file with this section.
#[track_caller]
fn bounds(text: &str) -> (f64, f64) {
    let program = program(&format!("min\n x + y\nbounds\n{text}\nend\n"));
    assert_eq!((program.n(), program.lo[1], program.up[1]), (2, 0.0, INF), "{text}");
    (program.lo[0], program.up[0])
}

const LP: &str = "\\ Every kind
Maximise
 obj: 2 x - y + [ -2 x^2 + 2 x * y - 4 y ^ 2 ]
   / 2 + 3
Subject To
 r1: x + y
     <= 4 \\ a comment
 r2: x - y >= -1
 1 <= x + z <= 4
Bounds
 x free
 y <= 9
 -Inf <= z <= 1e30
 w = 3
Generals
 z
Binaries
 b
End
";

#[test]
fn a_file_means_what_it_says() {
    let text = LP.replace("+ 3\n", "+ 3 + 0 w - b\n");
    let problem = read(&text).unwrap();
    // Minus the objective; variables in the order of their first appearance: x, y, w, b, z.
    let rows = [(0, 0, 1.0), (0, 1, 1.0), (1, 0, 1.0), (1, 1, -1.0), (2, 0, 1.0), (2, 4, 1.0)];
    let expected = Program { r: -3.0, ..Program::linear(vec![-2.0, 1.0, 0.0, 1.0, 0.0]) }
        .with_quadratic(csc(5, 5, &[(0, 0, 2.0), (0, 1, -1.0), (1, 1, 4.0)]))
        .with_rows(csc(3, 5, &rows), vec![-INF, -1.0, 1.0], vec![4.0, INF, 4.0])
        .with_bounds(vec![-INF, 0.0, 3.0, 0.0, -INF], vec![INF, 9.0, 3.0, 1.0, INF])
        .with_integers(vec![false, false, false, true, true]);
    assert_eq!((problem.program, problem.maximise, problem.name.as_str()), (expected.clone(), true, "small"));
    assert_eq!(problem.variables, ["x", "y", "w", "b", "z"]);
    for other in [text.replace('\n', "\r\n"), text.to_uppercase().replace("1E30", "+INFINITY"), text.trim_end().into()] {
        assert_eq!(program(&other), expected, "{other}");
    }
}

/// HiGHS 1.15 reads 1 for the cost and 5 for the side, without a word.
#[test]
fn repeated_terms_and_constants_count() {
    let program = program("min\n obj: x + x\nst\n r: x + 3 >= 5\nend\n");
    assert_eq!((program.c, program.row_lo), (vec![2.0], vec![2.0]));
}

#[test]
fn words_of_the_format() {
    for word in ["min", "MIN", "minimise", "Minimize", "minimum"] {
        for st in ["st", "s.t.", "st.", "Subject To", "such\tthat"] {
            assert_eq!(program(&format!("{word} x\n{st} x >= 1\nend")).row_lo, [1.0], "{word} {st}");
        }
    }
    for word in ["max", "Maximise", "maximize", "MAXIMUM"] {
        assert!(read(&format!("{word}\nx\nend\n")).unwrap().maximise, "{word}");
    }
    for word in ["general", "generals", "gen", "integer", "Integers", "int"] {
        let program = program(&format!("min\n x + y + z\n{word}\nx\n z\nend\n"));
        assert_eq!((program.integer, program.up), (vec![true, false, true], vec![INF; 3]), "{word}");
    }
    for word in ["binary", "binaries", "BIN"] {
        let program = program(&format!("min\n x + y\n{word} y\nend\n"));
        assert_eq!((program.integer, program.up), (vec![false, true], vec![INF, 1.0]), "{word}");
    }
    // As HiGHS writes it: sections without content.
    assert_eq!(program("min\n x\nst\nbounds\nbin\ngen\nsemi\nsos\nend\n").n(), 1);
    // A row may have the name of a word.
    assert_eq!(program("min\n x\nst\n end: x >= 1\n st : x >= 2\nend\n").row_lo, [1.0, 2.0]);
    // A feasibility problem.
    assert_eq!(program("min\n obj:\nst\n x >= 1\nend\n").c, [0.0]);
}

#[test]
fn numbers_in_every_form() {
    for (text, value) in [
        ("1e5 x", 1e5),
        (".5 x", 0.5),
        ("5. x", 5.0),
        ("5.e-1x", 0.5),
        ("2x", 2.0),
        ("- 2E+3x", -2e3),
        ("+ -2 x", -2.0),
        ("- - x", 1.0),
        ("2 x - 3 x + 5 x", 4.0),
        ("3 + 0.5\n x - 3", 0.5),
    ] {
        let program = program(&format!("min\n {text}\nend\n"));
        assert_eq!((program.c, program.r), (vec![value], 0.0), "{text}");
    }
}

#[test]
fn rows_in_every_form() {
    let (x, xy) = ([1.0, 0.0, 0.0], [1.0, 1.0, 0.0]);
    for (text, expected) in [
        ("x + y <= 4", (xy, -INF, 4.0)),
        ("x + y =< 4", (xy, -INF, 4.0)),
        ("x + y < 4", (xy, -INF, 4.0)),
        ("x + y >= 4", (xy, 4.0, INF)),
        ("x + y => 4", (xy, 4.0, INF)),
        ("x + y > 4", (xy, 4.0, INF)),
        ("x + y = 4", (xy, 4.0, 4.0)),
        ("1 <= x + y <= 4", (xy, 1.0, 4.0)),
        ("4 >= x + y >= 1", (xy, 1.0, 4.0)),
        ("1 <= x + y + 1\n <= 4", (xy, 0.0, 3.0)),
        ("-inf <= x + y <= 4", (xy, -INF, 4.0)),
        ("4 >= x + y", (xy, -INF, 4.0)),
        ("4 <= x + y + 1", (xy, 3.0, INF)),
        ("x + 3 >= 5 - 1 + 2 x", ([-1.0, 0.0, 0.0], 1.0, INF)),
        ("x = y", ([1.0, -1.0, 0.0], 0.0, 0.0)),
        ("2 + x <= y - 3 z", ([1.0, -1.0, 3.0], -INF, -2.0)),
        ("x + y - y + x >= 1", ([2.0, 0.0, 0.0], 1.0, INF)),
        ("x <= 1e30", (x, -INF, INF)),
        ("x >= -infinity", (x, -INF, INF)),
        ("empty: = 0", ([0.0; 3], 0.0, 0.0)),
        ("numbers: 1 <= 3", ([0.0; 3], -INF, 2.0)),
        ("long:\n\n x\n + y\n\n >=\n\n 4", (xy, 4.0, INF)),
        ("x >= y +\n 2", ([1.0, -1.0, 0.0], 2.0, INF)),
    ] {
        assert_eq!(rows(text), [expected], "{text}");
        assert_eq!(rows(&format!("{text}\n r: - x <= 7")), [expected, ([-1.0, 0.0, 0.0], -INF, 7.0)], "{text}");
    }
    // A sign behind a right-hand side is that of the next row.
    assert_eq!(
        rows("x + y <= 4\n - x\n <= 7\n z >= 1\n -3 <= x"),
        [(xy, -INF, 4.0), ([-1.0, 0.0, 0.0], -INF, 7.0), ([0.0, 0.0, 1.0], 1.0, INF), (x, -3.0, INF)]
    );
}

#[test]
fn bounds_in_every_form() {
    for (text, expected) in [
        ("", (0.0, INF)),
        ("x free", (-INF, INF)),
        ("x FREE", (-INF, INF)),
        ("x >= 1", (1.0, INF)),
        ("x <= 4", (0.0, 4.0)),
        ("4 >= x", (0.0, 4.0)),
        ("1 <= x", (1.0, INF)),
        ("1 <= x <= 4", (1.0, 4.0)),
        ("4 > x > 1", (1.0, 4.0)),
        ("x = -3", (-3.0, -3.0)),
        ("3 = x", (3.0, 3.0)),
        ("-inf <= x <= 3", (-INF, 3.0)),
        ("-1e30 <= x <= infinity", (-INF, INF)),
        ("x >= -1e20\n x <= -2", (-INF, -2.0)),
        ("x <= -2\n x >= -4", (-4.0, -2.0)),
        ("x <= 2 x >= 1", (1.0, 2.0)),
        ("x <= 2\n -1 <= x", (-1.0, 2.0)),
        ("x <= 2\n x <= 3", (0.0, 3.0)),
        ("x free\nbounds\n x <= 3", (-INF, 3.0)),
        // A binary variable is 0 or 1, and within its bounds.
        ("x <= 0\nbinary\n x", (0.0, 0.0)),
        ("x <= 9\nbinary\n x", (0.0, 1.0)),
        ("x free\nbinary\n x\ngeneral\n x", (0.0, 1.0)),
        ("binary\n x\nbounds\n x >= 1", (1.0, 1.0)),
        ("x >= -2\ninteger\n x", (-2.0, INF)),
    ] {
        assert_eq!(bounds(text), expected, "{text}");
    }
}

/// `x * x` is `x ^ 2`, terms of one pair are added up, and a sign before the brackets counts.
#[test]
fn quadratic_terms_in_every_form() {
    let expected = Program { r: 1.0, ..Program::linear(vec![0.0, 2.0]) }
        .with_quadratic(csc(2, 2, &[(0, 0, 2.0), (0, 1, 3.0), (1, 1, 1.0)]))
        .with_bounds(vec![0.0; 2], vec![INF; 2]);
    for text in [
        "[ 2 x ^ 2 + 6 x * y + y ^ 2 ] / 2 + 2 y + 1",
        "[2x^2+6y*x+y^2]/2+2y+1",
        "[ x * x + 4 x * y + x ^ 2 + 2 y * x + y * y ] / 2 + 2 y + 1",
        "1 - [ - 2 x ^ 2 - 6 x * y - y ^ 2 ] / 2.0 + 2 y",
        "[ 2 x ^ 2 ] / 2 + 2 y + [ 6 x * y\n + y ^ 2 ]\n / 2 + 1",
    ] {
        assert_eq!(program(&format!("min\n o: {text}\nend\n")), expected, "{text}");
    }
}

#[test]
fn names_have_the_characters_of_the_format() {
    let names = ["x", "_x1", "e", "E5", "x.1", "x(1,2)", "y!\"#$%&,.?@'`{}|~", "\u{e4}", "eels", "infinite", "nano", "mini", "to"];
    let text = format!("min\n obj: {}\nend\n", names.join(" + "));
    assert_eq!(read(&text).unwrap().variables, names);
    let long = "x".repeat(600);
    assert_eq!(read(&format!("min\n 2 {long}\nend\n")).unwrap().variables, [long]);
}

#[test]
fn bad_files_are_refused_by_line() {
    let cases = [
        // The file as a whole.
        ("\n\\ comment\n", "line 2: not an LP file"),
        ("garbage )( [", "line 1: not an LP file"),
        ("max: 3x + 2y;\n", "line 1: not an LP file"),
        ("min\n x\n", "line 2: the file ends without `end`"),
        ("min\n x\nst\n x >= 1\n\n", "line 5: the file ends without `end`"),
        ("min\n x\nend\n\n y\n", "line 5: content after `end`"),
        ("min\n 3\nend\n", "there are no variables"),
        ("min\n x\nmax\n y\nend\n", "line 3: a section out of its place"),
        ("min\n x\nbounds\n x <= 1\nst\n x >= 1\nend\n", "line 5: a section out of its place"),
        ("min\n x\nunknown section\n x >= 1\nend\n", "line 3: two terms without a sign"),
        ("min x st x >= 1\nend\n", "line 1: two terms without a sign"),
        // Numbers and names.
        ("min\n nan x\nend\n", "line 2: a variable named like a word"),
        ("min\n x\nst\n x >= nan\nend\n", "line 4: a variable named like a word"),
        ("min\n inf x\nend\n", "line 2: two terms without a sign"),
        ("min\n 1e999 x\nend\n", "line 2: an infinite coefficient"),
        ("min\n x + 1e30\nend\n", "line 2: an infinite constant"),
        ("min\n x\nst\n x >= 1,5\nend\n", "line 4: not a number"),
        ("min\n 1.2.3 x\nend\n", "line 2: not a number"),
        ("min\n . x\nend\n", "line 2: not a number"),
        ("min\n 2 e1 + x\nend\n", "line 2: a name that may be the exponent"),
        ("min\n 2 e + 3 x\nend\n", "line 2: a name that may be the exponent"),
        ("min\n x + 2 3 x\nend\n", "line 2: two terms without a sign"),
        ("min\n 2 (x + y)\nend\n", "line 2: a parenthesis that groups terms"),
        ("min\n x;\nend\n", "line 2: a character that LP files have no use for"),
        ("min\n x + free\nend\n", "line 2: a variable named like a word"),
        ("min\n x + st\nend\n", "line 2: a variable named like a word"),
        // The objective.
        ("min\n x y\nend\n", "line 2: two terms without a sign"),
        ("min\n x +\nend\n", "a sign without a term"),
        ("min\n 2 * x\nend\n", "line 2: a product or quotient"),
        ("min\n x^2\nend\n", "line 2: a product or quotient"),
        ("min\n x / 2\nend\n", "line 2: a product or quotient"),
        ("min\n a: b: x\nend\n", "line 2: a row in the objective"),
        ("min\n x >= 1\nend\n", "line 2: a row in the objective"),
        ("min\n : x\nend\n", "line 2: a colon without a name"),
        ("min\n [ x ^ 2 ]\nend\n", "brackets without their `/ 2`"),
        ("min\n [ x ^ 2 ] / 3\nend\n", "line 2: brackets without their `/ 2`"),
        ("min\n 2 [ x ^ 2 ] / 2\nend\n", "line 2: two terms without a sign"),
        ("min\n [ x ^ 3 ] / 2\nend\n", "line 2: not a quadratic term"),
        ("min\n [ x ] / 2\nend\n", "line 2: not a quadratic term"),
        ("min\n [ x * y * z ] / 2\nend\n", "line 2: not a quadratic term"),
        ("min\n [ x ^ 2 y ^ 2 ] / 2\nend\n", "line 2: not a quadratic term"),
        ("min\n [ x ^ 2 / 2\nend\n", "line 2: not a quadratic term"),
        ("min\n x ] / 2\nend\n", "line 2: not a quadratic term"),
        // Rows.
        ("min\n x\nst\n r: x + y\n s: x >= 1\nend\n", "line 4: a row without <=, >= or ="),
        ("min\n x\nst\n r: x >= 1\n r: x <= 3\nend\n", "line 5: a second row of this name"),
        ("min\n x\nst\n r: x >= \nend\n", "line 4: a side of a row that is empty"),
        ("min\n x\nst\n >= 1\nend\n", "line 4: a side of a row that is empty"),
        ("min\n x\nst\n 1 <= x <= \nend\n", "line 4: a side of a row that is empty"),
        ("min\n x\nst\n x < = 1\nend\n", "line 4"),
        ("min\n x\nst\n r: <= x <= 2 <= 3\nend\n", "line 4"),
        ("min\n x\nst\n 1: x >= 2\nend\n", "line 4: a colon without a name"),
        ("min\n x\nst\n r: 1 <= x >= 2\nend\n", "line 4: a range whose signs"),
        ("min\n x\nst\n r: 1 = x = 1\nend\n", "line 4: a range whose signs"),
        ("min\n x\nst\n r: y <= x <= 2\nend\n", "line 4: a variable beside a range"),
        ("min\n x\nst\n r: 4 <= x <= 2\nend\n", "line 4: a range whose lower end"),
        ("min\n x\nst\n r: 1 <= x <= 2 <= 3\nend\n", "line 4"),
        ("min\n x\nst\n r: x = inf\nend\n", "line 4: an infinite side"),
        ("min\n x\nst\n r: x <= -1e30\nend\n", "line 4: an infinite side"),
        ("min\n x\nst\n r: x <= 3 + inf\nend\n", "line 4: an infinite side"),
        ("min\n x\nst\n r: 2 [ x * y ] >= 1\nend\n", "line 4: two terms without a sign"),
        ("min\n x\nst\n r: x >= y\n + z\nend\n", "line 5: a line that may go on"),
        ("min\n x\nst\n r: x >= 1\n + z\nend\n", "line 5: a row without <=, >= or ="),
        // What a program does not hold.
        ("min\n x\nst\n q: y + [ x * y ] >= 1\nend\n", "line 4: a quadratic constraint"),
        ("min\n x\nst\n i: x = 1 -> y >= 1\nend\n", "line 4: an indicator constraint"),
        ("min\n x\nsemi-continuous\n x\nend\n", "line 4: a semi-continuous variable"),
        ("min\n x\nsemis\n x\nend\n", "line 4: a semi-continuous variable"),
        ("min\n x\nsec x\nend\n", "line 3: a semi-continuous variable"),
        ("min\n x + y\nsos\n s1: S1 :: x:1 y:2\nend\n", "line 4: a special ordered set"),
        ("min\n x + y\nsos2\n s1: x:1 y:2\nend\n", "line 4: a special ordered set"),
        ("min\n x\nst\n x >= 1\nlazy constraints\n x >= 2\nend\n", "line 6: a section for what a program does not hold"),
        ("min\n x\ngeneral constraints\n x = max ( y , z )\nend\n", "line 4: a section for what a program does not hold"),
        // Bounds and kinds.
        ("min\n x\nbounds\n y <= 1\nend\n", "line 4: a variable that is in no row"),
        ("min\n x\nbounds\n 1 <= y\nend\n", "line 4: a variable that is in no row"),
        ("min\n x\nbinary\n x\n y\nend\n", "line 5: a variable that is in no row"),
        ("min\n x\nbounds\n x <= -1\n\nend\n", "line 4: a negative upper bound without a lower one"),
        ("min\n x\nbounds\n x <= nan\nend\n", "line 4: not a number"),
        ("min\n x + y\nbounds\n x <= y\nend\n", "line 4: not a number"),
        ("min\n x\nbounds\n x >= 1e30\nend\n", "line 4: a bound that nothing satisfies"),
        ("min\n x\nbounds\n x = inf\nend\n", "line 4: a bound that nothing satisfies"),
        ("min\n x\nbounds\n 2 x <= 1\nend\n", "line 4: not a bound"),
        ("min\n x\nbounds\n b: x <= 1\nend\n", "line 4: not a bound"),
        ("min\n x\nbounds\n x\nend\n", "not a bound"),
        ("min\n x\nbounds\n 1 <= x >= 2\nend\n", "line 4: a range whose signs"),
        ("min\n x\nbounds\n 4 <= x <= 2\nend\n", "lower bound 4 exceeds upper bound 2"),
        ("min\n x\ngeneral\n x >= 2\nend\n", "line 4: not a name of a variable"),
    ];
    for (text, message) in cases {
        let said = refusal("small.lp", text);
        assert!(said.contains(message), "{said} instead of {message} for {text}");
    }
    assert!(refusal("small.lp", "\n  \n").contains("line 1: the file is empty"));
}
