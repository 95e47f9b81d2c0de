//! The inputs of the run loop.

use crate::attempt::AttemptProgress;
use crate::item::ClaimToken;
use crate::ports::{BackPressure, Begun, StopSignalError, StorageError};
use crate::recovery::Recovery;
use crate::run_info::LiveRun;
use crate::stop::StopRequest;
use crate::view::{Counts, Exchanged};

/// An event that the run loop reacts to.
#[derive(Debug)]
pub enum Input {
    /// Starts the run; always the first input.
    Begin,
    /// The stop signal has changed.
    Stop(StopRequest),
    /// The start gate has changed.
    Pressure(Option<BackPressure>),
    /// The orchestrator's capacity changed.
    Capacity(usize),
    /// The progress of attempts since the last such input, in order.
    Attempts(Vec<(ClaimToken, AttemptProgress)>),
    /// The run's lease is lost.
    LeaseLost,
    /// A condition of the last [`Wakeup`](crate::run::Wakeup) is met.
    Woken,
    /// [`Action::Count`](crate::run::Action::Count) was carried out.
    Counted(Result<Counts, StorageError>),
    /// [`Action::Register`](crate::run::Action::Register) was carried out.
    Registered(Result<Begun, StorageError>),
    /// [`Action::ClearStop`](crate::run::Action::ClearStop) was carried out.
    StopCleared(Result<bool, StopSignalError>),
    /// [`Action::Recover`](crate::run::Action::Recover) was carried out.
    Recovered(Result<Recovery, StorageError>),
    /// [`Action::Exchange`](crate::run::Action::Exchange) was carried out.
    Exchanged(Result<Exchanged, StorageError>),
    /// [`Action::Deregister`](crate::run::Action::Deregister) was carried out; contains the live
    /// runs.
    Deregistered(Result<Vec<LiveRun>, StorageError>),
    /// [`Action::Measure`](crate::run::Action::Measure) was carried out; contains the file sizes in
    /// bytes.
    Measured(Vec<Option<u64>>),
}
