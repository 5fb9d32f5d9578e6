//! The few vector operations that all of the time goes to.
//!
//! Sums run in a fixed order of eight lanes and without fused multiply-add, so that every processor gives the same bits. All are inlined
//! into the caller, which is compiled once more for AVX2 (see [`vectorised`]).

/// Runs `$run`, an `#[inline(always)]` function, compiled for AVX2 where the processor has it. The bits are the same.
macro_rules! vectorised {
    ($(#[$doc:meta])* $visible:vis fn $name:ident($($arg:ident: $kind:ty),*) -> $out:ty = $run:path) => {
        $(#[$doc])*
        $visible fn $name($($arg: $kind),*) -> $out {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn avx2($($arg: $kind),*) -> $out {
                    $run($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx2") {
                    // SAFETY: the processor has AVX2, as was just asked; the function needs nothing else.
                    return unsafe { avx2($($arg),*) };
                }
            }
            $run($($arg),*)
        }
    };
}
pub(crate) use vectorised;

/// `a'b`; the shorter length counts.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let ((a, rest_a), (b, rest_b)) = (a[..n].as_chunks::<4>(), b[..n].as_chunks::<4>());
    let mut tail = 0.0;
    for (x, y) in rest_a.iter().zip(rest_b) {
        tail += x * y;
    }
    if a.is_empty() {
        return tail;
    }
    let (mut even, mut odd) = ([0.0; 4], [0.0; 4]);
    let ((pairs_a, last_a), (pairs_b, last_b)) = (a.as_chunks::<2>(), b.as_chunks::<2>());
    for ([x, u], [y, v]) in pairs_a.iter().zip(pairs_b) {
        for k in 0..4 {
            even[k] += x[k] * y[k];
        }
        for k in 0..4 {
            odd[k] += u[k] * v[k];
        }
    }
    for (x, y) in last_a.iter().zip(last_b) {
        for k in 0..4 {
            even[k] += x[k] * y[k];
        }
    }
    for k in 0..4 {
        even[k] += odd[k];
    }
    // Unless the compiler is kept from seeing that these are added up, it halves the width of the loop above.
    std::hint::black_box(&mut even);
    (even[0] + even[2]) + (even[1] + even[3]) + tail
}

/// Rounds a length up to whole lanes. Vectors and columns of matrices are this long, so that the loops over them have no rest; what is
/// behind their end is zero, or else of no consequence.
pub(crate) const fn padded(len: usize) -> usize {
    len.next_multiple_of(4)
}

#[inline(always)]
fn lanes(v: &[f64]) -> &[[f64; 4]] {
    v.as_chunks::<4>().0
}

#[inline(always)]
fn lanes_mut(v: &mut [f64]) -> &mut [[f64; 4]] {
    v.as_chunks_mut::<4>().0
}

/// `y += s x`, of any length.
#[inline(always)]
pub(crate) fn axpy(s: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += s * x;
    }
}

/// `y += s x`, both padded.
#[inline(always)]
pub(super) fn add_scaled(s: f64, x: &[f64], y: &mut [f64]) {
    add_one(s, lanes(x), lanes_mut(y));
}

/// `y -= sum_k s[k] columns[k]`, where column `which[k]` begins at `which[k] * stride` of `from` and is as long as `y`, padded. Four at
/// a time, to read `y` less often.
#[inline(always)]
pub(super) fn subtract_columns(s: &[f64], which: &[usize], from: &[f64], stride: usize, y: &mut [f64]) {
    let y = lanes_mut(y);
    let ((groups, rest), (by, rest_by)) = (which.as_chunks::<4>(), s[..which.len()].as_chunks::<4>());
    for (&[a, b, c, d], s) in groups.iter().zip(by) {
        let [a, b, c, d] = [column(from, stride, a), column(from, stride, b), column(from, stride, c), column(from, stride, d)];
        add_four([-s[0], -s[1], -s[2], -s[3]], [a, b, c, d], y);
    }
    for (&k, &s) in rest.iter().zip(rest_by) {
        add_one(-s, column(from, stride, k), y);
    }
}

/// `y = M s` for a matrix of columns of the padded length `stride`, one after the other in `from`.
#[inline(always)]
pub(super) fn multiply(s: &[f64], from: &[f64], stride: usize, y: &mut [f64]) {
    let y = lanes_mut(&mut y[..stride]);
    y.fill([0.0; 4]);
    let (groups, rest) = s.as_chunks::<4>();
    for (g, &s) in groups.iter().enumerate() {
        let (k, at) = (4 * g, from);
        add_four(s, [column(at, stride, k), column(at, stride, k + 1), column(at, stride, k + 2), column(at, stride, k + 3)], y);
    }
    for (k, &s) in rest.iter().enumerate() {
        add_one(s, column(from, stride, 4 * groups.len() + k), y);
    }
}

/// `y = sum_i s[i] rows[i]` for the rows of a lower triangular matrix at every `stride`, of which up to three entries after the diagonal
/// are zero.
#[inline(always)]
pub(super) fn add_rows(s: &[f64], rows: &[f64], stride: usize, y: &mut [f64]) {
    let y = lanes_mut(&mut y[..padded(s.len())]);
    y.fill([0.0; 4]);
    let (groups, rest) = s.as_chunks::<4>();
    for (g, s) in groups.iter().enumerate() {
        let k = 4 * g;
        let [a, b, c, d] = [column(rows, stride, k), column(rows, stride, k + 1), column(rows, stride, k + 2), column(rows, stride, k + 3)];
        add_four(*s, [a, b, c, d], &mut y[..g + 1]);
    }
    for (k, &s) in rest.iter().enumerate() {
        let i = 4 * groups.len() + k;
        add_one(s, column(rows, stride, i), &mut y[..i / 4 + 1]);
    }
}

