//! The distribution of costs given the features, which a generator knows since it draws from it.

use dfl_core::{Batch, Key, Result, Rng, Stream, check_len};

use super::knapsack::KnapsackData;
use super::polynomial::{Polynomial, scores};
use super::portfolio::PortfolioData;
use super::shortest_path::ShortestPathData;

/// $p(c \mid x)$ of a generator's costs, as minimised: values and returns have their signs turned.
///
/// Noise is fresh, from this library's streams, and not that of the rows of a data set; the map from features to signals is. Costs are not
/// rounded to `f32`, as the rows of a data set are.
#[derive(Clone, Debug)]
pub struct Conditional {
    mapping: Batch,
    signal: Polynomial,
    noise: Noise,
}

#[derive(Clone, Debug)]
enum Noise {
    /// $a\,(s + 1)\,e$ with $e \sim U(1 - w, 1 + w)$ for a signal $s$.
    Factor { scale: f64, width: f64 },
    /// Minus the same, rounded up first.
    RoundedFactor { scale: f64, width: f64 },
    /// $-(s + l_j^\top f + \sigma \varepsilon_j)$ with standard normal $f$ and $\varepsilon$.
    Factors { loadings: Batch, own: f64 },
}

impl Conditional {
    /// Of arc costs on a grid.
    ///
    /// # Errors
    /// As [`ShortestPathData::generate`].
    pub fn of_paths(data: &ShortestPathData) -> Result<Self> {
        let scale = 3.5_f64.powf(-f64::from(data.degree));
        let mapping = ShortestPathData { samples: 1, ..data.clone() }.generate()?.mapping;
        Ok(Self { mapping, signal: Polynomial::of_degree(data.degree, data.features), noise: Noise::Factor { scale, width: data.noise } })
    }

    /// Of minus the values of a knapsack's items.
    ///
    /// # Errors
    /// As [`KnapsackData::generate`].
    pub fn of_items(data: &KnapsackData) -> Result<Self> {
        let scale = 5.0 * 3.5_f64.powf(-f64::from(data.degree));
        let mapping = KnapsackData { samples: 1, ..data.clone() }.generate()?.mapping;
        let signal = Polynomial::of_degree(data.degree, data.features);
        Ok(Self { mapping, signal, noise: Noise::RoundedFactor { scale, width: data.noise } })
    }

    /// Of minus the returns of assets.
    ///
    /// # Errors
    /// As [`PortfolioData::generate`].
    pub fn of_assets(data: &PortfolioData) -> Result<Self> {
        let mapping = PortfolioData { samples: 1, ..data.clone() }.generate()?.mapping;
        let noise = Noise::Factors { loadings: data.loadings()?, own: data.own_risk() };
        Ok(Self { mapping, signal: data.signal(), noise })
    }

    /// Length of an outcome.
    pub fn outcomes(&self) -> usize {
        self.mapping.rows()
    }

    /// $\mathbb E[c \mid x]$, `[b, n]`, exactly.
    ///
    /// # Errors
    /// [`Error::Dimension`](dfl_core::Error::Dimension) for another number of features.
    pub fn mean(&self, features: &Batch) -> Result<Batch> {
        let mut out = self.signals(features)?;
        out.as_mut_slice().iter_mut().for_each(|s| *s = self.noise.mean(*s));
        Ok(out)
    }

    /// `count` draws of each row, `[b, count * n]`; a row's are a function of the stream and its id.
    ///
    /// # Errors
    /// [`Error::Dimension`](dfl_core::Error::Dimension) for another number of features or of ids.
    pub fn sample(&self, features: &Batch, ids: &[u64], count: usize, stream: Stream) -> Result<Batch> {
        check_len("ids", features.rows(), ids.len())?;
        let (signals, n) = (self.signals(features)?, self.outcomes());
        let mut out = Batch::zeros(features.rows(), count * n);
        for (i, &id) in ids.iter().enumerate() {
            let mut rng = stream.rng("conditional costs", Key { id, slot: 0 });
            out.row_mut(i).chunks_exact_mut(n).for_each(|c| self.noise.draw(signals.row(i), &mut rng, c));
        }
        Ok(out)
    }

