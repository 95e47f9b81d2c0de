//! The ports: what the domain needs of the world. Each file holds one contract and its error type.
//!
//! Every error variant names the caller's next move. `autoproc-testkit` has a conformance suite for
//! the contract of [`Storage`] and [`Runs`]: an adapter that passes it keeps the promises.

mod clock;
mod history;
mod observer;
mod orchestrator;
mod reaper;
mod runs;
mod start_gate;
mod stop_signal;
mod storage;

pub use clock::Clock;
pub use history::{History, HistoryError, HistoryQuery, PastAttempt, PastEnd, PastEvent};
pub use observer::{NoObserver, Observer, RunEvent, RunEventKind};
pub use orchestrator::{Orchestrator, progress_of};
pub use reaper::{InProcessReaper, Reaper};
pub use runs::{Begun, Lease, LeaseTerms, Runs};
pub use start_gate::{BackPressure, OpenGate, StartGate};
pub use stop_signal::{NeverStop, StopSignal, StopSignalError};
pub use storage::{Cause, Storage, StorageError};

// The values that cross the ports, so that an adapter imports from one place.
pub use crate::attempt::{
    Attempt, AttemptOutcome, AttemptProgress, AttemptRef, AttemptReport, LostAttempt, ResourceUsage,
};
pub use crate::run_info::{DeadRun, DeathEvidence, LiveRun, Location, RunInfo, Unproven};
pub use crate::stop::{StopCause, StopLevel, StopRequest};

#[cfg(feature = "mocks")]
pub use self::{
    clock::MockClock, observer::MockObserver, orchestrator::MockOrchestrator, reaper::MockReaper, runs::MockRuns,
    start_gate::MockStartGate, stop_signal::MockStopSignal, storage::MockStorage,
};
