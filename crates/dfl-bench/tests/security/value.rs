use std::sync::Arc;

use dfl_bench::security::{Game, Graph, Rules, SecurityCost};
use dfl_core::testkit::gradient_error;
use dfl_core::{Cost, CostCurvature, CostGrad, Error, Rng};

use crate::{game, inside, normals, path, reference};

/// From 1 to 2 with probability p = 1 / (1 + exp(phi_0 - phi_2 - 4 (c_0 - c_1))) and back otherwise; 0 leads to 1 alone. So
/// h_1 = (p (1 - c_1) 8 + (1 - p) (1 - c_0) h_0) / (1 + eps) and h_0 = (1 - c_0) h_1 / (1 + eps).
#[test]
fn a_path_by_hand() {
    for epsilon in [0.01, 0.2] {
        let cost = SecurityCost::new(path(epsilon).shared());
        for (phi, c) in
            [([0.0, 0.0, 0.0], [0.0, 0.0]), ([0.3, -2.0, 1.1], [0.2, 0.7]), ([1.0, 5.0, -1.0], [1.0, 0.0]), ([0.0; 3], [0.0, 1.0])]
        {
            let p = 1.0 / (1.0 + f64::exp(phi[0] - phi[2] - 4.0 * (c[0] - c[1])));
            let g = 1.0 / (1.0 + epsilon);
            let h1 = g * p * (1.0 - c[1]) * 8.0 / (1.0 - g * g * (1.0 - p) * (1.0 - c[0]) * (1.0 - c[0]));
            let by_hand = g * (1.0 - c[0]) * h1;
            let found = cost.value(&phi, &c);
            assert!((found - by_hand).abs() < 1e-13, "{phi:?} {c:?}: {found}, by hand {by_hand}");
        }
    }
    // Without coverage, and without end, everybody arrives at last; each step that may end the walk costs its share.
    assert!((SecurityCost::new(path(1e-9).shared()).value(&[0.0; 3], &[0.0; 2]) - 8.0).abs() < 1e-6);
}

#[test]
fn values_equal_those_of_a_dense_solve() {
    let mut rng = Rng::seeded(1);
    for nodes in [20, 35, 50, 80] {
        let game = game(nodes, nodes as u64);
        let cost = SecurityCost::new(Arc::clone(&game));
        for _ in 0..5 {
            let (phi, c) = (normals(nodes, &mut rng), inside(game.graph().edges().len(), &mut rng));
            let (found, dense) = (cost.value(&phi, &c), reference::value(&game, &phi, &c));
            assert!((found / dense - 1.0).abs() < 1e-11, "{nodes}: {found} and {dense}");
        }
    }
}

/// 200000 walks within 4 standard errors, one of which is less than 0.5 % of the value: a value that is wrong by 5 of them would be found with a
/// probability of 84 %.
#[test]
fn walks_earn_the_value() {
    let (game, mut rng) = (game(30, 3), Rng::seeded(2));
    let phi: Vec<f64> = normals(30, &mut rng).iter().map(|v| 0.5 * v).collect();
    let c: Vec<f64> = (0..game.graph().edges().len()).map(|_| 0.2 * rng.uniform()).collect();
    let gains: Vec<f64> = (0..200_000).map(|_| reference::walk(&game, &phi, &c, &mut rng, |_, _| ())).collect();
    let mean = gains.iter().sum::<f64>() / gains.len() as f64;
    let error = (gains.iter().map(|g| (g - mean).powi(2)).sum::<f64>() / (gains.len() as f64).powi(2)).sqrt();
    let value = SecurityCost::new(game).value(&phi, &c);
    println!("{value:.4}; {mean:.4} +- {error:.4} by walks, {:.2} standard errors", (mean - value) / error);
    assert!((mean - value).abs() < 4.0 * error && error < 5e-3 * value, "{value} and {mean} +- {error}");
}

/// h = 1e-5 leaves about 1e-9.
#[test]
fn derivatives_match_central_differences() {
    for (nodes, seed) in [(20, 1), (30, 2), (30, 5)] {
        let (game, mut rng, h) = (game(nodes, seed), Rng::seeded(seed), 1e-5);
        let (cost, m) = (SecurityCost::new(Arc::clone(&game)), game.graph().edges().len());
        let (phi, c, v) = (normals(nodes, &mut rng), inside(m, &mut rng), normals(m, &mut rng));
        let slope = |phi: &[f64], c: &[f64]| {
            let mut out = vec![f64::NAN; m];
            cost.grad_z(phi, c, &mut out);
            out
        };
        let along = |phi: &[f64], c: &[f64]| slope(phi, c).iter().zip(&v).map(|(s, v)| s * v).sum::<f64>();
        let (mut hessian, mut cross, mut in_phi) = (vec![0.0; m * m], vec![0.0; nodes], vec![0.0; nodes]);
        cost.add_hess(&phi, &c, 0.7, &mut hessian);
        cost.add_cross(&phi, &c, 0.7, &v, &mut cross);
        cost.add_grad_y(&phi, &c, 0.7, &mut in_phi);
        let size = hessian.iter().fold(0.0_f64, |top, h| top.max(h.abs()));
        let skew = (0..m * m).map(|k| (hessian[k] - hessian[k % m * m + k / m]).abs()).fold(0.0, f64::max);
        assert!(skew < 1e-12 * size, "{skew}");
        let product: Vec<f64> = hessian.chunks(m).map(|row| row.iter().zip(&v).map(|(h, v)| h * v).sum()).collect();
        let errors = [
            gradient_error(&c, &slope(&phi, &c), h, |c| reference::value(&game, &phi, c)),
            gradient_error(&phi, &in_phi, h, |phi| 0.7 * reference::value(&game, phi, &c)),
            gradient_error(&c, &product, h, |c| 0.7 * along(&phi, c)),
            gradient_error(&phi, &cross, h, |phi| 0.7 * along(phi, &c)),
        ];
        println!(
            "{nodes} nodes, {m} edges: gradient in c {:.1e}, in phi {:.1e}, Hessian {:.1e}, cross {:.1e}",
            errors[0], errors[1], errors[2], errors[3]
        );
        assert!(errors.iter().all(|e| *e < 1e-6), "{errors:?}");
    }
}

