//! Tables of a user: what is read, and what is refused with its place and what to do about it.
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, as it should")]

use std::fs;
use std::path::Path;

use dfl_bench::user::{Table, align, read_table};
use dfl_core::{Error, Result};

fn csv(text: impl AsRef<[u8]>) -> Result<Table> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("X.csv");
    fs::write(&path, text).unwrap();
    read_table(&path, "features")
}

/// That the error says all of `words`, in this order.
#[track_caller]
fn refused<T>(result: Result<T>, words: &[&str]) {
    let Err(error) = result else { panic!("accepted, where {words:?} was to be said") };
    let text = error.to_string();
    let mut rest = text.as_str();
    for word in words {
        let Some(at) = rest.find(word) else { panic!("`{word}` is not said, or not in this place: {text}") };
        rest = &rest[at + word.len()..];
    }
}

#[test]
fn a_header_gives_names_and_numbers_alone_do_not() {
    let named = csv("wind,load\n1,2.5\n-3e2,+4\n").unwrap();
    assert_eq!((named.columns.as_slice(), named.named), (["wind", "load"].map(String::from).as_slice(), true));
    assert_eq!(named.values.as_slice(), [1.0, 2.5, -300.0, 4.0]);
    assert_eq!((named.ids, named.identified), (vec!["0".to_owned(), "1".to_owned()], false));
    let plain = csv("1,2.5\n3,4\n").unwrap();
    assert_eq!((plain.columns, plain.named, plain.values.rows()), (vec!["0".to_owned(), "1".to_owned()], false, 2));
}

/// What Excel, pandas, R and numpy write.
#[test]
fn files_of_other_programs() {
    let excel = csv("\u{feff}id,\"price, EUR\",load\r\nmon,\"1.5\",2\r\ntue,3,4\r\n").unwrap();
    assert_eq!(excel.columns, ["price, EUR", "load"]);
    assert_eq!(
        (excel.ids, excel.identified, excel.values.as_slice()),
        (vec!["mon".into(), "tue".into()], true, [1.5, 2.0, 3.0, 4.0].as_slice())
    );
    let pandas = csv(",0,1,2\n7,1.5,2.5,3.5\n9,4,5,6\n").unwrap();
    assert_eq!((pandas.columns.join(" "), pandas.ids.join(" ")), ("0 1 2".into(), "7 9".into()));
    let r = csv("\"\",\"a\",\"b\"\n\"1\",0.1,0.2\n").unwrap();
    assert_eq!((r.columns.join(" "), r.ids.join(" ")), ("a b".into(), "1".into()));
    let numpy = csv("# a,b\n1.000000000000000000e+00,2.000000000000000000e+00\n").unwrap();
    assert_eq!((numpy.columns.join(" "), numpy.values.as_slice()), ("a b".into(), [1.0, 2.0].as_slice()));
}

#[test]
fn an_id_may_stand_anywhere() {
    let table = csv("a,ID,b\n1,x,2\n3,y,4\n").unwrap();
    assert_eq!((table.columns.join(" "), table.ids.join(" ")), ("a b".into(), "x y".into()));
    assert_eq!(table.values.as_slice(), [1.0, 2.0, 3.0, 4.0]);
    refused(csv("a,id,b\n1,x,2\n3,y,oops\n"), &["line 3, column `b`", "`oops`"]);
}

#[test]
fn what_is_no_number_has_line_column_and_remedy() {
    refused(csv("a,b\n1,2\n3,x1\n"), &["features", "X.csv, line 3, column `b`", "`x1` is not a number", "encode words as numbers"]);
    refused(csv("a,b\n1,\n"), &["line 2, column `b`", "empty", "drop this row"]);
    refused(csv("a,b\nnan,1\n"), &["line 2, column `a`", "`nan` is not a finite number", "fill it in"]);
    refused(csv("a,b\n1,-inf\n"), &["line 2, column `b`", "`-inf` is not a finite number"]);
    refused(csv("a,b\n1,N/A\n"), &["line 2, column `b`", "`N/A` is not a number", "drop this row"]);
    refused(csv("1,2\n3,4,\n"), &["line 2", "3 cells, but line 1 has 2"]);
    refused(csv("1,NA,3\n1,2,3\n"), &["line 1, column 2", "`NA`"]);
    refused(csv("a,b\n1,1;5\n"), &["line 2, column `b`", "`1;5` is not a number", "as in -1.5e3"]);
}

