use super::gradient_error;
use crate::{Batch, Call, Decider, DecisionLoss, Error, Key, Loss, Request, Status, Stream, Targets, Task, label};

fn keys(n: usize) -> Vec<Key> {
    (0..n as u64).map(|id| Key { id, slot: 0 }).collect()
}

/// The contract of a decider without state between calls, at the given rows:
/// shapes; each row alone gives the same bits as in the batch; the same call twice gives the same bits; a wrong length and a NaN are
/// refused, the NaN with its row and column; a decider that says it is differentiable returns a pullback of the right shape, whose
/// answer is linear in the cotangent.
pub fn check_decider(decider: &dyn Decider, thetas: &Batch) {
    check_decider_of(decider, thetas, true);
}

/// The same without linearity, for a decider whose pullback solves at costs moved by the cotangent.
pub fn check_decider_with_differences(decider: &dyn Decider, thetas: &Batch) {
    check_decider_of(decider, thetas, false);
}

fn check_decider_of(decider: &dyn Decider, thetas: &Batch, linear: bool) {
    let (keys, dims, name) = (keys(thetas.rows()), decider.dims(), decider.name());
    let call = Call { keys: &keys, stream: Stream { seed: 1, step: 0 }, backward: true };
    let all = decider.forward(thetas, &call).expect("well-formed input");
    assert_eq!((all.x.rows(), all.x.cols()), (thetas.rows(), dims.x), "{name}: shape of x");
    assert_eq!((all.objective.len(), all.info.len()), (thetas.rows(), thetas.rows()), "{name}: one objective and info per row");
    assert_eq!(all.back.is_some(), decider.differentiable(), "{name}: a pullback if and only if differentiable");
    let again = decider.forward(thetas, &call).expect("well-formed input");
    assert!(again.x == all.x && again.objective == all.objective, "{name}: the same call twice gives other bits");
    let none = decider.forward(&Batch::zeros(0, dims.theta), &Call { keys: &[], ..call }).expect("an empty batch is no special case");
    assert_eq!((none.x.rows(), none.info.len()), (0, 0), "{name}: an empty batch has no answers");
    for i in 0..thetas.rows() {
        let alone = decider.forward(&thetas.select(&[i]), &Call { keys: &keys[i..=i], ..call }).expect("well-formed input");
        assert_eq!(alone.x.row(0), all.x.row(i), "{name}: row {i} depends on the rest of the batch");
        assert_eq!(alone.objective[0].to_bits(), all.objective[i].to_bits(), "{name}: objective of row {i}");
    }
    if let Some(back) = &all.back {
        check_pullback(name, |c| back.pull(c).expect("the cotangent has the shape of x"), thetas, &all.x, linear);
        assert!(back.pull(&Batch::zeros(thetas.rows(), dims.x + 1)).is_err(), "{name}: a wrong cotangent is refused");
    }
    let wrong = Batch::zeros(thetas.rows(), dims.theta + 1);
    assert!(matches!(decider.forward(&wrong, &call), Err(Error::Dimension { .. })), "{name}: a wrong length is refused");
    let (mut bad, last) = (thetas.clone(), thetas.rows().checked_sub(1).expect("the contract is checked on at least one row"));
    bad.row_mut(last)[0] = f64::NAN;
    match decider.forward(&bad, &call) {
        Err(Error::NotFinite { row, column, .. }) => assert_eq!((row, column), (last, 0), "{name}: place of the NaN"),
        other => panic!("{name}: a NaN must be refused, got {:?}", other.map(|d| d.info)),
    }
}

/// A bad row among good ones: with `bad` in the middle of `thetas`, that row alone has no answer, no decision and no gradient, and
/// every other row keeps the bits of answer and gradient that it has without it. Returns how the bad row ended.
pub fn check_masking(decider: &dyn Decider, thetas: &Batch, bad: &[f64]) -> Status {
    let (name, at, keys) = (decider.name(), thetas.rows() / 2, keys(thetas.rows() + 1));
    let mut rows: Vec<&[f64]> = thetas.iter().collect();
    rows.insert(at, bad);
    let mixed = Batch::from_rows(&rows).expect("the bad row has the length of the others");
    let call = Call { keys: &keys, stream: Stream { seed: 1, step: 0 }, backward: true };
    let good: Vec<usize> = (0..mixed.rows()).filter(|&i| i != at).collect();
    let good_keys: Vec<Key> = good.iter().map(|&i| keys[i]).collect();
    let all = decider.forward(&mixed, &call).expect("a row without an answer is no error");
    let without = decider.forward(thetas, &Call { keys: &good_keys, ..call }).expect("well-formed input");
    let status = all.info[at].status;
    assert!(!status.usable(), "{name}: the bad row ended {status}");
    assert!(all.x.row(at).iter().all(|&x| x == 0.0), "{name}: the bad row has a decision");
    assert!(without.info.iter().all(|i| i.status.usable()), "{name}: a good row has no answer");
    assert_eq!(all.x.select(&good), without.x, "{name}: decisions beside a bad row");
    assert!(good.iter().zip(&without.info).all(|(&i, info)| all.info[i] == *info), "{name}: how the rows beside a bad one ended");
    assert!(good.iter().zip(&without.objective).all(|(&i, value)| all.objective[i] == *value), "{name}: values beside a bad row");
    if let (Some(back), Some(back_without)) = (&all.back, &without.back) {
        let ones = |b: &Batch| Batch::from_vec(b.rows(), b.cols(), vec![1.0; b.as_slice().len()]).expect("the size of x");
        let gradient = back.pull(&ones(&all.x)).expect("the cotangent has the shape of x");
        assert!(gradient.row(at).iter().all(|&g| g == 0.0), "{name}: the bad row has a gradient");
        let expected = back_without.pull(&ones(&without.x)).expect("the cotangent has the shape of x");
        assert_eq!(gradient.select(&good), expected, "{name}: gradients beside a bad row");
    }
    status
}

