//! Second derivatives of the game: its gradients along directions of the coverage, forward over reverse.

use super::Game;
use super::factor::Lane;
use super::lanes::Lanes;

/// Memory of directional derivatives, one direction in each lane.
#[derive(Debug)]
pub(super) struct Tangent<const L: usize> {
    /// The direction, of each edge.
    pub(super) cover: Vec<Lane<L>>,
    /// Derivatives of $P$, $h$ and $\lambda$ along it.
    p: Vec<Lane<L>>,
    h: Vec<Lane<L>>,
    lambda: Vec<Lane<L>>,
    /// Those of the gradients in the attractiveness, by node, and in the coverage, by edge.
    pub(super) attractiveness: Vec<Lane<L>>,
    pub(super) coverage: Vec<Lane<L>>,
}

impl<const L: usize> Default for Tangent<L> {
    fn default() -> Self {
        let none = Vec::new;
        Self { cover: none(), p: none(), h: none(), lambda: none(), attractiveness: none(), coverage: none() }
    }
}

impl<const L: usize> Tangent<L> {
    fn clear(&mut self, game: &Game) {
        for (memory, len) in [
            (&mut self.p, game.all_ways().len()),
            (&mut self.h, game.moving() + game.payoffs().len()),
            (&mut self.lambda, game.moving()),
            (&mut self.attractiveness, game.graph().nodes()),
            (&mut self.coverage, game.edges()),
        ] {
            memory.clear();
            memory.resize(len, [0.0; L]);
        }
    }
}

impl<const L: usize> Lanes<L> {
    /// Sets the direction of each lane.
    pub(super) fn direct(&mut self, game: &Game, of: impl Fn(usize) -> Lane<L>) {
        self.tangent.cover.clear();
        self.tangent.cover.extend((0..game.edges()).map(of));
    }

    /// Finds the derivatives of both gradients along the directions, after [`Lanes::adjoint`].
    ///
    /// With dots for derivatives, $A \dot h = \dot Q h + \dot R u$ and $A^\top \dot\lambda = \dot Q^\top \lambda$; the rest is the product rule.
    pub(super) fn differentiate(&mut self, game: &Game) {
        self.tangent.clear(game);
        self.transitions(game);
        let moving = game.moving();
        game.pattern.solve(&self.a, &mut self.tangent.h[..moving]);
        game.pattern.solve_transposed(&self.a, &mut self.tangent.lambda);
        self.gradients(game);
    }

    /// $\dot P$, and the right-hand sides of $\dot h$ and $\dot\lambda$.
    fn transitions(&mut self, game: &Game) {
        let (omega, moving) = (game.rules().omega, game.moving());
        let Self { tangent, p, cover, h, lambda, .. } = self;
        for (k, first, ways) in game.states() {
            let mut mean = [0.0; L];
            for (p, way) in p[first..].iter().zip(ways) {
                (0..L).for_each(|l| mean[l] += p[l] * tangent.cover[way.edge][l]);
            }
            for (i, way) in ways.iter().enumerate() {
                let (p, direction, c) = (&p[first + i], &tangent.cover[way.edge], &cover[way.edge]);
                let dp: Lane<L> = std::array::from_fn(|l| omega * p[l] * (mean[l] - direction[l]));
                let stay: Lane<L> = std::array::from_fn(|l| dp[l] * (1.0 - c[l]) - p[l] * direction[l]);
                (0..L).for_each(|l| tangent.h[k][l] += stay[l] * h[way.to][l]);
                if way.to < moving {
                    (0..L).for_each(|l| tangent.lambda[way.to][l] += stay[l] * lambda[k][l]);
                }
                tangent.p[first + i] = dp;
            }
        }
    }

    /// The derivatives of $\sigma$ and of $\lambda_u P_{uv} h_v$, summed by node and edge.
    fn gradients(&mut self, game: &Game) {
        let (omega, grown) = (game.rules().omega, 1.0 + game.rules().epsilon);
        let Self {
            tangent: Tangent { cover: direction, p: dp, h: dh, lambda: dlambda, attractiveness, coverage },
            p,
            cover,
            h,
            lambda,
            ..
        } = self;
        for (k, first, ways) in game.states() {
            for (i, way) in ways.iter().enumerate() {
                let (p, dp, c, d) = (&p[first + i], &dp[first + i], &cover[way.edge], &direction[way.edge]);
                let (by_node, by_edge) = (&mut attractiveness[way.node], &mut coverage[way.edge]);
                for l in 0..L {
                    let (value, dvalue) = (h[way.to][l], dh[way.to][l]);
                    let (visits, dvisits) = (lambda[k][l] * p[l], dlambda[k][l] * p[l] + lambda[k][l] * dp[l]);
                    let gap = (1.0 - c[l]) * value - grown * h[k][l];
                    let dgap = (1.0 - c[l]) * dvalue - d[l] * value - grown * dh[k][l];
                    let dslope = dvisits * gap + visits * dgap;
                    by_node[l] += dslope;
                    by_edge[l] -= omega * dslope + dvisits * value + visits * dvalue;
                }
            }
        }
    }
}
