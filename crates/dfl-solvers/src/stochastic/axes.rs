//! The directions along which a cost bends, and where the samples put the bends.

use dfl_core::Kink;

/// Kinks whose `a` is parallel bend along one axis $\tau = a^\top z$.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// Non-zero entries of `a`.
    pub(super) a: Vec<(usize, f64)>,
    pub(super) hinges: Vec<Hinge>,
}

/// One kink in units of its axis: slope `left` of $\tau$ before the sample's breakpoint, `right` after it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hinge {
    pub(super) kink: usize,
    /// The breakpoint is `scale` $(b^\top y + b_0)$.
    pub(super) scale: f64,
    pub(super) left: f64,
    pub(super) right: f64,
}

/// Largest difference of two normals of one axis, relative to their size.
const PARALLEL: f64 = 1e-14;
/// Breakpoints closer than this, relative to `1 +` their size, are one.
const SAME: f64 = 1e-13;

impl Axis {
    /// The axes of a cost, in the order of its kinks.
    pub(super) fn all(kinks: &[Kink]) -> Vec<Self> {
        let mut firsts: Vec<&Kink> = Vec::new();
        let mut out: Vec<Self> = Vec::new();
        for (k, kink) in kinks.iter().enumerate() {
            let (at, ratio) = match firsts.iter().enumerate().find_map(|(j, first)| Some((j, ratio(&kink.a, &first.a)?))) {
                Some(found) => found,
                None => {
                    let a = kink.a.iter().copied().enumerate().filter(|(_, a)| *a != 0.0).collect();
                    firsts.push(kink);
                    out.push(Self { a, hinges: Vec::new() });
                    (out.len() - 1, 1.0)
                }
            };
            let (left, right) = if ratio > 0.0 { (kink.below, kink.above) } else { (kink.above, kink.below) };
            out[at].hinges.push(Hinge { kink: k, scale: 1.0 / ratio, left: ratio * left, right: ratio * right });
        }
        out
    }

    /// $\tau = a^\top z$.
    pub(super) fn dot(&self, z: &[f64]) -> f64 {
        self.a.iter().map(|&(j, a)| a * z[j]).sum()
    }

    /// `out += s a`.
    pub(super) fn add(&self, s: f64, out: &mut [f64]) {
        self.a.iter().for_each(|&(j, a)| out[j] += s * a);
    }

    /// `h += s a a'`, row-major with `stride` columns.
    pub(super) fn add_square(&self, s: f64, stride: usize, h: &mut [f64]) {
        for &(i, ai) in &self.a {
            self.a.iter().for_each(|&(j, aj)| h[i * stride + j] += s * ai * aj);
        }
    }
}

/// The factor between parallel vectors.
fn ratio(of: &[f64], to: &[f64]) -> Option<f64> {
    let size = of.iter().fold(0.0_f64, |top, v| top.max(v.abs()));
    let pivot = to.iter().position(|v| *v != 0.0)?;
    let ratio = of[pivot] / to[pivot];
    let parallel = ratio != 0.0 && of.iter().zip(to).all(|(o, t)| (o - ratio * t).abs() <= PARALLEL * size);
    parallel.then_some(ratio)
}

/// The breakpoints of one axis, sorted and with those that coincide in one group.
#[derive(Clone, Debug)]
pub(super) struct Breaks {
    /// Of entry `m * hinges + h`: scenario `m`, hinge `h`.
    pub(super) position: Vec<f64>,
    /// Group of each entry.
    pub(super) group: Vec<usize>,
    order: Vec<usize>,
    /// Where each group begins in `order`, and the end; only the first `groups + 1` count.
    start: Vec<usize>,
    groups: usize,
}

impl Breaks {
    pub(super) fn new(entries: usize) -> Self {
        Self {
            position: vec![0.0; entries],
            group: vec![0; entries],
            order: (0..entries).collect(),
            start: vec![0; entries + 1],
            groups: 0,
        }
    }

    /// Takes over the samples `theta`, `[M, outcome]`.
    pub(super) fn load(&mut self, axis: &Axis, kinks: &[Kink], theta: &[f64], outcome: usize) {
        let hinges = axis.hinges.len();
        for (k, to) in self.position.iter_mut().enumerate() {
            let (y, hinge) = (&theta[k / hinges * outcome..][..outcome], &axis.hinges[k % hinges]);
            *to = hinge.scale * kinks[hinge.kink].threshold(y);
        }
        let position = &self.position;
        self.order.sort_unstable_by(|&i, &j| position[i].total_cmp(&position[j]).then(i.cmp(&j)));
        self.groups = 0;
        let mut first = f64::NEG_INFINITY;
        for (rank, &k) in self.order.iter().enumerate() {
            let at = self.position[k];
            if rank == 0 || at - first > SAME * (1.0 + at.abs()) {
                (first, self.start[self.groups]) = (at, rank);
                self.groups += 1;
            }
            self.group[k] = self.groups - 1;
        }
        self.start[self.groups] = self.order.len();
    }

