//! The rules of autoproc, and nothing else.
//!
//! # Theory of operation
//!
//! A [`FileQueue`] is a value. [`decide`](queue::decide) answers a [`Command`](command::Command) with
//! [`Event`](event::Event)s, [`FileQueue::apply`] gives them effect, and neither looks at the world: time and identity are
//! passed in. An [`AutonomousProcessor`] runs the loop of the product over six [`ports`]: it settles what has ended and
//! claims what is due in one transaction of the [`Storage`](ports::Storage), hands each claim to the
//! [`Orchestrator`](ports::Orchestrator), and waits for whichever comes first: an attempt ends, the
//! [`StopSignal`](ports::StopSignal) rises, the [`Clock`](ports::Clock) reaches the next due item, new work arrives.
//!
//! # Invariants
//!
//! - The claim order is total: priority descending, then sequence number ascending. No clock takes part in it.
//! - Nothing is claimed before it is due.
//! - A path has at most one live entry; an item has at most one live claim.
//! - A claim is durable before its attempt starts; a result is told only after it is durable.
//! - Folding the events over an empty queue rebuilds it exactly.
//!
//! # Deliberately absent
//!
//! Files, processes, threads, clocks, the environment, a runtime, serialisation, and text for people beyond error
//! messages. `clippy.toml` beside this crate bans what could bring them in.

pub mod command;
pub mod event;
pub mod failure;
pub mod file_path;
pub mod item;
pub mod lifecycle;
pub mod ports;
pub mod processor;
pub mod queue;
pub mod recovery;
pub mod rejection;
pub mod retry;
pub mod time;
pub mod view;

pub use file_path::FilePath;
pub use item::{ItemId, Priority, QueueItem, RunId, Status};
pub use processor::{AutonomousProcessor, ProcessingResult, ProcessorState};
pub use queue::FileQueue;
pub use retry::RetryPolicy;
pub use time::Timestamp;
