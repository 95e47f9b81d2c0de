//! Tests of the observers with real files.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod event_log;
mod events;
mod history;
mod observers;
mod past_runs;
mod state_file;
