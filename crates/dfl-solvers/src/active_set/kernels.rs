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
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
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

/// `y += s x`.
#[inline(always)]
pub(super) fn axpy(s: f64, x: &[f64], y: &mut [f64]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += s * x;
    }
}

/// `y += sum_k s[k] columns[k]`, where column `which[k]` begins at `which[k] * stride` of `from`. Four at a time, to read `y` less often.
#[inline(always)]
pub(super) fn combine(s: &[f64], which: &[usize], from: &[f64], stride: usize, y: &mut [f64]) {
    let column = |k: usize| &from[k * stride..(k + 1) * stride];
    let ((groups, rest), (by, rest_by)) = (which.as_chunks::<4>(), s[..which.len()].as_chunks::<4>());
    for (k, s) in groups.iter().zip(by) {
        add_four(*s, [column(k[0]), column(k[1]), column(k[2]), column(k[3])], &mut y[..stride]);
    }
    for (&k, &s) in rest.iter().zip(rest_by) {
        axpy(s, column(k), &mut y[..stride]);
    }
}

/// `y = M s` for a matrix of columns of length `stride`, one after the other in `from`.
#[inline(always)]
pub(super) fn multiply(s: &[f64], from: &[f64], stride: usize, y: &mut [f64]) {
    let y = &mut y[..stride];
    y.fill(0.0);
    let (groups, rest) = s.as_chunks::<4>();
    let column = |k: usize| &from[k * stride..(k + 1) * stride];
    for (g, s) in groups.iter().enumerate() {
        add_four(*s, [column(4 * g), column(4 * g + 1), column(4 * g + 2), column(4 * g + 3)], y);
    }
    for (k, &s) in rest.iter().enumerate() {
        axpy(s, column(4 * groups.len() + k), y);
    }
}

/// `y = sum_i s[i] rows[i]` for the rows of a lower triangular matrix at every `stride`, of which up to three entries after the diagonal
/// are zero.
#[inline(always)]
pub(super) fn add_rows(s: &[f64], rows: &[f64], stride: usize, y: &mut [f64]) {
    y[..s.len()].fill(0.0);
    let (groups, rest) = s.as_chunks::<4>();
    for (g, s) in groups.iter().enumerate() {
        let row = |k: usize| &rows[(4 * g + k) * stride..][..4 * g + 4];
        add_four(*s, [row(0), row(1), row(2), row(3)], &mut y[..4 * g + 4]);
    }
    for (k, &s) in rest.iter().enumerate() {
        let i = 4 * groups.len() + k;
        axpy(s, &rows[i * stride..=i * stride + i], y);
    }
}

#[inline(always)]
fn add_four(s: [f64; 4], [a, b, c, d]: [&[f64]; 4], y: &mut [f64]) {
    let n = y.len();
    let (a, b, c, d) = (&a[..n], &b[..n], &c[..n], &d[..n]);
    for i in 0..n {
        y[i] += (s[0] * a[i] + s[1] * b[i]) + (s[2] * c[i] + s[3] * d[i]);
    }
}

/// Position of the largest value, the first of equal ones; `None` unless it is positive. NaN is passed over.
#[inline(always)]
pub(super) fn largest_positive(values: &[f64]) -> Option<usize> {
    let (chunks, rest) = values.as_chunks::<4>();
    let mut lanes = [0.0; 4];
    for v in chunks {
        for k in 0..4 {
            lanes[k] = if v[k] > lanes[k] { v[k] } else { lanes[k] };
        }
    }
    for (lane, v) in lanes.iter_mut().zip(rest) {
        *lane = if v > lane { *v } else { *lane };
    }
    let larger = |a: f64, b: f64| if a > b { a } else { b };
    let top = larger(larger(lanes[0], lanes[1]), larger(lanes[2], lanes[3]));
    if top > 0.0 { values.iter().position(|&v| v == top) } else { None }
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

    /// `multiply`, `combine` and `add_rows` against sums entry by entry.
    #[test]
    fn combinations_of_every_size() {
        for n in 1..20 {
            let (matrix, s, which) = (values(n * n, 3.0), values(n, 4.0), (0..n).rev().collect::<Vec<_>>());
            let entry = |i: usize, j: usize| matrix[j * n + i];
            let (mut product, mut chosen) = (vec![f64::NAN; n], vec![1.0; n]);
            multiply(&s, &matrix, n, &mut product);
            combine(&s, &which, &matrix, n, &mut chosen);
            for i in 0..n {
                let expected: f64 = (0..n).map(|j| entry(i, j) * s[j]).sum();
                let reversed: f64 = (0..n).map(|j| entry(i, n - 1 - j) * s[j]).sum();
                assert!((product[i] - expected).abs() < 1e-13 && (chosen[i] - 1.0 - reversed).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn the_first_of_the_largest() {
        for n in 1..20 {
            let mut v = vec![0.5; n];
            v[n / 2] = 2.0;
            v[n - 1] = 2.0;
            assert_eq!(largest_positive(&v), Some(n / 2));
            v.fill(f64::NAN);
            assert_eq!(largest_positive(&v), None);
        }
        assert_eq!(largest_positive(&[-1.0, 0.0]), None);
    }
}
