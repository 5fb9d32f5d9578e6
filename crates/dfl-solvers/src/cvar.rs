//! The conditional value at risk of a linear cost over samples, as a program that any LP or cone solver takes.

use dfl_core::{Cone, Csc, Entry, Error, Formulation, ParamMap, Program, Result, Risk, check_samples};

/// Makes of a linear cost the mean over its worst samples; minimises.
///
/// $$\min_{x \in F,\ \eta,\ s \ge 0} \eta + \frac{1}{\alpha M} \sum_{m=1}^M s_m \quad\text{s.t. } s_m \ge c_m^\top x - \eta$$
///
/// with the share $\alpha$ = `tail` of worst samples. The samples are `theta`: they move the rows, so a solver that differentiates in the
/// entries of a program gives the derivative in each sample. The optimal value is [`Risk::Cvar`] of the costs of the decision.
///
/// # Shapes
/// `theta`: `[M * n]`, sample by sample; the decision stays the first $n$ variables, $\eta$ and $s$ come behind.
/// # Errors
/// [`Error::Unsupported`] unless the prediction is the whole cost of the decision ([`ParamMap::costs`]); [`Error::Domain`] for no samples,
/// or a tail outside $(0, 1)$: for 1 the threshold is free, and the mean of the samples is the cost
/// ([`SampleMean`](crate::SampleMean)).
/// # References
/// Rockafellar & Uryasev (2000), J. Risk 2, the linear program for samples of a loss that is linear in the decision.
pub fn cvar_of_samples(formulation: &Formulation, samples: usize, tail: f64) -> Result<Formulation> {
    let Formulation { program, params, visible } = formulation;
    check(program, params, samples, tail)?;
    let (n, m) = (program.n(), program.m());
    let mut rows: Vec<_> = program.a.triplets().collect();
    for k in 0..samples {
        rows.extend((0..n).map(|j| (m + k, j, 0.0)));
        rows.extend([(m + k, n, 1.0), (m + k, n + 1 + k, 1.0)]);
    }
    let size = n + 1 + samples;
    let a = Csc::from_triplets(m + samples, size, &rows)?;
    let extended = |values: &[f64], threshold: f64, excess: f64| [values, &[threshold], &vec![excess; samples]].concat();
    let sides = |values: &[f64], more: f64| [values, &vec![more; samples]].concat();
    let linear = Program::linear(extended(&program.c, 1.0, 1.0 / (tail * samples as f64)));
    let params = links(&a, (m, n), samples);
    let program = Program {
        r: program.r,
        cones: program.cones.iter().map(|cone| widened(cone, size)).collect::<Result<_>>()?,
        ..linear
            .with_quadratic(Csc::from_triplets(size, size, &program.p.triplets().collect::<Vec<_>>())?)
            .with_rows(a, sides(&program.row_lo, 0.0), sides(&program.row_up, f64::INFINITY))
            .with_bounds(extended(&program.lo, f64::NEG_INFINITY, 0.0), extended(&program.up, f64::INFINITY, f64::INFINITY))
    };
    Ok(Formulation { program, params, visible: *visible })
}

fn check(program: &Program, params: &ParamMap, samples: usize, tail: f64) -> Result<()> {
    program.check()?;
    if *params != ParamMap::costs(program.n()) || program.has_integers() {
        let what = "a risk over samples, but where the prediction is the whole linear cost of a decision without integers";
        return Err(Error::Unsupported { who: "this formulation", what });
    }
    check_samples(samples)?;
    Risk::Cvar { tail }.check()?;
    if tail < 1.0 {
        Ok(())
    } else {
        Err(Error::Domain { what: "tail", value: tail, need: "below 1: decide by the mean of the samples for 1" })
    }
}

/// Sample `k` is minus the entries of row `m + k` in the first `n` columns.
fn links(a: &Csc, (m, n): (usize, usize), samples: usize) -> ParamMap {
    let at = |k: usize, j: usize| a.position(m + k, j).expect("every row of a sample is stored in full");
    (0..samples * n).fold(ParamMap::new(samples * n), |map, l| map.link(Entry::A(at(l / n, l % n)), l, -1.0))
}

fn widened(cone: &Cone, size: usize) -> Result<Cone> {
    let f = Csc::from_triplets(cone.f.rows(), size, &cone.f.triplets().collect::<Vec<_>>())?;
    let mut d = cone.d.clone();
    d.resize(size, 0.0);
    Ok(Cone { f, d, ..cone.clone() })
}
