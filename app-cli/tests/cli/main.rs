//! The built binary, driven as a person or a script drives it, in folders of their own.
//!
//! Every test states a promise of the command line: what goes to which stream, with which exit code, and what is left on
//! the disk. Where something must have begun, the test waits for its trace, however long that takes. A span of time is waited for
//! only where it is what is tested: a suspension longer than the timeout (`ladder`), output that has become old (`log`), a
//! crash test of so many seconds (`doctor`).

mod bad_input;
mod doctor;
mod documents;
mod execution;
mod figures;
mod fixture;
mod ladder;
mod limits;
mod log;
mod queue;
mod recover;
mod repair;
mod run;
mod stop;
mod workflow;
