//! Rounds in which every contender runs once, and the figures that come of them.
//!
//! A disk that is shared drifts by a factor of two within minutes. So nothing is compared with a figure of another
//! minute: the ratio is taken within each round, and the median of the ratios is what counts.

use std::time::Instant;

/// Whether this is a measurement (`cargo bench`), not a test run that only shows that the bench still works.
pub fn measuring() -> bool {
    std::env::args().any(|argument| argument == "--bench")
}

/// The only clock of the benches.
#[allow(clippy::disallowed_methods, reason = "a bench is about time")]
pub fn now() -> Instant {
    Instant::now()
}

/// What comes of some work, and how many seconds it took. Letting go of the result is not part of it.
pub fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let start = now();
    let result = std::hint::black_box(work());
    (result, start.elapsed().as_secs_f64())
}

/// Runs each contender once a round; another one begins each time. One list of results for each.
pub fn interleave<const N: usize>(
    rounds: usize,
    contenders: &mut [&mut dyn FnMut() -> f64; N],
) -> [Vec<f64>; N] {
    let mut results = [const { Vec::new() }; N];
    for round in 0..rounds {
        for turn in 0..N {
            let at = (round + turn) % N;
            results[at].push(contenders[at]());
        }
    }
    results
}

/// The middle one; of an even number the lower of the two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) / 2]
}

/// Ours over the baseline, round by round.
#[derive(Debug)]
pub struct Ratio(Vec<f64>);

impl Ratio {
    /// Of two lists of the same rounds.
    pub fn of(ours: &[f64], baseline: &[f64]) -> Ratio {
        assert_eq!(ours.len(), baseline.len(), "one result of each a round");
        Ratio(ours.iter().zip(baseline).map(|(ours, baseline)| ours / baseline).collect())
    }

    /// The median.
    pub fn median(&self) -> f64 {
        median(&self.0)
    }

    /// The median, the least and the greatest: `0.82 (0.78 to 0.91)`.
    pub fn text(&self) -> String {
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let greatest = self.0.iter().copied().fold(0.0, f64::max);
        format!("{:.2} ({least:.2} to {greatest:.2})", self.median())
    }

    /// A budget, and whether it is met; a test run cannot tell.
    pub fn beside(&self, at_least: f64) -> String {
        let word = match (measuring(), self.median() >= at_least) {
            (false, _) => "not measured",
            (true, true) => "met",
            (true, false) => "MISSED",
        };
        format!("at least {at_least}: {word}")
    }
}

/// A count for people: `12.3k`, `1.36M`.
pub fn count(value: f64) -> String {
    match value {
        1e6.. => format!("{:.2}M", value / 1e6),
        1e4.. => format!("{:.0}k", value / 1e3),
        1e3.. => format!("{:.1}k", value / 1e3),
        _ => format!("{value:.0}"),
    }
}

/// A length of time for people: `12.3 ms`, `1.36 s`.
pub fn span(seconds: f64) -> String {
    if seconds >= 1.0 { format!("{seconds:.2} s") } else { format!("{:.1} ms", seconds * 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_contender_runs_once_a_round_and_begins_in_its_turn() {
        let order = std::cell::RefCell::new(String::new());
        let mut a = || {
            order.borrow_mut().push('a');
            2.0
        };
        let mut b = || {
            order.borrow_mut().push('b');
            4.0
        };
        let [first, second] = interleave(3, &mut [&mut a, &mut b]);
        assert_eq!(order.into_inner(), "abbaab");
        let ratio = Ratio::of(&first, &second);
        assert_eq!(ratio.text(), "0.50 (0.50 to 0.50)");
        assert_eq!(ratio.beside(0.65), "at least 0.65: not measured");
    }

    #[test]
    fn figures_for_people() {
        assert_eq!(count(median(&[3.0, 1.0, 2.0, 9.0])), "2");
        assert_eq!([999.0, 1_234.0, 12_345.0, 1_234_567.0].map(count), ["999", "1.2k", "12k", "1.23M"]);
        assert_eq!([0.0123, 1.5].map(span), ["12.3 ms", "1.50 s"]);
    }
}
