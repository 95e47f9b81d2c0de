//! Parses durations such as `5m`, and serializes times with serde.
//!
//! # Deliberately absent
//!
//! This crate has no clock and does not format times for people.

mod span;

pub mod seconds;
pub mod timestamp;

pub use span::{InvalidSpan, parse, parse_positive};
