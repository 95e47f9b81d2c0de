//! Serializes a [`Timestamp`] as text.

use std::fmt;

use autoproc_domain::Timestamp;
use serde::de::{self, Deserializer, Visitor};

/// Parses a timestamp without allocating a `String`. A large queue contains many timestamps.
struct Point;

impl Visitor<'_> for Point {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date and time")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(|error| E::custom(format_args!("{text:?} is {error}")))
    }
}

struct OptionalPoint;

impl<'de> Visitor<'de> for OptionalPoint {
    type Value = Option<Timestamp>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a date and time, or null")
    }

    fn visit_none<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(Point).map(Some)
    }
}

/// Serializes a [`Timestamp`], for the serde attribute `with`.
pub mod required {
    use autoproc_domain::Timestamp;
    use serde::{Deserializer, Serializer};

    /// Writes the timestamp as text.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn serialize<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(at)
    }

    /// Reads the timestamp from text.
    ///
    /// # Errors
    /// The errors of the deserializer. Also fails if the text is not a date and time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        deserializer.deserialize_str(super::Point)
    }
}

/// Serializes an `Option<Timestamp>`, with `None` as null, for the serde attribute `with`.
pub mod optional {
    use autoproc_domain::Timestamp;
    use serde::{Deserializer, Serializer};

    /// Writes the timestamp as text, or null.
    ///
    /// # Errors
    /// The errors of the serializer.
    pub fn serialize<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
        match at {
            Some(at) => super::required::serialize(at, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads the timestamp from text. Null becomes `None`.
    ///
    /// # Errors
    /// The errors of the deserializer. Also fails if the text is not a date and time.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
        deserializer.deserialize_option(super::OptionalPoint)
    }
}
