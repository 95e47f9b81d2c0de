//! Tests the run loop without futures, ports or mocks.

#![allow(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod alike;
mod attempts;
mod beginning;
mod ending;
mod fixture;
mod lacks;
mod lease;
mod limits;
mod store;
mod time_limits;
mod until;
