//! Guards with real processes, through the runner's side of them. What ends how, and that nothing is left, is tested by
//! `processes` and `survivors`; here is the rest.
#![allow(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "some figures are for people, who run it with --nocapture")]

mod output;
mod pausing;
mod pool;
mod series;
mod stage;
mod supervision;
