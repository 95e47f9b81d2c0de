//! Parses the durations that users enter, and serializes times and durations with serde's attribute
//! `with`.
//!
//! # Deliberately absent
//!
//! This crate has no clock and does not format times for people.

mod span;

pub mod seconds;
pub mod timestamp;

pub use span::{InvalidSpan, parse, parse_positive};
