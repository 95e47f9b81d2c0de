//! Prints points in time and durations.

use std::time::Duration;

use autoproc_domain::Timestamp;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

/// A point in time in the local time zone, to the second.
pub(crate) fn local(point: Timestamp) -> String {
    let point = jiff::Timestamp::from_microsecond(point.as_micros()).expect("the domain's span lies within jiff's");
    point.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A duration, rounded to a readable precision.
pub(crate) fn span(length: Duration) -> String {
    if length < Duration::from_secs(10) {
        return format!("{:.1}s", length.as_secs_f64());
    }
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_the_span_are_shown() {
        assert_eq!(local(Timestamp::MAX).matches('-').count(), 2);
        assert_eq!(local(Timestamp::from_micros(i64::MIN)).matches('-').count(), 2);
    }

    #[test]
    fn spans_are_as_exact_as_they_are_short() {
        assert_eq!(span(Duration::from_millis(1_234)), "1.2s");
        assert_eq!(span(Duration::from_secs(75)), "1m 15s");
        assert_eq!(span(Duration::from_secs(7_200)), "2h");
    }
}
