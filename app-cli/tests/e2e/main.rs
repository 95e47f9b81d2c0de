//! End-to-end tests of the built binary: many files, several processes at once, a stop, a crash, a
//! wakeup.
//!
//! # Theory of operation
//!
//! A file's name determines the outcome of its attempts (see `expectations`). The command, a small
//! shell script, logs the start and the end of each attempt (`command_log`). At the end four
//! sources must agree: the queue, the results that the runs printed, the event log (`event_log`)
//! and the command's log (`checks`).
//!
//! # Dependence on time
//!
//! Tests wait for conditions, with a generous timeout. Two points in time are compared only if one
//! event caused the other. All times come from the machine's clock, which must not be set during
//! the tests. Two tests depend on the speed of the machine: a shell that hangs must log its start
//! within its timeout of 5 s, and a waiting run must wake up within 15 s. No attempt is short
//! enough for a run to claim ahead of its free slots, unless a test says so.
//!
//! Needs a `flock(1)` that locks descriptors (util-linux) and a `date(1)` that knows nanoseconds
//! (GNU).

mod checks;
mod command_log;
mod crash;
mod event_log;
mod expectations;
mod fixture;
mod mixed_load;
mod process_tree;
mod wakeup;
