//! The orchestrator with real processes.
//!
//! Tests wait for conditions with a generous timeout, so that a failure does not hang. If a command
//! must reach a certain point before its own timeout, the timeout is doubled until it does. A few
//! tests sleep for a moment in which nothing may happen; if that moment is too short, they prove
//! less but do not fail.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod ending;
mod environment;
mod fixture;
mod outcomes;
mod output;
mod shell;
