//! The run loop: processes files until none is left or a stop is requested.
//!
//! # Theory of operation
//!
//! [`RunState::handle`] is the loop as a pure function. It takes an [`Input`] and returns the
//! [`Action`]s to carry out. [`AutonomousProcessor`] drives the loop: it carries out the actions
//! and decides nothing.
//!
//! An *exchange* is a transaction of the store. It records ended attempts and claims new items. At
//! most one store operation is pending at a time. Attempts continue meanwhile, so that a slow store
//! does not delay them.
//!
//! Some attempts fail for a reason that is not due to their file. The run then *holds* starts until
//! one attempt, the *probe*, shows that the reason is gone. `start_hold.rs` handles a program,
//! folder or resource that is missing. `breaker.rs` handles different files that fail alike.
//!
//! A run ends when no item of its scope is waiting. It ends early, for instance, after a stop
//! request, at a limit, or after an error. In every case, it first waits until no attempt is
//! running.

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
