//! What the tests of autoproc are built on: fakes that are stricter than the real world, strategies,
//! a conformance suite for stores, and a simulation of whole runs.
//!
//! # Theory of operation
//!
//! [`MemoryStore`] keeps the queue as the rules say and does nothing else, with leases or without.
//! [`conformance::storage`] compares any [`Storage`](autoproc_domain::ports::Storage) with a
//! [`FileQueue`](autoproc_domain::FileQueue). [`simulation`] plays whole runs of the run loop in a
//! hostile world. Time is that of a [`VirtualClock`]: it passes only when nothing else can happen, so
//! that a night of backoffs takes microseconds and always goes the same way. The [`strategies`] make
//! random histories of requests, small enough that requests meet the same items.
//!
//! # Deliberately absent
//!
//! A runtime, real time, files and processes. The adapters' own tests bring those; [`block_on`] is
//! enough for the rest.

mod any_request;
mod block_on;
pub mod conformance;
mod location;
mod memory_store;
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
