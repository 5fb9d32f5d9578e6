//! Value and gradients of the game, for several coverages at once.

use std::cell::RefCell;

use super::Game;
use super::factor::Lane;

/// Coverages that are evaluated together: one line of memory.
pub(super) const LANES: usize = 8;

thread_local! {
    static ONE: RefCell<Lanes<1>> = RefCell::default();
    static MANY: RefCell<Lanes<LANES>> = RefCell::default();
}

/// This thread's memory for one coverage, sized for `game`.
pub(super) fn one<T>(game: &Game, run: impl FnOnce(&mut Lanes<1>) -> T) -> T {
    ONE.with_borrow_mut(|lanes| run(lanes.fit(game)))
}

/// This thread's memory for several.
pub(super) fn many<T>(game: &Game, run: impl FnOnce(&mut Lanes<LANES>) -> T) -> T {
    MANY.with_borrow_mut(|lanes| run(lanes.fit(game)))
}

/// What is known of `L` coverages under one attractiveness.
///
/// With $A = (1+\varepsilon) I - Q$, $Q_{uv} = P_{uv} (1 - c_{uv})$ between states that are no target, and $h$ the value of each state (of a target its
/// payoff), $A h = R u$, the attacker gains $V = p_0^\top h$; $A^\top \lambda = p_0$ counts the visits. Given $h$, the right-hand side of state $u$ is
/// $g_u = \sum_v P_{uv} (1 - c_{uv}) h_v = (1+\varepsilon) h_u$, so that
///
/// $$\frac{\partial V}{\partial \phi_v} = \sum_u \sigma_{uv}, \qquad
/// \frac{\partial V}{\partial c_e} = \sum_{(u,v) = e} -\omega\,\sigma_{uv} - \lambda_u P_{uv} h_v, \qquad
/// \sigma_{uv} = \lambda_u P_{uv} \bigl((1 - c_{uv}) h_v - g_u\bigr)$$
///
/// over both directions of an edge.
#[derive(Debug)]
pub(super) struct Lanes<const L: usize> {
    /// $e^{\phi_v - \max_w \phi_w}$ of each way, over the neighbours of where it begins.
    pub(super) odds: Vec<f64>,
    /// $c$ and $e^{-\omega c}$ of each edge.
    pub(super) cover: Vec<Lane<L>>,
    decay: Vec<Lane<L>>,
    /// $P$ of each way.
    pub(super) p: Vec<Lane<L>>,
    /// The factors of $A$.
    pub(super) a: Vec<Lane<L>>,
    /// $h$ of all states.
    pub(super) h: Vec<Lane<L>>,
    /// $\lambda$ of the states that are no target.
    pub(super) lambda: Vec<Lane<L>>,
    pub(super) tangent: super::tangent::Tangent<L>,
}

impl<const L: usize> Default for Lanes<L> {
    fn default() -> Self {
        Self {
            odds: Vec::new(),
            cover: Vec::new(),
            decay: Vec::new(),
            p: Vec::new(),
            a: Vec::new(),
            h: Vec::new(),
            lambda: Vec::new(),
            tangent: super::tangent::Tangent::default(),
        }
    }
}

impl<const L: usize> Lanes<L> {
    /// Allocates only where the last game was smaller.
    fn fit(&mut self, game: &Game) -> &mut Self {
        let (ways, states) = (game.all_ways().len(), game.moving() + game.payoffs().len());
        self.odds.resize(ways, 0.0);
        self.cover.resize(game.edges(), [0.0; L]);
        self.decay.resize(game.edges(), [0.0; L]);
        self.p.resize(ways, [0.0; L]);
        self.a.resize(game.pattern.len(), [0.0; L]);
        self.h.resize(states, [0.0; L]);
        self.lambda.resize(game.moving(), [0.0; L]);
        self
    }

    /// Takes an attractiveness, for all lanes.
    pub(super) fn attract(&mut self, game: &Game, phi: &[f64]) {
        for (_, first, ways) in game.states() {
            let top = ways.iter().map(|way| phi[way.node]).fold(f64::NEG_INFINITY, f64::max);
            self.odds[first..].iter_mut().zip(ways).for_each(|(odds, way)| *odds = (phi[way.node] - top).exp());
        }
    }

