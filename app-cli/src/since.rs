//! Parses points in time.

use std::fmt;
use std::time::{Duration, SystemTime};

use autoproc_domain::Timestamp;
use autoproc_time_text::InvalidSpan;
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Span, Zoned};

use crate::view::time::{span, zone};

pub(crate) const EXPECTED: &str =
    "expected a time of day (22:00), a date (2026-11-28), a date and time (2026-11-28T22:00), or a span (12h)";

/// A point in time, in the past or in the future.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Since {
    /// A span before or after the current time.
    Ago(Duration),
    /// The last or the next occurrence of a time of day.
    TimeOfDay(Time),
    /// A date and time, or midnight of a date.
    Local(DateTime),
    Exact(jiff::Timestamp),
}

pub(crate) fn parse(word: &str) -> Result<Since, String> {
    let is_date = word.get(4..5) == Some("-");
    if let Some(exact) = word.parse().ok().filter(|_| is_date) {
        return Ok(Since::Exact(exact));
    }
    if is_date {
        return word.parse().map(Since::Local).map_err(|_| EXPECTED.to_owned());
    }
    if word.contains(':') {
        return word.parse().map(Since::TimeOfDay).map_err(|_| EXPECTED.to_owned());
    }
    autoproc_time_text::parse(word).map(Since::Ago).map_err(|error| match error {
        InvalidSpan::NoSpan => EXPECTED.to_owned(),
        other => other.to_string(),
    })
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(ago) => f.write_str(&span(*ago)),
            Self::TimeOfDay(time) => time.fmt(f),
            Self::Local(time) => time.fmt(f),
            Self::Exact(point) => point.fmt(f),
        }
    }
}

impl Since {
    pub(crate) fn before(self, now: Timestamp) -> Timestamp {
        self.in_zone(now, zone())
    }

    /// Converts the point to a time after `now`. A date may lie in the past.
    pub(crate) fn after(self, now: Timestamp) -> Timestamp {
        self.after_in_zone(now, zone())
    }

    fn after_in_zone(self, now: Timestamp, zone: TimeZone) -> Timestamp {
        match self {
            Self::Ago(span) => now.saturating_add(span),
            Self::TimeOfDay(time) => {
                next(time, now, &zone).map_or(Timestamp::MAX, |point| Timestamp::from_micros(point.as_microsecond()))
            }
            Self::Local(_) | Self::Exact(_) => self.in_zone(now, zone),
        }
    }

    /// Converts the point to a system time. `None` if the system cannot represent the time.
    pub(crate) fn system_time(self) -> Option<SystemTime> {
        let now = SystemTime::now();
        if let Self::Ago(span) = self {
            return now.checked_sub(span);
        }
        let elapsed = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
        let now = Timestamp::from_micros(i64::try_from(elapsed.as_micros()).ok()?);
        let micros = u64::try_from(self.before(now).as_micros()).unwrap_or(0);
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros))
    }

    fn in_zone(self, now: Timestamp, zone: TimeZone) -> Timestamp {
        let point = match self {
            Self::Ago(span) => {
                let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
                return Timestamp::from_micros(now.as_micros().saturating_sub(micros));
            }
            Self::TimeOfDay(time) => latest(time, now, &zone),
            // The first and last hours of the times that can be written have no timestamp.
            Self::Local(time) => {
                Some(time.to_zoned(zone).map_or_else(|_| end_of_time(time), |zoned| zoned.timestamp()))
            }
            Self::Exact(point) => Some(point),
        };
        point.map_or(Timestamp::MIN, |point| Timestamp::from_micros(point.as_microsecond()))
    }
}

fn end_of_time(time: DateTime) -> jiff::Timestamp {
    if time.year() > 0 { jiff::Timestamp::MAX } else { jiff::Timestamp::MIN }
}

fn latest(time: Time, now: Timestamp, zone: &TimeZone) -> Option<jiff::Timestamp> {
    let now = jiff::Timestamp::from_microsecond(now.as_micros()).ok()?.to_zoned(zone.clone());
    let on = |day: &Zoned| day.date().to_datetime(time).to_zoned(zone.clone()).ok();
    let today = on(&now).filter(|today| *today <= now);
    let moment = today.or_else(|| on(&now.checked_sub(Span::new().days(1)).ok()?))?;
    Some(moment.timestamp())
}

