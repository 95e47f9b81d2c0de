//! Points in time as text: RFC 3339 in UTC, to the microsecond.
//!
//! The original program wrote local time without an offset. Nothing orders by it, so it is read as UTC: wrong by the
//! offset at the most, and the same on every machine.

use autoproc_domain::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Writes a point in time.
pub(crate) fn format(at: Timestamp) -> String {
    let point = jiff::Timestamp::from_microsecond(at.as_micros()).expect("the domain's span lies within jiff's");
    format!("{point:.6}")
}

/// Reads what [`format`] wrote, or any other RFC 3339 date and time, or one without an offset.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let point = match text.parse::<jiff::Timestamp>() {
        Ok(point) => point,
        Err(_) => text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp(),
    };
    Some(Timestamp::from_micros(point.as_microsecond()))
}

/// For serde's `with`.
pub(crate) mod required {
    use autoproc_domain::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::borrow::Cow;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::format(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        super::parse(&text).ok_or_else(|| de::Error::custom(format_args!("{text:?} is not a date and time")))
    }
}

/// For serde's `with`, where there may be none.
pub(crate) mod optional {
    use autoproc_domain::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};
    use std::borrow::Cow;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(crate) fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::required::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
        let parse = |text: Cow<'_, str>| {
            super::parse(&text).ok_or_else(|| de::Error::custom(format_args!("{text:?} is not a date and time")))
        };
        text.map(parse).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn dates_of_the_original_program_are_read() {
        let expected = parse("2025-01-20T10:30:00.123456Z");
        assert!(expected.is_some());
        assert_eq!(parse("2025-01-20T10:30:00.123456"), expected);
        assert_eq!(parse("2025-01-20 11:30:00.123456+01:00"), expected);
        assert_eq!(parse("2025-01-20T10:30:00"), parse("2025-01-20T10:30:00Z"));
        assert_eq!(parse("yesterday"), None);
    }

    proptest! {
        #[test]
        fn writing_and_reading_keep_microseconds(micros in i64::MIN / 100..i64::MAX / 20) {
            let at = Timestamp::from_micros(micros);
            prop_assert_eq!(parse(&format(at)), Some(at));
        }
    }
}
