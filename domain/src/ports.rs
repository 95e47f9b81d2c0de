//! The ports: what the domain needs of the world, each with its contract and its error type in one file.
//!
//! Every error variant names the caller's next move. `autoproc-testkit` holds a conformance suite for what is promised
//! here; an adapter that passes it keeps the promises.

mod clock;
mod observer;
mod orchestrator;
mod start_gate;
mod stop_signal;
mod storage;

pub use clock::Clock;
pub use observer::{AttemptOf, Observer, RunEvent, RunEventKind};
pub use orchestrator::{
    Attempt, AttemptOutcome, AttemptReport, Orchestrator, OrchestratorError, ResourceUsage, SeriesNews, Unproven,
};
pub use start_gate::{Hold, OpenGate, StartGate};
pub use stop_signal::{StopCause, StopLevel, StopRequest, StopSignal, StopSignalError};
pub use storage::{LiveRun, RunInfo, Storage, StorageError};

#[cfg(feature = "mocks")]
pub use self::{
    clock::MockClock, observer::MockObserver, orchestrator::MockOrchestrator, start_gate::MockStartGate,
    stop_signal::MockStopSignal, storage::MockStorage,
};
