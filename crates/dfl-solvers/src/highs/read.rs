//! Files that HiGHS reads: the LP format.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::null_mut;

use dfl_core::{Csc, Error, ParamMap, Program, Result};
use highs_sys as ffi;
use highs_sys::HighsInt;

use super::model::Model;
use crate::Problem;

/// What HiGHS says about a file that it does not take, or not as it stands.
#[derive(Debug)]
struct Complaint(String);

impl std::fmt::Display for Complaint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let complaint = |line: &&str| line.starts_with("ERROR") || line.starts_with("WARNING");
        let lines = self.0.lines().filter(complaint).map(str::trim).collect::<Vec<_>>().join("; ");
        f.write_str(if lines.is_empty() { &self.0 } else { &lines })
    }
}

impl std::error::Error for Complaint {}

/// Longest word of a file whose names are asked for: HiGHS writes a name without looking at the room there is.
const LONGEST: usize = ffi::kHighsMaximumStringLength as usize - 1;

/// Reads the problem in `path`, which holds `text`, with HiGHS, which goes by the ending of the name. What it would read with a warning
/// only (numbers that it drops) is refused; the program is not checked yet.
pub(crate) fn read(path: &Path, text: &str) -> Result<Problem> {
    let refused = |cause: String| Error::Format { path: path.into(), what: "problem to HiGHS", source: Box::new(Complaint(cause)) };
    let name = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|_| refused("a zero byte in the name of the file".into()))?;
    let mut model = Model::new(&Program::default(), &ParamMap::new(0))?;
    // Smaller entries would be left out.
    model.set("small_matrix_value", 1e-12)?;
    let said = model.read_file(&name)?.map_err(refused)?;
    if said.contains("WARNING") && !only_repeats(&said) {
        return Err(refused(said));
    }
    let mut problem = model.stated()?;
    if problem.program.n() == 0 {
        // What HiGHS makes of text that has none of the words it looks for.
        return Err(refused("no variables in it".into()));
    }
    if text.split_whitespace().all(|word| word.len() <= LONGEST) {
        problem.variables = model.names(problem.program.n());
    }
    Ok(problem)
}

/// Whether all that HiGHS warns of is that terms of one variable were added up, which is what they mean.
fn only_repeats(said: &str) -> bool {
    let harmless = |line: &str| ["values summed to", "repeated variable", "explicit zero"].iter().any(|part| line.contains(part));
    said.lines().filter(|line| line.contains("WARNING")).all(harmless)
}

/// Appends a message of HiGHS to the `String` at `log`.
unsafe extern "C" fn note(
    _kind: c_int,
    message: *const c_char,
    _out: *const ffi::HighsCallbackDataOut,
    _in: *mut ffi::HighsCallbackDataIn,
    log: *mut c_void,
) {
    // SAFETY: HiGHS hands back the pointer it was given with the callback, and a terminated string.
    let (log, message) = unsafe { (&mut *log.cast::<String>(), CStr::from_ptr(message)) };
    log.push_str(&message.to_string_lossy());
}

impl Model {
    /// Reads a file into the model. What HiGHS says on the way, as an `Err` if it refuses the file.
    fn read_file(&mut self, name: &CStr) -> Result<std::result::Result<String, String>> {
        let mut log = String::new();
        self.set("output_flag", true)?;
        // SAFETY: a live model, a terminated string, and a log that lives until the callback is taken away again below.
        let status = unsafe {
            ffi::Highs_setCallback(self.mut_ptr(), Some(note), (&raw mut log).cast());
            ffi::Highs_startCallback(self.mut_ptr(), ffi::kHighsCallbackLogging);
            let status = ffi::Highs_readModel(self.mut_ptr(), name.as_ptr());
            ffi::Highs_stopCallback(self.mut_ptr(), ffi::kHighsCallbackLogging);
            ffi::Highs_setCallback(self.mut_ptr(), None, null_mut());
            status
        };
        self.set("output_flag", false)?;
        Ok(if status == ffi::STATUS_ERROR { Err(log) } else { Ok(log) })
    }

