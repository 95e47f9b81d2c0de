//! The observers with real files.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]

mod attempt_history;
mod event_log;
mod events;
mod observers;
mod state_file;