    /// The entries of a group.
    pub(super) fn members(&self, group: usize) -> &[usize] {
        &self.order[self.start[group]..self.start[group + 1]]
    }

    /// Both ends of a cell: cell `c` lies between the groups `c - 1` and `c`.
    pub(super) fn ends(&self, cell: usize) -> (f64, f64) {
        let at = |group: usize| self.position[self.order[self.start[group]]];
        let lower = if cell == 0 { f64::NEG_INFINITY } else { at(cell - 1) };
        (lower, if cell == self.groups { f64::INFINITY } else { at(cell) })
    }

    /// The cell of a point; the one before it for a breakpoint.
    pub(super) fn cell(&self, tau: f64) -> usize {
        let (mut low, mut high) = (0, self.groups);
        while low < high {
            let middle = usize::midpoint(low, high);
            if self.ends(middle).1 < tau { low = middle + 1 } else { high = middle }
        }
        low
    }

    /// Number of distinct breakpoints.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// Distance of the outermost breakpoints.
    pub(super) fn spread(&self) -> f64 {
        if self.groups == 0 { 0.0 } else { self.ends(self.groups).0 - self.ends(0).1 }
    }

    /// Standard deviation of the breakpoints of one hinge over the scenarios, at least 1e-6 of their size.
    pub(super) fn deviation(&self, hinge: usize, hinges: usize) -> f64 {
        let all = || self.position.iter().skip(hinge).step_by(hinges);
        let share = hinges as f64 / self.position.len() as f64;
        let mean = share * all().sum::<f64>();
        let variance = share * all().map(|t| (t - mean) * (t - mean)).sum::<f64>();
        variance.sqrt().max(1e-6 * (1.0 + mean.abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kink(a: &[f64], below: f64, above: f64) -> Kink {
        Kink { a: a.to_vec(), b: vec![1.0], offset: 0.0, below, above }
    }

    /// `phi(-2t)` along the same line: slopes swap and change sign, thresholds are divided by the factor.
    #[test]
    fn parallel_kinks_share_an_axis() {
        let kinks = [kink(&[1.0, 2.0], -1.0, 3.0), kink(&[0.0, 1.0], 0.0, 1.0), kink(&[-2.0, -4.0], -1.0, 5.0)];
        let axes = Axis::all(&kinks);
        assert_eq!((axes.len(), axes[0].hinges.len()), (2, 2));
        let h = axes[0].hinges[1];
        assert_eq!((h.scale, h.left, h.right), (-0.5, -10.0, 2.0));
        let (z, y): ([f64; 2], [f64; 1]) = ([0.3, 0.4], [0.7]);
        for (hinge, kink) in axes[0].hinges.iter().zip([&kinks[0], &kinks[2]]) {
            let t = axes[0].dot(&z) - hinge.scale * kink.threshold(&y);
            let value = if t < 0.0 { hinge.left * t } else { hinge.right * t };
            assert!((value - kink.value(kink.argument(&y, &z))).abs() < 1e-14);
        }
    }

    #[test]
    fn cells_lie_between_distinct_breakpoints() {
        let kinks = [kink(&[1.0], 0.0, 1.0)];
        let axes = Axis::all(&kinks);
        let mut breaks = Breaks::new(5);
        breaks.load(&axes[0], &kinks, &[3.0, 1.0, 3.0, 2.0, 1.0], 1);
        assert_eq!((breaks.groups, breaks.members(0), breaks.members(2)), (3, &[1, 4][..], &[0, 2][..]));
        assert_eq!([0.0, 1.0, 1.5, 2.0, 3.0, 9.0].map(|t| breaks.cell(t)), [0, 0, 1, 1, 2, 3]);
        assert_eq!((breaks.ends(0), breaks.ends(2), breaks.ends(3)), ((f64::NEG_INFINITY, 1.0), (2.0, 3.0), (3.0, f64::INFINITY)));
        assert_eq!((breaks.spread(), breaks.deviation(0, 1)), (2.0, 0.8_f64.sqrt()));
    }
}
