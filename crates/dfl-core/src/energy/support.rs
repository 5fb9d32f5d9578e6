/// Where the decisions of an energy model live, over which $e^{-E}$ is normalised.
///
/// The whole space serves an energy that grows in every direction; a linear, bounded or rank-deficient one has no normaliser there.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Support {
    /// $\mathbb R^n$.
    #[default]
    Everywhere,
    /// $l \le a \le u$, both finite.
    Box {
        /// $l$, `[n]`.
        lower: Vec<f64>,
        /// $u$, `[n]`.
        upper: Vec<f64>,
    },
    /// $\sum_i a_i = t$ and $0 \le a \le c$: with $c \ge t$ the simplex, a portfolio; with $c = 1$ a budget of probabilities.
    CappedSimplex {
        /// $t > 0$.
        total: f64,
        /// $c > t / n$.
        cap: f64,
    },
}
