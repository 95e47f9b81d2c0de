//! Prints times and durations.

use std::env;
use std::fs;
use std::time::Duration;

use autoproc_domain::Timestamp;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

/// The time zone of the machine (localtime(5)).
const SYSTEM_ZONE: &str = "/etc/localtime";

const HALF_A_DAY: Duration = Duration::from_hours(12);

const AN_HOUR: Duration = Duration::from_hours(1);

const A_MINUTE: Duration = Duration::from_mins(1);

/// Formats a point in time, in the zone of the user.
pub(crate) fn local(point: Timestamp) -> String {
    let point = jiff::Timestamp::from_microsecond(point.as_micros()).expect("the domain's span lies within jiff's");
    let zoned = point.to_zoned(zone());
    let is_own = zoned.offset() == machine_zone().to_offset(point);
    zoned.strftime(if is_own { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S %Z" }).to_string()
}

/// The time zone of printed times. A run looks the zone up only once.
#[derive(Debug, Clone)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    pub(crate) fn current() -> Self {
        Self(zone())
    }

    #[cfg(test)]
    pub(crate) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    pub(crate) fn time_of_day(&self, point: Timestamp) -> String {
        self.format(point, "%H:%M:%S")
    }

    /// Formats a time after `now`. Adds the date to a distant time.
    pub(crate) fn time_after(&self, now: Timestamp, point: Timestamp) -> String {
        let is_far = point.saturating_since(now) > HALF_A_DAY;
        self.format(point, if is_far { "%Y-%m-%d %H:%M:%S" } else { "%H:%M:%S" })
    }

    pub(crate) fn date_and_time(&self, point: Timestamp) -> String {
        self.format(point, "%Y-%m-%d %H:%M:%S")
    }

    /// Returns the offset from UTC, in seconds.
    pub(crate) fn offset_seconds(&self, point: Timestamp) -> f64 {
        let point = jiff::Timestamp::from_microsecond(point.as_micros()).expect("the domain's span lies within jiff's");
        f64::from(self.0.to_offset(point).seconds())
    }

    /// Formats a point in time like strftime(3).
    pub(crate) fn format(&self, point: Timestamp, format: &str) -> String {
        let point = jiff::Timestamp::from_microsecond(point.as_micros()).expect("the domain's span lies within jiff's");
        point.to_zoned(self.0.clone()).strftime(format).to_string()
    }
}

/// Returns the zone from `TZ`, or else the machine's zone.
pub(crate) fn zone() -> TimeZone {
    // A `TZ` without daylight-saving rules is valid in POSIX, but not in the library. These rules
    // are the defaults of the C library.
    let with_rules = || TimeZone::posix(&format!("{},M3.2.0,M11.1.0", env::var("TZ").ok()?)).ok();
    let system = TimeZone::try_system().ok().filter(|zone| !zone.is_unknown());
    system.or_else(with_rules).unwrap_or(TimeZone::UTC)
}

fn machine_zone() -> TimeZone {
    let read = fs::read(SYSTEM_ZONE).ok();
    read.and_then(|data| TimeZone::tzif("machine", &data).ok()).unwrap_or(TimeZone::UTC)
}

/// Formats a duration: below a second in milliseconds, below 10 s in tenths of a second, otherwise
/// in hours, minutes and seconds.
pub(crate) fn span(length: Duration) -> String {
    if length < Duration::from_millis(1) {
        return if length.is_zero() { "0s".to_owned() } else { "<1ms".to_owned() };
    }
    if length < Duration::from_secs(1) {
        return format!("{}ms", length.as_millis());
    }
    if length < Duration::from_secs(10) {
        return format!("{:.1}s", length.as_secs_f64());
    }
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    format!("{:#}", SignedDuration::from_secs(seconds))
}

/// Formats a duration in hours, minutes and seconds; from an hour on, without seconds.
pub(crate) fn running_span(length: Duration) -> String {
    let seconds = i64::try_from(length.as_secs()).unwrap_or(i64::MAX);
    let seconds = if length < AN_HOUR { seconds } else { seconds - seconds % 60 };
    format!("{:#}", SignedDuration::from_secs(seconds))
}

/// Formats an estimated duration, rounded.
pub(crate) fn rough_span(length: Duration) -> String {
    let unit = match length {
        length if length < 2 * A_MINUTE => return span(length),
        length if length < 10 * AN_HOUR => A_MINUTE.as_secs(),
        _ => AN_HOUR.as_secs(),
    };
    let units = length.as_secs().saturating_add(unit / 2) / unit;
    span(Duration::from_secs(units.saturating_mul(unit)))
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
        assert_eq!(span(Duration::ZERO), "0s");
        assert_eq!(span(Duration::from_micros(400)), "<1ms");
        assert_eq!(span(Duration::from_millis(34)), "34ms");
        assert_eq!(span(Duration::from_millis(1_234)), "1.2s");
        assert_eq!(span(Duration::from_secs(75)), "1m 15s");
        assert_eq!(span(Duration::from_secs(7_200)), "2h");
    }

    #[test]
    fn a_rough_span_is_rounded() {
        let rough = |seconds| rough_span(Duration::from_secs_f64(seconds));
        assert_eq!([0.034, 8.26, 119.0].map(rough), ["34ms", "8.3s", "1m 59s"]);
        assert_eq!([749.0, 751.0, 7_300.0].map(rough), ["12m", "13m", "2h 2m"]);
        assert_eq!([36_000.0, 100_000.0].map(rough), ["10h", "28h"]);
        assert!(!rough_span(Duration::MAX).is_empty());
    }

    #[test]
    fn a_running_span_is_short() {
        assert_eq!(running_span(Duration::from_millis(900)), "0s");
        assert_eq!(running_span(Duration::from_millis(3_599_999)), "59m 59s");
        assert_eq!(running_span(Duration::from_secs(3_659)), "1h");
        assert_eq!(running_span(Duration::from_secs(100_000)), "27h 46m");
    }

    #[test]
    fn a_date_stands_where_the_time_of_day_is_not_enough() {
        let now = Timestamp::from_micros(1_000_000);
        assert_eq!(Zone::utc().time_of_day(now), "00:00:01");
        assert_eq!(Zone::utc().time_after(now, now.saturating_add(HALF_A_DAY)), "12:00:01");
        assert_eq!(Zone::utc().time_after(now, now.saturating_add(2 * HALF_A_DAY)), "1970-01-02 00:00:01");
    }
}