    fn signals(&self, features: &Batch) -> Result<Batch> {
        let mut out = scores(features, &self.mapping)?;
        out.as_mut_slice().iter_mut().for_each(|s| *s = self.signal.at(*s));
        out.check_finite("signal")?;
        Ok(out)
    }
}

impl Noise {
    fn mean(&self, signal: f64) -> f64 {
        match *self {
            Self::Factor { scale, .. } => scale * (signal + 1.0),
            Self::RoundedFactor { scale, width } => {
                let value = scale * (signal + 1.0);
                -mean_ceiling(value * (1.0 - width), value * (1.0 + width))
            }
            Self::Factors { .. } => -signal,
        }
    }

    fn draw(&self, signals: &[f64], rng: &mut Rng, out: &mut [f64]) {
        let mut factor = |width: f64| 1.0 + width * (2.0 * rng.uniform() - 1.0);
        match self {
            Self::Factor { scale, width } => out.iter_mut().zip(signals).for_each(|(c, s)| *c = scale * (s + 1.0) * factor(*width)),
            Self::RoundedFactor { scale, width } => {
                out.iter_mut().zip(signals).for_each(|(c, s)| *c = -(scale * (s + 1.0) * factor(*width)).ceil());
            }
            Self::Factors { loadings, own } => {
                out.iter_mut().zip(signals).for_each(|(c, s)| *c = -s - own * rng.normal());
                for k in 0..loadings.cols() {
                    let common = rng.normal();
                    out.iter_mut().zip(loadings.iter()).for_each(|(c, l)| *c -= l[k] * common);
                }
            }
        }
    }
}

