//! A store that keeps the queue in a folder of JSON files.
//!
//! # Theory of operation
//!
//! The *snapshot*, `QUEUE-STATE.json`, is a complete and valid document at every moment. The
//! *journal* is a file with one line per later transaction. The snapshot names its journal. The
//! current queue is the snapshot plus the valid lines of the journal.
//!
//! A transaction takes the lock and reads the new lines of other processes. It changes the queue in
//! memory and appends its events as one line. It syncs this line before it replies. If the line
//! cannot be made durable, the queue in memory is dropped.
//!
//! A *checkpoint* writes the queue to a new file. It then renames the new file over the snapshot.
//! The rename is the only commit point. The new snapshot names a new journal, so the old journal is
//! no longer used.
//!
//! A command that loads and changes a small queue writes a checkpoint. The whole queue is then one
//! JSON file for users to read and edit. With a snapshot of more than 32 KiB, adding files does not
//! load the queue. The command only appends a line to the journal (a *blind append*).
//!
//! `docs/formats.md` describes the files.
//!
//! # Deliberately absent
//!
//! The rules of the queue are in the domain.
//!
//! No timeout declares a slow run dead. A run is alive while it holds the lock on its file. The
//! kernel releases this lock when the process ends.
//!
//! A failed sync is never repeated. A second sync may succeed although the data is lost (Rebello et
//! al., "Can Applications Recover from fsync Failures?", 2020).

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
