//! LP files: one pass over the words, every one of which must make sense.
//!
//! The format is that of CPLEX. Where its readers differ, a file is refused: a section's word inside a line, a variable of such a name,
//! terms without a sign between them, a file without `end`.

mod expression;
mod model;
mod sections;
mod tokens;

use std::path::Path;

use dfl_core::Result;

use super::{Fault, Problem};
use model::Model;
use tokens::Tokens;

/// Reads a file.
pub(super) fn read(path: &Path, text: &str) -> Result<Problem> {
    let mut reader = Reader { tokens: Tokens::new(text), model: Model::default() };
    match reader.sections() {
        Ok(()) => reader.model.finish(reader.tokens.line).map_err(|(fault, line)| fault.at(path, line)),
        Err(fault) => Err(fault.at(path, reader.tokens.line)),
    }
}

/// What is left to read, and what has been.
struct Reader<'a> {
    tokens: Tokens<'a>,
    model: Model<'a>,
}

const NO_FILE: Fault = Fault("not an LP file", "begin it with `minimise` or `maximise`, at the beginning of a line");
const CUT_OFF: Fault = Fault("the file ends without `end`", "it is cut off or no LP file: fetch or write it again");
