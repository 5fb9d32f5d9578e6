//! Which edges a subproblem has decided, and what follows from that.

/// Edges that every tour of a subproblem has or that none has; undone in the opposite order.
#[derive(Clone, Debug)]
pub(super) struct Fixed {
    n: usize,
    /// The cost matrix, with minus infinity for an edge that is required and infinity for one that is forbidden.
    pub(super) cost: Vec<f64>,
    /// The required edges at each node, and how many they are.
    required: Vec<[usize; 2]>,
    degree: Vec<usize>,
    /// How many edges at each node are not forbidden.
    allowed: Vec<usize>,
    trail: Vec<(usize, usize)>,
    /// Nodes at which something has changed.
    changed: Vec<usize>,
    is_changed: Vec<bool>,
}

impl Fixed {
    pub(super) fn new(n: usize) -> Self {
        Self {
            n,
            cost: vec![0.0; n * n],
            required: vec![[0; 2]; n],
            degree: vec![0; n],
            allowed: vec![0; n],
            trail: Vec::with_capacity(n * (n - 1) / 2),
            changed: Vec::with_capacity(n),
            is_changed: vec![false; n],
        }
    }

    /// Decides nothing.
    pub(super) fn reset(&mut self, cost: &[f64]) {
        self.cost.copy_from_slice(cost);
        self.degree.fill(0);
        self.allowed.fill(self.n - 1);
        self.trail.clear();
        self.forget_changes();
    }

    /// How far back [`Fixed::undo`] may go.
    pub(super) fn mark(&self) -> usize {
        self.trail.len()
    }

    /// The edges decided since then.
    pub(super) fn since(&self, mark: usize) -> &[(usize, usize)] {
        &self.trail[mark..]
    }

    pub(super) fn undo(&mut self, mark: usize, cost: &[f64]) {
        while self.trail.len() > mark {
            let (i, j) = self.trail.pop().expect("it is longer than the mark");
            let required = self.is_required(i, j);
            for v in [i, j] {
                if required {
                    self.degree[v] -= 1;
                } else {
                    self.allowed[v] += 1;
                }
            }
            self.set(i, j, cost[i * self.n + j]);
        }
    }

    pub(super) fn is_required(&self, i: usize, j: usize) -> bool {
        self.cost[i * self.n + j] == f64::NEG_INFINITY
    }

    pub(super) fn is_forbidden(&self, i: usize, j: usize) -> bool {
        self.cost[i * self.n + j] == f64::INFINITY
    }

    pub(super) fn is_free(&self, i: usize, j: usize) -> bool {
        self.cost[i * self.n + j].is_finite()
    }

    /// Number of required edges at a node.
    pub(super) fn degree(&self, v: usize) -> usize {
        self.degree[v]
    }

    /// Requires an edge; `false` if no tour of the subproblem has it.
    #[must_use]
    pub(super) fn require(&mut self, i: usize, j: usize) -> bool {
        if self.is_required(i, j) {
            return true;
        }
        if self.is_forbidden(i, j) || self.degree[i] == 2 || self.degree[j] == 2 {
            return false;
        }
        let ((a, before), (b, after)) = (self.end(i), self.end(j));
        if a == j {
            // It closes a cycle, which must be the tour.
            if before != self.n - 1 {
                return false;
            }
        }
        for (v, w) in [(i, j), (j, i)] {
            self.required[v][self.degree[v]] = w;
            self.degree[v] += 1;
        }
        self.record(i, j, f64::NEG_INFINITY);
        // The ends of a path that is not yet through all nodes must not meet.
        let edges = before + after + 1;
        a == j || edges == 1 || edges == self.n - 1 || self.forbid(a, b)
    }

    /// Forbids an edge; `false` if every tour of the subproblem has it.
    #[must_use]
    pub(super) fn forbid(&mut self, i: usize, j: usize) -> bool {
        if self.is_forbidden(i, j) {
            return true;
        }
        if self.is_required(i, j) {
            return false;
        }
        self.allowed[i] -= 1;
        self.allowed[j] -= 1;
        self.record(i, j, f64::INFINITY);
        true
    }

    /// Decides what follows: every node has two edges, and the required ones close no cycle too early. `false` if there is no tour.
    #[must_use]
    pub(super) fn propagate(&mut self) -> bool {
        while let Some(v) = self.changed.pop() {
            self.is_changed[v] = false;
            let full = self.degree[v] == 2;
            if self.allowed[v] < 2 || (full || self.allowed[v] == 2) && !self.decide_rest(v, full) {
                self.forget_changes();
                return false;
            }
        }
        true
    }

    /// Forbids or requires all free edges of a node.
    fn decide_rest(&mut self, v: usize, forbid: bool) -> bool {
        (0..self.n).all(|w| w == v || !self.is_free(v, w) || if forbid { self.forbid(v, w) } else { self.require(v, w) })
    }

    /// The other end of the required path that ends in `v`, and its number of edges.
    fn end(&self, v: usize) -> (usize, usize) {
        let (mut before, mut at, mut edges) = (v, v, 0);
        loop {
            let next = self.required[at][..self.degree[at]].iter().find(|&&w| w != before);
            match next {
                Some(&w) => (before, at, edges) = (at, w, edges + 1),
                None => return (at, edges),
            }
        }
    }

    fn record(&mut self, i: usize, j: usize, value: f64) {
        self.set(i, j, value);
        self.trail.push((i, j));
        for v in [i, j] {
            if !std::mem::replace(&mut self.is_changed[v], true) {
                self.changed.push(v);
            }
        }
    }

    fn set(&mut self, i: usize, j: usize, value: f64) {
        (self.cost[i * self.n + j], self.cost[j * self.n + i]) = (value, value);
    }

    fn forget_changes(&mut self) {
        self.changed.clear();
        self.is_changed.fill(false);
    }
}
