//! What the run loop wants done.

use crate::attempt::Attempt;
use crate::item::ClaimToken;
use crate::ports::RunEventKind;
use crate::request::{ExchangeRequest, Scope};
use crate::run::ProcessorError;
use crate::run_info::{ProcessingResult, RunInfo};
use crate::time::Timestamp;

/// Something to do. Of the operations from `Count` to `Deregister`, one is under way at a time. The
/// outcome of each is an input, from [`Counted`](crate::run::Input::Counted) on.
#[derive(Debug)]
pub enum Action {
    /// Read the counts of the queue.
    Count(Scope),
    /// Register the run as alive.
    Register(RunInfo),
    /// Remove the standing stop request.
    ClearStop,
    /// Take back what dead runs left.
    Recover,
    /// Settle and claim.
    Exchange(ExchangeRequest),
    /// End the run's registration.
    Deregister,
    /// Hand an attempt to the orchestrator.
    Start(Attempt),
    /// Tell the orchestrator to begin nothing more of what it holds.
    Recall,
    /// End one attempt: a person cancelled its file.
    Cancel(ClaimToken),
    /// End every attempt and forget the operation under way: the run has lost its lease.
    Abort,
    /// Report an event.
    Emit(RunEventKind),
    /// Wait. Replaces the wait ordered before. An operation, an attempt, the stop signal, a shut start
    /// gate and the lease are awaited in any case.
    Wait(Wakeup),
    /// The run is over.
    End(Result<ProcessingResult, ProcessorError>),
}

/// When to send [`Input::Woken`](crate::run::Input::Woken).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wakeup {
    /// At this point.
    pub at: Option<Timestamp>,
    /// When another process may have changed the queue.
    pub on_change: bool,
}