/// $\mathbb E \lceil u \rceil$ of $u \sim U(l, h)$, from $\int_0^t \lceil u \rceil\, du = k(k+1)/2 + (t-k)(k+1)$ with
/// $k = \lfloor t \rfloor$.
fn mean_ceiling(low: f64, high: f64) -> f64 {
    let integral = |t: f64| {
        let k = t.floor();
        (k + 1.0) * (0.5 * k + (t - k))
    };
    if high > low { (integral(high) - integral(low)) / (high - low) } else { low.ceil() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: Stream = Stream { seed: 3, step: 0 };

    /// Of a cost, by its column and its mean.
    type Deviation<'a> = &'a dyn Fn(usize, f64) -> f64;

    fn largest_difference(a: &Batch, b: &Batch) -> f64 {
        a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| (a - b).abs() / (1.0 + b.abs())).fold(0.0, f64::max)
    }

    /// Without noise a generator's costs are the mean, and every draw.
    #[test]
    fn without_noise_the_data_are_the_mean() {
        let paths = ShortestPathData { samples: 40, degree: 4, noise: 0.0, ..ShortestPathData::default() };
        let items = KnapsackData { samples: 40, degree: 4, noise: 0.0, ..KnapsackData::default() };
        let assets = PortfolioData { samples: 40, degree: 4, noise_level: 0.0, ..PortfolioData::default() };
        let all = [
            (Conditional::of_paths(&paths).unwrap(), paths.generate().unwrap(), 1.0),
            (Conditional::of_items(&items).unwrap(), items.generate().unwrap(), -1.0),
            (Conditional::of_assets(&assets).unwrap(), assets.generate().unwrap(), -1.0),
        ];
        for (law, data, sign) in all {
            let mut costs = data.c;
            costs.as_mut_slice().iter_mut().for_each(|c| *c *= sign);
            let ids: Vec<u64> = (0..40).collect();
            let error = [law.mean(&data.x).unwrap(), law.sample(&data.x, &ids, 1, STREAM).unwrap()].map(|c| largest_difference(&c, &costs));
            assert!(error.iter().all(|e| *e < 1e-12), "{error:?}");
        }
    }

    /// Mean and variance of 20000 draws at three rows, within 5 standard errors, and those of 4000 rows of the data around the mean,
    /// scaled by their own deviation: factors have $w^2/3$ of the squared mean as variance, returns $|l|^2 + \sigma^2$.
    #[test]
    fn draws_and_data_have_the_moments() {
        let paths = ShortestPathData { samples: 4000, degree: 2, noise: 0.7, ..ShortestPathData::default() };
        let assets = PortfolioData { samples: 4000, assets: 6, degree: 2, noise_level: 20.0, ..PortfolioData::default() };
        let loadings = assets.loadings().unwrap();
        let deviation_of_asset = |j: usize| (loadings.row(j).iter().map(|l| l * l).sum::<f64>() + assets.own_risk().powi(2)).sqrt();
        let of_paths = |_: usize, mean: f64| mean * 0.7 / 3f64.sqrt();
        let of_assets = |j: usize, _: f64| deviation_of_asset(j);
        let checks: [(_, _, f64, Deviation<'_>, f64); 2] = [
            (Conditional::of_paths(&paths).unwrap(), paths.generate().unwrap(), 1.0, &of_paths, 1.8),
            (Conditional::of_assets(&assets).unwrap(), assets.generate().unwrap(), -1.0, &of_assets, 3.0),
        ];
        for (law, data, sign, deviation, kurtosis) in checks {
            let n = law.outcomes();
            let scaled = |means: &Batch, i: usize, j: usize, c: f64| (c - means.row(i)[j]) / deviation(j, means.row(i)[j]);
            let means = law.mean(&data.x).unwrap();
            let drawn = law.sample(&data.x.select(&[0, 1, 2]), &[0, 1, 2], 20_000, STREAM).unwrap();
            for j in 0..n.min(6) {
                let mut groups: Vec<Vec<f64>> =
                    (0..3).map(|i| drawn.row(i).chunks_exact(n).map(|c| scaled(&means, i, j, c[j])).collect()).collect();
                groups.push((0..4000).map(|i| scaled(&means, i, j, sign * data.c.row(i)[j])).collect());
                for z in groups {
                    let size = z.len() as f64;
                    let (mean, square) = (z.iter().sum::<f64>() / size, z.iter().map(|z| z * z).sum::<f64>() / size);
                    assert!(mean.abs() < 5.0 / size.sqrt(), "mean {mean} of column {j}");
                    assert!((square - 1.0).abs() < 5.0 * ((kurtosis - 1.0) / size).sqrt(), "mean square {square} of column {j}");
                }
            }
        }
    }

    /// U(0.4, 2.5): 0.6 of it at 1, 1 at 2, 0.5 at 3, over 2.1. 20000 draws of items agree with their exact means to 5 standard errors.
    #[test]
    fn the_mean_of_what_is_rounded_up() {
        assert!((mean_ceiling(0.4, 2.5) - (0.6 + 2.0 + 1.5) / 2.1).abs() < 1e-14);
        assert_eq!([mean_ceiling(1.2, 1.2), mean_ceiling(3.0, 3.0)], [2.0, 3.0]);
        let law = Conditional::of_items(&KnapsackData { samples: 1, degree: 2, noise: 1.0, ..KnapsackData::default() }).unwrap();
        let x = Batch::from_rows(&[[0.3, -1.0, 0.8, 0.1, 1.5]]).unwrap();
        let (mean, drawn) = (law.mean(&x).unwrap(), law.sample(&x, &[4], 20_000, STREAM).unwrap());
        for j in 0..law.outcomes() {
            let z: Vec<f64> = drawn.row(0).chunks_exact(law.outcomes()).map(|c| c[j] - mean.row(0)[j]).collect();
            let (m, s) = (z.iter().sum::<f64>() / 2e4, (z.iter().map(|z| z * z).sum::<f64>() / 2e4).sqrt());
            assert!(m.abs() < 5.0 * s / 2e4_f64.sqrt(), "column {j}: {m} with deviation {s}");
        }
    }

    /// A row's draws depend on its id alone, not on the rows beside it.
    #[test]
    fn a_row_has_noise_of_its_own() {
        let law = Conditional::of_paths(&ShortestPathData::default()).unwrap();
        let x = Batch::from_rows(&[[0.0; 5], [1.0; 5]]).unwrap();
        let both = law.sample(&x, &[8, 9], 3, STREAM).unwrap();
        let alone = law.sample(&x.select(&[1]), &[9], 3, STREAM).unwrap();
        assert_eq!(both.row(1), alone.row(0));
        assert!(law.sample(&x, &[1], 3, STREAM).is_err() && law.mean(&Batch::zeros(1, 4)).is_err());
    }
}
