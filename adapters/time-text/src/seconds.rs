//! Serializes a [`Duration`] as a number of seconds.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, Serializer, de};

/// Writes the duration as a number of seconds.
///
/// # Errors
/// The errors of the serializer.
pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}

/// Reads the duration from a number of seconds.
///
/// # Errors
/// The errors of the deserializer. Also fails if the number is negative, not finite, or too large
/// for a [`Duration`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(de::Error::custom)
}
