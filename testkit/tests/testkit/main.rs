//! Tests of the testkit. Most of them show that a check detects a deliberate flaw.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it did not expect")]

mod broken_stores;
mod conforming_stores;
mod fakes;
mod flawed;
mod plain_store;
mod simulation;
mod strategies;
