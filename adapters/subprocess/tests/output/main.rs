//! The output of attempts on real files: its bound, what can be read of it at any moment, and what is kept.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod bound;
mod pruning;
mod trouble;
