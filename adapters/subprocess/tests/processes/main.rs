//! Tests the orchestrator with real processes.
//!
//! Some commands must reach a certain point before their timeout. The test of such a command is
//! repeated, each time with twice the timeout, until the command reaches the point in time. A few
//! tests sleep to check that nothing happens. If the sleep is too short, these tests prove less but
//! do not fail.
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
