//! The run loop: processes files until none is left, or until it is asked to stop.
//!
//! # Theory of operation
//!
//! [`RunState::handle`] is the loop as a pure function: it takes an [`Input`] and returns the
//! [`Action`]s to carry out. At most one store operation is pending at a time. In one transaction,
//! an exchange records ended attempts and claims as many items as attempts can start. Each claim is
//! handed to the orchestrator. Then the run waits, for instance until an attempt ends, a stop is
//! requested, an item becomes due, or another process changes the queue.
//!
//! [`AutonomousProcessor`] is the driver: it owns the ports and the futures, passes inputs to the
//! loop, carries out actions, and decides nothing. It also polls attempts while a transaction is
//! pending, so that a slow store never delays the attempts.
//!
//! An attempt usually does not count if it failed because the machine ran out of processes, file
//! descriptors or memory. The same applies if a program that worked before, or the folder of a
//! file, is missing. Starts are then held until a probe shows that attempts can start again
//! (`start_hold.rs`, `step/lacks.rs`).
//!
//! If several different files in a row fail alike, the cause is probably not the files. If
//! configured, the run then does not count these failures. It holds starts until a probe shows that
//! the cause is gone, or that the files are the cause (`breaker.rs`, `step/alike.rs`).
//!
//! A run that uses forecasts measures each claimed file first (`step/measurement.rs`). If attempts
//! start only until a certain time, the run sets aside the files that are not expected to be done
//! by then (`step/until.rs`).
//!
//! A run ends when no item of its scope is waiting, or, if configured, when no item is due. It ends
//! early if a stop is requested, a limit is reached, the store is full, attempts cannot succeed, or
//! an error occurs. In every case, it first waits until no attempt is running. It does not wait for
//! items of dead runs whose processes may still be running.

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