/// A constant on the attractiveness changes nothing, nor does another numbering of the nodes; longer walks lose more to epsilon.
#[test]
fn invariances() {
    let (game, mut rng) = (game(30, 4), Rng::seeded(6));
    let m = game.graph().edges().len();
    let (phi, c) = (normals(30, &mut rng), inside(m, &mut rng));
    let value = SecurityCost::new(Arc::clone(&game)).value(&phi, &c);
    let moved: Vec<f64> = phi.iter().map(|v| v + 300.0).collect();
    assert!((SecurityCost::new(Arc::clone(&game)).value(&moved, &c) / value - 1.0).abs() < 1e-11);

    let mut names: Vec<usize> = (0..30).collect();
    rng.shuffle(&mut names);
    let graph = game.graph();
    let rename = |list: &[usize]| list.iter().map(|&v| names[v]).collect::<Vec<_>>();
    let edges = graph.edges().iter().map(|&[u, v]| [names[v], names[u]]).collect();
    let other = Graph::new(30, edges, rename(graph.sources()), rename(graph.targets())).unwrap();
    let mut renamed = vec![0.0; 30];
    phi.iter().zip(&names).for_each(|(phi, &v)| renamed[v] = *phi);
    let other = Game::new(other, game.payoffs().to_vec(), Rules::default()).unwrap().shared();
    assert!((SecurityCost::new(other).value(&renamed, &c) / value - 1.0).abs() < 1e-11);

    let with = |epsilon| {
        let rules = Rules { epsilon, ..Rules::default() };
        let game = Game::new(game.graph().clone(), game.payoffs().to_vec(), rules).unwrap();
        SecurityCost::new(game.shared()).value(&phi, &c)
    };
    assert!(with(0.001) > value && value > with(0.1), "{} {value} {}", with(0.001), with(0.1));
}

#[test]
fn what_has_no_value_is_refused_or_nan() {
    let game = path(0.01).shared();
    let cost = SecurityCost::new(game);
    let (phi, c) = ([0.0; 3], [0.5, 0.5]);
    assert!(cost.check(&phi, &c).is_ok());
    let nan = cost.check(&[0.0, f64::NAN, 0.0], &c).unwrap_err();
    assert!(matches!(nan, Error::NotFinite { what: "attractiveness of the nodes", column: 1, .. }), "{nan}");
    let outside = cost.check(&phi, &[0.5, 1.1]).unwrap_err().to_string();
    assert_eq!(outside, "coverage of an edge: 1.1 is not accepted; it must be a probability, from 0 to 1");
    assert!(matches!(cost.check(&phi, &[0.5]), Err(Error::Dimension { what: "coverage of the edges", .. })));
    for (phi, c) in [([0.0, f64::INFINITY, 0.0], c), (phi, [-0.1, 0.5]), (phi, [0.5, f64::NAN])] {
        let (mut slope, mut hessian, mut cross, mut in_phi) = ([0.0; 2], [0.0; 4], [0.0; 3], [0.0; 3]);
        cost.grad_z(&phi, &c, &mut slope);
        cost.add_hess(&phi, &c, 1.0, &mut hessian);
        cost.add_cross(&phi, &c, 1.0, &[1.0, 1.0], &mut cross);
        cost.add_grad_y(&phi, &c, 1.0, &mut in_phi);
        let all = [vec![cost.value(&phi, &c)], slope.to_vec(), hessian.to_vec(), cross.to_vec(), in_phi.to_vec()].concat();
        assert!(all.iter().all(|v| v.is_nan()), "{all:?}");
    }
    let graph = || Graph::new(3, vec![[0, 1], [1, 2]], vec![0], vec![2]).unwrap();
    let rules = |omega, epsilon| Game::new(graph(), vec![1.0], Rules { omega, epsilon }).unwrap_err().to_string();
    assert!(rules(-1.0, 0.01).starts_with("omega of a game: -1") && rules(4.0, 0.0).starts_with("epsilon of a game: 0"));
    assert!(matches!(Game::new(graph(), vec![], Rules::default()), Err(Error::Dimension { what: "payoffs of the targets", .. })));
    assert!(matches!(Game::new(graph(), vec![f64::NAN], Rules::default()), Err(Error::Domain { what: "payoff of a target", .. })));
}
