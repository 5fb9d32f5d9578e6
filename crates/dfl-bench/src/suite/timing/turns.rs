use std::time::{Duration, Instant};

use dfl_core::{Error, Result};

/// Timed runs of a turn; an untimed one goes before them, since caches and clocks were someone else's.
const RUNS: usize = 3;
/// Above this a run is its own warm-up, and one a turn is enough.
const LONG: f64 = 0.3;
/// Threads of some peers spin for a while after their work is done.
const PAUSE: Duration = Duration::from_millis(15);

/// Seconds by metric, one value for each run.
pub(super) type Samples = Vec<(&'static str, Vec<f64>)>;

/// One of those who take turns.
pub(super) trait Contender {
    /// Does the work `times` times.
    fn run(&mut self, times: usize) -> Result<Samples>;
    /// Largest error of the gradient of the last run, where there is one.
    fn error(&mut self) -> Result<Option<f64>>;
}

/// What a contender took and how right it was.
#[derive(Debug)]
pub(super) struct Score {
    /// Medians over all runs, in seconds.
    pub(super) medians: Vec<(&'static str, f64)>,
    /// See [`Contender::error`].
    pub(super) error: Option<f64>,
}

impl Score {
    /// All phases together.
    pub(super) fn total(&self) -> f64 {
        self.medians.iter().map(|(_, seconds)| seconds).sum()
    }
}

/// Lets all take turns; one that fails is out, and the others go on.
///
/// # Errors
/// [`Error::Interrupted`].
pub(super) fn take_turns(
    contenders: &mut [Result<Box<dyn Contender + '_>>],
    turns: usize,
    interrupted: &dyn Fn() -> bool,
) -> Result<Vec<Result<Score>>> {
    let mut all: Vec<Result<Samples>> = contenders.iter().map(|_| Ok(Samples::new())).collect();
    for _ in 0..turns {
        for (contender, samples) in contenders.iter_mut().zip(&mut all) {
            if interrupted() {
                return Err(Error::Interrupted);
            }
            let (Ok(contender), Ok(earlier)) = (contender, samples.as_mut()) else { continue };
            std::thread::sleep(PAUSE);
            match turn(&mut **contender) {
                Ok(new) => extend(earlier, new),
                Err(error) => *samples = Err(error),
            }
        }
    }
    let score = |(contender, samples): (&mut Result<Box<dyn Contender + '_>>, Result<Samples>)| {
        let Ok(contender) = contender else {
            return Err(std::mem::replace(contender, Err(Error::Interrupted)).err().expect("it is no contender"));
        };
        let medians = samples?.into_iter().map(|(metric, values)| (metric, median(values))).collect();
        Ok(Score { medians, error: contender.error()? })
    };
    Ok(contenders.iter_mut().zip(all).map(score).collect())
}

fn turn(contender: &mut dyn Contender) -> Result<Samples> {
    let began = Instant::now();
    let first = contender.run(1)?;
    if began.elapsed().as_secs_f64() > LONG { Ok(first) } else { contender.run(RUNS) }
}

fn extend(samples: &mut Samples, new: Samples) {
    for (metric, values) in new {
        match samples.iter_mut().find(|(known, _)| *known == metric) {
            Some((_, earlier)) => earlier.extend(values),
            None => samples.push((metric, values)),
        }
    }
}

/// The middle value, or the mean of the two in the middle; NaN of nothing.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => 0.5 * (values[middle - 1] + values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Writes its name at each timed turn; breaks in the turn of this number.
    struct Scribe<'a> {
        name: char,
        breaks_at: usize,
        turns: usize,
        book: &'a RefCell<String>,
    }

    impl Contender for Scribe<'_> {
        fn run(&mut self, times: usize) -> Result<Samples> {
            if times > 1 {
                self.turns += 1;
                self.book.borrow_mut().push(self.name);
            }
            if self.turns == self.breaks_at {
                return Err(Error::Unsupported { who: "a scribe", what: "more" });
            }
            Ok(vec![("solve_seconds", vec![self.turns as f64; times])])
        }
        fn error(&mut self) -> Result<Option<f64>> {
            Ok(Some(1e-9))
        }
    }

    #[test]
    fn turns_are_interleaved_and_a_failure_does_not_stop_the_others() {
        let book = RefCell::new(String::new());
        let scribe =
            |name, breaks_at| -> Result<Box<dyn Contender + '_>> { Ok(Box::new(Scribe { name, breaks_at, turns: 0, book: &book })) };
        let refused = Err(Error::Unsupported { who: "nobody", what: "a pen" });
        let mut contenders = [scribe('a', 9), refused, scribe('b', 2), scribe('c', 9)];
        let scores = take_turns(&mut contenders, 3, &|| false).unwrap();
        assert_eq!(*book.borrow(), "abcabcac");
        assert_eq!(scores[0].as_ref().unwrap().medians, [("solve_seconds", 2.0)]);
        assert_eq!(scores[0].as_ref().unwrap().error, Some(1e-9));
        assert!(scores[1].as_ref().unwrap_err().to_string().contains("a pen"));
        assert!(scores[2].as_ref().unwrap_err().to_string().contains("more"));
        assert!(scores[3].is_ok());
    }

    #[test]
    fn an_interruption_ends_the_turns() {
        assert!(matches!(take_turns(&mut [Err(Error::Interrupted)], 1, &|| true), Err(Error::Interrupted)));
    }

    #[test]
    fn medians_by_hand() {
        assert_eq!([median(vec![3.0, 1.0, 2.0]), median(vec![4.0, 1.0, 2.0, 3.0])], [2.0, 2.5]);
        assert!(median(vec![]).is_nan());
    }
}
