use std::sync::Arc;
use std::time::Instant;

use dfl_bench::security::{SecurityCost, SecurityEnergy};
use dfl_core::{Cost, Energy, EnergyCurvature, Error, Rng, SampleEnergy};

use crate::{game, inside, normals, path};

fn candidates(count: usize, energy: &SecurityEnergy, rng: &mut Rng) -> Vec<f64> {
    (0..count).flat_map(|_| inside(energy.decision(), rng)).collect()
}

/// Bit for bit the values of one candidate after the other; the gradient adds up in another order.
#[test]
fn many_candidates_equal_one_by_one() {
    let (game, mut rng) = (game(50, 1), Rng::seeded(4));
    let energy = SecurityEnergy::new(Arc::clone(&game), 2).unwrap();
    let one = SampleEnergy::new(SecurityCost::new(Arc::clone(&game)), 2, 50, energy.decision()).unwrap();
    for count in [1, 7, 8, 21] {
        let (phi, all) = (normals(100, &mut rng), candidates(count, &energy, &mut rng));
        let (mut many, mut each) = (vec![f64::NAN; count], vec![f64::NAN; count]);
        energy.values(&phi, &all, &mut many).unwrap();
        one.values(&phi, &all, &mut each).unwrap();
        assert_eq!(many, each);
        let weights = normals(count, &mut rng);
        let (mut many, mut each) = (vec![0.5; 100], vec![0.5; 100]);
        energy.add_grad_prediction(&phi, &all, &weights, &mut many).unwrap();
        one.add_grad_prediction(&phi, &all, &weights, &mut each).unwrap();
        assert!(many.iter().zip(&each).all(|(a, b)| (a - b).abs() < 1e-12 * (1.0 + b.abs())));
    }
}

#[test]
fn second_derivatives_are_those_of_the_mean_over_samples() {
    let (game, mut rng) = (game(20, 2), Rng::seeded(5));
    let energy = SecurityEnergy::new(Arc::clone(&game), 3).unwrap();
    let m = energy.decision();
    let one = SampleEnergy::new(SecurityCost::new(game), 3, 20, m).unwrap();
    let (phi, c, v) = (normals(60, &mut rng), inside(m, &mut rng), normals(m, &mut rng));
    let all = |energy: &dyn EnergyCurvature| {
        let (mut slope, mut hessian, mut cross) = (vec![0.0; m], vec![1.0; m * m], vec![2.0; 60]);
        energy.grad_decision(&phi, &c, &mut slope).unwrap();
        energy.add_hess(&phi, &c, &mut hessian).unwrap();
        energy.add_cross(&phi, &c, &v, &mut cross).unwrap();
        [slope, hessian, cross].concat()
    };
    let worst = all(&energy).iter().zip(all(&one)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(worst < 1e-12, "{worst}");
}

/// Prints the time of 128 candidates together and one by one; `cargo test ... -- --nocapture`. What is asserted leaves room for a busy machine.
#[test]
fn together_is_faster() {
    for nodes in [20, 50, 80] {
        let (game, mut rng) = (game(nodes, 1), Rng::seeded(4));
        let (energy, cost) = (SecurityEnergy::new(Arc::clone(&game), 1).unwrap(), SecurityCost::new(Arc::clone(&game)));
        let (phi, all) = (normals(nodes, &mut rng), candidates(128, &energy, &mut rng));
        let mut values = vec![0.0; 128];
        let time = |run: &mut dyn FnMut()| {
            let times = (0..30).map(|_| {
                let begin = Instant::now();
                run();
                begin.elapsed().as_secs_f64()
            });
            1e6 * times.fold(f64::INFINITY, f64::min)
        };
        let together = time(&mut || energy.values(&phi, &all, &mut values).unwrap());
        let each = time(&mut || {
            all.chunks(energy.decision()).zip(&mut values).for_each(|(c, value)| *value = cost.value(&phi, c));
        });
        let m = energy.decision();
        println!(
            "{nodes} nodes, {m} edges, 128 candidates: {together:.0} us together, {each:.0} us one by one, ratio {:.1}",
            each / together
        );
        assert!(together < each, "{together} {each}");
    }
}

#[test]
fn what_has_no_energy_is_refused() {
    let game = path(0.01).shared();
    assert!(matches!(SecurityEnergy::new(Arc::clone(&game), 0), Err(Error::Domain { .. })));
    let energy = SecurityEnergy::new(game, 2).unwrap();
    let (phi, c) = (vec![0.0; 6], vec![0.5, 0.5, 0.2, 0.1]);
    let values = |phi: &[f64], c: &[f64]| energy.values(phi, c, &mut [0.0; 2]);
    assert!(values(&phi, &c).is_ok());
    assert!(matches!(values(&phi[..5], &c), Err(Error::Dimension { what: "samples of an energy", .. })));
    assert!(matches!(values(&phi, &c[..3]), Err(Error::Dimension { what: "candidates", .. })));
    assert!(matches!(values(&[0.0, 0.0, 0.0, 0.0, f64::NAN, 0.0], &c), Err(Error::NotFinite { column: 1, .. })));
    let outside = [0.5, 0.5, 0.2, -0.01];
    assert!(matches!(values(&phi, &outside), Err(Error::Domain { what: "coverage of an edge", .. })));
    assert!(energy.add_grad_prediction(&phi, &outside, &[1.0; 2], &mut [0.0; 6]).is_err());
    assert!(energy.grad_decision(&phi, &outside[2..], &mut [0.0; 2]).is_err());
    assert!(energy.add_hess(&phi, &outside[2..], &mut [0.0; 4]).is_err());
    assert!(energy.add_cross(&phi, &outside[2..], &[1.0; 2], &mut [0.0; 6]).is_err());
}
