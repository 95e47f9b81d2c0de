//! Points and spans of time as they are shown.

use std::time::Duration;

use autoproc_domain::Timestamp;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

/// A point in time for a program: RFC 3339 in UTC.
pub(super) fn rfc3339(point: Timestamp) -> String {
    jiff_of(point).to_string()
}

/// A point in time for a person: where they live, to the second.
pub(super) fn local(point: Timestamp) -> String {
    jiff_of(point).to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// A span of time for a person: as exact as anybody wants to know.
pub(crate) fn span(length: Duration) -> String {
    if length < Duration::from_secs(10) {
        return format!("{:.1}s", length.as_secs_f64());
    }
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}

/// What jiff's calendar does not reach is shown as its nearest end.
fn jiff_of(point: Timestamp) -> jiff::Timestamp {
    let nearest = if point.as_micros() < 0 { jiff::Timestamp::MIN } else { jiff::Timestamp::MAX };
    jiff::Timestamp::from_microsecond(point.as_micros()).unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_beyond_the_calendar_are_still_shown() {
        assert_eq!(rfc3339(Timestamp::from_micros(1_500_000)), "1970-01-01T00:00:01.5Z");
        assert!(rfc3339(Timestamp::MAX).starts_with("9999-12-30"));
        assert_eq!(local(Timestamp::from_micros(i64::MIN)).matches('-').count(), 2);
    }

    #[test]
    fn spans_are_as_exact_as_they_are_short() {
        assert_eq!(span(Duration::from_millis(1_234)), "1.2s");
        assert_eq!(span(Duration::from_secs(75)), "1m 15s");
        assert_eq!(span(Duration::from_secs(7_200)), "2h");
    }
}