    /// Takes the coverage of each lane.
    pub(super) fn cover(&mut self, game: &Game, of: impl Fn(usize) -> Lane<L>) {
        let omega = game.rules().omega;
        for (e, (cover, decay)) in self.cover.iter_mut().zip(&mut self.decay).enumerate() {
            *cover = of(e);
            *decay = cover.map(|c| (-omega * c).exp());
        }
    }

    /// Finds transitions, factors and values; returns $V$ of each lane.
    pub(super) fn forward(&mut self, game: &Game) -> Lane<L> {
        self.a.fill([0.0; L]);
        let moving = game.moving();
        let (values, payoffs) = self.h.split_at_mut(moving);
        payoffs.iter_mut().zip(game.payoffs()).for_each(|(h, &u)| *h = [u; L]);
        for (k, first, ways) in game.states() {
            let p = &mut self.p[first..first + ways.len()];
            let mut total = [0.0; L];
            for ((p, way), odds) in p.iter_mut().zip(ways).zip(&self.odds[first..]) {
                *p = self.decay[way.edge].map(|d| odds * d);
                (0..L).for_each(|l| total[l] += p[l]);
            }
            let inverse = total.map(|t| 1.0 / t);
            let mut gain = [0.0; L];
            for (p, way) in p.iter_mut().zip(ways) {
                (0..L).for_each(|l| p[l] *= inverse[l]);
                let cover = &self.cover[way.edge];
                let stay: Lane<L> = std::array::from_fn(|l| p[l] * (1.0 - cover[l]));
                match way.to.checked_sub(moving) {
                    None => self.a[way.entry] = stay.map(|s| -s),
                    Some(target) => (0..L).for_each(|l| gain[l] += stay[l] * payoffs[target][l]),
                }
            }
            self.a[k] = [1.0 + game.rules().epsilon; L];
            values[k] = gain;
        }
        game.pattern.factor(&mut self.a);
        game.pattern.solve(&self.a, values);
        let mut value = [0.0; L];
        game.start.iter().for_each(|&k| (0..L).for_each(|l| value[l] += values[k][l]));
        value.map(|v| v / game.start.len() as f64)
    }

    /// Finds $\lambda$, after [`Lanes::forward`].
    pub(super) fn adjoint(&mut self, game: &Game) {
        self.lambda.fill([0.0; L]);
        let share = 1.0 / game.start.len() as f64;
        game.start.iter().for_each(|&k| self.lambda[k] = [share; L]);
        game.pattern.solve_transposed(&self.a, &mut self.lambda);
    }

    /// Adds $\sum_l w_l\, \partial V_l/\partial \phi$, after [`Lanes::adjoint`].
    pub(super) fn add_grad_attractiveness(&self, game: &Game, weights: &Lane<L>, out: &mut [f64]) {
        self.each_way(game, |way, slope, _| {
            out[way.node] += (0..L).map(|l| weights[l] * slope[l]).sum::<f64>();
        });
    }

    /// Calls with each way, its $\sigma$ and $\lambda_u P_{uv} h_v$.
    #[inline]
    fn each_way(&self, game: &Game, mut call: impl FnMut(&super::game::Way, Lane<L>, Lane<L>)) {
        let grown = 1.0 + game.rules().epsilon;
        for (k, first, ways) in game.states() {
            for (p, way) in self.p[first..].iter().zip(ways) {
                let (h, cover) = (&self.h[way.to], &self.cover[way.edge]);
                let visits: Lane<L> = std::array::from_fn(|l| self.lambda[k][l] * p[l]);
                let slope = std::array::from_fn(|l| visits[l] * ((1.0 - cover[l]) * h[l] - grown * self.h[k][l]));
                call(way, slope, std::array::from_fn(|l| visits[l] * h[l]));
            }
        }
    }
}

impl Lanes<1> {
    /// Writes $\partial V/\partial c$, after [`Lanes::adjoint`].
    pub(super) fn grad_coverage(&self, game: &Game, out: &mut [f64]) {
        let omega = game.rules().omega;
        out.fill(0.0);
        self.each_way(game, |way, [slope], [kept]| out[way.edge] -= omega * slope + kept);
    }
}
