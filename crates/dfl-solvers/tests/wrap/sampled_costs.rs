//! Decisions for samples of a linear cost: by their mean, and by the worst of them.

use dfl_core::testkit::{check_decider, gradient_error};
use dfl_core::{Batch, Error, Formulation, ParamMap, Program, Risk};
use dfl_solvers::{NegativeIdentity, SampleMean, cvar_of_samples};

use super::{both, call, items, keys, normal, paths, value};

/// The cheapest on average, though another one is cheapest in each sample: means (2, 3/2, 5/2).
#[test]
fn the_mean_of_the_samples_is_the_cost() {
    let decider = SampleMean::new(NegativeIdentity::new(items(3)).unwrap(), 2).unwrap();
    let thetas = Batch::from_rows(&[[0.0, 1.0, 5.0, 4.0, 2.0, 0.0]]).unwrap();
    let (x, pulled) = both(&decider, &thetas, &Batch::from_rows(&[[2.0, 4.0, -6.0]]).unwrap());
    assert_eq!(x.row(0), [0.0, 1.0, 0.0]);
    assert_eq!(pulled.row(0), [-1.0, -2.0, 3.0, -1.0, -2.0, 3.0], "half of the cotangent of the mean each");
}

#[test]
fn the_contract_of_a_decider_holds() {
    check_decider(&SampleMean::new(NegativeIdentity::new(paths(3, 3)).unwrap(), 4).unwrap(), &normal(3, 48, 1));
    check_decider(&SampleMean::new(paths(2, 3), 1).unwrap(), &normal(3, 7, 2));
    assert!(matches!(SampleMean::new(items(3), 0), Err(Error::Domain { what: "samples", .. })));
}

fn simplex(n: usize) -> Formulation {
    let row = dfl_core::Csc::from_triplets(1, n, &(0..n).map(|j| (0, j, 1.0)).collect::<Vec<_>>()).unwrap();
    let program = Program::linear(vec![0.0; n]).with_rows(row, vec![1.0], vec![1.0]).with_bounds(vec![0.0; n], vec![f64::INFINITY; n]);
    Formulation { program, params: ParamMap::costs(n), visible: n }
}

fn risk(samples: &[f64], x: &[f64], tail: f64) -> f64 {
    let costs: Vec<f64> = samples.chunks_exact(x.len()).map(|c| value(c, x)).collect();
    Risk::Cvar { tail }.gradient(&costs, &mut vec![0.0; costs.len()])
}

#[test]
fn what_is_no_linear_cost_or_no_tail_is_refused() {
    for tail in [0.0, 1.0, 1.5, f64::NAN] {
        assert!(matches!(cvar_of_samples(&simplex(2), 3, tail), Err(Error::Domain { .. })), "tail {tail}");
    }
    assert!(matches!(cvar_of_samples(&simplex(2), 0, 0.5), Err(Error::Domain { what: "samples", .. })));
    let other = Formulation { params: ParamMap::new(2).rhs(0, 0, 1.0), ..simplex(2) };
    assert!(matches!(cvar_of_samples(&other, 3, 0.5), Err(Error::Unsupported { .. })));
    let integer = Formulation { program: simplex(2).program.with_integers(vec![true; 2]), ..simplex(2) };
    assert!(matches!(cvar_of_samples(&integer, 3, 0.5), Err(Error::Unsupported { .. })));
}

#[cfg(feature = "clarabel")]
mod solved {
    use dfl_core::{Cone, Csc, Decider};
    use dfl_solvers::{Backend, Deciding};

    use super::*;

    fn decider(backend: Backend, formulation: &Formulation, samples: usize, tail: f64) -> Box<dyn Decider> {
        let Formulation { program, params, visible } = cvar_of_samples(formulation, samples, tail).unwrap();
        backend.decider(program, params, &Deciding { visible: Some(visible), ..Deciding::default() }).unwrap()
    }