    /// The problem that the model holds.
    fn stated(&mut self) -> Result<Problem> {
        let (n, m, entries, pairs) = self.sizes();
        let (mut sense, mut kinds) = (ffi::OBJECTIVE_SENSE_MINIMIZE, vec![ffi::VAR_TYPE_CONTINUOUS; n]);
        let mut program = Program::linear(vec![0.0; n]);
        (program.row_lo, program.row_up) = (vec![0.0; m], vec![0.0; m]);
        let (mut a, mut p) = (Compressed::new(n, entries), Compressed::new(n, pairs));
        let mut ignored: [HighsInt; 4] = [0; 4];
        let [columns, rows, a_entries, p_entries] = &mut ignored;
        // SAFETY: a live model, whose sizes the slices have.
        unsafe {
            ffi::Highs_getModel(
                self.ptr(),
                ffi::MATRIX_FORMAT_COLUMN_WISE,
                ffi::kHighsHessianFormatTriangular,
                columns,
                rows,
                a_entries,
                p_entries,
                &mut sense,
                &mut program.r,
                program.c.as_mut_ptr(),
                program.lo.as_mut_ptr(),
                program.up.as_mut_ptr(),
                program.row_lo.as_mut_ptr(),
                program.row_up.as_mut_ptr(),
                a.starts.as_mut_ptr(),
                a.rows.as_mut_ptr(),
                a.values.as_mut_ptr(),
                p.starts.as_mut_ptr(),
                p.rows.as_mut_ptr(),
                p.values.as_mut_ptr(),
                kinds.as_mut_ptr(),
            );
        }
        program.a = Csc::from_triplets(m, n, &a.triplets())?;
        // HiGHS keeps the lower triangle.
        program.p = Csc::from_triplets(n, n, &p.triplets().into_iter().map(|(i, j, v)| (j, i, v)).collect::<Vec<_>>())?;
        program.integer = integers(&kinds)?;
        Ok(Problem { program, maximise: sense == ffi::OBJECTIVE_SENSE_MAXIMIZE, ..Problem::default() })
    }

    /// Columns, rows, and entries of the matrix and of the quadratic term.
    fn sizes(&self) -> (usize, usize, usize, usize) {
        let size = |value: HighsInt| usize::try_from(value).unwrap_or(0);
        let model = self.ptr();
        // SAFETY: a live model.
        let sizes = unsafe {
            [ffi::Highs_getNumCol(model), ffi::Highs_getNumRow(model), ffi::Highs_getNumNz(model), ffi::Highs_getHessianNumNz(model)]
        };
        (size(sizes[0]), size(sizes[1]), size(sizes[2]), size(sizes[3]))
    }

    /// The names of the columns, of at most [`LONGEST`] bytes; none if one has none.
    fn names(&self, columns: usize) -> Vec<String> {
        let name = |j: usize| {
            let mut text = [0; LONGEST + 1];
            // SAFETY: a live model, and room for the name: none is longer than the longest word of the file.
            let status = unsafe { ffi::Highs_getColName(self.ptr(), HighsInt::try_from(j).ok()?, text.as_mut_ptr()) };
            // SAFETY: HiGHS has written a terminated string, or nothing over the zeros.
            (status != ffi::STATUS_ERROR).then(|| unsafe { CStr::from_ptr(text.as_ptr()) }.to_string_lossy().into_owned())
        };
        (0..columns).map(name).collect::<Option<_>>().unwrap_or_default()
    }
}

fn integers(kinds: &[HighsInt]) -> Result<Vec<bool>> {
    if kinds.iter().any(|&kind| kind == ffi::VAR_TYPE_SEMI_CONTINUOUS || kind == ffi::VAR_TYPE_SEMI_INTEGER) {
        return Err(Error::Unsupported { who: "the reader of problems", what: "semi-continuous variables; model them with binary ones" });
    }
    let whole: Vec<bool> = kinds.iter().map(|&kind| kind == ffi::VAR_TYPE_INTEGER).collect();
    Ok(if whole.contains(&true) { whole } else { Vec::new() })
}

/// A matrix as HiGHS writes it: `starts` has no end of the last column.
struct Compressed {
    starts: Vec<HighsInt>,
    rows: Vec<HighsInt>,
    values: Vec<f64>,
}

impl Compressed {
    fn new(columns: usize, entries: usize) -> Self {
        Self { starts: vec![0; columns], rows: vec![0; entries], values: vec![0.0; entries] }
    }

    fn triplets(&self) -> Vec<(usize, usize, f64)> {
        let place = |value: HighsInt| usize::try_from(value).unwrap_or(0);
        let end = |j: usize| self.starts.get(j + 1).map_or(self.values.len(), |&start| place(start));
        let column = |j: usize| (place(self.starts[j])..end(j)).map(move |k| (place(self.rows[k]), j, self.values[k]));
        (0..self.starts.len()).flat_map(column).collect()
    }
}
