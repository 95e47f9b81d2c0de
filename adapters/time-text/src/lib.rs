//! Times as text: parses the durations that users enter, and provides serde fields for times and
//! durations.
//!
//! # Deliberately absent
//!
//! A clock; human-readable formatting of times.

mod span;

pub mod seconds;
pub mod timestamp;

pub use span::{InvalidSpan, parse, parse_positive};