#[test]
fn ragged_rows_are_refused() {
    refused(csv("a,b\n1,2\n3\n5,6\n"), &["features", "X.csv, line 3", "1 cells, but line 1 has 2", "a cell for each column"]);
    refused(csv("a,b\n1,2\n3,4,5\n"), &["line 3", "3 cells, but line 1 has 2"]);
    // A line break in quotes counts: the number is that of the editor.
    refused(csv("id,b\n\"two\nlines\",2\n3\n"), &["line 4", "1 cells"]);
}

#[test]
fn a_first_line_that_says_two_things_is_refused() {
    refused(csv("0,1,2\n5,6,7\n"), &["line 1", "names or data", "give the columns names"]);
    refused(csv("1.5,b\n1,2\n"), &["line 1", "numbers stand beside", "names of all columns"]);
    refused(csv("a,,c\n1,2,3\n"), &["line 1", "column 2 has no name"]);
    refused(csv("a,b,a\n1,2,3\n"), &["two columns are called `a`"]);
    refused(csv("id,b\nx,2\nx,3\n"), &["two ids are called `x`"]);
    refused(csv("a;b\n1,5;2,5\n"), &["line 1", "not separated by commas"]);
}

#[test]
fn a_file_without_rows_is_refused() {
    refused(csv(""), &["X.csv: the file is empty", "one row for each instance"]);
    refused(csv("\n\n"), &["the file is empty"]);
    refused(csv("a,b\n"), &["there are no rows"]);
    refused(csv("id\nx\n"), &["no column of numbers"]);
    refused(csv(b"a,b\n1,\xff\n"), &["line 2", "not UTF-8"]);
}

#[test]
fn a_file_that_is_not_there_or_of_another_kind() {
    let missing = read_table(Path::new("/nowhere/X.csv"), "costs");
    assert!(matches!(&missing, Err(Error::File { .. })));
    refused(missing, &["/nowhere/X.csv", "check the name"]);
    refused(read_table(Path::new("X.xlsx"), "costs"), &["reader of tables", ".csv"]);
}

/// Ten thousand rows whose sum is known: n (n - 1) / 2.
#[test]
fn many_rows() {
    let n = 10_000;
    let text: String = (0..n).map(|k| format!("{k},{}\n", f64::from(k) + 0.5)).collect();
    let table = csv(format!("a,b\n{text}")).unwrap();
    assert_eq!((table.values.rows(), table.values.row(9_999)), (10_000, [9_999.0, 9_999.5].as_slice()));
    assert_eq!(table.values.iter().map(|row| row[0]).sum::<f64>(), 49_995_000.0);
}

#[test]
fn columns_are_taken_by_name_in_the_order_asked_for() {
    let table = csv("a,b,c\n1,2,3\n4,5,6\n").unwrap();
    let picked = table.select(&["c".into(), "a".into()]).unwrap();
    assert_eq!((picked.columns.join(" "), picked.values.as_slice()), ("c a".into(), [3.0, 1.0, 6.0, 4.0].as_slice()));
    refused(table.select(&["a".into(), "d".into()]), &["features", "X.csv", "no column `d`", "the file has `a`, `b`, `c`"]);
    refused(csv("1,2\n").unwrap().select(&["a".into()]), &["no column `a`", "first line with the names"]);
}

#[test]
fn tables_whose_rows_do_not_belong_together_are_refused() {
    let [a, b, c, d] = ["id,x\np,1\nq,2\n", "id,y\np,1\nr,2\n", "z\n1\n2\n", "z\n1\n"].map(|text| csv(text).unwrap());
    align(&a, &a).unwrap();
    align(&a, &c).unwrap();
    refused(align(&a, &b), &["row 2", "this row is `r`", "is `q`", "sort both by id"]);
    refused(align(&a, &d), &["1 rows", "has 2", "one row for each instance"]);
}

