//! Tests the output of attempts in real files: its limits, concurrent reading, streams, errors, and
//! pruning.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod errors;
mod limits;
mod pruning;
mod streams;
