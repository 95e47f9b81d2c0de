//! A store that keeps the queue in a folder: one readable JSON file, a journal of later changes,
//! and a lock.
//!
//! # Theory of operation
//!
//! `QUEUE-STATE.json` is a *snapshot*: at every instant a complete, valid document. It names its
//! *journal*, a file with one line per transaction. The state of the queue is the snapshot with the
//! journal's valid lines applied. A transaction takes the lock, reads the lines that other
//! processes have appended, lets the domain apply the change to the queue in memory, appends the
//! resulting events as one line, syncs it, and replies. If the line cannot be made durable, the
//! queue in memory is dropped and read again. A *checkpoint* writes the state to a new file and
//! renames this file over the snapshot. The rename is the only commit point of a checkpoint: the
//! new snapshot names another journal and so retires the old one at the same instant.
//!
//! A command that loads a small queue and changes it writes a checkpoint. Then the whole queue is
//! one JSON file, which a user may read and edit. A command that only adds files to a snapshot of
//! more than 32 KiB appends them without loading the queue (a *blind append*). `docs/formats.md`
//! describes every field of every file.
//!
//! # Modules
//!
//! `disk` is the interface to the file system, small enough to be replaced by a fake. `lock` is the
//! only module that calls fs2. `record` and `ops` are the serde forms of items and events.
//! `snapshot` and `journal` read and write the files of these names. `engine` executes the
//! transactions; `request` wraps the transactions of the domain; `runs` finds live and dead runs;
//! `worker` provides the thread for blocking calls; `store` implements the ports. `repair`,
//! `export`, `locked` and `file_system` serve maintenance and need no handle.
//!
//! # Deliberately absent
//!
//! The rules of the queue are in the domain. No timeout declares a slow run dead: a run is alive
//! while it holds the lock on its own file, which the kernel releases at the latest when the
//! process ends. A failed sync is never repeated, because a second sync may report success although
//! the data is lost (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).

mod checksum;
mod disk;
mod engine;
mod error;
mod export;
mod file_system;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;
mod journal;
mod layout;
mod lock;
mod locked;
mod ops;
mod record;
mod repair;
mod request;
mod runs;
#[cfg(test)]
mod simulation;
mod snapshot;
mod store;
mod unique_keys;
mod worker;

pub use engine::Mode;
pub use export::{ExportError, export};
pub use file_system::{FileSystem, Probe, file_system, probe, room_needed};
pub use locked::LockedQueue;
pub use repair::{
    ChangeCounts, Damage, Examination, RepairMethod, RepairOutcome, RepairPlan, StateFolder, examine, plan_repair,
    repair,
};
pub use store::{JsonStore, StoreConfig};
