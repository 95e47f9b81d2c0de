//! Tests of the testkit. A test that cannot fail is worthless, so most of these show that a flaw is
//! *found*.

#![allow(clippy::expect_used, clippy::panic, reason = "a test ends at what it did not expect")]

mod broken_stores;
mod conforming_stores;
mod fakes;
mod flawed;
mod plain_store;
mod simulation;
mod strategies;
