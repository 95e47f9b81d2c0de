//! Tests of the testkit.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it did not expect")]

mod broken_stores;
mod conforming_stores;
mod fakes;
mod flawed;
mod plain_store;
mod simulation;
mod strategies;
