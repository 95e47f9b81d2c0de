//! The run loop: takes files off the queue until none is left, or until it is asked to stop.
//!
//! # Theory of operation
//!
//! [`RunState::handle`] is the loop as a pure function: it takes an [`Input`], what happened, and
//! returns [`Action`]s, what to do. At most one store operation is under way at a time. An exchange
//! settles what has ended and claims what there is room for, in one transaction; each claim is
//! handed to the orchestrator; then the state waits for the first of: an attempt ends, the stop
//! level rises, the next item falls due, another process changes the queue.
//!
//! [`AutonomousProcessor`] is the driver: it holds the ports and the futures, feeds inputs, carries
//! out actions, and decides nothing. Attempts are polled at all times, also while a transaction is
//! under way, so that a slow store never delays what attempts report.
//!
//! A run ends when nothing of its scope waits any more, when it is asked to stop, when too many
//! files failed, when the store has no room for new claims, or by an error; and in every case only
//! after its last attempt is over. The run does not wait for items of dead runs whose processes may
//! still be at work.

mod action;
mod attempt_stop;
mod config;
mod driver;
mod error;
mod failure_limit;
mod input;
mod processor_state;
mod resources;
mod state;
mod step;

pub use action::{Action, Wakeup};
pub use config::{DEFAULT_TIMEOUT, RunConfig};
pub use driver::{AutonomousProcessor, Ports};
pub use error::ProcessorError;
pub use failure_limit::{FailureLimit, MIN_ENDED_FOR_A_SHARE};
pub use input::Input;
pub use processor_state::{CurrentFile, ProcessorState, ProcessorStatus};
pub use resources::{PeakMemory, RunResources};
pub use state::RunState;
