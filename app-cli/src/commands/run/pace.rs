//! Estimates the rate of a run and the time left.

use std::time::{Duration, Instant};

use crate::view::time::span;

/// The number of files that have ended in a run, and the time they took.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    /// The time at which the latest file ended.
    last_end: Instant,
    ended: u64,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { began: now, last_end: now, ended: 0 }
    }

    /// Records that this many files have ended by now.
    pub(super) fn on_end(&mut self, ended: u64) {
        (self.ended, self.last_end) = (ended, Instant::now());
    }

    /// Returns the rate and the time left as the end of a line; empty until the first file has
    /// ended.
    pub(super) fn text(&self, ended: u64, all: u64, now: Instant) -> String {
        let taken = self.last_end.saturating_duration_since(self.began);
        let Some(each) = u32::try_from(ended).ok().and_then(|ended| taken.checked_div(ended)) else {
            return String::new();
        };
        let waited = now.saturating_duration_since(self.last_end);
        format!(", {}{}", rate(each), left(each, all.saturating_sub(ended), waited))
    }
}

/// Formats files per second if there is more than one, otherwise the time per file.
fn rate(each: Duration) -> String {
    if each < Duration::from_secs(1) {
        return format!("{:.1}/s", 1.0 / each.as_secs_f64().max(1e-6));
    }
    format!("{} each", span(each))
}

/// Formats the time left: the average time of the remaining files, less the time since the latest
/// end. If less than a second is left, shows only the number of remaining files.
fn left(each: Duration, count: u64, waited: Duration) -> String {
    let total = each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX));
    match total.checked_sub(waited) {
        _ if count == 0 => String::new(),
        Some(left) if left >= Duration::from_secs(1) => format!(", {} left", span(rounded(left))),
        _ => format!(", {count} still running"),
    }
}

/// Drops fractions of a second, which change too fast to be read.
fn rounded(length: Duration) -> Duration {
    Duration::from_secs(length.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn text(each: Duration, ended: u32, all: u64, waited: Duration) -> String {
        let began = Instant::now();
        let last_end = began + each * ended;
        let pace = Pace { began, last_end, ended: ended.into() };
        pace.text(ended.into(), all, last_end + waited)
    }

    #[test]
    fn the_time_left_goes_down_while_a_file_runs() {
        assert_eq!(text(40 * SECOND, 3, 6, Duration::ZERO), ", 40s each, 2m left");
        assert_eq!(text(40 * SECOND, 3, 6, 20 * SECOND), ", 40s each, 1m 40s left");
        assert_eq!(text(40 * SECOND, 5, 6, 39 * SECOND), ", 40s each, 1.0s left");
    }

    #[test]
    fn it_is_never_0_and_never_grows_without_end() {
        assert_eq!(text(40 * SECOND, 5, 6, 400 * SECOND), ", 40s each, 1 still running");
        assert_eq!(text(SECOND / 10, 19, 20, 8 * SECOND), ", 10.0/s, 1 still running");
        assert_eq!(text(SECOND, 0, 6, 400 * SECOND), "");
        assert_eq!(text(SECOND, 6, 6, SECOND), ", 1.0s each");
    }
}
