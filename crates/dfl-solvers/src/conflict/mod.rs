//! Which rows and bounds make a program infeasible.

mod certificate;
mod describe;
mod search;

use dfl_core::{Entry, Program, Result};

use crate::{Backend, Limits};
pub use describe::Part;
use search::Search;

/// What [`irreducible_infeasible_subset`] may spend.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConflictOptions {
    /// Who decides whether a subset is feasible. It is given programs without an objective.
    pub backend: Backend,
    /// Most programs that are solved, each a subset of the rows and bounds.
    pub solves: usize,
    /// Iterations and nodes for each of them; seconds for all together.
    pub limits: Limits,
}

impl Default for ConflictOptions {
    fn default() -> Self {
        Self { backend: Backend::Auto, solves: 1000, limits: Limits { nodes: Some(10_000), seconds: Some(30.0), iterations: None } }
    }
}

/// Sides of rows and bounds that no point satisfies together.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// [`Entry::RowLo`], [`Entry::RowUp`], [`Entry::Lo`] or [`Entry::Up`]: rows first, each kind by its number.
    pub sides: Vec<Entry>,
    /// Whether they conflict only because variables are integer: without that some point was found to satisfy them.
    pub integrality: bool,
    /// Whether every proper subset was found to be feasible. Otherwise a limit was reached, and some of the sides may not be needed.
    pub irreducible: bool,
    /// Number of programs that were solved.
    pub solves: usize,
}

/// A smallest set (none can be left out) of sides of rows and bounds that contradict each other; `None` unless the program is proven
/// infeasible within the limits.
///
/// Integer variables and cones stay what they are. Where the relaxation without them is infeasible, the search begins at the sides that a
/// linear program proves to conflict (Farkas), which are few; otherwise at all of them. The search is that of QuickXplain: whether half of
/// what is left is needed at all is asked before whether each part of it is, so that $k$ of $n$ sides take at most
/// $2k\lceil\log_2(n/k)\rceil + 2k$ programs. Of several conflicts one is found; it need not be the one with the fewest sides. A lower side
/// above its upper one is a conflict by itself.
///
/// # Errors
/// What the backend refuses.
///
/// # References
/// Chinneck (2008), Feasibility and Infeasibility in Optimization, Springer, on what is asked here. Junker (2004), QuickXplain: preferred explanations and relaxations for over-constrained problems, AAAI.
pub fn irreducible_infeasible_subset(program: &Program, options: &ConflictOptions) -> Result<Option<Conflict>> {
    if let Some(sides) = crossed(program) {
        return Ok(Some(Conflict { sides: sides.to_vec(), integrality: false, irreducible: true, solves: 0 }));
    }
    Search::new(program, options).run()
}

/// The sides of a row or variable whose lower one is above the upper one.
fn crossed(program: &Program) -> Option<[Entry; 2]> {
    let above = |lo: &[f64], up: &[f64]| lo.iter().zip(up).position(|(lo, up)| lo > up);
    let row = above(&program.row_lo, &program.row_up).map(|i| [Entry::RowLo(i), Entry::RowUp(i)]);
    row.or_else(|| above(&program.lo, &program.up).map(|j| [Entry::Lo(j), Entry::Up(j)]))
}
