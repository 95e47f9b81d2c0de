//! A duration as a serde field: seconds with a fraction, for serde's `with`.

use std::time::Duration;

use serde::{Deserialize as _, Deserializer, Serializer, de};

/// Writes seconds as a number.
///
/// # Errors
/// Those of the serializer.
pub fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(span.as_secs_f64())
}

/// Reads seconds from a number.
///
/// # Errors
/// Those of the deserializer; also for a negative or infinite number, or one too large for a
/// [`Duration`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    Duration::try_from_secs_f64(f64::deserialize(deserializer)?).map_err(de::Error::custom)
}