/// A table that numpy, pandas or pyarrow wrote (`fixtures/tables/make.py`).
fn fixture(name: &str) -> Result<Table> {
    read_table(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables").join(name), "features")
}

const GRID: [f64; 6] = [1.5, -2.0, 3.0, 4.0, 5.25, -6.0];

#[test]
fn arrays_of_numpy_of_every_order_and_type() {
    for name in ["f64.npy", "fortran_f32.npy", "one.npz", "one.npz:features", "two.npz:x"] {
        let table = fixture(name).unwrap();
        assert_eq!((table.values.rows(), table.values.as_slice(), table.named), (2, GRID.as_slice(), false), "{name}");
        assert_eq!(table.columns, ["0", "1", "2"]);
    }
    assert_eq!(fixture("big_endian_i16.npy").unwrap().values.as_slice(), [1.0, -2.0, 3.0, 400.0]);
    let vector = fixture("vector_u8.npy").unwrap();
    assert_eq!((vector.values.rows(), vector.values.as_slice()), (3, [7.0, 0.0, 255.0].as_slice()));
    assert_eq!(fixture("bool.npy").unwrap().values.as_slice(), [1.0, 0.0, 0.0, 1.0]);
    assert_eq!(fixture("two.npz:c").unwrap().values.as_slice(), [0.0, 1.0, 2.0, 3.0]);
}

#[test]
fn arrays_that_are_no_table_are_refused() {
    refused(fixture("two.npz"), &["there are 2 arrays: `c`, `x`", "two.npz:NAME"]);
    refused(fixture("two.npz:y"), &["two.npz:y", "there is no array `y`", "`c`, `x`"]);
    refused(fixture("cube.npy"), &["3 dimensions", "1 or 2 dimensions"]);
    refused(fixture("words.npy"), &["an array of type <U1", "astype(float)"]);
    refused(fixture("large_i64.npy"), &["9007199254740993 is too large"]);
    refused(fixture("nan.npy"), &["row 2, column `0`", "NaN is not a finite number", "drop this row"]);
    refused(fixture("none.npz"), &["none.npz", "check the name"]);
    let folder = tempfile::tempdir().unwrap();
    for name in ["broken.npy", "broken.npz"] {
        let path = folder.path().join(name);
        fs::write(&path, "no array").unwrap();
        refused(read_table(&path, "costs"), &["costs", name, "no whole", "write it again"]);
    }
    let half = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tables/f64.npy")).unwrap();
    let path = folder.path().join("half.npy");
    fs::write(&path, &half[..half.len() - 9]).unwrap();
    refused(read_table(&path, "costs"), &["no whole array"]);
}

/// What `dfl generate --out FILE.npz` writes is read too.
#[test]
fn what_this_program_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sp.npz");
    let args = ["generate", "shortest-path", "--grid", "2x2", "--samples", "3", "--features", "2", "--json", "--out"];
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_dfl")).args(args).arg(&file).output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["arrays"], serde_json::json!({ "x": [3, 2], "c": [3, 4] }));
    let named = |array: &str| read_table(Path::new(&format!("{}:{array}", file.display())), "costs").unwrap();
    assert_eq!((named("x").values.cols(), named("c").values.cols(), named("c").values.rows()), (2, 4, 3));
}

#[cfg(feature = "parquet")]
mod parquet {
    use super::{fixture, refused};

    #[test]
    fn columns_of_every_compression_that_is_built_in() {
        for name in ["none.parquet", "snappy.parquet", "gzip.parquet"] {
            let table = fixture(name).unwrap();
            assert_eq!((table.columns.join(" "), table.ids.join(" "), table.identified), ("x n".into(), "a b c".into(), true), "{name}");
            assert_eq!(table.values.as_slice(), [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
        }
        refused(fixture("zstd.parquet"), &["zstd.parquet", "cannot be read", "snappy or gzip"]);
    }

    #[test]
    fn the_index_of_pandas_has_the_names_of_rows() {
        let table = fixture("pandas.parquet").unwrap();
        assert_eq!((table.columns.join(" "), table.ids.join(" ")), ("wind load holiday".into(), "mon tue".into()));
        assert_eq!(table.values.as_slice(), [1.5, 3.0, 1.0, 4.0, -6.0, 0.0]);
    }

    #[test]
    fn what_is_no_number_has_row_and_column() {
        refused(fixture("null.parquet"), &["null.parquet, row 2, column `x`", "null", "drop this row"]);
        refused(fixture("words.parquet"), &["row 1, column `town`", "\"Ulm\" is not a number"]);
        refused(fixture("infinite.parquet"), &["row 2, column `x`", "inf is not a finite number"]);
    }
}

#[cfg(not(feature = "parquet"))]
#[test]
fn a_build_without_parquet_says_so() {
    refused(fixture("none.parquet"), &["this build", "feature `parquet`", ".csv or .npz"]);
}
