use crate::{Error, Result, check_len};

/// One convex piecewise-linear term $\phi(t)$ of $t = a^\top z - b^\top y - b_0$, with its slopes on both sides of $t = 0$; $\phi(0) = 0$.
#[derive(Clone, Debug, PartialEq)]
pub struct Kink {
    /// $a$, `[z]`; not zero.
    pub a: Vec<f64>,
    /// $b$, `[y]`.
    pub b: Vec<f64>,
    /// $b_0$.
    pub offset: f64,
    /// Slope for $t < 0$.
    pub below: f64,
    /// Slope for $t > 0$; at least `below`.
    pub above: f64,
}

impl Kink {
    /// $b^\top y + b_0$: the value of $a^\top z$ at which the slope jumps.
    pub fn threshold(&self, y: &[f64]) -> f64 {
        self.b.iter().zip(y).map(|(b, y)| b * y).sum::<f64>() + self.offset
    }

    /// $a^\top z - b^\top y - b_0$.
    pub fn argument(&self, y: &[f64], z: &[f64]) -> f64 {
        self.a.iter().zip(z).map(|(a, z)| a * z).sum::<f64>() - self.threshold(y)
    }

    /// $\phi(t)$.
    pub fn value(&self, t: f64) -> f64 {
        if t < 0.0 { self.below * t } else { self.above * t }
    }

    /// $\phi'(t)$; at $t = 0$ the slope above.
    pub fn slope(&self, t: f64) -> f64 {
        if t < 0.0 { self.below } else { self.above }
    }

    /// Refuses wrong lengths, numbers that are not finite, `a = 0`, and slopes that fall (which are not convex).
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`] or [`Error::Domain`].
    pub fn check(&self, z: usize, y: usize) -> Result<()> {
        check_len("kink a", z, self.a.len())?;
        check_len("kink b", y, self.b.len())?;
        for (what, values) in
            [("kink a", &self.a[..]), ("kink b", &self.b), ("kink slope or offset", &[self.offset, self.below, self.above])]
        {
            if let Some(column) = values.iter().position(|v| !v.is_finite()) {
                return Err(Error::NotFinite { what, row: 0, column, value: values[column] });
            }
        }
        if self.a.iter().all(|&a| a == 0.0) {
            return Err(Error::Domain { what: "kink a", value: 0.0, need: "not zero: a kink depends on the decision" });
        }
        if self.above < self.below {
            return Err(Error::Domain {
                what: "jump of a kink's slope",
                value: self.above - self.below,
                need: "at least 0, as a convex cost's",
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn newsvendor() -> Kink {
        Kink { a: vec![1.0], b: vec![1.0], offset: 0.5, below: -3.0, above: 2.0 }
    }

    /// z = 1, y = 2: t = 1 - 2 - 0.5 = -1.5, phi = 4.5; z = 4: t = 1.5, phi = 3.
    #[test]
    fn values_by_hand() {
        let k = newsvendor();
        assert_eq!((k.threshold(&[2.0]), k.argument(&[2.0], &[1.0]), k.argument(&[2.0], &[4.0])), (2.5, -1.5, 1.5));
        assert_eq!((k.value(-1.5), k.value(1.5), k.slope(-1.5), k.slope(0.0)), (4.5, 3.0, -3.0, 2.0));
    }

    #[test]
    fn bad_kinks_are_named() {
        type Spoil = fn(&mut Kink);
        let cases: [(Spoil, &str); 5] = [
            (|k| k.a.push(1.0), "kink a: expected length 1, got 2"),
            (|k| k.b.clear(), "kink b: expected length 1, got 0"),
            (|k| k.below = f64::NAN, "kink slope or offset, row 0, column 1: NaN"),
            (|k| k.a[0] = 0.0, "kink a: 0 is not accepted; it must be not zero"),
            (|k| k.above = -4.0, "jump of a kink's slope: -1 is not accepted"),
        ];
        newsvendor().check(1, 1).unwrap();
        for (spoil, message) in cases {
            let mut bad = newsvendor();
            spoil(&mut bad);
            let text = bad.check(1, 1).unwrap_err().to_string();
            assert!(text.starts_with(message), "{text}");
        }
    }
}
