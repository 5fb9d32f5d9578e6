//! Problems from files: what each format means, by hand, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

mod lp;

use std::error::Error as _;
use std::fs;

use dfl_core::{Csc, Program, Result};
use dfl_solvers::{Problem, read_problem};

const INF: f64 = f64::INFINITY;

fn read(name: &str, text: &str) -> Result<Problem> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    fs::write(&path, text).unwrap();
    read_problem(&path)
}

/// The messages of the error and its causes.
#[track_caller]
fn refusal(name: &str, text: &str) -> String {
    let error = read(name, text).expect_err(text);
    let (mut message, mut cause) = (error.to_string(), error.source());
    while let Some(error) = cause {
        message = format!("{message}: {error}");
        cause = error.source();
    }
    assert!(message.contains(name), "{message} does not name the file");
    message
}

fn csc(rows: usize, columns: usize, triplets: &[(usize, usize, f64)]) -> Csc {
    Csc::from_triplets(rows, columns, triplets).unwrap()
}

const TRIPLETS: &str = r#"{"name":"two","n":2,"m":3,"r":0.5,"P_upper":{"i":[0,0],"j":[0,1],"v":[2.0,1.0]},"q":[1,-1],
  "A":{"i":[0,0,1,2],"j":[0,1,0,1],"v":[3.0,4.0,1.0,1.0]},"l":[null,0,-1e30],"u":[5,null,7]}"#;

#[test]
fn the_last_rows_of_triplets_are_bounds() {
    let expected = Program { r: 0.5, ..Program::linear(vec![1.0, -1.0]) }
        .with_quadratic(csc(2, 2, &[(0, 0, 2.0), (0, 1, 1.0)]))
        .with_rows(csc(1, 2, &[(0, 0, 3.0), (0, 1, 4.0)]), vec![-INF], vec![5.0])
        .with_bounds(vec![0.0, -INF], vec![INF, 7.0]);
    let problem = read("x.json", TRIPLETS).unwrap();
    assert_eq!((problem.program, problem.name.as_str(), problem.maximise), (expected, "two", false));
}

