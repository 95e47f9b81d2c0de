//! The actions of the run loop.

use crate::attempt::Attempt;
use crate::item::ClaimToken;
use crate::path::FilePath;
use crate::ports::RunEventKind;
use crate::request::{ExchangeRequest, Scope};
use crate::run::ProcessorError;
use crate::run_info::{ProcessingResult, RunInfo};
use crate::time::Timestamp;

/// An action for the driver. At most one of the operations from `Count` to `Measure` is pending at
/// a time. Its outcome comes back as an [`Input`](crate::run::Input).
#[derive(Debug)]
pub enum Action {
    /// Read the counts of the items in this scope.
    Count(Scope),
    /// Register the run as alive.
    Register(RunInfo),
    /// Remove the stop request.
    ClearStop,
    /// End the leftover processes of dead runs, and recover their items.
    Recover,
    /// Record ended attempts and claim items.
    Exchange(ExchangeRequest),
    /// Remove the registration of the run.
    Deregister,
    /// Read the sizes of these files.
    Measure(Vec<FilePath>),
    /// Hand an attempt to the orchestrator.
    Start(Attempt),
    /// Recall the attempts that have not started.
    Recall,
    /// End one attempt, because a user cancelled its file.
    Cancel(ClaimToken),
    /// End every attempt and abandon the pending operation, because the lease is lost.
    Abort,
    /// Report an event.
    Emit(RunEventKind),
    /// Wait for the next input or wakeup. Replaces the previous wait.
    Wait(Wakeup),
    /// End the run with this result.
    End(Result<ProcessingResult, ProcessorError>),
}

/// The conditions under which the driver sends [`Input::Woken`](crate::run::Input::Woken).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wakeup {
    /// The time at which to wake; `None` if no time is set.
    pub at: Option<Timestamp>,
    /// True to wake when another process may have changed the queue.
    pub on_change: bool,
}