fn next(time: Time, now: Timestamp, zone: &TimeZone) -> Option<jiff::Timestamp> {
    let now = jiff::Timestamp::from_microsecond(now.as_micros()).ok()?.to_zoned(zone.clone());
    let on = |day: &Zoned| day.date().to_datetime(time).to_zoned(zone.clone()).ok();
    let today = on(&now).filter(|today| *today > now);
    let moment = today.or_else(|| on(&now.checked_add(Span::new().days(1)).ok()?))?;
    Some(moment.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(word: &str) -> String {
        let now = "2026-11-29T06:30:00Z".parse().expect("a time");
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        parse(word).expect(word).in_zone(now, zone).to_string()
    }

    #[test]
    fn every_form_is_a_point_before_now() {
        for (word, expected) in [
            ("22:00", "2026-11-28T21:00:00.000000Z"),
            ("07:30", "2026-11-29T06:30:00.000000Z"),
            ("07:31:30", "2026-11-28T06:31:30.000000Z"),
            ("2026-11-28", "2026-11-27T23:00:00.000000Z"),
            ("2026-11-28T22:00", "2026-11-28T21:00:00.000000Z"),
            ("2026-11-28 22:00:05", "2026-11-28T21:00:05.000000Z"),
            ("2026-07-01 22:00", "2026-07-01T20:00:00.000000Z"),
            ("2026-11-28T22:00:00Z", "2026-11-28T22:00:00.000000Z"),
            ("2026-11-28T22:00:00.5+02:00", "2026-11-28T20:00:00.500000Z"),
            ("12h", "2026-11-28T18:30:00.000000Z"),
            ("90", "2026-11-29T06:28:30.000000Z"),
            ("2d", "2026-11-27T06:30:00.000000Z"),
            ("9999-12-31", "9999-12-30T22:00:00.000000Z"),
            ("9999-12-31T23:59:59", "9999-12-30T22:00:00.000000Z"),
            ("0000-01-01", "0000-01-01T00:00:00.000000Z"),
        ] {
            assert_eq!(point(word), expected, "{word}");
        }
    }

    #[test]
    fn every_form_is_a_point_after_now() {
        let now = "2026-11-29T06:30:00Z".parse().expect("a time");
        let zone = || TimeZone::get("Europe/Berlin").expect("a zone");
        for (word, expected) in [
            ("22:00", "2026-11-29T21:00:00.000000Z"),
            ("07:30", "2026-11-30T06:30:00.000000Z"),
            ("06:00", "2026-11-30T05:00:00.000000Z"),
            ("2026-11-30", "2026-11-29T23:00:00.000000Z"),
            ("2026-11-30T06:00", "2026-11-30T05:00:00.000000Z"),
            ("2026-11-30T06:00:00Z", "2026-11-30T06:00:00.000000Z"),
            ("8h", "2026-11-29T14:30:00.000000Z"),
            ("90", "2026-11-29T06:31:30.000000Z"),
        ] {
            assert_eq!(parse(word).expect(word).after_in_zone(now, zone()).to_string(), expected, "{word}");
        }
        // That night, the clocks are set forward from 02:00 to 03:00.
        let now = "2026-03-28T22:00:00Z".parse().expect("a time");
        let point = parse("06:00").expect("a time of day").after_in_zone(now, zone());
        assert_eq!(point.to_string(), "2026-03-29T04:00:00.000000Z");
    }

    #[test]
    fn a_point_is_written_as_it_may_be_entered() {
        for (word, written) in [
            ("12h", "12h"),
            ("90", "1m 30s"),
            ("22:00", "22:00:00"),
            ("2026-11-28", "2026-11-28T00:00:00"),
            ("2026-11-28T22:00Z", "2026-11-28T22:00:00Z"),
        ] {
            let since = parse(word).expect(word);
            assert_eq!((since.to_string().as_str(), parse(written)), (written, Ok(since)));
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for word in ["", "soon", "25:00", "22:60", "2026-13-01", "2026-11-31", "2026-11-28T", "22:00 2026", "€€"] {
            assert_eq!(parse(word), Err(EXPECTED.to_owned()), "{word:?}");
        }
        assert_eq!(parse("-5"), Err("a time cannot be negative".to_owned()));
        assert_eq!(parse("400d"), Err("a time is at most 365 days (8760h)".to_owned()));
    }
}
