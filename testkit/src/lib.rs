//! Building blocks for the tests of autoproc.
//!
//! # Theory of operation
//!
//! A [`MemoryStore`] keeps the queue in memory. It follows the contract of the port exactly. The
//! suite [`conformance::storage`] checks any [`Storage`](autoproc_domain::ports::Storage). It
//! compares the store with a [`FileQueue`](autoproc_domain::FileQueue). The [`simulation`]
//! simulates whole runs with injected faults.
//!
//! The simulation and the leases of the memory store use a [`VirtualClock`]. Virtual time passes
//! only when the test advances it. So hours of backoffs take microseconds, and results are
//! reproducible.
//!
//! The [`strategies`] generate random histories of requests. The values come from small sets, so
//! requests often refer to the same items.
//!
//! # Deliberately absent
//!
//! Except for [`mutants`], this crate uses no async runtime, files or processes. [`block_on`]
//! replaces a runtime.

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
