use crate::{Error, Program, Result, check_len};

/// One number of a [`Program`] that a prediction may move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// The `k`-th stored value of `P`; off the diagonal it stands for both triangles.
    P(usize),
    /// `c[j]`.
    C(usize),
    /// The `k`-th stored value of `A`.
    A(usize),
    /// `row_lo[i]`.
    RowLo(usize),
    /// `row_up[i]`.
    RowUp(usize),
    /// `lo[j]`.
    Lo(usize),
    /// `up[j]`.
    Up(usize),
}

impl Entry {
    /// The entry's value, if the program has it.
    pub fn get(self, program: &Program) -> Option<f64> {
        match self {
            Self::P(k) => program.p.values().get(k),
            Self::C(j) => program.c.get(j),
            Self::A(k) => program.a.values().get(k),
            Self::RowLo(i) => program.row_lo.get(i),
            Self::RowUp(i) => program.row_up.get(i),
            Self::Lo(j) => program.lo.get(j),
            Self::Up(j) => program.up.get(j),
        }
        .copied()
    }

    /// Where the entry lives, if the program has it.
    fn slot(self, program: &mut Program) -> Option<&mut f64> {
        match self {
            Self::P(k) => program.p.values_mut().get_mut(k),
            Self::C(j) => program.c.get_mut(j),
            Self::A(k) => program.a.values_mut().get_mut(k),
            Self::RowLo(i) => program.row_lo.get_mut(i),
            Self::RowUp(i) => program.row_up.get_mut(i),
            Self::Lo(j) => program.lo.get_mut(j),
            Self::Up(j) => program.up.get_mut(j),
        }
    }
}

/// `entry = base + coef * theta[index]`; several links of one entry add up.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Link {
    entry: Entry,
    index: usize,
    coef: f64,
}

/// Which entries of a program are affine functions of the prediction `theta`, and the transpose of that map.
///
/// One differentiator then serves predicted costs, right-hand sides, bounds and matrix entries alike: [`ParamMap::push`] writes a
/// program, [`ParamMap::pull`] takes the gradient in its entries back to `theta`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ParamMap {
    theta: usize,
    links: Vec<Link>,
}

impl ParamMap {
    /// A map of `theta` parameters that moves nothing yet.
    pub fn new(theta: usize) -> Self {
        Self { theta, links: Vec::new() }
    }

    /// `c = theta`, the usual linear-cost prediction: `c[j] = base + theta[j]` with a base that should be zero.
    pub fn costs(n: usize) -> Self {
        (0..n).fold(Self::new(n), |map, j| map.link(Entry::C(j), j, 1.0))
    }

    /// Adds `coef * theta[index]` to an entry.
    pub fn link(mut self, entry: Entry, index: usize, coef: f64) -> Self {
        self.links.push(Link { entry, index, coef });
        self
    }

    /// Adds `coef * theta[index]` to both sides of row `i`: the right-hand side of an equality, or the shift of a range.
    pub fn rhs(self, i: usize, index: usize, coef: f64) -> Self {
        self.link(Entry::RowLo(i), index, coef).link(Entry::RowUp(i), index, coef)
    }

    /// The same links to other entries: `to` says where each one went, and may split it or drop it.
    pub fn redirect(&self, to: impl Fn(Entry) -> Vec<Entry>) -> Self {
        let moved = |link: &Link| {
            let Link { index, coef, .. } = *link;
            to(link.entry).into_iter().map(move |entry| Link { entry, index, coef })
        };
        Self { theta: self.theta, links: self.links.iter().flat_map(moved).collect() }
    }

    /// Number of parameters.
    pub fn theta(&self) -> usize {
        self.theta
    }

    /// Whether some link satisfies `which`, e.g. `|e| matches!(e, Entry::A(_))`.
    pub fn moves(&self, which: impl Fn(Entry) -> bool) -> bool {
        self.links.iter().any(|l| which(l.entry))
    }

    /// Refuses links to entries that `base` does not have, to parameters that do not exist, and to infinite bounds (which no
    /// parameter can move).
    ///
    /// # Errors
    /// [`Error::Dimension`] or [`Error::NotFinite`].
    pub fn check(&self, base: &Program) -> Result<()> {
        for (k, link) in self.links.iter().enumerate() {
            if link.index >= self.theta {
                return Err(Error::Dimension { what: "parameter index bound", expected: self.theta, got: link.index });
            }
            match link.entry.get(base) {
                None => {
                    return Err(Error::Domain {
                        what: "number of a link",
                        value: k as f64,
                        need: "a link to an entry that the program has",
                    });
                }
                Some(v) if !v.is_finite() => return Err(Error::NotFinite { what: "linked entry", row: k, column: link.index, value: v }),
                Some(_) => {}
            }
        }
        Ok(())
    }

