use dfl_core::{Instances, Key, Stream};

/// Seed of the order in which rows join: the same for all seeds of the runs, so that a share is one set of rows.
const SEED: u64 = 0;

/// The size of a result row that says which share of the training rows was used: `24h-share0_05`.
pub(super) fn share_size(size: &str, share: f64) -> String {
    format!("{size}-share{}", share.to_string().replace('.', "_"))
}

/// A share of the rows, in their order, at least one: the first ones of a fixed permutation, so that a smaller share is part of a larger one.
pub(super) fn part(rows: &Instances, share: f64) -> Instances {
    let mut order: Vec<usize> = (0..rows.len()).collect();
    Stream { seed: SEED, step: 0 }.rng("share of the training rows", Key::default()).shuffle(&mut order);
    order.truncate(((share * rows.len() as f64).round() as usize).max(1));
    order.sort_unstable();
    rows.select(&order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dfl_core::Batch;

    #[test]
    fn shares_are_nested_and_of_the_right_size() {
        let rows = Instances::new(Batch::zeros(2042, 1), Batch::zeros(2042, 1)).unwrap();
        let ids = [0.05, 0.1, 0.4, 1.0].map(|share| part(&rows, share).ids);
        assert_eq!(ids.each_ref().map(Vec::len), [102, 204, 817, 2042]);
        for pair in ids.windows(2) {
            assert!(pair[0].iter().all(|id| pair[1].contains(id)));
        }
        assert!(ids[0].windows(2).all(|pair| pair[0] < pair[1]) && ids[0][101] > 1000, "rows of the whole period");
        assert_eq!(part(&rows.select(&[0, 1]), 0.01).len(), 1);
    }

    #[test]
    fn a_share_has_a_size_of_its_own() {
        assert_eq!([share_size("24h", 0.05), share_size("24h", 1.0)], ["24h-share0_05", "24h-share1"]);
    }
}
