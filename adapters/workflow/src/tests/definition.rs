//! Workflow files: read, checked, found, explained.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![allow(clippy::print_stdout, reason = "a test may print the figures it measured")]

mod checks;
mod expressions;
mod finding;
mod place;
mod reading;
mod robustness;
mod runners;
mod samples;
mod schema;
mod shell_texts;
mod tasks;
