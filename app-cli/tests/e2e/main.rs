//! End-to-end tests of the binary: many files, concurrent processes, a stop, a crash, a wakeup.
//!
//! # Theory of operation
//!
//! The name of a file determines the outcome of its attempts (see `expectations`). The command, a
//! small shell script, logs the start and the end of each attempt (`command_log`). At the end, four
//! sources must agree (`checks`): the queue, the results that the runs printed, the event log
//! (`event_log`) and the command's log.
//!
//! # Dependence on time
//!
//! Tests wait for conditions, with a generous timeout. They compare two times only if one event
//! caused the other. All times come from the system clock, which must not be set during the tests.
//! Two tests depend on the speed of the machine. A shell that hangs must log its start within its
//! timeout of 5 s, and a waiting run must wake up within 15 s. Unless a test says otherwise,
//! attempts take so long that a run claims files only for free slots.
//!
//! The tests need a `flock(1)` that locks descriptors (util-linux) and a `date(1)` that prints
//! nanoseconds (GNU).

mod checks;
mod command_log;
mod crash;
mod event_log;
mod expectations;
mod fixture;
mod mixed_load;
mod process_tree;
mod wakeup;
