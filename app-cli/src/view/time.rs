//! Prints points in time and durations.

use std::env;
use std::fs;
use std::time::Duration;

use autoproc_domain::Timestamp;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

/// The time zone of the machine, regardless of `TZ` (localtime(5)).
const SYSTEM_ZONE: &str = "/etc/localtime";

/// Formats a point in time, to the second, in the zone that `TZ` names, otherwise in the machine's.
/// The zone is shown if its offset differs from the machine's.
pub(crate) fn local(point: Timestamp) -> String {
    let point = jiff::Timestamp::from_microsecond(point.as_micros()).expect("the domain's span lies within jiff's");
    let zoned = point.to_zoned(zone());
    let is_own = zoned.offset() == machine_zone().to_offset(point);
    zoned.strftime(if is_own { "%Y-%m-%d %H:%M:%S" } else { "%Y-%m-%d %H:%M:%S %Z" }).to_string()
}

/// Returns the zone that `TZ` names, otherwise the machine's; UTC if the name is unknown.
pub(crate) fn zone() -> TimeZone {
    // The library requires daylight-saving rules, which POSIX allows to omit. The rules added here
    // are those of the C library.
    let with_rules = || TimeZone::posix(&format!("{},M3.2.0,M11.1.0", env::var("TZ").ok()?)).ok();
    let system = TimeZone::try_system().ok().filter(|zone| !zone.is_unknown());
    system.or_else(with_rules).unwrap_or(TimeZone::UTC)
}

fn machine_zone() -> TimeZone {
    let read = fs::read(SYSTEM_ZONE).ok();
    read.and_then(|data| TimeZone::tzif("machine", &data).ok()).unwrap_or(TimeZone::UTC)
}

/// Formats a duration, rounded to a readable precision.
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
}