fn check_pullback(name: &str, pull: impl Fn(&Batch) -> Batch, thetas: &Batch, x: &Batch, linear: bool) {
    let one = Batch::from_vec(x.rows(), x.cols(), (0..x.rows() * x.cols()).map(|k| (k as f64).sin()).collect()).expect("the size of x");
    let mut twice = one.clone();
    twice.as_mut_slice().iter_mut().for_each(|v| *v *= 2.0);
    let (g, g2) = (pull(&one), pull(&twice));
    assert_eq!((g.rows(), g.cols()), (thetas.rows(), thetas.cols()), "{name}: shape of the gradient");
    for (a, b) in g.as_slice().iter().zip(g2.as_slice()).filter(|_| linear) {
        assert!((2.0 * a - b).abs() <= 1e-9 * (1.0 + b.abs()), "{name}: the pullback is not linear: 2 * {a} against {b}");
    }
}

/// The contract of a joined loss at the given predictions and targets: one value and gradient per row, the same bits for each row
/// alone, a NaN prediction and missing targets refused. Returns the largest relative error of the gradients against central
/// differences, which the caller judges (it is large where the loss has a kink).
pub fn check_loss<L: Loss, D: Decider>(loss: &DecisionLoss<L, D>, preds: &Batch, targets: &Targets, step: f64) -> f64 {
    let (name, ids): (_, Vec<u64>) = (loss.loss().name(), (0..preds.rows() as u64).collect());
    let stream = Stream { seed: 3, step: 1 };
    let all = loss.evaluate(preds, targets, &ids, stream).expect("well-formed input");
    let mut worst = 0.0_f64;
    for i in 0..preds.rows() {
        let (target, id) = (targets.select(&[i]), [ids[i]]);
        let value = |at: &[f64]| {
            let one = Batch::from_rows(&[at]).expect("one row");
            loss.evaluate(&one, &target, &id, stream).expect("well-formed input").values[0]
        };
        assert_eq!(value(preds.row(i)).to_bits(), all.values[i].to_bits(), "{name}: row {i} depends on the rest of the batch");
        worst = worst.max(gradient_error(preds.row(i), all.grads.row(i), step, value));
    }
    let mut bad = preds.clone();
    bad.row_mut(0)[0] = f64::NAN;
    assert!(matches!(loss.evaluate(&bad, targets, &ids, stream), Err(Error::NotFinite { what: "prediction", row: 0, column: 0, .. })));
    let needs = loss.loss().needs();
    if needs.truth || needs.solution {
        let none = loss.evaluate(preds, &Targets::default(), &ids, stream);
        assert!(matches!(none, Err(Error::Missing { .. })), "{name}: missing targets are refused");
    }
    worst
}

/// The contract of a task at a small request: shapes agree, rows are named once over all splits, the same seed gives the same data,
/// and no other row's optimal decision beats the label of a row by more than `slack`.
pub fn check_task(task: &dyn Task, request: &Request, slack: f64) {
    let name = task.name();
    let mut data = task.source().load(request).expect("the source loads");
    let again = task.source().load(request).expect("the source loads twice");
    assert_eq!(data.train.features, again.train.features, "{name}: the same seed gives the same features");
    assert_eq!(data.test.truth, again.test.truth, "{name}: the same seed gives the same truth");
    let mut ids: Vec<u64> = [&data.train, &data.valid, &data.test].into_iter().flat_map(|p| p.ids.clone()).collect();
    let rows = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), rows, "{name}: a row is in two splits");
    label(task, &mut data).expect("the oracle solves its own instances");
    let test = &data.test;
    let labels = test.labels.as_ref().expect("label() has set them");
    for i in 0..test.len().min(20) {
        for k in 0..test.len().min(20) {
            let other = task.cost(test.truth.row(i), labels.solution.row(k));
            assert!(labels.cost[i] <= other + slack, "{name}: decision {k} beats the label of row {i}: {other} < {}", labels.cost[i]);
        }
    }
}