    /// Costs (0, 4) and (2, 0) at the tail 1/2: the worst of `4 (1 - x)` and `2 x` is least where they meet, at `x = 2/3` with 4/3. The
    /// mean would take the first entry alone.
    #[test]
    fn two_samples_by_hand() {
        let thetas = Batch::from_rows(&[[0.0, 4.0, 2.0, 0.0]]).unwrap();
        for backend in [Backend::ActiveSet, Backend::Clarabel] {
            let found = dfl_core::decide(&*decider(backend, &simplex(2), 2, 0.5), &thetas, &[0]).unwrap();
            let x = found.0.row(0);
            assert!((x[0] - 2.0 / 3.0).abs() < 1e-7 && (x[1] - 1.0 / 3.0).abs() < 1e-7, "{x:?}");
            assert!((found.1[0] - 4.0 / 3.0).abs() < 1e-7, "{}", found.1[0]);
        }
    }

    /// The value is [`Risk::Cvar`] of the decision, which no other decision goes below: 20000 drawn from the simplex. A tail of
    /// 3.5 samples splits one.
    #[test]
    fn nothing_has_a_lower_risk() {
        let (n, samples, mut rng) = (4, 10, dfl_core::Rng::seeded(5));
        let thetas = normal(3, samples * n, 3);
        for (tail, backend) in [(0.1, Backend::Clarabel), (0.35, Backend::ActiveSet), (0.9, Backend::Clarabel)] {
            let (x, values) = dfl_core::decide(&*decider(backend, &simplex(n), samples, tail), &thetas, &[0, 1, 2]).unwrap();
            for i in 0..3 {
                let own = risk(thetas.row(i), x.row(i), tail);
                assert!((own - values[i]).abs() < 1e-7, "tail {tail}, row {i}: {own} against {}", values[i]);
                for _ in 0..20_000 {
                    let draws: Vec<f64> = (0..n).map(|_| rng.gamma(0.5)).collect();
                    let point: Vec<f64> = draws.iter().map(|g| g / draws.iter().sum::<f64>()).collect();
                    assert!(risk(thetas.row(i), &point, tail) > own - 1e-7, "tail {tail}, row {i}: {point:?}");
                }
            }
        }
    }

    /// A cone stays one: within `|x| <= 0.6` no asset of three can have more than that, and the risk is no lower than without it.
    #[test]
    fn cones_stay() {
        let mut within = simplex(3);
        within.program.cones = vec![Cone { f: Csc::diagonal(&[1.0; 3]), g: vec![0.0; 3], d: vec![0.0; 3], e: 0.6 }];
        let thetas = normal(4, 24, 4);
        let decide = |f: &Formulation| dfl_core::decide(&*decider(Backend::Clarabel, f, 8, 0.25), &thetas, &[0, 1, 2, 3]).unwrap();
        let (bound, free) = (decide(&within), decide(&simplex(3)));
        assert!(bound.0.iter().all(|x| value(x, x).sqrt() < 0.6 + 1e-7));
        assert!(bound.1.iter().zip(&free.1).all(|(b, f)| *b > f - 1e-8) && bound.1.iter().zip(&free.1).any(|(b, f)| *b > f + 1e-3));
    }

    /// A weighted sum of the decision, pulled back to every sample, by central differences; the vertex does not change within 1e-6.
    #[test]
    fn the_derivative_in_each_sample() {
        let (n, samples, g) = (3, 6, Batch::from_rows(&[[1.0, -2.0, 0.5]]).unwrap());
        let theta = normal(1, samples * n, 8);
        for backend in [Backend::ActiveSet, Backend::Clarabel] {
            let decider = decider(backend, &simplex(n), samples, 0.4);
            let pulled = both(&*decider, &theta, &g).1;
            assert!(pulled.row(0).iter().any(|d| d.abs() > 1e-2), "the decision must move for this to say something");
            let error = gradient_error(theta.row(0), pulled.row(0), 1e-6, |at| {
                let moved = Batch::from_rows(&[at]).unwrap();
                value(decider.forward(&moved, &call(&keys(1))).unwrap().x.row(0), g.row(0))
            });
            assert!(error < 1e-5, "{}: {error:.1e}", backend.id());
        }
    }
}
