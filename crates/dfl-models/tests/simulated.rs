//! A distribution behind a simulator: what reaches the model, and what comes out, against the model alone and differences.
#![allow(clippy::unwrap_used, reason = "a failed helper fails its test")]

use std::sync::Arc;

use dfl_core::testkit::gradient_error;
use dfl_core::{
    Batch, Centre, Error, Generative, Instances, LinearGaussian, Parameters, Predictor, Result, Rng, Sampler, Simulator, Spread,
    Standardised, Stream,
};
use dfl_models::Simulated;

const STREAM: Stream = Stream { seed: 4, step: 2 };

/// $(\phi_0 \ell_0 \ell_1, \ell_0^2 - \phi_1, \sin \ell_1)$; features above 100 cannot be simulated.
struct Curved;

impl Simulator for Curved {
    fn latent(&self) -> usize {
        2
    }
    fn outcome(&self) -> usize {
        3
    }
    fn simulate(&self, x: &[f64], l: &[f64], out: &mut [f64]) -> Result<()> {
        if x[0] > 100.0 {
            return Err(Error::Domain { what: "first feature", value: x[0], need: "at most 100" });
        }
        out.copy_from_slice(&[x[0] * l[0] * l[1], l[0] * l[0] - x[1], l[1].sin()]);
        Ok(())
    }
    fn pull(&self, x: &[f64], l: &[f64], c: &[f64], out: &mut [f64]) -> Result<()> {
        out[0] += c[0] * x[0] * l[1] + 2.0 * c[1] * l[0];
        out[1] += c[0] * x[0] * l[0] + c[2] * l[1].cos();
        Ok(())
    }
}

fn normals(rows: usize, cols: usize, seed: u64) -> Batch {
    let mut rng = Rng::seeded(seed);
    Batch::from_vec(rows, cols, (0..rows * cols).map(|_| rng.normal()).collect()).unwrap()
}

fn gaussian() -> LinearGaussian {
    let mut model = LinearGaussian::new(2, 2, Spread::Affine);
    let values = normals(1, model.values().len(), 1);
    model.set_values(values.as_slice()).unwrap();
    model
}

fn simulated() -> Simulated {
    Simulated::new(Box::new(gaussian()), Arc::new(Curved)).unwrap()
}

/// What is simulated of the latent quantities of the model alone, and these behind it, row by row.
fn by_hand(features: &Batch, latents: &Batch) -> Batch {
    let mut rows = Vec::new();
    for (x, l) in features.iter().zip(latents.iter()) {
        let mut row = Vec::new();
        for l in l.chunks(2) {
            let mut y = [0.0; 3];
            Curved.simulate(x, l, &mut y).unwrap();
            row.extend(y.iter().chain(l));
        }
        rows.push(row);
    }
    Batch::from_rows(&rows).unwrap()
}

#[test]
fn outcomes_are_simulated_and_the_latent_quantity_stands_behind() {
    let (mut model, alone, x) = (simulated(), gaussian(), normals(5, 2, 2));
    let drawn = by_hand(&x, &alone.sample(&x, 3, STREAM).unwrap());
    assert_eq!((model.inputs(), model.outputs(), drawn.cols()), (2, 5, 15));
    assert_eq!(model.sample(&x, 3, STREAM).unwrap(), drawn);
    assert_eq!(model.draw(&x, 3, STREAM).unwrap(), drawn);
    assert_eq!(model.predict(&x).unwrap(), by_hand(&x, &alone.predict(&x).unwrap()));
    assert_eq!(model.sample(&Batch::zeros(0, 2), 3, STREAM).unwrap(), Batch::zeros(0, 15));
}

/// The likelihood is that of the latent half, whatever stands before it.
#[test]
fn likelihoods_read_the_latent_half() {
    let (mut model, mut alone, x) = (simulated(), gaussian(), normals(5, 2, 2));
    let (latents, weights) = (normals(5, 6, 3), normals(5, 3, 4));
    let mut outcomes = by_hand(&x, &latents);
    outcomes.row_mut(0)[0] = 77.0;
    assert_eq!(model.log_density(&x, &outcomes).unwrap(), alone.log_density(&x, &latents).unwrap());
    let values = [
        model.add_log_likelihood(&x, &outcomes, &weights, STREAM).unwrap(),
        alone.add_log_likelihood(&x, &latents, &weights, STREAM).unwrap(),
    ];
    assert_eq!(values[0], values[1]);
    assert_eq!(model.gradient(), alone.gradient());
    assert!(model.has_density() && model.gradient_norm() > 1.0);
}

/// Through the simulator and the identity behind it, standardised or not; h = 1e-5 leaves 1e-9.
#[test]
fn pulled_samples_match_central_differences() {
    let (x, cotangent) = (normals(4, 2, 5), normals(4, 15, 6));
    let latents = Instances::new(normals(9, 2, 7), normals(9, 2, 8)).unwrap();
    let standardised = Standardised::fit(Box::new(gaussian()), &latents, Centre::Mean).unwrap();
    for mut model in [simulated(), Simulated::new(Box::new(standardised), Arc::new(Curved)).unwrap()] {
        model.draw(&x, 3, STREAM).unwrap();
        model.pull_samples(&cotangent).unwrap();
        let (gradient, weights) = (model.gradient(), model.values());
        let error = gradient_error(&weights, &gradient, 1e-5, |weights| {
            model.set_values(weights).unwrap();
            let drawn = model.sample(&x, 3, STREAM).unwrap();
            drawn.as_slice().iter().zip(cotangent.as_slice()).map(|(y, c)| y * c).sum()
        });
        assert!(error < 1e-7, "{error}");
    }
}

#[test]
fn what_does_not_fit_is_named() {
    let wide = Simulated::new(Box::new(LinearGaussian::new(2, 3, Spread::Affine)), Arc::new(Curved));
    assert!(matches!(wide, Err(Error::Dimension { what: "outputs of the model behind a simulator", expected: 2, got: 3 })));
    let mut model = simulated();
    let mut x = normals(3, 2, 9);
    let nothing = model.pull_samples(&Batch::zeros(3, 15)).unwrap_err();
    assert!(matches!(nothing, Error::Dimension { what: "cotangent rows", .. }), "{nothing}");
    model.draw(&x, 3, STREAM).unwrap();
    for (rows, cols) in [(2, 15), (3, 14), (3, 10)] {
        assert!(matches!(model.pull_samples(&Batch::zeros(rows, cols)), Err(Error::Dimension { .. })), "{rows} {cols}");
    }
    assert!(matches!(model.log_density(&x, &Batch::zeros(3, 7)), Err(Error::Dimension { what: "outcomes of a simulator", .. })));
    x.row_mut(1)[0] = 101.0;
    let error = model.sample(&x, 3, STREAM).unwrap_err();
    assert!(matches!(&error, Error::Row { id: 1, source } if source.to_string().starts_with("first feature")), "{error}");
    assert!(matches!(model.moments(&x), Err(Error::Unsupported { .. })));
}