    /// Writes `base` moved by `theta` into `out`, a copy of `base` whose linked entries may be stale.
    ///
    /// # Errors
    /// [`Error::Dimension`] for a wrong `theta`.
    pub fn push(&self, theta: &[f64], base: &Program, out: &mut Program) -> Result<()> {
        check_len("theta", self.theta, theta.len())?;
        for link in &self.links {
            if let (Some(from), Some(to)) = (link.entry.get(base), link.entry.slot(out)) {
                *to = from;
            }
        }
        for link in &self.links {
            if let Some(to) = link.entry.slot(out) {
                *to += link.coef * theta[link.index];
            }
        }
        Ok(())
    }

    /// Adds to `grad_theta` the transpose of the map applied to `grad`, the gradient in each entry.
    pub fn pull(&self, mut grad: impl FnMut(Entry) -> f64, grad_theta: &mut [f64]) {
        for link in &self.links {
            grad_theta[link.index] += link.coef * grad(link.entry);
        }
    }

    /// Hands every moved entry and its tangent to `visit`; an entry of several links is visited once for each.
    pub fn tangent(&self, dtheta: &[f64], mut visit: impl FnMut(Entry, f64)) {
        for link in &self.links {
            visit(link.entry, link.coef * dtheta[link.index]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Csc;

    fn base() -> Program {
        let a = Csc::from_triplets(1, 2, &[(0, 0, 1.0), (0, 1, 1.0)]).unwrap();
        Program::linear(vec![1.0, 2.0]).with_rows(a, vec![3.0], vec![3.0])
    }

    #[test]
    fn push_adds_to_the_base_each_time() {
        let map = ParamMap::new(2).link(Entry::C(0), 0, 2.0).link(Entry::C(0), 1, 1.0).rhs(0, 1, -1.0).link(Entry::A(1), 0, 1.0);
        let (base, mut out) = (base(), base());
        map.check(&base).unwrap();
        for _ in 0..2 {
            map.push(&[0.5, 4.0], &base, &mut out).unwrap();
            assert_eq!((out.c[0], out.row_lo[0], out.row_up[0], out.a.values()[1]), (6.0, -1.0, -1.0, 1.5));
        }
    }

    /// <pull(g), d> = <g, tangent(d)> for every g and d.
    #[test]
    fn pull_is_the_transpose_of_tangent() {
        let map = ParamMap::new(2).link(Entry::C(1), 0, 2.0).rhs(0, 1, 3.0).link(Entry::A(0), 1, -1.0);
        let weight = |e: Entry| match e {
            Entry::C(j) => 1.0 + j as f64,
            Entry::A(k) => 5.0 + k as f64,
            Entry::RowLo(_) => 0.25,
            _ => -0.75,
        };
        let (mut pulled, mut pushed) = (vec![0.0; 2], 0.0);
        map.pull(weight, &mut pulled);
        map.tangent(&[0.3, -0.7], |e, d| pushed += weight(e) * d);
        assert!((pulled[0] * 0.3 - pulled[1] * 0.7 - pushed).abs() < 1e-15);
    }

    #[test]
    fn a_redirected_link_may_split_or_end() {
        let map = ParamMap::new(2).link(Entry::C(1), 0, 2.0).link(Entry::A(0), 1, 3.0);
        let to = |e: Entry| if e == Entry::C(1) { vec![Entry::Lo(0), Entry::Up(0)] } else { Vec::new() };
        assert_eq!(map.redirect(to), ParamMap::new(2).link(Entry::Lo(0), 0, 2.0).link(Entry::Up(0), 0, 2.0));
    }

    #[test]
    fn links_to_nowhere_are_refused() {
        assert!(ParamMap::new(1).link(Entry::C(7), 0, 1.0).check(&base()).is_err());
        assert!(ParamMap::new(1).link(Entry::C(0), 1, 1.0).check(&base()).is_err());
        assert!(matches!(ParamMap::new(1).link(Entry::Lo(0), 0, 1.0).check(&base()), Err(Error::NotFinite { .. })));
    }
}
