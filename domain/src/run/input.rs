//! What happened, as the run loop takes it in.

use crate::attempt::AttemptProgress;
use crate::item::ClaimToken;
use crate::ports::{BackPressure, Begun, StopSignalError, StorageError};
use crate::recovery::Recovery;
use crate::run_info::LiveRun;
use crate::stop::StopRequest;
use crate::view::{Counts, Exchanged};

/// Something that happened.
#[derive(Debug)]
pub enum Input {
    /// The program asks for the run. The first input, once.
    Begin,
    /// The stop signal answers differently than before.
    Stop(StopRequest),
    /// The start gate answers differently than before.
    Pressure(Option<BackPressure>),
    /// The orchestrator's capacity changed.
    Capacity(usize),
    /// Attempts made progress: all that is known at this moment, in order.
    Attempts(Vec<(ClaimToken, AttemptProgress)>),
    /// The run's lease is lost.
    LeaseLost,
    /// The time of the last [`Wakeup`](crate::run::Wakeup) has come, or another process may have
    /// changed the queue.
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
    /// [`Action::Deregister`](crate::run::Action::Deregister) was carried out; these runs are alive.
    Deregistered(Result<Vec<LiveRun>, StorageError>),
}
