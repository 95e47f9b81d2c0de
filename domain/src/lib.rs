//! The rules of autoproc, and nothing else.
//!
//! # Theory of operation
//!
//! A [`FileQueue`] is a value. A request, one of the types in [`request`], is a
//! [`Transaction`](queue::Transaction) on it that yields [`Event`](event::Event)s and an answer; time
//! and identity are passed in. An [`AutonomousProcessor`] runs the loop of the product over the
//! [`ports`]. Its decisions are a pure function, [`RunState::handle`](run::RunState::handle), from
//! what happened to what to do; its driver holds the futures and decides nothing.
//!
//! # Invariants
//!
//! - The claim order is total: priority descending, then sequence ascending. No clock takes part.
//! - Nothing is claimed before it is due, and nothing that is held.
//! - A path has one item, for good; an item has at most one claim.
//! - A claim is durable before its attempt starts; a result is reported after it is durable.
//! - Folding the events over an empty queue rebuilds it exactly.
//!
//! # Where to start
//!
//! `examples/queue.rs` keeps a queue as a value in a program of its own; `examples/embed.rs` runs the
//! whole loop over a [`MemoryStorage`](memory::MemoryStorage); the contract of
//! [`Storage`](ports::Storage) says how to keep the queue in a database.
//!
//! # Deliberately absent
//!
//! Files, processes, threads, clocks, the environment, a runtime, serialisation. `clippy.toml` next
//! to this crate bans what could bring them in.

pub mod attempt;
pub mod claim_key;
pub mod event;
pub mod failure;
pub mod fingerprint;
pub mod item;
pub mod lifecycle;
pub mod memory;
pub mod path;
pub mod ports;
pub mod queue;
pub mod recovery;
pub mod rejection;
pub mod request;
pub mod retry;
pub mod run;
pub mod run_info;
pub mod stop;
pub mod time;
pub mod view;

pub use fingerprint::{Fingerprint, Recipe};
pub use item::{ItemId, Priority, QueueItem, RunId, Status};
pub use path::FilePath;
pub use queue::FileQueue;
pub use retry::RetryPolicy;
pub use run::{AutonomousProcessor, ProcessorState, RunConfig};
pub use run_info::ProcessingResult;
pub use time::Timestamp;
