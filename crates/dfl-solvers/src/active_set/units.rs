//! Units of variables and rows in which a program with a proximal term is solved.

use dfl_core::Program;

/// Sweeps over the matrix; each takes the square root of what is left.
const SWEEPS: usize = 8;
/// Variables whose units differ by no more are left in their own.
const ALIKE: f64 = 16.0;

/// Powers of two, so that changing units rounds nothing: $x = D y$, and row $i$ is multiplied by $e_i$.
///
/// The proximal term $\tfrac\varepsilon2\|y-\bar y\|^2$ must matter equally little for all variables, which it does not if a step of 1
/// is much for one of them and nothing for another. Where `P` is positive definite there is no such term, and units stay as they are.
#[derive(Clone, Debug)]
pub(super) struct Units {
    /// $D$, for each variable.
    pub(super) column: Vec<f64>,
    /// $e$, for each row of the program.
    pub(super) row: Vec<f64>,
}

impl Units {
    pub(super) fn own(program: &Program) -> Self {
        Self { column: vec![1.0; program.n()], row: vec![1.0; program.m()] }
    }

    /// Units in which the largest entries of the columns of `P` and `A` and of the rows of `A` are near 1.
    ///
    /// # References
    /// Ruiz (2001), RAL-TR-2001-034: equilibration in the maximum norm.
    pub(super) fn alike(program: &Program) -> Self {
        let mut out = Self::own(program);
        for _ in 0..SWEEPS {
            out.sweep(program);
        }
        let two = |v: &mut f64| *v = v.log2().round().exp2();
        let (low, high) = out.column.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &d| (low.min(d), high.max(d)));
        if high > ALIKE * low {
            out.column.iter_mut().chain(&mut out.row).for_each(two);
            out
        } else {
            Self::own(program)
        }
    }

    fn sweep(&mut self, program: &Program) {
        let Self { column, row } = self;
        let (mut columns, mut rows) = (vec![0.0_f64; column.len()], vec![0.0_f64; row.len()]);
        let p = || program.p.triplets().map(|(i, j, v)| (i, j, (v * column[i] * column[j]).abs()));
        // The objective may be multiplied by anything.
        let largest = p().fold(0.0_f64, |top, (.., v)| top.max(v));
        for (i, j, v) in p().filter(|_| largest > 0.0) {
            columns[i] = columns[i].max(v / largest);
            columns[j] = columns[j].max(v / largest);
        }
        for (i, j, v) in program.a.triplets() {
            let size = (v * row[i] * column[j]).abs();
            (rows[i], columns[j]) = (rows[i].max(size), columns[j].max(size));
        }
        for (unit, size) in column.iter_mut().zip(columns).chain(row.iter_mut().zip(rows)) {
            if size > 0.0 {
                *unit /= size.sqrt();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Csc;

    fn program(p: f64, a: f64) -> Program {
        let rows = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, a)]).unwrap();
        let program = Program::linear(vec![1.0; 2]).with_quadratic(Csc::diagonal(&[1.0, p]));
        program.with_rows(rows, vec![0.0], vec![1.0])
    }

    /// With x = (y1, 1024 y2) the matrices are those of ones.
    #[test]
    fn columns_become_alike() {
        let units = Units::alike(&program(0.5_f64.powi(20), 0.5_f64.powi(10)));
        assert_eq!(units.column[1] / units.column[0], 1024.0);
    }

    #[test]
    fn what_is_alike_stays() {
        let units = Units::alike(&program(0.5, 3.0));
        assert_eq!((units.column, units.row), (vec![1.0; 2], vec![1.0]));
    }
}
