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
pub(super) use vectorised;

/// `a'b`; the shorter length counts.
#[inline(always)]
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let n = a.len().min(b.len());
    let (a, b) = (&a[..n], &b[..n]);
    let (mut even, mut odd) = ([0.0; 4], [0.0; 4]);
    let (mut pa, mut pb) = (a.chunks_exact(8), b.chunks_exact(8));
    for (x, y) in (&mut pa).zip(&mut pb) {
        for k in 0..4 {
            even[k] += x[k] * y[k];
            odd[k] += x[4 + k] * y[4 + k];
        }
    }
    let (mut ra, mut rb) = (pa.remainder(), pb.remainder());
    if ra.len() >= 4 {
        for k in 0..4 {
            even[k] += ra[k] * rb[k];
        }
        (ra, rb) = (&ra[4..], &rb[4..]);
    }
    let mut sum = [even[0] + odd[0], even[1] + odd[1], even[2] + odd[2], even[3] + odd[3]];
    for (k, (x, y)) in ra.iter().zip(rb).enumerate() {
        sum[k] += x * y;
    }
    (sum[0] + sum[2]) + (sum[1] + sum[3])
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
    let y = &mut y[..stride];
    let column = |k: usize| &from[k * stride..(k + 1) * stride];
    let (mut four, mut by) = (which.chunks_exact(4), s.chunks_exact(4));
    for (k, s) in (&mut four).zip(&mut by) {
        let (a, b, c, d) = (column(k[0]), column(k[1]), column(k[2]), column(k[3]));
        for i in 0..stride {
            y[i] += (s[0] * a[i] + s[1] * b[i]) + (s[2] * c[i] + s[3] * d[i]);
        }
    }
    for (&k, &s) in four.remainder().iter().zip(by.remainder()) {
        axpy(s, column(k), y);
    }
}

/// Position of the largest value, the first of equal ones; `None` unless it is positive. NaN is passed over.
#[inline(always)]
pub(super) fn largest_positive(values: &[f64]) -> Option<usize> {
    let mut lanes = [0.0_f64; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for v in chunks {
        for k in 0..8 {
            lanes[k] = if v[k] > lanes[k] { v[k] } else { lanes[k] };
        }
    }
    let top = lanes.iter().chain(rest).fold(0.0_f64, |a, &v| if v > a { v } else { a });
    if top > 0.0 { values.iter().position(|&v| v == top) } else { None }
}

/// Largest magnitude; NaN if there is one.
#[inline(always)]
pub(super) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |a, v| if v.abs() > a || v.is_nan() { v.abs() } else { a })
}
