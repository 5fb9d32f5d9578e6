use dfl_bench::data::security::SecurityData;
use dfl_bench::security::RandomGraph;
use dfl_bench::tasks::{Benchmark, SecurityTask};
use dfl_core::testkit::check_task;
use dfl_core::{Batch, Call, Error, Key, Request, Stream, Support, Task, metrics};

fn data() -> SecurityData {
    SecurityData { graph: RandomGraph::of_size(20), features: 4, seed: 7, ..SecurityData::default() }
}

fn task() -> SecurityTask {
    SecurityTask::new(data()).unwrap()
}

const REQUEST: Request = Request { train: 14, valid: 2, test: 4, seed: 7 };

/// Rows are attractiveness less the distance to the nearest target, centred, with noise of their own; features of the training rows have mean 0 and
/// deviation 1 before noise.
#[test]
fn instances_are_those_described() {
    let data = SecurityData { samples: 40, noise: 0.0, ..data() };
    let game = data.game().unwrap();
    let (x, phi) = data.generate(&game, 30).unwrap();
    assert_eq!((x.rows(), x.cols(), phi.rows(), phi.cols()), (40, 80, 40, 20));
    let near = game.graph().distances(game.graph().targets());
    for row in phi.iter() {
        assert!(row.iter().sum::<f64>().abs() < 1e-12);
        let noise: Vec<f64> = row.iter().zip(&near).map(|(phi, d)| phi + d.unwrap() as f64).collect();
        let spread = noise.iter().fold(f64::NEG_INFINITY, |a, v| a.max(*v)) - noise.iter().fold(f64::INFINITY, |a, v| a.min(*v));
        assert!(spread > 1.0 && spread <= 2.0, "{spread}");
    }
    assert_ne!(phi.row(0), phi.row(1));
    let known = &x.as_slice()[..30 * 80];
    let (mean, square) = (metrics::mean(known), metrics::mean(&known.iter().map(|v| v * v).collect::<Vec<_>>()));
    assert!(mean.abs() < 1e-12 && (square - 1.0).abs() < 1e-12, "{mean} {square}");
    // Nothing of a row depends on how many there are, nor on what is no training row.
    let (few, few_phi) = SecurityData { samples: 31, ..data.clone() }.generate(&game, 30).unwrap();
    assert_eq!((few.row(30), few_phi.row(30)), (x.row(30), phi.row(30)));
    let noisy = SecurityData { noise: 0.2, ..data.clone() }.generate(&game, 30).unwrap();
    let apart: Vec<f64> = noisy.0.as_slice().iter().zip(x.as_slice()).map(|(a, b)| (a - b).powi(2)).collect();
    assert!((metrics::mean(&apart).sqrt() - 0.2).abs() < 0.01 && noisy.1 == phi);
}

#[test]
fn bad_data_are_named() {
    let game = data().game().unwrap();
    let text = |data: SecurityData, train| data.generate(&game, train).unwrap_err().to_string();
    assert!(text(SecurityData { samples: 0, ..data() }, 1).starts_with("samples: 0"));
    assert!(text(data(), 51).starts_with("training rows: 51"));
    assert!(text(data(), 0).starts_with("training rows: 0"));
    assert!(text(SecurityData { noise: f64::NAN, ..data() }, 5).starts_with("noise"));
    let task = |data: SecurityData| SecurityTask::new(data).map(drop).unwrap_err().to_string();
    assert!(task(SecurityData { features: 0, ..data() }).starts_with("features: 0"));
    assert!(task(SecurityData { graph: RandomGraph { nodes: 5, ..data().graph }, ..data() }).contains("more than sources and targets"));
    assert!(task(SecurityData { graph: RandomGraph { budget: 1e4, radius: 0.5, ..data().graph }, ..data() }).contains("minimum cut"));
    let other = super::task::task().source().load(&Request { seed: 8, ..REQUEST });
    assert!(matches!(other, Err(Error::Domain { what: "seed", .. })));
}

#[test]
fn the_task_keeps_the_contract() {
    check_task(&task(), &REQUEST, 1e-7);
}

/// No baseline beats the oracle, and coverage where attackers go beats coverage everywhere.
#[test]
fn baselines_are_in_order() {
    let (task, mut cost) = (task(), std::collections::BTreeMap::new());
    let data = task.source().load(&REQUEST).unwrap();
    for &method in task.baselines() {
        let decisions = task.baseline(method, &data).unwrap();
        assert!(decisions.iter().all(|c| (c.iter().sum::<f64>() - 3.0).abs() < 1e-7));
        let figures = task.figures(&data.test, &decisions).unwrap();
        println!("{method}: {:.4} +- {:.4}", figures[0].value, figures[0].se.unwrap());
        cost.insert(method, task.per_row(&data.test, &decisions).unwrap());
    }
    for (method, costs) in &cost {
        assert!(costs.iter().zip(&cost["oracle"]).all(|(c, best)| *c >= best - 1e-9), "{method}");
    }
    assert!(metrics::mean(&cost["saa"]) < metrics::mean(&cost["uniform"]));
    assert!(matches!(task.baseline("nobody", &data), Err(Error::Unknown { .. })));
}

/// The oracle's decision is stationary: no move of coverage from one edge to another, of a thousandth, gains anything.
#[test]
fn the_oracle_finds_local_optima() {
    let (task, data) = (task(), task().source().load(&REQUEST).unwrap());
    let found = task.baseline("oracle", &data).unwrap();
    for (phi, c) in data.test.truth.iter().zip(found.iter()) {
        let best = task.cost(phi, c);
        let step = 1e-3;
        for from in (0..c.len()).filter(|&e| c[e] > step) {
            for to in (0..c.len()).filter(|&e| e != from && c[e] < 1.0 - step) {
                let mut moved = c.to_vec();
                (moved[from], moved[to]) = (c[from] - step, c[to] + step);
                assert!(task.cost(phi, &moved) > best - 1e-9, "from {from} to {to}");
            }
        }
    }
}

/// The policy gives the nearest coverage: of an output that is one already, itself.
#[test]
fn support_and_policy_are_those_of_the_feasible_set() {
    let task = task();
    let m = task.game().graph().edges().len();
    assert_eq!(task.support(), Support::CappedSimplex { total: 3.0, cap: 1.0 });
    assert!(!task.convex() && task.uncertain().unwrap().feasible.n() == m);
    let policy = task.policy().unwrap().unwrap();
    assert!(policy.differentiable());
    let mut inside = vec![0.0; m];
    (inside[0], inside[3], inside[5]) = (1.0, 0.5, 1.5 - 0.25);
    inside[7] = 0.25;
    let far: Vec<f64> = (0..m).map(|e| 5.0 - e as f64).collect();
    let outputs = Batch::from_rows(&[inside, far]).unwrap();
    let keys = [Key { id: 0, slot: 0 }, Key { id: 1, slot: 0 }];
    let made = policy.forward(&outputs, &Call { keys: &keys, stream: Stream::default(), backward: false }).unwrap();
    for c in made.x.iter() {
        assert!((c.iter().sum::<f64>() - 3.0).abs() < 1e-9 && c.iter().all(|c| (-1e-9..=1.0 + 1e-9).contains(c)), "{c:?}");
    }
    assert!(made.x.row(1)[..3].iter().all(|c| (c - 1.0).abs() < 1e-9));
}
