//! Whole nights of the built binary: many files, several processes at once, a stop, a crash, a wait.
//!
//! # Theory of operation
//!
//! Files are named for how the work on them goes (`desert` says what each deserves), and the command, a small shell
//! script, keeps a record of its own of when each attempt began and ended (`record`). At the end four accounts must agree:
//! the queue, what the runs said when they ended, the event log (`story`), and that record (`checks`).
//!
//! # What may depend on time
//!
//! Waiting is for conditions, with a bound that no machine needs. Points in time are compared only where the one caused
//! the other. Two bounds are real: an attempt that does its work must be through within the timeout of 3 s, and what
//! wakes a run must do so within 2 s.
//!
//! Needs `flock(1)` and a `date(1)` that knows nanoseconds, so util-linux and GNU or `BusyBox`.

mod checks;
mod crash;
mod desert;
mod middle;
mod place;
mod record;
mod story;
mod waiting;
