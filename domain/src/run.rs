//! The run loop: takes files off the queue until none is left, or until it is asked to stop.
//!
//! # Theory of operation
//!
//! [`RunState::handle`] is the loop as a pure function: it takes an [`Input`] and returns the
//! [`Action`]s to carry out. At most one store operation is pending at a time. An exchange settles
//! ended attempts and claims items for the free capacity, in one transaction; each claim is handed
//! to the orchestrator. Then the run waits until, for instance, an attempt ends, the stop level
//! rises, the next item becomes due, or another process changes the queue.
//!
//! [`AutonomousProcessor`] is the driver: it holds the ports and the futures, feeds inputs, carries
//! out actions, and decides nothing. It polls attempts at all times, also during a transaction, so
//! a slow store never delays their progress.
//!
//! If the machine has no process, file descriptor or memory left, or if a program that worked
//! before or the folder of a file is missing, the failed attempt usually does not count. Its claim
//! is released, and starts are held until a probe shows that attempts can start again
//! (`start_hold.rs`, `step/lacks.rs`).
//!
//! If several different files in a row fail alike, and the recipe has completed a file before, the
//! cause is probably not the files. If the run is configured to notice this, their failed attempts
//! do not count, and starts are held until a probe shows that the cause is gone, or that the files
//! themselves cause the failures (`breaker.rs`, `step/alike.rs`).
//!
//! If the run has a time until which attempts start, or adapts time limits to forecasts, it
//! measures each claimed file first (`step/measurement.rs`). A run with such a time also sets aside
//! the files whose attempts are not expected to end by then (`step/until.rs`).
//!
//! A run ends when no item of its scope is waiting, when it is asked to stop, when the failure
//! limit or the time until which attempts start is reached, when the store is full, when its
//! program or the folder of a file stays missing, or when an error occurs. A run that does not wait
//! for items in backoff also ends when no item is due, and when files fail alike. In every case,
//! the run first waits until no attempt is running. It does not wait for items of dead runs whose
//! processes may still be running.

mod action;
mod attempt_stop;
mod breaker;
mod config;
mod driver;
mod error;
mod failure_limit;
mod input;
mod probe;
mod processor_state;
mod resources;
mod start_hold;
mod state;
mod step;

pub use action::{Action, Wakeup};
pub use config::{
    DEFAULT_PROBE_AFTER, DEFAULT_PROGRAM_WAIT, DEFAULT_TIMEOUT, MIN_ADAPTED_TIMEOUT, RunConfig, TIMEOUT_FACTOR,
};
pub use driver::{AutonomousProcessor, Ports};
pub use error::ProcessorError;
pub use failure_limit::{FailureLimit, MIN_ENDED_FOR_A_SHARE};
pub use input::Input;
pub use processor_state::{CurrentFile, ProcessorState, ProcessorStatus};
pub use resources::{PeakMemory, RunResources};
pub use state::RunState;
