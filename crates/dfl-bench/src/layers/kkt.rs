use dfl_core::{Program, Side, Solution};
use faer::Mat;

/// The equations that hold at an optimum: those of the variables that are at no bound and of the tight rows.
pub(crate) struct Equations {
    /// Variables at no bound.
    pub(crate) free: Vec<usize>,
    /// Tight rows.
    pub(crate) rows: Vec<usize>,
    /// $\begin{pmatrix} P_{FF} & A_{RF}^\top \\ A_{RF} & 0\end{pmatrix}$, whole.
    pub(crate) matrix: Mat<f64>,
}

impl Equations {
    /// At a solution, by its sides.
    pub(crate) fn at(program: &Program, solution: &Solution) -> Self {
        let among = |sides: &[Side], tight: bool| (0..sides.len()).filter(|&i| (sides[i] != Side::Free) == tight).collect::<Vec<_>>();
        let (free, rows) = (among(&solution.bound_side, false), among(&solution.row_side, true));
        let (place, row_place) = (places(program.n(), &free, 0), places(program.m(), &rows, free.len()));
        let mut matrix = Mat::zeros(free.len() + rows.len(), free.len() + rows.len());
        let p = program.p.triplets().map(|(i, j, v)| (place[i], place[j], v));
        let a = program.a.triplets().map(|(i, j, v)| (row_place[i], place[j], v));
        for (i, j, v) in p.chain(a) {
            if let (Some(i), Some(j)) = (i, j) {
                (matrix[(i, j)], matrix[(j, i)]) = (v, v);
            }
        }
        Self { free, rows, matrix }
    }
}

/// Where each of `n` indices went; `None` for those that are not among `kept`.
fn places(n: usize, kept: &[usize], from: usize) -> Vec<Option<usize>> {
    let mut places = vec![None; n];
    for (k, &i) in kept.iter().enumerate() {
        places[i] = Some(from + k);
    }
    places
}
