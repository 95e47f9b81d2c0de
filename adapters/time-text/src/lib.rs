//! Times as text: parses the durations that users enter, and provides modules for serde's attribute
//! `with`, for times and durations.
//!
//! # Deliberately absent
//!
//! This crate has no clock and does not format times for people.

mod span;

pub mod seconds;
pub mod timestamp;

pub use span::{InvalidSpan, parse, parse_positive};
