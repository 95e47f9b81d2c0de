//! What tests of autoproc stand on: fakes stricter than the world, strategies, and a conformance suite for stores.
//!
//! # Theory of operation
//!
//! [`MemoryStore`] keeps the queue as the rules say and nothing else, so that whatever differs from it is wrong.
//! [`conformance::storage`] holds any [`Storage`](autoproc_domain::ports::Storage) against a pure queue: named checks,
//! one for each sentence of the port's contract, then random transactions on both side by side. The other fakes share a
//! [`VirtualClock`]: time passes only when nothing else can happen, so that a night of backoffs takes microseconds and
//! always goes the same way.
//!
//! # Deliberately absent
//!
//! A runtime, real time, files and processes. The adapters' own tests bring those; [`block_on`] is enough for the rest.

mod block_on;
pub mod conformance;

mod jitter;
mod memory_store;
mod patience;

mod random;
mod recording_observer;
mod scripted_gate;
mod scripted_orchestrator;
mod scripted_stop;
pub mod simulation;
pub mod strategies;
mod virtual_clock;

pub use block_on::block_on;
pub use jitter::Jitter;
pub use memory_store::{MemoryPlace, MemoryStore};
pub use random::Random;
pub use recording_observer::RecordingObserver;
pub use scripted_gate::ScriptedGate;
pub use scripted_orchestrator::{AttemptEnd, AttemptRecord, Script, ScriptedAttempt, ScriptedOrchestrator};
pub use scripted_stop::{ScriptedStop, StopFile};
pub use virtual_clock::VirtualClock;
