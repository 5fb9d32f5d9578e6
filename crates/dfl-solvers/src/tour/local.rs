//! Tours that are good but not proven to be: the nearest neighbour, and exchanges of edges until none helps.

/// What an exchange must gain, relative to the costs in it, so that rounding is no gain.
const GAIN: f64 = 1e-12;

/// Cost of the tour that visits the nodes in this order; `cost` is a matrix by rows.
pub(crate) fn length(cost: &[f64], order: &[usize]) -> f64 {
    let n = order.len();
    (0..n).map(|k| cost[order[k] * n + order[(k + 1) % n]]).sum()
}

/// Goes from node 0 to the nearest of those left, again and again. `near` is what counts as distance.
pub(crate) fn nearest(near: impl Fn(usize, usize) -> f64, order: &mut [usize]) {
    for (k, node) in order.iter_mut().enumerate() {
        *node = k;
    }
    for k in 1..order.len() {
        let from = order[k - 1];
        let closer = |a: &usize, b: &usize| near(from, order[*a]).total_cmp(&near(from, order[*b]));
        let next = (k..order.len()).min_by(closer).expect("k is one of them");
        order.swap(k, next);
    }
}

/// Reverses parts of the tour (2-opt) and moves up to three nodes elsewhere (Or-opt) until neither shortens it.
pub(crate) fn improve(cost: &[f64], order: &mut [usize]) {
    while two_opt(cost, order) || or_opt(cost, order) {}
}

fn gains(removed: [f64; 3], added: [f64; 3]) -> bool {
    let (mut change, mut size) = (0.0, 0.0);
    for (r, a) in removed.into_iter().zip(added) {
        change += a - r;
        size += a.abs() + r.abs();
    }
    change < -GAIN * size
}

fn two_opt(cost: &[f64], order: &mut [usize]) -> bool {
    let n = order.len();
    let c = |i: usize, j: usize| cost[i * n + j];
    let mut changed = false;
    for i in 0..n - 2 {
        for j in i + 2..n {
            let (a, b, d, e) = (order[i], order[i + 1], order[j], order[(j + 1) % n]);
            if a != e && gains([c(a, b), c(d, e), 0.0], [c(a, d), c(b, e), 0.0]) {
                order[i + 1..=j].reverse();
                changed = true;
            }
        }
    }
    changed
}

fn or_opt(cost: &[f64], order: &mut [usize]) -> bool {
    let mut changed = false;
    for _ in 0..order.len() {
        for len in 1..=3.min(order.len() - 3) {
            changed |= move_first(cost, order, len);
        }
        order.rotate_left(1);
    }
    changed
}

/// Moves the first `len` nodes between two others, in the order they have or the opposite one, where that helps.
fn move_first(cost: &[f64], order: &mut [usize], len: usize) -> bool {
    let n = order.len();
    let c = |i: usize, j: usize| cost[i * n + j];
    let (first, last, before, after) = (order[0], order[len - 1], order[n - 1], order[len]);
    for k in len..n - 1 {
        let (p, q) = (order[k], order[k + 1]);
        let removed = [c(before, first), c(last, after), c(p, q)];
        let (straight, turned) = ([c(p, first), c(last, q)], [c(p, last), c(first, q)]);
        let turn = turned[0] + turned[1] < straight[0] + straight[1];
        let best = if turn { turned } else { straight };
        if gains(removed, [best[0], best[1], c(before, after)]) {
            order[..=k].rotate_left(len);
            if turn {
                order[k + 1 - len..=k].reverse();
            }
            return true;
        }
    }
    false
}
