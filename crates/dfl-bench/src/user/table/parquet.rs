//! Columns of a Parquet file.

use std::fs::File;

use dfl_core::Result;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};

use super::{CLEAN, Found, Source};

/// What pandas calls the names of rows that have no name of their own.
const INDEX: &str = "__index_level_0__";

/// Reads all columns, of which one may have the names of the rows.
pub(super) fn read(source: &Source<'_>, file: File) -> Result<Found> {
    let broken = |error: ParquetError| {
        let remedy = "write it again, uncompressed or with snappy or gzip, as in df.to_parquet(name, compression=\"snappy\")";
        source.fault("", format!("it cannot be read ({error})"), remedy)
    };
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    let fields = reader.metadata().file_metadata().schema_descr().root_schema().get_fields();
    let mut columns: Vec<String> = fields.iter().map(|field| field.name().to_owned()).collect();
    let id = columns.iter().position(|name| name.eq_ignore_ascii_case("id") || name == INDEX);
    id.map(|id| columns.remove(id));
    let mut found = Found { width: columns.len(), columns: Some(columns), ids: id.map(|_| Vec::new()), values: Vec::new() };
    for (number, row) in reader.get_row_iter(None).map_err(broken)?.enumerate() {
        add(source, &mut found, id, number + 1, &row.map_err(broken)?)?;
    }
    Ok(found)
}

fn add(source: &Source<'_>, found: &mut Found, id: Option<usize>, number: usize, row: &Row) -> Result<()> {
    for (place, (name, field)) in row.get_column_iter().enumerate() {
        let at = || format!("row {number}, column `{name}`");
        match &mut found.ids {
            Some(_) if id == Some(place) && matches!(field, Field::Null) => {
                return Err(source.fault(at(), "there is no id", "name each row"));
            }
            Some(ids) if id == Some(place) => ids.push(field.to_string().trim_matches('"').to_owned()),
            _ => match value(field) {
                Some(value) => found.values.push(value),
                None if matches!(field, Field::Null) => return Err(source.fault(at(), "there is no value (null)", CLEAN)),
                None => return Err(source.fault(at(), format!("{field} is not a number"), "encode it as numbers, or drop the column")),
            },
        }
    }
    Ok(())
}

/// A number, if it is one that `f64` holds.
fn value(field: &Field) -> Option<f64> {
    Some(match *field {
        Field::Bool(v) => f64::from(v),
        Field::Byte(v) => v.into(),
        Field::Short(v) => v.into(),
        Field::Int(v) => v.into(),
        Field::Long(v) => Some(v as f64).filter(|&float| float as i128 == i128::from(v))?,
        Field::UByte(v) => v.into(),
        Field::UShort(v) => v.into(),
        Field::UInt(v) => v.into(),
        Field::ULong(v) => Some(v as f64).filter(|&float| float as i128 == i128::from(v))?,
        Field::Float(v) => v.into(),
        Field::Double(v) => v,
        _ => return None,
    })
}
