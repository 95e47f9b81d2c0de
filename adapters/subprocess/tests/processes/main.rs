//! The orchestrator with real processes. Tests wait for conditions, never for a time to be long enough; every wait has a
//! generous bound, so that what never happens fails and does not hang.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod ending;
mod environment;
mod outcomes;
mod output;
mod shell;
mod stage;
