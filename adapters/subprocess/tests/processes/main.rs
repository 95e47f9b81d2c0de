//! The orchestrator with real processes. Tests wait for conditions, and every wait has a generous bound, so that what never
//! happens fails and does not hang. Where a timeout is to pass in which a command must have got somewhere, it is doubled
//! until the command did. A few sleep for a moment in which nothing is to happen; were that moment too short, they would
//! show less, and not fail.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod ending;
mod environment;
mod outcomes;
mod output;
mod shell;
mod stage;
