//! Time as text: spans as people type them, and points and spans as serde fields.
//!
//! # Deliberately absent
//!
//! A clock; how a time is shown to people.

mod span;

pub mod seconds;
pub mod timestamp;

pub use span::{InvalidSpan, parse, parse_positive};
