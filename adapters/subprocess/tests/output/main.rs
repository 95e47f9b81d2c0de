//! Tests the output of attempts in real files.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod errors;
mod limits;
mod pruning;
mod streams;
