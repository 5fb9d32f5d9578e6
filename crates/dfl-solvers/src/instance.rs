//! What the backends of programs share: a program and its map, checked once, and the program of one `theta`.

use dfl_core::{Dims, Error, ParamMap, Program, Result, Side, Solution, SolveInfo, Status, check_len};

/// A program and the entries that `theta` moves.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    pub(crate) base: Program,
    pub(crate) params: ParamMap,
}

impl Instance {
    /// Checks both.
    pub(crate) fn new(base: Program, params: ParamMap) -> Result<Self> {
        base.check()?;
        params.check(&base)?;
        Ok(Self { base, params })
    }

    pub(crate) fn dims(&self) -> Dims {
        Dims { theta: self.params.theta(), x: self.base.n(), rows: self.base.m() }
    }

    /// Writes the program of `theta`; `false` if its bounds cross, so that no point satisfies them.
    pub(crate) fn push(&self, theta: &[f64], out: &mut Program) -> Result<bool> {
        finite("theta", theta)?;
        self.params.push(theta, &self.base, out)?;
        finite("c", &out.c)?;
        finite("P", out.p.values())?;
        finite("A", out.a.values())?;
        match out.check_bounds() {
            Err(Error::CrossedBounds { .. }) => Ok(false),
            other => other.map(|()| true),
        }
    }

    /// Refuses an earlier answer of another problem.
    pub(crate) fn check_start(&self, from: Option<&Solution>) -> Result<()> {
        let Some(from) = from else { return Ok(()) };
        let (n, m) = (self.base.n(), self.base.m());
        check_len("from.x", n, from.x.len())?;
        check_len("from.row_dual", m, from.row_dual.len())?;
        check_len("from.bound_dual", n, from.bound_dual.len())?;
        check_len("from.row_side", m, from.row_side.len())?;
        check_len("from.bound_side", n, from.bound_side.len())?;
        check_len("from.cone_dual", self.base.cone_duals(), from.cone_dual.len())?;
        check_len("from.cone_side", self.base.cones.len(), from.cone_side.len())
    }

    /// Makes `out` the right size and zero.
    pub(crate) fn reset(&self, out: &mut Solution) {
        reset(out, (self.base.n(), self.base.m()), (self.base.cones.len(), self.base.cone_duals()));
    }
}

/// Makes `out` zero, for `n` variables and `m` rows, and for `cones` with so many multipliers.
pub(crate) fn reset(out: &mut Solution, (n, m): (usize, usize), (cones, duals): (usize, usize)) {
    for (values, len) in [(&mut out.x, n), (&mut out.row_dual, m), (&mut out.bound_dual, n), (&mut out.cone_dual, duals)] {
        values.clear();
        values.resize(len, 0.0);
    }
    for (sides, len) in [(&mut out.row_side, m), (&mut out.bound_side, n), (&mut out.cone_side, cones)] {
        sides.clear();
        sides.resize(len, Side::Free);
    }
    out.objective = 0.0;
}

/// Whether an earlier answer is one to start from.
pub(crate) fn is_finite(from: &Solution) -> bool {
    [&from.x, &from.row_dual, &from.bound_dual, &from.cone_dual].into_iter().flatten().all(|v| v.is_finite())
}

/// Refuses what a solver of continuous programs with rows and bounds alone does not take.
pub(crate) fn refuse_integers_and_cones(who: &'static str, program: &Program) -> Result<()> {
    if program.has_integers() {
        return Err(Error::Unsupported { who, what: "integer variables" });
    }
    if !program.cones.is_empty() {
        return Err(Error::Unsupported { who, what: "second-order cones" });
    }
    Ok(())
}

/// An answer without a decision.
pub(crate) fn without_answer(status: Status, iterations: usize) -> SolveInfo {
    SolveInfo { status, iterations, degenerate: false }
}

/// Duals, and relative distances from a bound, up to this count as zero.
pub(crate) const ZERO_DUAL: f64 = 1e-9;

/// Whether some tight constraint that is no equality has no dual: the derivative is then one of several.
pub(crate) fn has_zero_dual(value: &[f64], lo: &[f64], up: &[f64], dual: &[f64]) -> bool {
    (0..value.len()).any(|i| {
        let distance = (value[i] - lo[i]).min(up[i] - value[i]);
        lo[i] < up[i] && dual[i].abs() <= ZERO_DUAL && distance <= ZERO_DUAL * (1.0 + value[i].abs())
    })
}

/// Refuses a NaN or infinite entry.
pub(crate) fn finite(what: &'static str, values: &[f64]) -> Result<()> {
    match values.iter().position(|v| !v.is_finite()) {
        None => Ok(()),
        Some(column) => Err(Error::NotFinite { what, row: 0, column, value: values[column] }),
    }
}
