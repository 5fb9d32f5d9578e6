//! Where candidate decisions are drawn from.

mod dirichlet;
mod normal;

use dfl_core::{Error, Result, Rng, Support, check_len};

use self::dirichlet::Dirichlets;
use self::normal::Normals;
use crate::kernels::{count, positive};

/// A label may lie outside the support by this, relative to 1 plus its size: solvers stop at a tolerance.
const SLACK: f64 = 1e-6;

/// How the entries of a candidate choose among the widths of a [`Proposal`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProposalKind {
    /// All entries share one width: a mixture in $\mathbb R^n$, the published formula.
    #[default]
    Joint,
    /// Each entry chooses its own: a product of $n$ mixtures in one dimension, which is what the published code draws.
    Coordinatewise,
}

/// The distribution $\pi(a \mid a^\star)$ of candidate decisions around a label, a mixture of one component for each width:
///
/// $$\pi(a \mid a^\star) = \tfrac1K \textstyle\sum_k N(a; a^\star, \sigma_k^2 I)$$
///
/// * [`Support::Everywhere`]: as written.
/// * [`Support::Box`]: each Gaussian truncated to the box. The centre lies inside, so that a component is a product of truncated normals
///   with known normalisers, and nothing that was drawn is thrown away.
/// * [`Support::CappedSimplex`]: Dirichlet distributions with their mode near $a^\star$, whose concentration makes the root mean square
///   deviation of an entry $\sigma_k$. A candidate above the cap is drawn again, component and all: what is accepted has the density
///   $\pi / P$ with the accepted share $P$, one constant for all candidates of a row, which self-normalised weights do not see and
///   $\log Z$ counts by dividing by all tries.
///
/// Self-normalised importance weights need $\pi$ to reach wherever $e^{-E}$ has mass: the error is that of $\int e^{-2E}/\pi$. On a bounded
/// support one wide component keeps the weights bounded (a $\sigma$ above that of the uniform distribution gives the uniform
/// distribution); in $\mathbb R^n$ one that is wider than $q$.
///
/// # Units
/// `sigmas`: those of a decision.
/// # References
/// So-EBM (Kong et al. 2022, NeurIPS): the joint mixture with deviations 0.1, 0.05 and 0.02. Supports are ours. Hesterberg (1995),
/// Technometrics, for the wide component.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// How entries choose among the widths.
    pub kind: ProposalKind,
    /// $\sigma_k$, each with the same chance.
    pub sigmas: Vec<f64>,
    /// Where candidates lie.
    pub support: Support,
}

impl Default for Proposal {
    fn default() -> Self {
        Self::published()
    }
}

impl Proposal {
    /// The published one for the power task.
    pub fn published() -> Self {
        Self { kind: ProposalKind::Joint, sigmas: vec![0.1, 0.05, 0.02], support: Support::Everywhere }
    }

    /// Refuses what is no distribution of decisions of length `n`.
    ///
    /// # Errors
    /// [`Error::Domain`] without widths or for one that is not positive; as [`Support::check`]; [`Error::Unsupported`] for a
    /// coordinate-wise mixture on a simplex, whose entries are not independent.
    pub fn check(&self, n: usize) -> Result<()> {
        count("number of widths of the proposal", self.sigmas.len())?;
        self.sigmas.iter().try_for_each(|s| positive("width of the proposal", *s).map(|_| ()))?;
        self.support.check(n)?;
        match (&self.support, self.kind) {
            (Support::CappedSimplex { .. }, ProposalKind::Coordinatewise) => {
                Err(Error::Unsupported { who: "a proposal on a simplex", what: "entries that choose their widths apart" })
            }
            _ => Ok(()),
        }
    }

    /// The distribution around one label, for a proposal that [`Proposal::check`] accepts.
    ///
    /// # Errors
    /// [`Error::Domain`] for a label outside the support by more than $10^{-6}$ of its size; a smaller excess is projected away.
    pub fn at(&self, label: &[f64]) -> Result<Around<'_>> {
        let mut centre = label.to_vec();
        self.support.project(&mut centre, &mut Vec::new());
        let size = label.iter().fold(1.0, |top: f64, a| top.max(a.abs()));
        let off = label.iter().zip(&centre).map(|(a, c)| (a - c).abs()).find(|off| off.is_nan() || *off > SLACK * size);
        if let Some(value) = off {
            return Err(Error::Domain { what: "distance of a label from the support", value, need: "0: check support and labels" });
        }
        Ok(Around(match self.support {
            Support::CappedSimplex { total, cap } => Law::Simplex(Dirichlets::new(&centre, &self.sigmas, total, cap)),
            _ => Law::Normal(Normals::new(self, centre)),
        }))
    }
}

/// A [`Proposal`] around one label.
#[derive(Debug)]
pub struct Around<'p>(Law<'p>);

#[derive(Debug)]
enum Law<'p> {
    Normal(Normals<'p>),
    Simplex(Dirichlets),
}

impl Around<'_> {
    /// Fills `[M * n]` with candidates and `[M]` with their [`Around::log_density`]; returns how many were drawn for that.
    ///
    /// # Errors
    /// [`Error::Dimension`]; [`Error::Domain`] if fewer than one in a thousand lies below the cap of a simplex.
    pub fn draw(&self, rng: &mut Rng, candidates: &mut [f64], log_density: &mut [f64]) -> Result<usize> {
        let n = self.len();
        check_len("candidates", log_density.len() * n, candidates.len())?;
        let tries = match &self.0 {
            Law::Normal(law) => {
                candidates.chunks_exact_mut(n).for_each(|a| law.draw(rng, a));
                log_density.len()
            }
            Law::Simplex(law) => law.draw(rng, candidates)?,
        };
        candidates.chunks_exact(n).zip(log_density).for_each(|(a, to)| *to = self.log_density(a));
        Ok(tries)
    }

    /// $\log \pi(a)$ of a point of the support. On a capped simplex before anything was rejected, in the coordinates of all entries but one.
    pub fn log_density(&self, a: &[f64]) -> f64 {
        match &self.0 {
            Law::Normal(law) => law.log_density(a),
            Law::Simplex(law) => law.log_density(a),
        }
    }

    fn len(&self) -> usize {
        match &self.0 {
            Law::Normal(law) => law.len(),
            Law::Simplex(law) => law.len(),
        }
    }
}

/// $\log \sum_k e^{v_k}$, of values that are taken twice.
fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if top.is_finite() { top + values.map(|v| (v - top).exp()).sum::<f64>().ln() } else { top }
}