/// Column `k` of a matrix of padded columns.
#[inline(always)]
fn column(from: &[f64], stride: usize, k: usize) -> &[[f64; 4]] {
    lanes(&from[k * stride..(k + 1) * stride])
}

#[inline(always)]
fn add_one(s: f64, x: &[[f64; 4]], y: &mut [[f64; 4]]) {
    for (y, x) in y.iter_mut().zip(x) {
        // Written at once: the compiler cannot know that a write to `y` leaves `x` as it is.
        let mut sum = *y;
        for k in 0..4 {
            sum[k] += s * x[k];
        }
        *y = sum;
    }
}

#[inline(always)]
fn add_four(s: [f64; 4], [a, b, c, d]: [&[[f64; 4]]; 4], y: &mut [[f64; 4]]) {
    let n = y.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    for i in 0..n {
        let mut sum = y[i];
        for k in 0..4 {
            sum[k] += (s[0] * a[i][k] + s[1] * b[i][k]) + (s[2] * c[i][k] + s[3] * d[i][k]);
        }
        y[i] = sum;
    }
}

/// The largest score `weight * max(value - highest, lowest - value)` and its position, the first of equal ones; `None` unless it is
/// positive. All are padded; a NaN is passed over. Fills `score`.
#[inline(always)]
pub(super) fn worst_violation(value: &[f64], [lowest, highest]: [&[f64]; 2], weight: &[f64], score: &mut [f64]) -> Option<usize> {
    let mut top = [0.0; 4];
    let bounds = lanes(lowest).iter().zip(lanes(highest));
    for (((v, (lo, up)), w), s) in lanes(value).iter().zip(bounds).zip(lanes(weight)).zip(lanes_mut(score)) {
        let mut found = [0.0; 4];
        for k in 0..4 {
            let (above, below) = (v[k] - up[k], lo[k] - v[k]);
            found[k] = if above > below { above } else { below } * w[k];
        }
        *s = found;
        for k in 0..4 {
            top[k] = if found[k] > top[k] { found[k] } else { top[k] };
        }
    }
    let larger = |a: f64, b: f64| if a > b { a } else { b };
    let top = larger(larger(top[0], top[1]), larger(top[2], top[3]));
    if top > 0.0 { score.iter().position(|&v| v == top) } else { None }
}

/// The larger one; NaN if there is one, which `f64::max` would drop.
#[inline(always)]
pub(crate) fn worse(a: f64, b: f64) -> f64 {
    if b > a || b.is_nan() { b } else { a }
}

/// Largest magnitude; NaN if there is one.
#[inline(always)]
pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a, v| if v.abs() > a || v.is_nan() { v.abs() } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(n: usize, seed: f64) -> Vec<f64> {
        (0..n).map(|k| (seed + k as f64).sin()).collect()
    }

    vectorised! {
        fn fast_dot(a: &[f64], b: &[f64]) -> f64 = dot
    }

    /// Every length with and without remainders: the sum in order, up to rounding, and the same bits with AVX2.
    #[test]
    fn products_of_every_length() {
        for n in 0..40 {
            let (a, b) = (values(n, 1.0), values(n, 2.0));
            let expected: f64 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
            assert!((dot(&a, &b) - expected).abs() < 1e-13);
            assert_eq!(dot(&a, &b).to_bits(), fast_dot(&a, &b).to_bits());
        }
    }

    /// `multiply`, `subtract_columns` and `add_rows` against sums entry by entry.
    #[test]
    fn combinations_of_every_size() {
        for n in 1..20 {
            let stride = padded(n);
            let (matrix, s, which) = (values(n * stride, 3.0), values(n, 4.0), (0..n).rev().collect::<Vec<_>>());
            let entry = |i: usize, j: usize| matrix[j * stride + i];
            let (mut product, mut chosen) = (vec![f64::NAN; stride], vec![1.0; stride]);
            multiply(&s, &matrix, stride, &mut product);
            subtract_columns(&s, &which, &matrix, stride, &mut chosen);
            for i in 0..n {
                let expected: f64 = (0..n).map(|j| entry(i, j) * s[j]).sum();
                let reversed: f64 = (0..n).map(|j| entry(i, n - 1 - j) * s[j]).sum();
                assert!((product[i] - expected).abs() < 1e-13 && (chosen[i] - 1.0 + reversed).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn the_first_of_the_largest_violations() {
        for n in 1..20 {
            let stride = padded(n);
            let (mut v, weight, mut score) = (vec![0.5; stride], vec![1.0; stride], vec![0.0; stride]);
            let mut worst = |v: &[f64]| worst_violation(v, [&vec![-1.0; stride], &vec![1.0; stride]], &weight, &mut score);
            assert_eq!(worst(&v), None);
            v[n / 2] = -3.0;
            v[n - 1] = 3.0;
            assert_eq!(worst(&v), Some(n / 2));
            v.fill(f64::NAN);
            assert_eq!(worst(&v), None);
        }
    }
}
