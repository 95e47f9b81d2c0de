//! The core of autoproc: the queue, the retry policy and the run loop.
//!
//! # Theory of operation
//!
//! A [`FileQueue`] is a plain value. Each request in the module [`request`] is a
//! [`Transaction`](queue::Transaction). A transaction changes the queue. It returns
//! [`Event`](event::Event)s and an answer. The caller passes the current time.
//!
//! An [`AutonomousProcessor`] runs the processing loop. The loop does all its I/O through the
//! [`ports`]. A pure function, [`RunState::handle`](run::RunState::handle), makes all decisions.
//!
//! # Invariants
//!
//! - Items are claimed by descending priority, then by ascending sequence number. This order does
//!   not depend on a clock.
//! - Held items and items in backoff are never claimed.
//! - Each path has at most one item. An item has at most one claim.
//! - A claim is durable before its attempt starts. A result is durable before it is reported.
//! - Applying all recorded events to an empty queue rebuilds the queue exactly.
//!
//! # Where to start
//!
//! `examples/queue.rs` uses only the queue. `examples/embed.rs` runs the whole loop with a
//! [`MemoryStorage`](memory::MemoryStorage). Every store must fulfil the contract of
//! [`Storage`](ports::Storage).
//!
//! # Deliberately absent
//!
//! This crate uses no files, processes, threads, clocks or environment variables. It uses no async
//! runtime and no serialisation. Its `clippy.toml` bans the functions that would use them.

pub mod attempt;
pub mod claim_key;
pub mod event;
pub mod failure;
pub mod fingerprint;
pub mod forecast;
pub mod item;
pub mod lifecycle;
pub mod memory;
pub mod open_attempts;
pub mod path;
pub mod ports;
pub mod queue;
pub mod recovery;
pub mod rejection;
pub mod request;
pub mod retry;
pub mod run;
pub mod run_info;
pub mod signature;
pub mod stop;
pub mod time;
pub mod view;

pub use fingerprint::{Fingerprint, Recipe};
pub use forecast::Forecast;
pub use item::{ItemId, Priority, QueueItem, RunId, Status};
pub use path::FilePath;
pub use queue::FileQueue;
pub use retry::RetryPolicy;
pub use run::{AutonomousProcessor, ProcessorState, RunConfig};
pub use run_info::ProcessingResult;
pub use time::Timestamp;
