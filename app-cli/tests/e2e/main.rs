//! End-to-end tests of the binary with many files and concurrent processes.
//!
//! # Theory of operation
//!
//! The name of a file determines the outcome of its attempts (see `expectations`). The command is a
//! small shell script. It logs the start and the end of each attempt (`command_log`). At the end,
//! `checks` compares four sources: the queue, the results of the runs, the event log (`event_log`)
//! and the command's log.
//!
//! # Dependence on time
//!
//! Tests wait for conditions, with a generous timeout. They compare two times only if one event
//! caused the other. The system clock must not be set during the tests. Two tests depend on the
//! speed of the machine. A shell that hangs must log its start within its timeout of 5 s. A waiting
//! run must wake up within 15 s.
//!
//! The tests need flock(1) from util-linux and GNU date(1).

mod checks;
mod command_log;
mod crash;
mod event_log;
mod expectations;
mod fixture;
mod mixed_load;
mod process_tree;
mod wakeup;
