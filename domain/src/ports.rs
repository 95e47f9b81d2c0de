//! The ports: traits through which the domain uses a clock, a store, an orchestrator and other
//! services. Each file contains one contract and its error type.
//!
//! The documentation of each error variant states the caller's next move. `autoproc-testkit` has a
//! conformance suite for [`Storage`] and [`Runs`], and one for the runs of [`History`]: an adapter
//! that passes them fulfils their contracts.

mod clock;
mod history;
mod observer;
mod orchestrator;
mod past_runs;
mod reaper;
mod runs;
mod start_gate;
mod stop_signal;
mod storage;

pub use clock::Clock;
pub use history::{History, HistoryError, HistoryQuery, PastAttempt, PastEnd, PastEvent};
pub use observer::{NoObserver, Observer, RunEvent, RunEventKind};
pub use orchestrator::{Orchestrator, progress_of};
pub use past_runs::{EndedAttempt, PastRun, PastRunEnd, RunFilter, RunsSummary};
pub use reaper::{InProcessReaper, Reaper};
pub use runs::{Begun, Lease, LeaseTerms, Runs};
pub use start_gate::{BackPressure, OpenGate, StartGate};
pub use stop_signal::{NeverStop, StopSignal, StopSignalError};
pub use storage::{Cause, Storage, StorageError};

// The values that cross the ports, so that an adapter can import them from one place.
pub use crate::attempt::{
    Attempt, AttemptOutcome, AttemptProgress, AttemptRef, AttemptReport, LostAttempt, ResourceUsage,
};
pub use crate::run_info::{DeadRun, DeathEvidence, LiveRun, Location, RunInfo, Unproven};
pub use crate::stop::{ObeyedStop, StopCause, StopLevel, StopRequest};

#[cfg(feature = "mocks")]
pub use self::{
    clock::MockClock, observer::MockObserver, orchestrator::MockOrchestrator, reaper::MockReaper, runs::MockRuns,
    start_gate::MockStartGate, stop_signal::MockStopSignal, storage::MockStorage,
};
