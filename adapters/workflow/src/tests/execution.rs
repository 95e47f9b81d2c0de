//! Workflows carried out: with real processes, and with ones that a script stands for.
#![allow(clippy::unwrap_used, reason = "a test says by it what it takes for granted")]

mod control;
mod damage;
mod finished;
mod harness;
mod hostile;
mod inputs;
mod order;
mod plain_runner;
mod preview;
mod progress;
mod resume;
mod scripted_runner;
mod values;