/// The same rows in another order are no identity, and stay rows.
#[test]
fn rows_that_are_no_identity_stay_rows() {
    let swapped = TRIPLETS.replace(r#""i":[0,0,1,2],"j":[0,1,0,1]"#, r#""i":[0,0,2,1],"j":[0,1,0,1]"#);
    let program = read("x.json", &swapped).unwrap().program;
    assert_eq!((program.m(), program.lo, program.up), (3, vec![-INF; 2], vec![INF; 2]));
    assert_eq!(program.row_up, [5.0, INF, 7.0]);
}

#[test]
fn bad_triplets_are_refused() {
    let cases = [
        (r#""q":[1,-1]"#, r#""q":[1]"#, "q: expected length 2, got 1"),
        (r#""l":[null,"#, r#""l":["#, "l: expected length 3, got 2"),
        (r#""u":[5,"#, r#""u":[5,5,"#, "u: expected length 3, got 4"),
        (r#""v":[2.0,1.0]"#, r#""v":[2.0]"#, "P_upper.v: expected length 2, got 1"),
        (r#""j":[0,1,0,1]"#, r#""j":[0,1,0]"#, "A.j: expected length 4, got 3"),
        (r#""i":[0,0,1,2]"#, r#""i":[0,0,1,3]"#, "row index bound"),
        (r#""i":[0,0,1,2]"#, r#""i":[0,0,1,-2]"#, "invalid value"),
        (r#""i":[0,0],"j":[0,1]"#, r#""i":[0,1],"j":[0,0]"#, "below the diagonal"),
        (r#""q":[1,-1]"#, r#""q":[1,NaN]"#, "line 1"),
        (r#""q":[1,-1]"#, r#""q":[1,1e999]"#, "number out of range"),
        (r#""q":[1,-1]"#, r#""q":[1,null]"#, "invalid type: null"),
        (r#""l":[null,0,-1e30]"#, r#""l":[6,0,-1e30]"#, "lower bound 6 exceeds upper bound 5"),
        (r#""l":[null"#, r#""l":[1e30"#, "bound of a row"),
        (r#""r":0.5"#, r#""constant":0.5"#, "unknown field `constant`"),
        (r#""q":[1,-1],"#, "", "missing field `q`"),
    ];
    for (from, to, message) in cases {
        assert!(TRIPLETS.contains(from), "{from}");
        let text = refusal("x.json", &TRIPLETS.replace(from, to));
        assert!(text.contains(message), "{text}");
    }
    assert!(refusal("x.json", &TRIPLETS[..60]).contains("EOF"));
    assert!(refusal("x.json", "[1, 2]").contains("not a valid problem in JSON triplets"));
}

/// Each type of row with a range, each type of bound, a maximised objective with a constant, and a free row that is dropped.
const MPS: &str = "\
NAME          every kind
OBJSENSE
    MAX
ROWS
 N  COST
 E  EQ
 E  DOWN
 L  MOST
 G  LEAST
 N  OTHER
COLUMNS
    X1        COST         1.0D0       EQ                 1
    X1        DOWN            2.       OTHER              9
    X2        COST            -2       MOST              +3
    MARK      'MARKER'                 'INTORG'
    X3        LEAST            4
    X4        LEAST            5
    X5        LEAST            6
    MARK      'MARKER'                 'INTEND'
    X6        EQ               7
    X7        EQ               8
RHS
    SIDE      COST            10       EQ                 1
    SIDE      DOWN             2       MOST               3
    SIDE      LEAST            4
RANGES
    WIDE      EQ             0.5       DOWN            -0.5
    WIDE      MOST           0.5       LEAST           -0.5
BOUNDS
 FR BND       X1
 UP BND       X2               8
 LO BND       X3              -2
 PL BND       X4
 MI BND       X6
 UP BND       X6              -1
 BV BND       X7
QUADOBJ
    X1        X1              -2
    X2        X1               1
    X2        X2              -4
ENDATA
";

#[test]
fn mps_means_what_it_says() {
    let problem = read("every.mps", MPS).unwrap();
    let rows = [(0, 0, 1.0), (1, 0, 2.0), (2, 1, 3.0), (3, 2, 4.0), (3, 3, 5.0), (3, 4, 6.0), (0, 5, 7.0), (0, 6, 8.0)];
    // Minus the objective: x1 - 2 x2 - 10 - x1^2 + x1 x2 - 2 x2^2.
    let expected = Program { r: 10.0, ..Program::linear(vec![-1.0, 2.0, 0.0, 0.0, 0.0, 0.0, 0.0]) }
        .with_quadratic(csc(7, 7, &[(0, 0, 2.0), (0, 1, -1.0), (1, 1, 4.0)]))
        .with_rows(csc(4, 7, &rows), vec![1.0, 1.5, 2.5, 4.0], vec![1.5, 2.0, 3.0, 4.5])
        .with_bounds(vec![-INF, 0.0, -2.0, 0.0, 0.0, -INF, 0.0], vec![INF, 8.0, INF, INF, 1.0, -1.0, 1.0])
        .with_integers(vec![false, false, true, true, true, false, true]);
    assert_eq!(problem.program, expected);
    assert_eq!((problem.name.as_str(), problem.maximise, problem.in_own_sense(10.0)), ("every kind", true, -10.0));
    assert_eq!(problem.variables, ["X1", "X2", "X3", "X4", "X5", "X6", "X7"]);
}

/// The same quadratic term three times, and names with blanks, which only columns tell apart.
#[test]
fn other_ways_to_say_the_same() {
    let expected = read("every.mps", MPS).unwrap().program;
    let square = MPS.replace("QUADOBJ\n", "QMATRIX\n    X1        X2               1\n");
    let named = MPS.replace("QUADOBJ", "QSECTION      COST");
    let free: String = MPS.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).map(|l| format!(" {l}\n")).collect();
    let free = free.replace(" NAME every", "NAME every").replace("SIDE ", "").replace("WIDE ", "");
    let blanks = MPS.replace("X1  ", "X 1 ").replace("X1\n", "X 1\n").replace("COST", "CO T");
    let commented = MPS.replace("ROWS\n", "* a comment\n\nROWS\n").replace("    X4        LEAST            5", "    X4 LEAST 5 $ five");
    for text in [square, named, free, blanks, commented] {
        assert_eq!(read("again.qps", &text).unwrap().program, expected, "{text}");
    }
}

#[test]
fn bad_mps_files_are_refused_by_line() {
    let cases = [
        ("    X2        COST            -2", "    X2        COST           nan", "line 14: not a number"),
        ("    X2        COST            -2", "    X2        COST           1,5", "line 14: not a number"),
        ("    X2        COST            -2", "    X2        COST           inf", "line 14: an infinite coefficient"),
        ("    X2        COST            -2", "    X1        COST            -2", "line 14: this was given before"),
        ("    X1        DOWN            2.", "    X1        EQ              2.", "line 13: this was given before"),
        (" G  LEAST", " L  EQ", "line 9: this was given before"),
        (" G  LEAST", " X  LEAST", "line 9: not a type of a row"),
        (" G  LEAST\n", "", "a row that is not declared"),
        ("    SIDE      LEAST            4", "    SIDE      NONE             4", "line 25: a row that is not declared"),
        ("    SIDE      LEAST            4", "    LAST      LEAST            4", "line 25: a second set"),
        ("    SIDE      LEAST            4", "    SIDE      MOST             4", "line 25: this was given before"),
        ("    SIDE      LEAST            4", "    LEAST 4 MOST 1 EQ 2", "line 25: not one or two pairs"),
        ("    SIDE      LEAST            4", "    SIDE      LEAST          1e30", "bound of a row, row 0, column 3: inf"),
        (" UP BND       X2               8", " UP BND       X9               8", "line 31: a variable that is not declared"),
        (" UP BND       X2               8", " UP BND       X2               -8", "a negative upper bound without a lower one"),
        (" UP BND       X2               8", " SC BND       X2               8", "line 31: a semi-continuous variable"),
        (" UP BND       X2               8", " XX BND       X2               8", "line 31: not a type of a bound"),
        (" UP BND       X2               8", " UP BND       X2", "line 31"),
        (" LO BND       X3              -2", " FX BND       X2              -2", "line 32: this was given before"),
        ("    X2        X1               1", "    X1        X2               1\n    X2        X1               1", "this was given before"),
        ("QUADOBJ", "QMATRIX", "QMATRIX is not symmetric"),
        ("QUADOBJ", "QSECTION      MOST", "line 37: a quadratic constraint"),
        ("QUADOBJ", "SOS", "line 37: a section for what a program does not hold"),
        ("    MAX", "    LARGE", "line 3: not a sense"),
        ("ENDATA\n", "", "the file ends without ENDATA"),
        ("'INTORG'", "'SOSORG'", "not a marker"),
    ];
    for (from, to, message) in cases {
        assert!(MPS.contains(from), "{from}");
        let text = refusal("bad.mps", &MPS.replacen(from, to, 1));
        assert!(text.contains(message), "{text} instead of {message}");
    }
    assert!(refusal("bad.mps", "*^%(^%(T&*)\ndvhfa,x,^%\n").contains("line 2: not a section of an MPS file"));
    assert!(refusal("bad.mps", "NAME x\nENDATA\n").contains("there are no ROWS"));
    assert!(refusal("bad.mps", "\n  \n").contains("the file is empty"));
}

#[test]
fn what_is_no_file_of_a_known_kind_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("folder.mps");
    fs::create_dir(&folder).unwrap();
    let message = |name: &str| read_problem(&dir.path().join(name)).unwrap_err().to_string();
    assert!(message("none.mps").contains("none.mps") && message("none.mps").contains("check the name"));
    assert!(message("folder.mps").contains("this is a directory"), "{}", message("folder.mps"));
    assert!(message("x.sif").contains(".json, .mps, .qps or .lp"));
    assert!(message("x").contains(".json, .mps, .qps or .lp"));
    assert!(message("x.mps.gz").contains("gunzip"));
}
