//! The search in one dimension: points of the path `x(t)` on both sides of the answer, and lines through two of them.

/// Largest change of `t` while all norms are on one side of the bound, and how many steps down are tried before 0.
const GROWTH: f64 = 16.0;
const DOWN: usize = 4;
/// Steps in a row that leave more than half of the bracket after which its own ends are used, then its middle.
const SLOW: [usize; 2] = [3, 4];
/// A bracket of this width, relative to its upper end, holds no other number.
const CLOSED: f64 = 4.0 * f64::EPSILON;

/// `t` and `Fx(t) + g`; not known while `t` is NaN.
#[derive(Clone, Debug)]
struct End {
    t: f64,
    value: Vec<f64>,
}

impl End {
    fn set(&mut self, t: f64, value: &[f64]) {
        self.t = t;
        self.value.copy_from_slice(value);
    }

    fn known(&self) -> bool {
        !self.t.is_nan()
    }
}

/// The largest `t` below and the smallest above the answer, the present point and the one before.
#[derive(Clone, Debug)]
pub(super) struct Bracket {
    bound: f64,
    low: End,
    high: End,
    last: End,
    now: End,
    width: f64,
    slow: usize,
    steps: usize,
}

impl Bracket {
    /// For norms of vectors of length `size`, with the bound `bound`.
    pub(super) fn new(size: usize, bound: f64) -> Self {
        let end = End { t: f64::NAN, value: vec![0.0; size] };
        let (low, high, last, now) = (end.clone(), end.clone(), end.clone(), end);
        Self { bound, low, high, last, now, width: f64::INFINITY, slow: 0, steps: 0 }
    }

    pub(super) fn clear(&mut self) {
        [&mut self.low, &mut self.high, &mut self.last, &mut self.now].into_iter().for_each(|end| end.t = f64::NAN);
        (self.width, self.slow, self.steps) = (f64::INFINITY, 0, 0);
    }

    /// Takes in a point.
    pub(super) fn add(&mut self, t: f64, value: &[f64]) {
        std::mem::swap(&mut self.last, &mut self.now);
        self.now.set(t, value);
        let end = if norm(value) <= self.bound { &mut self.low } else { &mut self.high };
        end.set(t, value);
        self.steps += 1;
        if self.low.known() && self.high.known() {
            let width = self.high.t - self.low.t;
            self.slow = if width <= 0.5 * self.width { 0 } else { self.slow + 1 };
            self.width = if self.slow == 0 { width } else { self.width };
        }
    }

    /// The largest `t` whose norm is within the bound, NaN if none is known.
    pub(super) fn low(&self) -> f64 {
        self.low.t
    }

    /// Whether there is no number between the ends.
    pub(super) fn closed(&self) -> bool {
        self.high.t - self.low.t <= CLOSED * self.high.t
    }

    /// The `t` to try next.
    pub(super) fn next(&self) -> f64 {
        let t = self.now.t;
        match (self.low.known(), self.high.known()) {
            (true, true) => self.between(),
            (true, false) => self.outside().clamp(t, GROWTH * t),
            // The norm at 0 is the least there is.
            (false, _) if self.steps > DOWN => 0.0,
            (false, _) => self.outside().clamp(t / GROWTH, t),
        }
    }

    /// By the line through the last two points, or that through the ends, or half way.
    fn between(&self) -> f64 {
        let (low, high) = (self.low.t, self.high.t);
        let inside = |t: &f64| *t > low && *t < high;
        let by_last = root(&self.last, &self.now, self.bound).filter(|t| inside(t) && self.slow < SLOW[0]);
        let by_ends = || root(&self.low, &self.high, self.bound).filter(|t| inside(t) && self.slow < SLOW[1]);
        by_last.or_else(by_ends).unwrap_or(if low > 0.0 { (low * high).sqrt() } else { 0.1 * high })
    }

    /// While all norms were on one side of the bound: by the line through the last two points, or in proportion.
    fn outside(&self) -> f64 {
        let (t, norm) = (self.now.t, norm(&self.now.value));
        let guess = if self.last.known() { root(&self.last, &self.now, self.bound) } else { Some(t * self.bound / norm) };
        let ahead = guess.filter(|next| next.is_finite() && (next - t) * (self.bound - norm) > 0.0);
        ahead.unwrap_or(if norm <= self.bound { GROWTH * t } else { t / GROWTH })
    }
}

/// Where the norm reaches `bound` on the line through two points, going up.
fn root(a: &End, b: &End, bound: f64) -> Option<f64> {
    let step = b.t - a.t;
    let (mut square, mut product) = (0.0, 0.0);
    for (a, b) in a.value.iter().zip(&b.value) {
        let rate = (b - a) / step;
        square += rate * rate;
        product += rate * b;
    }
    let length = norm(&b.value);
    let excess = (length - bound) * (length + bound);
    let root = (product * product - square * excess).sqrt();
    // Of the two forms of the larger root the one without cancellation.
    let move_by = if product >= 0.0 { -excess / (product + root) } else { (root - product) / square };
    let t = b.t + move_by;
    (t.is_finite() && t > 0.0).then_some(t)
}

pub(super) fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps until the norm of a path is within 1e-12 of 1.
    fn steps(path: impl Fn(f64) -> [f64; 2], first: f64) -> usize {
        let (mut bracket, mut t) = (Bracket::new(2, 1.0), first);
        for step in 1..100 {
            let value = path(t);
            if (norm(&value) - 1.0).abs() < 1e-12 {
                return step;
            }
            bracket.add(t, &value);
            t = bracket.next();
        }
        panic!("no end");
    }

    /// Two points of a line give its root; from both sides, near and far.
    #[test]
    fn a_line_takes_three_steps() {
        let line = |t: f64| [0.2 + 0.3 * t, -0.1 + 0.5 * t];
        for first in [1e-3, 0.5, 1.0, 3.0, 1e3] {
            assert!(steps(line, first) <= 6, "{}", steps(line, first));
        }
        assert!(steps(line, 1.0) == 3);
    }

    /// A path with a rest and a corner on the way, and one that begins just below the bound.
    #[test]
    fn pieces_are_passed() {
        let bent = |t: f64| if t < 1.0 { [0.5 * t, 0.0] } else { [0.5, if t < 30.0 { 0.0 } else { 0.01 * (t - 30.0) }] };
        let steep = |t: f64| [0.999 + 1e-6 * t, 0.0];
        for first in [1e-6, 1.0, 1e6] {
            assert!(steps(bent, first) < 30 && steps(steep, first) < 30, "{} {}", steps(bent, first), steps(steep, first));
        }
    }
}
