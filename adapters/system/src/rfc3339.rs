//! Points in time as text: RFC 3339 in UTC with microseconds, and on reading also what the original program wrote.

use autoproc_domain::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The text of a point in time, as `2026-01-31T09:30:00.000000Z`: always six digits, because the domain counts in
/// microseconds, and texts of equal length sort as the points do.
///
/// # Panics
/// Never: the domain's points are those of the years that RFC 3339 can write.
#[must_use]
pub fn format(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_microsecond(at.as_micros()).expect("the domain's span lies within jiff's");
    format!("{at:.6}")
}

/// The point in time that a text names, to the microsecond; `None` where it names none.
///
/// Reads RFC 3339 with any offset, and what Python's `datetime.isoformat()` writes without one, which is taken as UTC:
/// with or without a fraction, with `T` or a blank before the time.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let at = match text.parse::<jiff::Timestamp>() {
        Ok(at) => at,
        Err(_) if is_date_only(text) => return None,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    Some(Timestamp::from_micros(at.as_microsecond()))
}

/// A date alone is no point in time.
fn is_date_only(text: &str) -> bool {
    !text.contains(':')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn micros(text: &str) -> Option<i64> {
        parse(text).map(Timestamp::as_micros)
    }

    #[test]
    fn the_form_is_fixed() {
        assert_eq!(format(Timestamp::from_micros(1_000_000)), "1970-01-01T00:00:01.000000Z");
        assert_eq!(format(Timestamp::MIN), "0000-01-01T00:00:00.000000Z");
        assert_eq!(format(Timestamp::MAX), "9999-12-30T22:00:00.000000Z");
    }

    #[test]
    fn what_the_original_program_wrote_is_read_as_utc() {
        assert_eq!(micros("1970-01-01T00:00:01.000002"), Some(1_000_002));
        assert_eq!(micros("1970-01-01T00:00:01"), Some(1_000_000));
        assert_eq!(micros("1970-01-01 00:00:01.5"), Some(1_500_000));
        assert_eq!(micros("1970-01-01T01:00:01+01:00"), Some(1_000_000));
    }

    #[test]
    fn what_names_no_point_is_refused() {
        for text in ["", "now", "1970-01-01", "1970-13-01T00:00:00Z", "1970-01-01T25:00:00", "12:00:00"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    /// Every point there is, in microseconds.
    fn point() -> impl Strategy<Value = i64> {
        Timestamp::MIN.as_micros()..=Timestamp::MAX.as_micros()
    }

    proptest! {
        #[test]
        fn text_names_the_point_it_was_made_from(at in point()) {
            prop_assert_eq!(micros(&format(Timestamp::from_micros(at))), Some(at));
        }

        #[test]
        fn texts_sort_as_the_points_do(a in point(), b in point()) {
            let text = |micros| format(Timestamp::from_micros(micros));
            prop_assert_eq!(a.cmp(&b), text(a).cmp(&text(b)));
        }

        #[test]
        fn no_text_is_too_odd_to_refuse(text in any::<String>()) {
            let _ = parse(&text);
        }
    }
}
