//! The built binary, driven as a person or a script drives it, in folders of their own.
//!
//! Every test states a promise of the command line: what goes to which stream, with which exit code, and what is left on
//! the disk. None waits for a span of time; where something must have begun, the test waits for its trace.

mod bad_input;
mod doctor;
mod documents;
mod execution;
mod figures;
mod harness;
mod ladder;
mod limits;
mod log;
mod queue;
mod recover;
mod repair;
mod run;
mod stop;
mod workflow;
