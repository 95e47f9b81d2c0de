//! Building blocks for the tests of autoproc: strict fakes, strategies, conformance suites for
//! ports, and a simulation of whole runs.
//!
//! # Theory of operation
//!
//! [`MemoryStore`] is a store that follows the rules exactly, with or without leases.
//! [`conformance::storage`] compares any [`Storage`](autoproc_domain::ports::Storage) with a
//! [`FileQueue`](autoproc_domain::FileQueue). [`simulation`] simulates whole runs, with injected
//! faults. The simulation, and the leases of the store, use a [`VirtualClock`], whose time passes
//! only when the test advances it. So hours of backoffs take microseconds, and the result is
//! reproducible. The [`strategies`] generate random histories of requests from small sets of
//! values, so that several requests refer to the same items.
//!
//! # Deliberately absent
//!
//! Except for [`mutants`], this crate uses no runtime, files or processes; only the adapters' own
//! tests do. [`block_on`] replaces a runtime.

mod any_request;
mod block_on;
pub mod conformance;
mod location;
mod memory_store;
pub mod mutants;
mod random;
mod recording_observer;
mod scripted_stop;
pub mod simulation;
mod stop_view;
pub mod strategies;
mod timeout;
mod virtual_clock;
mod yield_once;

pub use any_request::{Answer, AnyRequest};
pub use block_on::block_on;
pub use location::location_on;
pub use memory_store::{MemoryDatabase, MemoryFixture, MemoryStore, Outage};
pub use random::Random;
pub use recording_observer::RecordingObserver;
pub use scripted_stop::{ScriptedStop, StopFile};
pub use virtual_clock::VirtualClock;
pub use yield_once::yield_once;
