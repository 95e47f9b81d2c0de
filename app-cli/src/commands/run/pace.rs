//! Estimates the rate of a run and the remaining time.

use std::time::Duration;

use crate::view::time::running_span;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pace {
    last_end: Duration,
    ended: u64,
}

impl Pace {
    /// Records that a file ended. `now` is the elapsed time of the run.
    pub(super) fn on_end(&mut self, now: Duration) {
        (self.ended, self.last_end) = (self.ended + 1, now);
    }

    pub(super) fn rate(&self, now: Duration) -> Option<String> {
        let with_next = now.checked_div(u32::try_from(self.ended + 1).ok()?)?;
        let each = self.each()?.max(with_next);
        if each > SECOND {
            let short = (each < 10 * SECOND).then(|| format!("{:.1}s", each.as_secs_f64()));
            return Some(format!("{} a file", short.unwrap_or_else(|| running_span(each))));
        }
        let rate = 1.0 / each.as_secs_f64().max(1e-6);
        let decimals = usize::from(rate < 100.0);
        Some(format!("{rate:.decimals$} files/s"))
    }

    /// Estimates the time for `count` more files from the average time per file. `None` if no file
    /// has ended, if `count` is 0, or if the estimated time has already passed.
    pub(super) fn left(&self, count: u64, now: Duration) -> Option<String> {
        let each = self.each().filter(|_| count > 0)?;
        let total = each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
        let waited = now.saturating_sub(self.last_end);
        (waited < total.saturating_add(SECOND)).then(|| left_text(total.saturating_sub(waited)))
    }

    fn each(&self) -> Option<Duration> {
        self.last_end.checked_div(u32::try_from(self.ended).ok()?)
    }
}

pub(super) fn left_text(left: Duration) -> String {
    if left < SECOND { "< 1s left".to_owned() } else { format!("{} left", running_span(left)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(each: Duration, ended: u32, count: u64, waited: Duration) -> [Option<String>; 2] {
        let pace = Pace { last_end: each * ended, ended: ended.into() };
        [pace.rate(pace.last_end), pace.left(count, pace.last_end + waited)]
    }

    fn expected(rate: &str, left: &str) -> [Option<String>; 2] {
        [rate, left].map(|text| (!text.is_empty()).then(|| text.to_owned()))
    }

    #[test]
    fn the_time_left_goes_down_while_a_file_runs() {
        assert_eq!(texts(40 * SECOND, 3, 3, Duration::ZERO), expected("40s a file", "2m left"));
        assert_eq!(texts(40 * SECOND, 3, 3, 20 * SECOND), expected("40s a file", "1m 40s left"));
        assert_eq!(texts(40 * SECOND, 5, 1, 39 * SECOND), expected("40s a file", "1s left"));
    }

    #[test]
    fn it_is_never_0_and_left_out_while_it_is_unknown() {
        assert_eq!(texts(40 * SECOND, 5, 1, 40 * SECOND), expected("40s a file", "< 1s left"));
        assert_eq!(texts(40 * SECOND, 5, 1, 42 * SECOND), expected("40s a file", ""));
        assert_eq!(texts(SECOND / 10, 19, 1, SECOND / 20), expected("10.0 files/s", "< 1s left"));
        assert_eq!(texts(SECOND, 0, 6, 400 * SECOND), expected("", ""));
        assert_eq!(texts(SECOND, 6, 0, SECOND), expected("1.0 files/s", ""));
    }

    #[test]
    fn the_rate_goes_down_while_nothing_ends() {
        let pace = Pace { last_end: 80 * SECOND, ended: 2 };
        assert_eq!(pace.rate(119 * SECOND).as_deref(), Some("40s a file"));
        assert_eq!(pace.rate(150 * SECOND).as_deref(), Some("50s a file"));
    }

    #[test]
    fn a_rate_below_one_a_second_is_a_time_a_file() {
        assert_eq!(texts(3 * SECOND / 2, 2, 0, SECOND)[0].as_deref(), Some("1.5s a file"));
        assert_eq!(texts(SECOND / 4000, 8000, 0, SECOND)[0].as_deref(), Some("4000 files/s"));
        assert_eq!(texts(Duration::ZERO, 3, 1, Duration::ZERO)[0].as_deref(), Some("1000000 files/s"));
    }
}
