//! The ports: traits for storage, execution and other services.
//!
//! Adapters of [`Storage`], [`Runs`] and [`History`] must pass the conformance suites in
//! `autoproc-testkit`.

mod clock;
mod file_sizes;
mod history;
mod observer;
mod orchestrator;
mod past_runs;
mod reaper;
mod recorded_event;
mod runs;
mod start_gate;
mod stop_signal;
mod storage;

pub use clock::Clock;
pub use file_sizes::{FileSizes, UnknownSizes};
pub use history::{AttemptVisitor, History, HistoryError, HistoryQuery, PastAttempt, PastEnd, PastEvent};
pub use observer::{NoObserver, Observer, Resumption, RunEvent, RunEventKind};
pub use orchestrator::{Orchestrator, progress_of};
pub use past_runs::{EndedAttempt, PastRun, PastRunEnd, RunFilter, RunsSummary};
pub use reaper::{InProcessReaper, Reaper};
pub use recorded_event::{RecordedEvent, RunTotals};
pub use runs::{Begun, Lease, LeaseTerms, Runs};
pub use start_gate::{BackPressure, OpenGate, StartGate};
pub use stop_signal::{NeverStop, StopSignal, StopSignalError};
pub use storage::{Cause, Storage, StorageError};

// The value types of the ports are re-exported, so that an adapter can import them from here.
pub use crate::attempt::{
    Attempt, AttemptOutcome, AttemptProgress, AttemptRef, AttemptReport, LostAttempt, ResourceUsage, StartFault,
};
pub use crate::run_info::{DeadRun, DeathEvidence, LiveRun, Location, RunInfo, Unproven};
pub use crate::stop::{ObeyedStop, StopCause, StopLevel, StopRequest};

#[cfg(feature = "mocks")]
pub use self::{
    clock::MockClock, observer::MockObserver, orchestrator::MockOrchestrator, reaper::MockReaper, runs::MockRuns,
    start_gate::MockStartGate, stop_signal::MockStopSignal, storage::MockStorage,
};
