//! Rows of features and costs for a problem that has costs, but no data.

use dfl_core::{Batch, Key, Result, Stream};

use super::polynomial::{Polynomial, check_noise, check_positive};

/// Costs of a problem, perturbed as functions of random features:
///
/// $$c_{ij} = c_j \cdot \tfrac12\bigl(1 + (\max(b_j^\top x_i / \sqrt p + 3, 0) / 3)^k\bigr) \cdot \epsilon_{ij}$$
///
/// with standard normal features $x_i \in R^p$, a random sparse map $b_j \in \{0, 1\}^p$ and noise uniform on $1 \pm \nu$: PyEPO's recipe
/// for paths, scaled so that a row with average features has the problem's own costs. Factors are positive, so that every cost keeps its sign
/// and what was bounded stays so.
#[derive(Clone, Debug, PartialEq)]
pub struct PerturbedCosts {
    /// $c$, the costs of the problem; none of them 0.
    pub costs: Vec<f64>,
    /// Number of the first row.
    pub from: usize,
    /// Number of rows.
    pub rows: usize,
    /// $p$.
    pub features: usize,
    /// $k$.
    pub degree: u32,
    /// $\nu$, from 0 to 1.
    pub noise: f64,
    /// A row depends on it and on the row's number alone, the map on it alone.
    pub seed: u64,
}

impl PerturbedCosts {
    /// Features `[rows, p]` and costs `[rows, costs]`.
    ///
    /// # Errors
    /// [`dfl_core::Error::Domain`] for no cost, no feature or a noise outside its range.
    pub fn generate(&self) -> Result<(Batch, Batch)> {
        let Self { costs, from, rows, features, degree, noise, seed } = self;
        check_noise(*noise)?;
        check_positive("number of costs", costs.len())?;
        check_positive("number of features", *features)?;
        let stream = Stream { seed: *seed, step: 0 };
        let mut rng = stream.rng("map of perturbed costs", Key::default());
        let map: Vec<Vec<f64>> = costs.iter().map(|_| (0..*features).map(|_| f64::from(u8::from(rng.uniform() < 0.5))).collect()).collect();
        let signal = Polynomial::of_degree(1, *features);
        let (mut x, mut c) = (Batch::zeros(*rows, *features), Batch::zeros(*rows, costs.len()));
        for i in 0..*rows {
            let mut rng = stream.rng("row of perturbed costs", Key { id: (from + i) as u64, slot: 0 });
            x.row_mut(i).iter_mut().for_each(|x| *x = rng.normal());
            for (j, value) in c.row_mut(i).iter_mut().enumerate() {
                let score = map[j].iter().zip(x.row(i)).map(|(b, x)| b * x).sum();
                let factor = 0.5 * (1.0 + (signal.at(score).max(0.0) / 3.0).powi(*degree as i32));
                *value = costs[j] * factor * (1.0 + noise * (2.0 * rng.uniform() - 1.0));
            }
        }
        x.check_finite("features")?;
        c.check_finite("costs").map(|()| (x, c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(degree: u32, noise: f64) -> PerturbedCosts {
        PerturbedCosts { costs: vec![2.0, -3.0], from: 0, rows: 2000, features: 4, degree, noise, seed: 1 }
    }

    /// Of degree 1 and without noise the factor is 1 + b'x / (6 sqrt p): mean 1, variance |b|^2 / (36 p), at most 1/36.
    #[test]
    fn factors_have_their_moments_and_signs_stay() {
        let (x, c) = data(1, 0.0).generate().unwrap();
        assert_eq!((x.rows(), x.cols(), c.cols()), (2000, 4, 2));
        for (j, own) in [2.0, -3.0].into_iter().enumerate() {
            let factors: Vec<f64> = c.iter().map(|row| row[j] / own).collect();
            assert!(factors.iter().all(|f| *f > 0.0));
            let mean = dfl_core::metrics::mean(&factors);
            // Five standard errors of sqrt(1/36/2000) = 0.0037.
            assert!((mean - 1.0).abs() < 0.019, "{mean}");
        }
    }

    /// With one feature the map is 0 or 1, so that a factor is 1 or, of degree 3, (1 + ((x + 3) / 3)^3) / 2, e.g. (1 + 64 / 27) / 2 at x = 1.
    #[test]
    fn a_row_is_what_the_formula_says() {
        let data = PerturbedCosts { costs: (1..=12).map(f64::from).collect(), features: 1, rows: 50, ..data(3, 0.0) };
        let (x, c) = data.generate().unwrap();
        let mut moved = [0, 0];
        for j in 0..12 {
            let factor = |i: usize| c.row(i)[j] / (j + 1) as f64;
            let by_hand = |i: usize| {
                let third = (x.row(i)[0] + 3.0).max(0.0) / 3.0;
                (1.0 + third * third * third) / 2.0
            };
            let moves = usize::from((factor(0) - 1.0).abs() > 1e-12);
            moved[moves] += 1;
            (0..50).for_each(|i| assert!((factor(i) - if moves == 1 { by_hand(i) } else { 1.0 }).abs() < 1e-12, "{j} {i}"));
        }
        assert!(moved[0] > 0 && moved[1] > 0, "{moved:?}");
    }

    /// Noise multiplies what is there without it by 1 - 0.2 to 1 + 0.2, and uses that range.
    #[test]
    fn noise_stays_within_its_width() {
        let (clean, noisy) = (data(2, 0.0).generate().unwrap().1, data(2, 0.2).generate().unwrap().1);
        let factors: Vec<f64> = noisy.as_slice().iter().zip(clean.as_slice()).map(|(a, b)| a / b).collect();
        let (least, most) = factors.iter().fold((f64::INFINITY, 0.0_f64), |(l, m), f| (l.min(*f), m.max(*f)));
        assert!((0.8 - 1e-12..0.81).contains(&least) && most > 1.19 && most < 1.2 + 1e-12, "{least} {most}");
    }

    #[test]
    fn rows_do_not_depend_on_their_number_and_seeds_do_differ() {
        let (x, c) = data(3, 0.2).generate().unwrap();
        let (few, costs) = PerturbedCosts { from: 5, rows: 3, ..data(3, 0.2) }.generate().unwrap();
        assert_eq!((few.row(2), costs.row(2)), (x.row(7), c.row(7)));
        assert_ne!(PerturbedCosts { seed: 2, ..data(3, 0.2) }.generate().unwrap().0, x);
    }

    #[test]
    fn what_makes_no_data_is_refused() {
        let refused = |data: PerturbedCosts| data.generate().unwrap_err().to_string();
        assert!(refused(data(1, 1.5)).contains("noise"));
        assert!(refused(PerturbedCosts { costs: vec![], ..data(1, 0.0) }).contains("number of costs"));
        assert!(refused(PerturbedCosts { features: 0, ..data(1, 0.0) }).contains("number of features"));
    }
}
