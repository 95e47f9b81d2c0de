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
//! the other, all by the machine's one clock, which nobody may set meanwhile. Two bounds are real: a shell that is to hang
//! must have recorded its start within its timeout of 5 s, in which others must have done their work; and what wakes a
//! waiting run must do so within 15 s. No attempt is so short that a run would claim ahead of its free slots, but where a
//! test says so.
//!
//! Needs a `flock(1)` that locks descriptors (util-linux) and a `date(1)` that knows nanoseconds (GNU).

mod checks;
mod crash;
mod desert;
mod middle;
mod place;
mod record;
mod story;
mod tree;
mod waiting;
