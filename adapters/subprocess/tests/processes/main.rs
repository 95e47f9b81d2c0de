//! Tests the orchestrator with real processes.
//!
//! Some tests are repeated with twice the timeout until the command is fast enough.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod batching;
mod ending;
mod environment;
mod fixture;
mod outcomes;
mod output;
mod shell;
#[path = "../shared/stop.rs"]
mod stop;
