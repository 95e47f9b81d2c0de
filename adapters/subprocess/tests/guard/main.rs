//! Tests guards with real processes.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "prints measurements for --nocapture")]

mod batch;
mod deadline;
mod fixture;
mod output;
mod pausing;
mod pool;
#[path = "../shared/stop.rs"]
mod stop;
mod supervision;
mod tmp_dirs;
