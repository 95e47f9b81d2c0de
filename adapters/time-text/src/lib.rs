//! Time as text: durations as people type them, and times and durations as serde fields.
//!
//! # Deliberately absent
//!
//! A clock; formatting times for people.

mod span;

pub mod seconds;
pub mod timestamp;

pub use span::{InvalidSpan, parse, parse_positive};
