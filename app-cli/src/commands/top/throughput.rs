//! Computes the rate at which files end.

use std::time::Duration;

use autoproc_domain::Timestamp;

/// The longest time that the bars cover.
const MAX_WINDOW: Duration = Duration::from_mins(10);

/// The shortest time that the bars cover. Over less time, the rate would be noisy.
const MIN_WINDOW: Duration = Duration::from_secs(10);

const BARS: u32 = 12;

/// The number of files that ended in each of several equal time spans.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Throughput {
    /// The number of files that ended in each span, the earliest span first.
    pub(super) bars: Vec<u64>,
    /// The total length of all spans; 0 if there are no bars.
    pub(super) window: Duration,
}

impl Throughput {
    /// Counts the files that ended. `ends` contains all ends since `known_since`.
    pub(super) fn of(ends: impl Iterator<Item = Timestamp>, known_since: Timestamp, now: Timestamp) -> Self {
        let window = now.saturating_since(known_since).clamp(MIN_WINDOW, MAX_WINDOW);
        let span = window / BARS;
        let mut bars = vec![0; BARS as usize];
        for end in ends {
            let age = now.saturating_since(end);
            let spans_ago = age.as_micros() / span.as_micros().max(1);
            let bar = usize::try_from(spans_ago).ok().and_then(|ago| (BARS as usize).checked_sub(ago + 1));
            if let Some(bar) = bar.and_then(|bar| bars.get_mut(bar)) {
                *bar += 1;
            }
        }
        if bars.iter().all(|count| *count == 0) { Self::default() } else { Self { bars, window } }
    }

    /// Describes the rate as text. Returns `None` if no file has ended.
    pub(super) fn rate(&self) -> Option<String> {
        let count: u64 = self.bars.iter().sum();
        #[expect(clippy::cast_precision_loss, reason = "counts of attempts are small")]
        let per_second = count as f64 / self.window.as_secs_f64();
        let rate = match per_second {
            rate if rate >= 1.0 => format!("{rate:.1} files/s"),
            rate if rate * 60.0 >= 1.0 => format!("{:.1} files/min", rate * 60.0),
            rate => format!("{:.1} files/h", rate * 3600.0),
        };
        (count > 0).then_some(rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn of(ends: &[i64], known_since: i64) -> Throughput {
        Throughput::of(ends.iter().copied().map(at), at(known_since), at(10_000))
    }

    #[test]
    fn the_latest_bar_is_the_last() {
        let throughput = of(&[9_999, 9_990, 9_951, 9_400, 9_000], 0);
        assert_eq!(throughput.bars, [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3], "50 s each, and the older ends are left out");
        assert_eq!(throughput.rate().as_deref(), Some("18.0 files/h"));
        assert_eq!(of(&[9_999, 9_950, 9_900], 0).bars[9..], [1, 1, 1]);
    }

    #[test]
    fn only_the_known_time_counts() {
        assert_eq!(of(&[9_990; 30], 9_940).rate().as_deref(), Some("30.0 files/min"));
        assert_eq!(of(&[9_999; 30], 9_999).rate().as_deref(), Some("3.0 files/s"));
        assert_eq!(of(&[10_001], 9_000).bars[11], 1, "an end after a clock that was set back");
    }

    #[test]
    fn without_ends_there_is_no_rate() {
        assert_eq!((of(&[], 0).rate(), of(&[], 0).bars.len()), (None, 0));
    }
}
