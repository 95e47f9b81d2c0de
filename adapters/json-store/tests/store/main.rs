//! Tests the store in a real folder.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue has failed")]

mod checkpoints;
mod conformance;
mod damage;
mod formats;
mod sharing;
mod temp_store;
