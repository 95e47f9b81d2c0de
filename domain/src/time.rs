//! Timestamps and their text form.
//!
//! Code reads the current time through the [`Clock`](crate::ports::Clock) port.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};

/// A point on the wall clock, in microseconds since 1970-01-01 00:00 UTC; earlier points are
/// negative.
///
/// The state files of the original Python program contain microseconds, and rewriting such a file
/// must not round them. The range is that of four-digit years, so every point can be written as RFC
/// 3339 and parsed back.
///
/// Stored as microseconds since [`Timestamp::MIN`], plus one. The stored value is never zero, so
/// `Option<Timestamp>` needs no extra space; this keeps queue items small.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(NonZeroU64);

/// In microseconds since 1970-01-01 00:00 UTC.
const FIRST: i64 = -62_167_219_200_000_000;
const LAST: i64 = 253_402_207_200_000_000;

impl Timestamp {
    /// The earliest point: 0000-01-01T00:00:00Z.
    pub const MIN: Self = Self::from_micros(FIRST);
    /// The latest point, which means "never": 9999-12-30T22:00:00Z. It lies in the year 9999 in
    /// every time zone.
    pub const MAX: Self = Self::from_micros(LAST);

    /// Returns the point this many microseconds after 1970-01-01 00:00 UTC, clamped to the range.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        let within = if micros < FIRST {
            FIRST
        } else if micros > LAST {
            LAST
        } else {
            micros
        };
        Self(NonZeroU64::MIN.saturating_add((within - FIRST).cast_unsigned()))
    }

    /// Returns the microseconds since 1970-01-01 00:00 UTC; negative for earlier points.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        FIRST + (self.0.get() - 1).cast_signed()
    }

    /// Returns the point that is `span` after this one, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn saturating_add(self, span: Duration) -> Self {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        Self::from_micros(self.as_micros().saturating_add(micros))
    }

    /// Returns the time from `earlier` to `self`; zero if `self` is before `earlier`, for instance
    /// after a clock was set back.
    #[must_use]
    pub fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timestamp").field(&self.as_micros()).finish()
    }
}

/// Writes RFC 3339 in UTC. All texts have the same length, so they sort by time.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let point = jiff::Timestamp::from_microsecond(self.as_micros()).expect("the span lies within jiff's");
        write!(f, "{point:.6}")
    }
}

/// The error of parsing a text that is not a date and time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a date and time")]
pub struct NotATimestamp;

/// Parses RFC 3339 with any offset. A time without an offset is read as UTC. The original Python
/// program wrote such times in local time, so the result may differ by the local offset. No order
/// in the queue depends on the result.
impl FromStr for Timestamp {
    type Err = NotATimestamp;

    fn from_str(text: &str) -> Result<Self, NotATimestamp> {
        if let Some(point) = read_own_form(text.as_bytes()) {
            return Ok(point);
        }
        let has_time = text.contains(':');
        let point = text.parse::<jiff::Timestamp>().or_else(|_| {
            let local: DateTime = text.parse().map_err(|_| NotATimestamp)?;
            let utc = local.to_zoned(TimeZone::UTC).map_err(|_| NotATimestamp)?;
            if has_time { Ok(utc.timestamp()) } else { Err(NotATimestamp) }
        });
        point.map(|point| Self::from_micros(point.as_microsecond()))
    }
}

/// Parses only the form that `Display` writes. The general parser is several times slower.
fn read_own_form(text: &[u8]) -> Option<Timestamp> {
    let text: &[u8; 27] = text.try_into().ok()?;
    let is_framed = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')]
        .into_iter()
        .all(|(at, mark)| text[at] == mark);
    let number = |from: usize, to: usize| {
        text[from..to]
            .iter()
            .try_fold(0_i32, |number, digit| digit.is_ascii_digit().then(|| number * 10 + i32::from(digit - b'0')))
    };
    let part = |from: usize| i8::try_from(number(from, from + 2)?).ok();
    let (year, nanos) = (i16::try_from(number(0, 4)?).ok()?, number(20, 26)? * 1000);
    let point = DateTime::new(year, part(5)?, part(8)?, part(11)?, part(14)?, part(17)?, nanos).ok()?;
    let point = Offset::UTC.to_timestamp(point).ok().filter(|_| is_framed)?;
    Some(Timestamp::from_micros(point.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        let late = Timestamp::from_micros(Timestamp::MAX.as_micros() - 1);
        assert_eq!(late.saturating_add(Duration::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(0).saturating_since(late), Duration::ZERO);
        assert_eq!(Timestamp::from_micros(i64::MIN), Timestamp::MIN);
        assert!(Timestamp::MAX.saturating_since(Timestamp::MIN) > Duration::from_secs(9000 * 365 * 86_400));
    }

    fn micros(text: &str) -> Option<i64> {
        text.parse().ok().map(Timestamp::as_micros)
    }

    #[test]
    fn the_form_is_fixed() {
        assert_eq!(Timestamp::from_micros(1_000_000).to_string(), "1970-01-01T00:00:01.000000Z");
        assert_eq!(Timestamp::MIN.to_string(), "0000-01-01T00:00:00.000000Z");
        assert_eq!(Timestamp::MAX.to_string(), "9999-12-30T22:00:00.000000Z");
    }

    #[test]
    fn what_the_original_program_wrote_is_read_as_utc() {
        assert_eq!(micros("1970-01-01T00:00:01.000002"), Some(1_000_002));
        assert_eq!(micros("1970-01-01T00:00:01"), Some(1_000_000));
        assert_eq!(micros("1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(micros("1970-01-01T01:00:01+01:00"), Some(1_000_000));
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "now", "1970-01-01", "1970-13-01T00:00:00Z", "1970-01-01T25:00:00", "12:00:00"] {
            assert_eq!(micros(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn text_names_the_point_it_was_made_from(micros in FIRST..=LAST) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(at.to_string().parse(), Ok(at));
            prop_assert_eq!(read_own_form(at.to_string().as_bytes()), Some(at));
        }

        #[test]
        fn both_ways_of_reading_agree(micros in FIRST..=LAST, at in 0..27_usize, to in prop::char::range('-', 'Z')) {
            let mut text = Timestamp::from_micros(micros).to_string();
            text.replace_range(at..=at, to.encode_utf8(&mut [0; 1]));
            if let Some(point) = read_own_form(text.as_bytes()) {
                let slow = text.parse::<jiff::Timestamp>().expect("the quick way reads nothing odd");
                prop_assert_eq!(point, Timestamp::from_micros(slow.as_microsecond()));
            }
        }

        #[test]
        fn texts_sort_as_the_points_do(a in FIRST..=LAST, b in FIRST..=LAST) {
            let (a, b) = (Timestamp::from_micros(a), Timestamp::from_micros(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        }

        #[test]
        fn no_text_is_too_odd_to_refuse(text in any::<String>()) {
            let _ = micros(&text);
        }
    }
}
