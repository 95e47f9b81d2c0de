//! Workflow files: read, checked, found, explained.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod expressions;
mod shell_texts;
